/* http_metrics.h: request metrics for any HTTP server.
 *
 *     struct sx_http_metrics *http;                           at start
 *     status = sx_http_metrics_new(&http, NULL);
 *
 *     struct sx_http_request measured;                        for each request
 *     sx_http_begin(&measured, sx_http_get_handler(http, "users.get_user"), "GET", 0);
 *     sx_http_respond(&measured, 200);
 *     sx_http_end(&measured, SX_HTTP_COMPLETE, NULL);
 *
 * It exposes:
 *
 *     http_requests_total{method,handler,code}            counted before the first byte is sent
 *     http_request_duration_seconds{method,handler}       from the first byte of the request to the
 *                                                         last byte of the response
 *     http_requests_inprogress{method,handler}            from sx_http_begin to sx_http_end
 *     http_requests_aborted_total{method,handler,phase}   the client left before there was a
 *                                                         response (`request`), the connection
 *                                                         ended within it (`response`), or, in a
 *                                                         shared registry, the process ended
 *                                                         during it (`process`)
 *     http_requests_rejected_total{reason}                rejected before they were routed
 *
 * Every function accepts NULL for `http`, a handler and a request. sx_http_metrics_new and
 * sx_http_declare then return SX_EINVAL, and sx_http_begin without a handler marks the request as
 * not measured. The others do nothing.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 *   [one]    any thread, but one at a time for one request
 */
#ifndef SEXTANT_HTTP_METRICS_H
#define SEXTANT_HTTP_METRICS_H

#include <sextant/metrics.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The names of the metrics and labels. */
enum sx_http_names {
    SX_NAMES_DEFAULT = 0, /* as above */
    /* http_server_request_duration_seconds{http_request_method,http_route,http_response_status_code,
     * url_scheme} and http_server_active_requests{http_request_method,url_scheme}; there is no
     * counter of requests: use the histogram's _count. Source: OpenTelemetry semantic conventions
     * for HTTP metrics. Aborted and rejected requests are
     * http_server_requests_aborted_total{http_request_method,http_route,phase} and
     * http_server_requests_rejected_total{reason}; the optional metrics are
     * http_server_request_body_size_bytes, http_server_response_body_size_bytes and
     * http_server_response_first_byte_seconds{http_request_method,http_route}. */
    SX_NAMES_OPENTELEMETRY,
};

/** Each member that is 0 or NULL has its default. */
struct sx_http_metrics_options {
    struct sx_registry *registry; /* borrowed until sx_http_metrics_destroy; NULL: the default */
    const double *buckets;        /* of the duration, in seconds; NULL: .005 to 10 */
    size_t bucket_count;
    double native_growth_factor; /* of the native buckets that durations have, too, as in
                                    struct sx_native_options; 0: 1.1; 1: none */
    enum sx_http_names names;
    bool duration_has_code;  /* the duration has the code as a label too */
    bool measure_body_sizes; /* http_request_body_bytes, http_response_body_bytes{method,handler} */
    bool measure_first_byte; /* http_response_first_byte_seconds{method,handler}: until
                                sx_http_respond */
    unsigned handlers_max;   /* handlers beyond these are "<other>"; 0: 1000; at most 1,000,000;
                                "<builtin>" and "<other>" do not count */
    const char *const *reasons; /* reasons of sx_http_reject, ended by NULL as SX_LABELS makes them;
                                   the page shows them from the start, as 0; NULL: none */
    const char **failed; /* receives the name of the metric that cannot be registered, a static
                            string; untouched on other failures; NULL: it is not wanted */
    void *reserved[5];
};

/** How a request ended. */
enum sx_http_outcome {
    SX_HTTP_COMPLETE,         /* the last byte of its response was sent */
    SX_HTTP_REQUEST_ABORTED,  /* the client left before there was a response */
    SX_HTTP_RESPONSE_ABORTED, /* the connection ended between the first and the last byte of the
                                 response */
};

/** The metrics of a server, or of a part of it. */
struct sx_http_metrics;

/** The metrics of the requests that one handler answers. */
struct sx_http_handler;

/** A request that is measured. The caller owns the memory; its content is private. A zeroed one is
 * not measured. */
struct sx_http_request {
    struct sx_http_handler *handler; /* NULL: it is not measured, or has ended */
    void *series;                    /* of its handler and method; NULL: there was no memory */
    void *code_series; /* of its handler, method and code; NULL: no response was counted */
    uint64_t started_ns;
    int code; /* 0: it has no response */
    unsigned short method, scheme;
    uint64_t trace_id[2]; /* of sx_http_set_trace; 0 and 0: none */
    uint64_t span_id;
    void *reserved[1];
};

/** What is known at the end of a request, beside the outcome. */
struct sx_http_sizes {
    uint64_t request_body_bytes;
    uint64_t response_body_bytes; /* that were sent */
    uint64_t ended_ns;            /* CLOCK_MONOTONIC; 0: now */
};

/** Registers the metrics. Several `struct sx_http_metrics` may use one registry: with the same
 * names and buckets they count in the same series; with the same names and other buckets, or with
 * another value of duration_has_code, the second one is SX_EEXIST.
 *
 * @param http     receives the metrics; untouched on failure
 * @param options  NULL: the defaults
 * Errors:   as sx_histogram_family_register; SX_EINVAL (`http` is NULL, handlers_max is too large);
 *           SX_ENOMEM. What this call has registered is unregistered then.
 * Threads:  [any]
 * Memory:   free with sx_http_metrics_destroy; copies the options
 */
SX_API SX_MUST_CHECK int sx_http_metrics_new(struct sx_http_metrics **http,
                                             const struct sx_http_metrics_options *options);

/** Frees the metrics and their handlers. The registry must still exist. The metrics stay registered
 * in it, so the page keeps their values.
 *
 * @param http  NULL: does nothing
 * Threads:  any thread, when no request is in progress and no other thread uses `http`
 */
SX_API void sx_http_metrics_destroy(struct sx_http_metrics *http);

/** Returns the metrics of a handler, made at the first call.
 *
 * A label value must come from a small set, so `label` is the name of a function or the template of
 * a route ("/users/{id}"), never the path of a request.
 *
 * @param label  UTF-8; NULL: "<builtin>", for what the server answers by itself
 * @return   "<other>" for labels beyond handlers_max; NULL if `http` is NULL or there is no memory
 * Threads:  [any]; takes no lock, and allocates only at the first call for a label
 * Memory:   copies the label; the handler is valid until sx_http_metrics_destroy
 */
SX_API struct sx_http_handler *sx_http_get_handler(struct sx_http_metrics *http, const char *label);

/** Makes series of a handler and a method, so that the page shows them as 0 before the first
 * request: those of the scheme "http" that have neither a code nor a phase, and in a shared
 * registry the aborts with the phase `process`. A series with a code
 * appears with the first response of that code. Without this call, sx_http_begin makes them.
 *
 * @param handler  NULL is SX_EINVAL
 * @param method   as for sx_http_begin
 * Errors:   SX_EINVAL; SX_ENOMEM, SX_EFULL (the registry is full)
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_http_declare(struct sx_http_handler *handler, const char *method);

/** Begins to measure a request: it is in progress until sx_http_end.
 *
 * If there is no memory for the series of its handler and method, the request is not measured; only
 * an abort is counted.
 *
 * @param request     is overwritten
 * @param handler     of the function that answers it; NULL: it is not measured
 * @param method      as sent; what RFC 9110 and RFC 5789 do not name is "_OTHER"; NULL: "_OTHER"
 * @param started_ns  CLOCK_MONOTONIC at the first byte of the request; 0: now
 * Threads:  [one]
 */
SX_API void sx_http_begin(struct sx_http_request *request, struct sx_http_handler *handler,
                          const char *method, uint64_t started_ns);

/** As sx_http_begin, for a request whose scheme is known. Only OpenTelemetry's names have a label
 * for it.
 *
 * @param scheme  "https"; anything else, and NULL, is "http", as sx_http_begin assumes
 * Threads:  [one]
 */
SX_API void sx_http_begin_scheme(struct sx_http_request *request, struct sx_http_handler *handler,
                                 const char *method, const char *scheme, uint64_t started_ns);

/** Says of which trace the request is part. Its response and its duration then have an exemplar
 * with the labels trace_id and span_id, if the trace is sampled. A header that is not valid, and a
 * trace that is not sampled, have no effect.
 *
 * @param traceparent  the value of this header; {NULL, 0}, and several values joined by commas,
 *                     are not valid
 * Threads:  [one]; after sx_http_begin, before sx_http_respond
 * Memory:   each counter and bucket with an exemplar keeps some memory: see
 *           sx_counter_add_with_exemplar
 * Source:   W3C "Trace Context"
 */
SX_API void sx_http_set_trace(struct sx_http_request *request, struct sx_str traceparent);

/** Counts the response, before its first byte is sent. Only the first call for a request counts. If
 * there is no memory for the series of its code, it is not counted and has no duration.
 *
 * @param code  200 to 599; others are counted as 500
 * Threads:  [one]
 */
SX_API void sx_http_respond(struct sx_http_request *request, int code);

/** Ends a request: it is no longer in progress. If it had a response, its duration and the sizes of
 * its bodies are observed, whatever the outcome. Only the first call after sx_http_begin counts.
 *
 * @param outcome  SX_HTTP_REQUEST_ABORTED is counted in phase `request`, also after
 *                 sx_http_respond. Without sx_http_respond, every outcome counts as it.
 * @param sizes    NULL: the bodies were empty, and the request ended now
 * Threads:  [one]
 */
SX_API void sx_http_end(struct sx_http_request *request, enum sx_http_outcome outcome,
                        const struct sx_http_sizes *sizes);

/** Counts a request that was rejected before it was routed, in place of all other calls.
 *
 * @param reason  from a small set, such as "malformed" or "overloaded"; NULL: "other"; all reasons
 *                beyond the first 100 are SX_OVERFLOW_VALUE
 * Threads:  [any]; a reason's first call may take a lock
 */
SX_API void sx_http_reject(struct sx_http_metrics *http, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
