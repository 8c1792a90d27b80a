/* The join: an app component that observes every request, and the handler of the page.
 *
 * It uses public headers only, so anyone can write a component like it.
 *
 * A request takes no lock and allocates nothing: the children of each route and method are found
 * through a table, by the route's index and the method's number. Those of declared routes are there
 * from the start; rarer ones (another method, a status) are made on their first occurrence.
 */
#include <sextant/prometheus.h>

#include <sextant/exposition.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MIN 200
#define STATUS_COUNT 400

/* The children of one (handler, method). A child that could not be made stays missing for good, so
 * that no gauge is decremented that was not incremented. */
struct children {
    struct sx_gauge *in_progress;
    struct sx_histogram *duration;
    _Atomic(struct sx_counter *) codes[STATUS_COUNT];
};

struct sx_prometheus {
    struct sx_registry *registry;
    struct sx_counter_family *requests;
    struct sx_histogram_family *durations;
    struct sx_gauge_family *in_progress;
    struct sx_counter_family *aborted;
    struct sx_counter *rejected[SX_REASONS];
    struct sx_app *app;
    size_t row_count;                     /* the routes, and one row for what no route answers */
    _Atomic(struct children *) *children; /* [row_count][SX_METHODS] */
};

static struct children missing; /* stands for children that could not be made */

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

/* ---- children ---- */

static struct children *children_new(struct sx_prometheus *self, const char *method,
                                     const char *handler)
{
    const struct sx_str values[] = {view(method), view(handler)};
    struct children *made = calloc(1, sizeof *made);
    if (made == NULL || sx_gauge_family_get(&made->in_progress, self->in_progress, values, 2) < 0 ||
        sx_histogram_family_get(&made->duration, self->durations, values, 2) < 0) {
        free(made);
        return &missing;
    }
    return made;
}

/* The children of a route and method, made if they are not there; `handler` is the route's label.
 */
static struct children *children_of(struct sx_prometheus *self, size_t row, enum sx_method method,
                                    const char *handler)
{
    _Atomic(struct children *) *place = &self->children[row * SX_METHODS + (size_t)method];
    struct children *found = atomic_load_explicit(place, memory_order_acquire);
    if (found != NULL) {
        return found;
    }
    struct children *made = children_new(self, sx_method_name(method), handler);
    if (atomic_compare_exchange_strong_explicit(place, &found, made, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return made;
    }
    if (made != &missing) {
        free(made); /* another thread was first; the metrics behind both are the same */
    }
    return found;
}

static struct children *children_of_record(struct sx_prometheus *self,
                                           const struct sx_record *record)
{
    return children_of(self, record->route_index, record->method_id, record->handler);
}

static struct sx_counter *code_counter(struct sx_prometheus *self, struct children *children,
                                       const struct sx_record *record)
{
    _Atomic(struct sx_counter *) *place = &children->codes[record->status - STATUS_MIN];
    struct sx_counter *counter = atomic_load_explicit(place, memory_order_acquire);
    if (counter == NULL) {
        const char code[] = {(char)('0' + record->status / 100),
                             (char)('0' + record->status / 10 % 10),
                             (char)('0' + record->status % 10)};
        const struct sx_str values[] = {
            view(sx_method_name(record->method_id)), view(record->handler), {code, sizeof code}};
        if (sx_counter_family_get(&counter, self->requests, values, 3) < 0) {
            return NULL;
        }
        if (children != &missing) {
            atomic_store_explicit(place, counter, memory_order_release);
        }
    }
    return counter;
}

/* ---- observing ---- */

static void on_begin(void *context, const struct sx_record *record)
{
    struct sx_prometheus *self = context;
    sx_gauge_inc(children_of_record(self, record)->in_progress);
}

static void on_respond(void *context, const struct sx_record *record)
{
    struct sx_prometheus *self = context;
    if (record->status >= STATUS_MIN && record->status < STATUS_MIN + STATUS_COUNT) {
        sx_counter_inc(code_counter(self, children_of_record(self, record), record));
    }
}

static void count_aborted(struct sx_prometheus *self, const struct sx_record *record,
                          const char *phase)
{
    const struct sx_str values[] = {view(sx_method_name(record->method_id)), view(record->handler),
                                    view(phase)};
    struct sx_counter *counter = NULL;
    if (sx_counter_family_get(&counter, self->aborted, values, 3) == SX_OK) {
        sx_counter_inc(counter);
    }
}

static void on_end(void *context, const struct sx_record *record, enum sx_outcome outcome)
{
    struct sx_prometheus *self = context;
    struct children *children = children_of_record(self, record);
    if (record->status != 0) {
        /* What was counted has a duration, so that both always agree. */
        double seconds = record->ended_ns > record->started_ns
                             ? (double)(record->ended_ns - record->started_ns) * 1e-9
                             : 0;
        sx_histogram_observe(children->duration, seconds);
    }
    if (outcome == SX_OUTCOME_REQUEST_ABORTED) {
        count_aborted(self, record, "request");
    } else if (outcome == SX_OUTCOME_RESPONSE_ABORTED) {
        count_aborted(self, record, "response");
    }
    sx_gauge_dec(children->in_progress);
}

static void on_rejected(void *context, enum sx_reason reason)
{
    struct sx_prometheus *self = context;
    if ((unsigned)reason < SX_REASONS) {
        sx_counter_inc(self->rejected[reason]);
    }
}

static const struct sx_observer observer = {
    .begin = on_begin,
    .respond = on_respond,
    .end = on_end,
    .rejected = on_rejected,
};

/* ---- the component ---- */

static int register_families(struct sx_prometheus *self,
                             const struct sx_prometheus_options *options)
{
    const struct sx_metric_options duration = {
        .name = "http_request_duration_seconds",
        .help = "Time from the first byte of a request to the last byte of its response.",
        .labels = SX_LABELS("method", "handler"),
        .buckets = options->buckets,
        .bucket_count = options->bucket_count,
    };
    const struct sx_metric_options requests = {
        .name = "http_requests_total",
        .help = "Requests answered.",
        .labels = SX_LABELS("method", "handler", "code"),
    };
    const struct sx_metric_options in_progress = {
        .name = "http_requests_inprogress",
        .help = "Requests in progress.",
        .labels = SX_LABELS("method", "handler"),
    };
    const struct sx_metric_options aborted = {
        .name = "http_requests_aborted_total",
        .help = "Requests that died before their response, or half-way through it.",
        .labels = SX_LABELS("method", "handler", "phase"),
    };
    int status = sx_histogram_family_register(&self->durations, self->registry, &duration);
    if (status == SX_OK) {
        status = sx_counter_family_register(&self->requests, self->registry, &requests);
    }
    if (status == SX_OK) {
        status = sx_gauge_family_register(&self->in_progress, self->registry, &in_progress);
    }
    if (status == SX_OK) {
        status = sx_counter_family_register(&self->aborted, self->registry, &aborted);
    }
    return status;
}

static int register_rejected(struct sx_prometheus *self)
{
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options rejected = {
        .name = "http_requests_rejected_total",
        .help = "Requests turned away before they were routed.",
        .labels = SX_LABELS("reason"),
    };
    int status = sx_counter_family_register(&family, self->registry, &rejected);
    for (int reason = 0; reason < SX_REASONS && status == SX_OK; reason++) {
        const struct sx_str value = view(sx_reason_name((enum sx_reason)reason));
        status = sx_counter_family_get(&self->rejected[reason], family, &value, 1);
    }
    return status;
}

/* From the start-up on, a route's metrics are on the page, at 0. */
static int make_declared(struct sx_prometheus *self)
{
    for (size_t row = 0; row + 1 < self->row_count; row++) {
        const char *name = sx_app_get_route(self->app, row)->method;
        int method = 0;
        while (method < SX_METHOD_OTHER &&
               strcmp(name, sx_method_name((enum sx_method)method)) != 0) {
            method++;
        }
        const char *handler = sx_app_get_route_handler(self->app, row);
        if (children_of(self, row, (enum sx_method)method, handler) == &missing) {
            return SX_EFULL;
        }
    }
    return SX_OK;
}

static void clean_up(struct sx_prometheus *self)
{
    for (size_t i = 0; self->children != NULL && i < self->row_count * SX_METHODS; i++) {
        struct children *made = atomic_load_explicit(&self->children[i], memory_order_acquire);
        if (made != &missing) {
            free(made);
        }
    }
    free((void *)self->children);
    self->children = NULL;
}

static struct sx_result init(struct sx_prometheus *self,
                             const struct sx_prometheus_options *options, struct sx_app *app)
{
    static const struct sx_prometheus_options defaults;
    options = options == NULL ? &defaults : options;
    self->app = app;
    self->registry = options->registry == NULL ? sx_registry_default() : options->registry;
    self->row_count = sx_app_get_route_count(app) + 1;
    self->children = calloc(self->row_count * SX_METHODS, sizeof *self->children);
    int status = self->registry == NULL || self->children == NULL ? SX_ENOMEM : SX_OK;
    if (status == SX_OK) {
        status = register_families(self, options);
    }
    if (status == SX_OK) {
        status = register_rejected(self);
    }
    if (status == SX_OK) {
        status = make_declared(self);
    }
    if (status == SX_OK) {
        status = sx_app_observe(app, &observer, self);
    }
    if (status < 0) {
        clean_up(self);
        return sx_fail(500, "%s: %s", sx_status_name(status), sx_status_text(status));
    }
    sx_app_reserve(app, &sx_handler_sx_expose_metrics);
    return sx_continue();
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

static struct sx_result sx_expose_metrics(struct sx_prometheus *prometheus)
{
    struct sx_page page = {0};
    int status = sx_page_render(&page, prometheus->registry, SX_FORMAT_TEXT);
    if (status < 0) {
        sx_page_clean_up(&page);
        return sx_fail(500, "the page cannot be rendered: %s", sx_status_text(status));
    }
    return sx_bytes_take(sx_format_content_type(SX_FORMAT_TEXT), page.data, page.size);
}
SX_BIND_SHARED(sx_expose_metrics, (inject, sx_prometheus, prometheus));
