/* Request metrics for any HTTP server. See http_metrics.h.
 *
 * What a request has counted so far is in its struct sx_http_request, so each is balanced whatever
 * fails: a gauge is decremented by the request that incremented it, and what was counted has one
 * duration. Only public headers are used beyond this folder.
 */
#include "http_handlers.h"
#include "http_series.h"
#include "trace_parent.h"

#include <stdlib.h>
#include <time.h>

#define HANDLERS_DEFAULT 1000

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* 0 if the caller's times are in the wrong order. */
static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : 0;
}

/* ---- the metrics of a server ---- */

static int fill_metrics(struct sx_http_metrics *http, const struct sx_http_metrics_options *options,
                        const char **failed)
{
    const unsigned max = options->handlers_max == 0 ? HANDLERS_DEFAULT : options->handlers_max;
    const int status = sx__http_handlers_init(http, max);
    return status < 0 ? status : sx__http_families_register(&http->families, options, failed);
}

int sx_http_metrics_new(struct sx_http_metrics **http,
                        const struct sx_http_metrics_options *options)
{
    static const struct sx_http_metrics_options defaults;
    options = options == NULL ? &defaults : options;
    if (http == NULL) {
        return SX_EINVAL;
    }
    if (options->handlers_max > SX__HTTP_HANDLERS_MOST) {
        return SX_EINVAL;
    }
    const char *failed = NULL;
    struct sx_http_metrics *made = calloc(1, sizeof *made);
    const int status = made == NULL ? SX_ENOMEM : fill_metrics(made, options, &failed);
    if (status < 0) {
        sx_http_metrics_destroy(made);
        if (failed != NULL && options->failed != NULL) {
            *options->failed = failed;
        }
        return status;
    }
    *http = made;
    return SX_OK;
}

void sx_http_metrics_destroy(struct sx_http_metrics *http)
{
    if (http != NULL) {
        sx__http_handlers_clean_up(http);
        free(http);
    }
}

struct sx_http_handler *sx_http_get_handler(struct sx_http_metrics *http, const char *label)
{
    if (http == NULL) {
        return NULL;
    }
    return label == NULL ? http->builtin : sx__http_handlers_get(http, label);
}

void sx_http_reject(struct sx_http_metrics *http, const char *reason)
{
    if (http != NULL) {
        const char *const value = reason == NULL ? "other" : reason;
        (void)sx_counter_family_add_strings(http->families.rejected, &value, 1, 1);
    }
}

/* ---- a request ---- */

static int get_series(struct sx__http_series **series, struct sx_http_handler *handler,
                      unsigned short method, unsigned short scheme)
{
    *series = atomic_load_explicit(&handler->series[method][scheme], memory_order_acquire);
    return *series != NULL ? SX_OK : sx__http_series_make(series, handler, method, scheme);
}

int sx_http_declare(struct sx_http_handler *handler, const char *method)
{
    struct sx__http_series *series;
    return handler == NULL ? SX_EINVAL
                           : get_series(&series, handler, sx__http_method_find(method), 0);
}

void sx_http_begin(struct sx_http_request *request, struct sx_http_handler *handler,
                   const char *method, uint64_t started_ns)
{
    sx_http_begin_scheme(request, handler, method, NULL, started_ns);
}

void sx_http_begin_scheme(struct sx_http_request *request, struct sx_http_handler *handler,
                          const char *method, const char *scheme, uint64_t started_ns)
{
    if (request == NULL) {
        return;
    }
    request->handler = handler;
    if (handler == NULL) {
        return;
    }
    request->method = sx__http_method_find(method);
    const bool is_https =
        handler->http->families.have_scheme && scheme != NULL && sx__http_is_word(scheme, "https");
    request->scheme = is_https ? 1 : 0;
    request->code = 0;
    request->code_series = NULL;
    request->span_id = 0;
    request->started_ns = started_ns == 0 ? monotonic_ns() : started_ns;
    struct sx__http_series *series;
    (void)get_series(&series, handler, request->method, request->scheme);
    request->series = series;
    if (series != NULL) {
        sx_gauge_inc(series->in_progress);
    }
}

static struct sx__http_sources sources_of(const struct sx_http_request *request)
{
    return (struct sx__http_sources){.handler = request->handler,
                                     .method = request->method,
                                     .scheme = request->scheme,
                                     .code = request->code};
}

/* NULL: no memory. */
static struct sx__http_code_series *get_code_series(struct sx__http_series *series,
                                                    const struct sx_http_request *request)
{
    struct sx__http_code_series *found = atomic_load_explicit(
        &series->codes[request->code - SX__HTTP_CODE_MIN], memory_order_acquire);
    if (found == NULL) {
        const struct sx__http_sources sources = sources_of(request);
        (void)sx__http_code_series_make(&found, series, &sources);
    }
    return found;
}

/* ---- its trace ---- */

void sx_http_set_trace(struct sx_http_request *request, struct sx_str traceparent)
{
    struct sx__trace_parent parent;
    if (request != NULL && request->handler != NULL &&
        sx__trace_parent_parse(&parent, traceparent) && parent.is_sampled) {
        request->trace_id[0] = parent.trace_id[0];
        request->trace_id[1] = parent.trace_id[1];
        request->span_id = parent.span_id; /* never 0 */
    }
}

#define TRACE_LABELS 2

struct trace_labels {
    char digits[48];
    struct sx_label labels[TRACE_LABELS];
};

static void write_trace_labels(struct trace_labels *trace, const struct sx_http_request *request)
{
    sx__trace_parent_write_id(trace->digits, request->trace_id[0]);
    sx__trace_parent_write_id(trace->digits + 16, request->trace_id[1]);
    sx__trace_parent_write_id(trace->digits + 32, request->span_id);
    trace->labels[0] = (struct sx_label){"trace_id", {trace->digits, 32}};
    trace->labels[1] = (struct sx_label){"span_id", {trace->digits + 32, 16}};
}

static void count_request(const struct sx_http_request *request, struct sx_counter *requests)
{
    struct trace_labels trace;
    if (request->span_id == 0) {
        sx_counter_inc(requests);
        return;
    }
    write_trace_labels(&trace, request);
    sx_counter_inc_with_exemplar(requests, trace.labels, TRACE_LABELS);
}

static void observe_duration(const struct sx_http_request *request, struct sx_histogram *duration,
                             double seconds)
{
    struct trace_labels trace;
    if (request->span_id == 0) {
        sx_histogram_observe(duration, seconds);
        return;
    }
    write_trace_labels(&trace, request);
    sx_histogram_observe_with_exemplar(duration, seconds, trace.labels, TRACE_LABELS);
}

/* ---- its response and its end ---- */

void sx_http_respond(struct sx_http_request *request, int code)
{
    if (request == NULL || request->handler == NULL || request->code != 0) {
        return;
    }
    const bool is_code =
        code >= SX__HTTP_CODE_MIN && code < SX__HTTP_CODE_MIN + SX__HTTP_CODE_COUNT;
    request->code = is_code ? code : 500;
    struct sx__http_series *series = request->series;
    struct sx__http_code_series *code_series =
        series == NULL ? NULL : get_code_series(series, request);
    request->code_series = code_series;
    if (code_series == NULL) {
        return;
    }
    count_request(request, code_series->requests);
    if (series->first_byte != NULL) {
        sx_histogram_observe(series->first_byte,
                             seconds_between(request->started_ns, monotonic_ns()));
    }
}

/* What was counted has a duration, so that both always agree. */
static void observe_end(const struct sx_http_request *request, const struct sx_http_sizes *sizes)
{
    const struct sx__http_series *series = request->series;
    const struct sx__http_code_series *code_series = request->code_series;
    const uint64_t ended_ns =
        sizes == NULL || sizes->ended_ns == 0 ? monotonic_ns() : sizes->ended_ns;
    observe_duration(request, series->duration != NULL ? series->duration : code_series->duration,
                     seconds_between(request->started_ns, ended_ns));
    if (series->request_size != NULL) {
        sx_histogram_observe(series->request_size,
                             sizes == NULL ? 0 : (double)sizes->request_body_bytes);
        sx_histogram_observe(series->response_size,
                             sizes == NULL ? 0 : (double)sizes->response_body_bytes);
    }
}

void sx_http_end(struct sx_http_request *request, enum sx_http_outcome outcome,
                 const struct sx_http_sizes *sizes)
{
    if (request == NULL || request->handler == NULL) {
        return;
    }
    const struct sx__http_series *series = request->series;
    /* First, so that a process that is killed here does not leave a request in progress that is
     * counted as aborted, too. */
    if (series != NULL) {
        sx_gauge_dec(series->in_progress);
    }
    if (outcome != SX_HTTP_COMPLETE || request->code == 0) {
        struct sx__http_sources sources = sources_of(request);
        const bool within = outcome == SX_HTTP_RESPONSE_ABORTED && request->code != 0;
        sources.phase = within ? "response" : "request";
        sx__http_count_abort(&sources);
    }
    if (request->code_series != NULL) {
        observe_end(request, sizes);
    }
    request->handler = NULL;
}
