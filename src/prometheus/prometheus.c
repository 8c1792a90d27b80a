/* The join: an app component that measures every request by http_metrics.h, and the handler of the
 * page.
 *
 * It uses public headers only, so anyone can write a component like it. What a request has counted
 * so far is in the memory that the app keeps for this observer.
 */
#include "pages.h"
#include "worker_metrics.h"

#include <sextant/exposition.h>
#include <sextant/gzip.h>
#include <sextant/prometheus.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct sx_prometheus {
    struct sx_registry *registry;
    struct sx_http_metrics *http;
    struct sx_app *app;
    bool label_is_route;
    size_t row_count;                  /* the routes, and one row for what no route answers */
    bool *excluded;                    /* [row_count] */
    struct sx_http_handler **handlers; /* [row_count]; NULL where a route is excluded */
    struct sx__pages pages;
    struct sx_scrapes *scrapes;        /* their limits and metrics */
    struct sx__worker_metrics workers; /* of an app with workers */
};

static struct sx_str text_of(const char *text)
{
    return (struct sx_str){text, text == NULL ? 0 : strlen(text)};
}

/* ---- observing ---- */

/* Whether the header occurs once. Several traceparent headers must be ignored. */
static bool has_one(const struct sx_headers *headers, const char *wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < sx_headers_get_count(headers); i++) {
        const char *name;
        const char *value;
        sx_headers_get(headers, i, &name, &value);
        found += strcasecmp(name, wanted) == 0;
    }
    return found == 1;
}

static void on_begin(void *context, const struct sx_record *record)
{
    struct sx_prometheus *self = context;
    sx_http_begin_scheme(record->memory, self->handlers[record->route_index],
                         sx_method_name(record->method_id), record->scheme, record->started_ns);
    const char *trace = sx_request_get_header(record->request, "traceparent");
    if (trace != NULL && has_one(sx_request_get_headers(record->request), "traceparent")) {
        sx_http_set_trace(record->memory, text_of(trace));
    }
}

static void on_respond(void *context, const struct sx_record *record)
{
    (void)context;
    sx_http_respond(record->memory, record->status);
}

static enum sx_http_outcome outcome_of(enum sx_outcome outcome)
{
    switch (outcome) {
    case SX_OUTCOME_COMPLETE:
        return SX_HTTP_COMPLETE;
    case SX_OUTCOME_REQUEST_ABORTED:
        return SX_HTTP_REQUEST_ABORTED;
    case SX_OUTCOME_RESPONSE_ABORTED:
        break;
    }
    return SX_HTTP_RESPONSE_ABORTED;
}

static void on_end(void *context, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)context;
    const struct sx_http_sizes sizes = {.request_body_bytes = record->request_body_bytes,
                                        .response_body_bytes = record->response_body_bytes,
                                        .ended_ns = record->ended_ns};
    sx_http_end(record->memory, outcome_of(outcome), &sizes);
}

static void on_rejected(void *context, enum sx_reason reason)
{
    struct sx_prometheus *self = context;
    sx_http_reject(self->http, sx_reason_name(reason));
}

static void on_worker(void *context, const struct sx_worker *worker, enum sx_worker_event event)
{
    struct sx_prometheus *self = context;
    sx__worker_metrics_count(&self->workers, worker, event);
}

/* Two programs that serve at the same time must show the same numbers. */
static int on_ready(void *context)
{
    const struct sx_prometheus *self = context;
    if (!sx_registry_has_refused_takeover(self->registry)) {
        return SX_OK;
    }
    sx_app_log(self->app, SX_LOG_INFO,
               "the metrics of the former program are others, or differ from those of this one");
    return SX_EEXIST;
}

static const struct sx_observer observer = {
    .begin = on_begin,
    .respond = on_respond,
    .end = on_end,
    .rejected = on_rejected,
    .worker = on_worker,
    .ready = on_ready,
    .request_bytes = sizeof(struct sx_http_request),
};

/* ---- the component ---- */

static void exclude(struct sx_prometheus *self, const struct sx_handler *const *handlers)
{
    for (; handlers != NULL && *handlers != NULL; handlers++) {
        for (size_t row = 0; row + 1 < self->row_count; row++) {
            if (sx_app_get_route(self->app, row)->handler == *handlers) {
                self->excluded[row] = true;
            }
        }
    }
}

/* Returns the first of two routes with different handlers whose requests would be in one series,
 * and sets *other to the second. Returns the number of routes if there are none. */
static size_t find_twin(const struct sx_prometheus *self, size_t *other)
{
    const size_t count = self->row_count - 1;
    for (size_t i = 0; i < count && !self->label_is_route; i++) {
        for (size_t k = i + 1; k < count && !self->excluded[i]; k++) {
            if (!self->excluded[k] &&
                sx_app_get_route(self->app, i)->handler !=
                    sx_app_get_route(self->app, k)->handler &&
                strcmp(sx_app_get_route_handler(self->app, i),
                       sx_app_get_route_handler(self->app, k)) == 0) {
                *other = k;
                return i;
            }
        }
    }
    return count;
}

static struct sx_result check_labels(const struct sx_prometheus *self)
{
    size_t k = 0;
    const size_t i = find_twin(self, &k);
    if (i + 1 == self->row_count) {
        return sx_continue();
    }
    const struct sx_handler *first = sx_app_get_route(self->app, i)->handler;
    const struct sx_handler *second = sx_app_get_route(self->app, k)->handler;
    return sx_startup_error(
        "the handlers at %s:%d and %s:%d would both be measured as '%s': give one of their routes a .name",
        first->file, first->line, second->file, second->line,
        sx_app_get_route_handler(self->app, i));
}

static int create_metrics(struct sx_prometheus *self, const struct sx_prometheus_options *options,
                          const char **failed)
{
    const char *reasons[SX_REASONS + 1];
    for (int reason = 0; reason < SX_REASONS; reason++) {
        reasons[reason] = sx_reason_name((enum sx_reason)reason);
    }
    reasons[SX_REASONS] = NULL;
    const struct sx_http_metrics_options http_options = {
        .registry = self->registry,
        .buckets = options->buckets,
        .bucket_count = options->bucket_count,
        .native_growth_factor = options->native_growth_factor,
        .names = options->names,
        .duration_has_code = options->duration_has_code,
        .measure_body_sizes = options->measure_body_sizes,
        .measure_first_byte = options->measure_first_byte,
        .handlers_max = (unsigned)self->row_count,
        .reasons = reasons,
        .failed = failed,
    };
    return sx_http_metrics_new(&self->http, &http_options);
}

/* From the start-up on, a route's metrics are on the page, at 0. */
static int make_handlers(struct sx_prometheus *self)
{
    const size_t builtin = self->row_count - 1;
    self->handlers[builtin] = sx_http_get_handler(self->http, NULL);
    int status = SX_OK;
    for (size_t row = 0; row < builtin && status == SX_OK; row++) {
        if (self->excluded[row]) {
            continue;
        }
        const struct sx_route *route = sx_app_get_route(self->app, row);
        self->handlers[row] = sx_http_get_handler(
            self->http,
            self->label_is_route ? route->path : sx_app_get_route_handler(self->app, row));
        status = self->handlers[row] == NULL ? SX_ENOMEM
                                             : sx_http_declare(self->handlers[row], route->method);
    }
    return status;
}

static int make_scrapes(struct sx_prometheus *self, const struct sx_prometheus_options *options)
{
    const struct sx_scrapes_options scrapes = {.scrapes_max = options->scrapes_max,
                                               .render_timeout_ms = options->render_timeout_ms,
                                               .measure = options->measure_scrapes};
    return sx_scrapes_new(&self->scrapes, self->registry, &scrapes);
}

static void clean_up(struct sx_prometheus *self)
{
    sx_scrapes_destroy(self->scrapes);
    sx_http_metrics_destroy(self->http);
    free((void *)self->handlers);
    free(self->excluded);
    sx__pages_clean_up(&self->pages);
    self->scrapes = NULL;
    sx__worker_metrics_clean_up(&self->workers);
    self->http = NULL;
    self->handlers = NULL;
    self->excluded = NULL;
}

static bool tables_new(struct sx_prometheus *self, const struct sx_prometheus_options *options)
{
    self->label_is_route =
        options->handler == SX_HANDLER_ROUTE ||
        (options->handler == SX_HANDLER_DEFAULT && options->names == SX_NAMES_OPENTELEMETRY);
    self->registry = options->registry == NULL ? sx_registry_default() : options->registry;
    self->row_count = sx_app_get_route_count(self->app) + 1;
    self->handlers = calloc(self->row_count, sizeof *self->handlers);
    self->excluded = calloc(self->row_count, sizeof *self->excluded);
    return self->registry != NULL && self->handlers != NULL && self->excluded != NULL;
}

/* Threads beyond the rows of a registry update shared cells, which would limit all of them. The app
 * is made before it is known how many threads it will have, so there are as many rows as a registry
 * can have. A row that no thread has claimed costs a cache line. */
#define THREAD_ROWS 1024

/* A shared registry reserves address space for each row. With rows of this size, it reserves about
 * as much as one that has 64 rows of the usual limit. */
#define SHARED_ROW_BYTES ((size_t)8 << 20)

/* Makes the default registry, unless it exists already. Workers need a shared one, or each would
 * show its own requests only. */
static struct sx_result check_registry(const struct sx_prometheus *self,
                                       const struct sx_prometheus_options *options)
{
    const bool has_workers = sx_app_get_worker_count(self->app) > 0;
    const struct sx_registry_options own = {.shared = has_workers,
                                            .thread_rows = THREAD_ROWS,
                                            .row_bytes = has_workers ? SHARED_ROW_BYTES : 0};
    const bool is_new = options->registry == NULL && sx_registry_default_init(&own) == SX_OK;
    if (!has_workers || is_new || sx_registry_is_shared(options->registry)) {
        return sx_continue();
    }
    return sx_startup_error(
        options->registry != NULL
            ? "workers need a registry that they share: make it with .shared = true"
            : "workers need a default registry that they share: begin main() with "
              "sx_registry_default_init(&(struct sx_registry_options){.shared = true})");
}

static struct sx_result init(struct sx_prometheus *self,
                             const struct sx_prometheus_options *options, struct sx_app *app)
{
    static const struct sx_prometheus_options defaults;
    const char *failed = "the tables of the routes";
    options = options == NULL ? &defaults : options;
    self->app = app;
    struct sx_result result = check_registry(self, options);
    if (result.status != 0) {
        return result;
    }
    sx__pages_init(&self->pages);
    int status = tables_new(self, options) ? SX_OK : SX_ENOMEM;
    if (status == SX_OK) {
        exclude(self, options->excluded);
        result = check_labels(self);
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the request metrics";
        status = create_metrics(self, options, &failed);
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the series of the routes";
        status = make_handlers(self);
    }
    const unsigned workers = sx_app_get_worker_count(app);
    if (status == SX_OK && result.status == 0 && workers > 0) {
        failed = "the metrics of the workers";
        status = sx__worker_metrics_init(&self->workers, self->registry, workers,
                                         options->process == SX_PROCESS_BY_WORKER);
    }
    if (status == SX_OK && result.status == 0 && options->process != SX_PROCESS_NONE) {
        failed = "the metrics of the process";
        status = sx_process_collector_register(self->registry);
        status = status == SX_EEXIST ? SX_OK : status; /* the program has registered it */
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the metrics of scrapes";
        status = make_scrapes(self, options);
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the observer";
        status = sx_app_observe(app, &observer, self);
    }
    if (status == SX_OK && result.status == 0 && options->registry == NULL &&
        sx_registry_is_shared(NULL)) {
        failed = "passing the registry on";
        status =
            sx_app_pass_descriptor(app, SX_REGISTRY_VARIABLE, sx_registry_get_descriptor(NULL));
    }
    if (status < 0) {
        result =
            sx_startup_error("%s: %s (%s)", failed, sx_status_text(status), sx_status_name(status));
    }
    if (result.status != 0) {
        clean_up(self);
        return result;
    }
    sx_app_set_admin(app, &sx_handler_sx_expose_metrics);
    return result;
}

SX_COMPONENT(sx_prometheus, app, init, clean_up, (options, struct sx_prometheus_options, options),
             (inject, sx_app, app));

struct sx_registry *sx_prometheus_get_registry(const struct sx_prometheus *prometheus)
{
    return prometheus == NULL ? NULL : prometheus->registry;
}

static struct sx_result provide_registry(struct sx_registry **registry,
                                         struct sx_prometheus *prometheus)
{
    *registry = prometheus->registry;
    return sx_continue();
}
SX_PROVIDER(sx_registry, app, provide_registry, NULL, (inject, sx_prometheus, prometheus));

/* ---- the page ---- */

/* The app answers HEAD and other methods by itself. */
static struct sx_result sx_expose_metrics(struct sx_prometheus *prometheus,
                                          const struct sx_request *request)
{
    const struct sx_exposition_request asked = {
        .accept = text_of(sx_request_get_header_list(request, "Accept")),
        .accept_encoding = text_of(sx_request_get_header_list(request, "Accept-Encoding")),
        .query = sx_request_get_query_string(request),
        .gzip = sx_page_gzip,
        .scrapes = prometheus->scrapes,
    };
    struct sx_exposition_response response;
    struct sx__kept_page *kept = sx__pages_take(&prometheus->pages);
    if (kept == NULL) {
        return sx_fail(500, "the page cannot be rendered: out of memory");
    }
    int status = sx_exposition_respond(&response, &kept->page, prometheus->registry, &asked);
    kept->size = status < 0 ? 0 : response.page_size;
    if (status < 0 || response.status != 200) {
        sx__pages_give(kept);
        return status == SX_OK && response.status == 503
                   ? sx_fail(503, "%.*s", (int)response.body.size - 1, response.body.data)
                   : sx_fail(500, "the page cannot be rendered");
    }
    struct sx_result result = sx_bytes_lend(response.content_type, response.body.data,
                                            response.body.size, sx__pages_give, kept);
    for (size_t i = 0; i < response.header_count; i++) {
        result = sx_with_header(result, response.headers[i].name, response.headers[i].value);
    }
    return result;
}
SX_BIND_SHARED(sx_expose_metrics, (inject, sx_prometheus, prometheus),
               (inject, sx_request, request));
