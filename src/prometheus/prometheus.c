/* The join: an app component that observes every request, and the handler of the page.
 *
 * It uses public headers only, so anyone can write a component like it.
 *
 * A request takes no lock and allocates nothing: the children of each route and method are found
 * through a table, by the route's index, the method's number and the scheme, and those of each code
 * through another. Those of declared routes are there from the start; rarer ones (another method, a
 * code) are made on their first occurrence. No client can make more: methods are ten, codes 400,
 * routes as many as there are.
 */
#include "families.h"
#include "pages.h"

#include <sextant/exposition.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATUS_MIN 200
#define STATUS_COUNT 400
#define SCHEMES 2
#define COLUMNS (SX_METHODS * SCHEMES)

/* The children of one (method, handler, code). */
struct code_children {
    struct sx_counter *requests;
    struct sx_histogram *duration; /* where it has the code as a label */
};

/* The address of children, for good. Or 2n + 1, while n requests are in flight that found none and
 * got none, for want of memory: they go on without, so that no gauge is decremented that was not
 * incremented and no duration observed of what was not counted, and only then are children made
 * again. 0: neither. */
typedef _Atomic uintptr_t place_of_children;

/* The children of one (method, handler); those that the options leave out are NULL, which every
 * update accepts. */
struct children {
    struct sx_gauge *in_progress;
    struct sx_histogram *duration;
    struct sx_histogram *request_size, *response_size, *first_byte;
    place_of_children codes[STATUS_COUNT]; /* of code_children */
};

struct sx_prometheus {
    struct sx_registry *registry;
    struct sx__families families;
    struct sx_app *app;
    bool label_is_route;
    size_t row_count;          /* the routes, and one row for what no route answers */
    bool *excluded;            /* [row_count] */
    place_of_children *places; /* [row_count][COLUMNS] */
    struct sx__pages pages;
};

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

/* ---- children ---- */

/* The values that a request has for all label sources. */
struct label_sources {
    const char *method, *handler, *phase, *scheme;
    int code;
    char code_text[3];
};

static size_t label_values(struct sx_str *values, const struct sx__labels *labels,
                           struct label_sources *sources)
{
    sources->code_text[0] = (char)('0' + sources->code / 100);
    sources->code_text[1] = (char)('0' + sources->code / 10 % 10);
    sources->code_text[2] = (char)('0' + sources->code % 10);
    const struct sx_str all[] = {
        [SX__LABEL_SOURCE_METHOD] = view(sources->method),
        [SX__LABEL_SOURCE_HANDLER] = view(sources->handler),
        [SX__LABEL_SOURCE_CODE] = {sources->code_text, sizeof sources->code_text},
        [SX__LABEL_SOURCE_SCHEME] = view(sources->scheme),
        [SX__LABEL_SOURCE_PHASE] = view(sources->phase == NULL ? "" : sources->phase),
    };
    for (size_t i = 0; i < labels->count; i++) {
        values[i] = all[labels->sources[i]];
    }
    return labels->count;
}

/* A child of a family, or NULL where the family was left out. */
static int get_histogram(struct sx_histogram **histogram, struct sx_histogram_family *family,
                         const struct sx__labels *labels, struct label_sources *sources)
{
    struct sx_str values[SX__LABELS_MOST];
    size_t count = label_values(values, labels, sources);
    return family == NULL ? SX_OK : sx_histogram_family_get(histogram, family, values, count);
}

static int get_counter(struct sx_counter **counter, struct sx_counter_family *family,
                       const struct sx__labels *labels, struct label_sources *sources)
{
    struct sx_str values[SX__LABELS_MOST];
    size_t count = label_values(values, labels, sources);
    return family == NULL ? SX_OK : sx_counter_family_get(counter, family, values, count);
}

static int fill_children(struct children *made, const struct sx__families *families,
                         struct label_sources *sources)
{
    struct sx_str values[SX__LABELS_MOST];
    size_t count = label_values(values, &families->in_progress_labels, sources);
    int status = sx_gauge_family_get(&made->in_progress, families->in_progress, values, count);
    if (status == SX_OK && !families->duration_has_code) {
        status = get_histogram(&made->duration, families->durations, &families->duration_labels,
                               sources);
    }
    struct sx_histogram **const optional[] = {&made->request_size, &made->response_size,
                                              &made->first_byte};
    struct sx_histogram_family *const from[] = {families->request_sizes, families->response_sizes,
                                                families->first_bytes};
    for (size_t i = 0; i < 3 && status == SX_OK; i++) {
        status = get_histogram(optional[i], from[i], &families->handler_labels, sources);
    }
    return status;
}

static const char *handler_label(const struct sx_prometheus *self, const struct sx_route *route,
                                 const char *function)
{
    return self->label_is_route && route != NULL ? route->path : function;
}

static bool is_https(const char *scheme)
{
    return scheme[4] == 's';
}

static int make_children(struct children **children, const struct sx_prometheus *self,
                         enum sx_method method, const char *scheme, const char *handler)
{
    struct label_sources sources = {
        .method = sx_method_name(method), .handler = handler, .scheme = scheme};
    struct children *made = calloc(1, sizeof *made);
    const int status = made == NULL ? SX_ENOMEM : fill_children(made, &self->families, &sources);
    if (status < 0) {
        free(made);
        made = NULL;
    }
    *children = made;
    return status;
}

static place_of_children *place_of(const struct sx_prometheus *self, size_t row,
                                   enum sx_method method, const char *scheme)
{
    const size_t column = (size_t)method * SCHEMES + (is_https(scheme) ? 1 : 0);
    return &self->places[row * COLUMNS + column];
}

static place_of_children *place_of_record(const struct sx_prometheus *self,
                                          const struct sx_record *record)
{
    return place_of(self, record->route_index, record->method_id, record->scheme);
}

/* NULL: there are none. */
static void *children_at(uintptr_t held)
{
    /* Never what find_children frees when another thread was faster, as the analyzer believes. */
    return held % 2 == 0 ? (void *)held : NULL; // NOLINT(clang-analyzer-unix.Malloc)
}

static void *find_children(place_of_children *place)
{
    return children_at(atomic_load_explicit(place, memory_order_acquire));
}

/* Makes children for a request, or gives NULL; freed by free. */
typedef void *make_fn(const struct sx_prometheus *self, const struct sx_record *record);

/* Makes those that are not there. NULL: the request goes on without, and calls end_without. */
static void *begin_with(place_of_children *place, make_fn *make, const struct sx_prometheus *self,
                        const struct sx_record *record)
{
    uintptr_t held = atomic_load_explicit(place, memory_order_acquire);
    void *made = NULL;
    while (children_at(held) == NULL) {
        if (held == 0 && made == NULL) {
            made = make(self, record);
        }
        const uintptr_t one_more = held == 0 ? 3 : held + 2;
        const uintptr_t next = held == 0 && made != NULL ? (uintptr_t)made : one_more;
        if (atomic_compare_exchange_weak_explicit(place, &held, next, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            held = next;
            made = children_at(next) == NULL ? made : NULL;
            break;
        }
    }
    free(made); /* another thread was first; the metrics behind both are the same */
    return children_at(held);
}

/* When it is over for a request that went on without. */
static void end_without(place_of_children *place)
{
    uintptr_t held = atomic_load_explicit(place, memory_order_acquire);
    while (!atomic_compare_exchange_weak_explicit(place, &held, held == 3 ? 0 : held - 2,
                                                  memory_order_acq_rel, memory_order_acquire)) {
    }
}

static void *make_for_method(const struct sx_prometheus *self, const struct sx_record *record)
{
    struct children *made;
    (void)make_children(&made, self, record->method_id, record->scheme,
                        handler_label(self, record->route, record->handler));
    return made;
}

static void *make_for_code(const struct sx_prometheus *self, const struct sx_record *record)
{
    const struct sx__families *families = &self->families;
    struct label_sources sources = {.method = sx_method_name(record->method_id),
                                    .handler = handler_label(self, record->route, record->handler),
                                    .scheme = record->scheme,
                                    .code = record->status};
    struct code_children *made = calloc(1, sizeof *made);
    int status = made == NULL ? SX_ENOMEM
                              : get_counter(&made->requests, families->requests,
                                            &families->request_labels, &sources);
    if (status == SX_OK && families->duration_has_code) {
        status = get_histogram(&made->duration, families->durations, &families->duration_labels,
                               &sources);
    }
    if (status < 0) {
        free(made);
        made = NULL;
    }
    return made;
}

/* ---- observing ---- */

static double seconds_since_start(const struct sx_record *record, uint64_t now_ns)
{
    return now_ns > record->started_ns ? (double)(now_ns - record->started_ns) * 1e-9 : 0;
}

static void on_begin(void *context, const struct sx_record *record)
{
    struct sx_prometheus *self = context;
    if (self->excluded[record->route_index]) {
        return;
    }
    const struct children *children =
        begin_with(place_of_record(self, record), make_for_method, self, record);
    if (children != NULL) {
        sx_gauge_inc(children->in_progress);
    }
}

static void on_respond(void *context, const struct sx_record *record)
{
    struct sx_prometheus *self = context;
    if (self->excluded[record->route_index]) {
        return;
    }
    struct children *children = find_children(place_of_record(self, record));
    if (children == NULL) {
        return;
    }
    const struct code_children *of_code =
        begin_with(&children->codes[record->status - STATUS_MIN], make_for_code, self, record);
    if (of_code != NULL) {
        sx_counter_inc(of_code->requests);
    }
    if (children->first_byte != NULL) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        sx_histogram_observe(children->first_byte, seconds_since_start(record, now_ns));
    }
}

/* What was counted has a duration, so that both always agree. */
static void observe_end(struct sx_prometheus *self, struct children *children,
                        const struct sx_record *record)
{
    place_of_children *place = &children->codes[record->status - STATUS_MIN];
    const struct code_children *of_code = find_children(place);
    if (of_code == NULL) {
        end_without(place);
        return;
    }
    sx_histogram_observe(self->families.duration_has_code ? of_code->duration : children->duration,
                         seconds_since_start(record, record->ended_ns));
    sx_histogram_observe(children->request_size, (double)record->request_body_bytes);
    sx_histogram_observe(children->response_size, (double)record->response_body_bytes);
}

static void count_aborted(struct sx_prometheus *self, const struct sx_record *record,
                          const char *phase)
{
    struct label_sources sources = {.method = sx_method_name(record->method_id),
                                    .handler = handler_label(self, record->route, record->handler),
                                    .scheme = record->scheme,
                                    .phase = phase};
    struct sx_counter *counter = NULL;
    if (get_counter(&counter, self->families.aborted, &self->families.aborted_labels, &sources) ==
        SX_OK) {
        sx_counter_inc(counter);
    }
}

static void on_end(void *context, const struct sx_record *record, enum sx_outcome outcome)
{
    struct sx_prometheus *self = context;
    if (self->excluded[record->route_index]) {
        return;
    }
    place_of_children *place = place_of_record(self, record);
    struct children *children = find_children(place);
    if (outcome != SX_OUTCOME_COMPLETE) {
        count_aborted(self, record, outcome == SX_OUTCOME_REQUEST_ABORTED ? "request" : "response");
    }
    if (children == NULL) {
        end_without(place);
        return;
    }
    if (record->status != 0) {
        observe_end(self, children, record);
    }
    sx_gauge_dec(children->in_progress);
}

static void on_rejected(void *context, enum sx_reason reason)
{
    struct sx_prometheus *self = context;
    if ((unsigned)reason < SX_REASONS) {
        sx_counter_inc(self->families.rejected[reason]);
    }
}

static const struct sx_observer observer = {
    .begin = on_begin,
    .respond = on_respond,
    .end = on_end,
    .rejected = on_rejected,
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

/* From the start-up on, a route's metrics are on the page, at 0. */
static int make_declared(struct sx_prometheus *self)
{
    int status = SX_OK;
    for (size_t row = 0; row + 1 < self->row_count && status == SX_OK; row++) {
        if (self->excluded[row]) {
            continue;
        }
        const struct sx_route *route = sx_app_get_route(self->app, row);
        int method = 0;
        while (method < SX_METHOD_OTHER &&
               strcmp(route->method, sx_method_name((enum sx_method)method)) != 0) {
            method++;
        }
        const char *label = handler_label(self, route, sx_app_get_route_handler(self->app, row));
        struct children *made;
        status = make_children(&made, self, (enum sx_method)method, "http", label);
        atomic_store(place_of(self, row, (enum sx_method)method, "http"), (uintptr_t)made);
    }
    return status;
}

static void children_destroy(struct children *children)
{
    if (children == NULL) {
        return;
    }
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        free(find_children(&children->codes[i]));
    }
    free(children);
}

static void clean_up(struct sx_prometheus *self)
{
    for (size_t i = 0; self->places != NULL && i < self->row_count * COLUMNS; i++) {
        children_destroy(find_children(&self->places[i]));
    }
    free((void *)self->places);
    free(self->excluded);
    sx__pages_clean_up(&self->pages);
    self->places = NULL;
    self->excluded = NULL;
}

static bool tables_new(struct sx_prometheus *self, const struct sx_prometheus_options *options)
{
    self->label_is_route =
        options->handler == SX_HANDLER_ROUTE ||
        (options->handler == SX_HANDLER_DEFAULT && options->names == SX_NAMES_OPENTELEMETRY);
    self->registry = options->registry == NULL ? sx_registry_default() : options->registry;
    self->row_count = sx_app_get_route_count(self->app) + 1;
    self->places = calloc(self->row_count * COLUMNS, sizeof *self->places);
    self->excluded = calloc(self->row_count, sizeof *self->excluded);
    return self->registry != NULL && self->places != NULL && self->excluded != NULL;
}

static struct sx_result init(struct sx_prometheus *self,
                             const struct sx_prometheus_options *options, struct sx_app *app)
{
    static const struct sx_prometheus_options defaults;
    const char *failed = "the tables of the routes";
    struct sx_result result = sx_continue();
    options = options == NULL ? &defaults : options;
    self->app = app;
    sx__pages_init(&self->pages);
    int status = tables_new(self, options) ? SX_OK : SX_ENOMEM;
    if (status == SX_OK) {
        exclude(self, options->excluded);
        result = check_labels(self);
    }
    if (status == SX_OK && result.status == 0) {
        status = sx__families_register(&self->families, self->registry, options, &failed);
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the series of the routes";
        status = make_declared(self);
    }
    if (status == SX_OK && result.status == 0) {
        failed = "the observer";
        status = sx_app_observe(app, &observer, self);
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

static struct sx_result sx_expose_metrics(struct sx_prometheus *prometheus,
                                          const struct sx_request *request)
{
    const char *accept = sx_request_get_header_list(request, "Accept");
    const enum sx_format format = sx_format_negotiate(view(accept == NULL ? "" : accept));
    struct sx__kept_page *kept = sx__pages_take(&prometheus->pages);
    if (kept == NULL) {
        return sx_fail(500, "the page cannot be rendered: out of memory");
    }
    int status = sx_page_render(&kept->page, prometheus->registry, format);
    if (status < 0) {
        sx__pages_give(kept);
        return sx_fail(500, "the page cannot be rendered: %s", sx_status_text(status));
    }
    return sx_with_header(sx_bytes_lend(sx_format_content_type(format), kept->page.data,
                                        kept->page.size, sx__pages_give, kept),
                          "Vary", "Accept");
}
SX_BIND_SHARED(sx_expose_metrics, (inject, sx_prometheus, prometheus),
               (inject, sx_request, request));
