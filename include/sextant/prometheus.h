/* prometheus.h: a component that measures every request of an app, and the handler of the metrics
 * page.
 *
 *     .components = SX_COMPONENTS(sx_prometheus)
 *     SX_GET("/metrics", sx_expose_metrics)
 *
 * It exposes, for each route's method and handler ("file_stem.function", or "<builtin>" where no
 * route answers):
 *
 *     http_requests_total{method,handler,code}            counted before the first byte is sent
 *     http_request_duration_seconds{method,handler}       from the first byte of the request to the
 *                                                         last byte of the response
 *     http_requests_inprogress{method,handler}            from the complete header to the end of
 *                                                         the request
 *     http_requests_aborted_total{method,handler,phase}   the client left before there was a
 *                                                         response (`request`), the connection
 *                                                         ended within it (`response`), or, in a
 *                                                         shared registry, the process ended
 *                                                         during it (`process`)
 *     http_requests_rejected_total{reason}                rejected before they were routed
 *
 * The duration has classic buckets, and native ones on pages in Protobuf. If a request has a header
 * `traceparent` whose trace is sampled, http_requests_total and the bucket of its duration get an
 * exemplar with its trace_id and span_id; OpenMetrics and Protobuf show it.
 *
 * Threads: [any] any thread at any time, but no signal handler.
 */
#ifndef SEXTANT_PROMETHEUS_H
#define SEXTANT_PROMETHEUS_H

#include <sextant/app.h>
#include <sextant/http_metrics.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The value of the handler label. */
enum sx_prometheus_handler {
    SX_HANDLER_DEFAULT = 0, /* the function, or with SX_NAMES_OPENTELEMETRY the route */
    SX_HANDLER_FUNCTION,    /* "users.get_user" */
    SX_HANDLER_ROUTE,       /* "/users/{id}" */
};

/** Whether sx_prometheus registers the collector of process_* (sx_process_collector_register,
 * collector.h). If the app has workers, process_* are those of the supervisor and all workers,
 * however the collector was registered. */
enum sx_prometheus_process {
    SX_PROCESS_NONE = 0,
    SX_PROCESS_SUMMED,    /* process_* without labels, summed over the supervisor and all workers */
    SX_PROCESS_BY_WORKER, /* with the label `worker`: 0 is the supervisor, from 1 on the numbers of
                             the workers in the log; without workers as SX_PROCESS_SUMMED */
};

/** The options of the component. Each member that is 0 or NULL has its default. */
struct sx_prometheus_options {
    struct sx_registry *registry; /* borrowed until sx_app_destroy; NULL: the default registry */
    const double *buckets;        /* of the duration, in seconds; NULL: .005 to 10 */
    size_t bucket_count;
    double native_growth_factor; /* of the native buckets that durations have, too, as in
                                    struct sx_native_options; 0: 1.1; 1: none */
    enum sx_http_names names;
    enum sx_prometheus_handler handler;
    bool duration_has_code;  /* the duration has the code as a label too */
    bool measure_body_sizes; /* http_request_body_bytes, http_response_body_bytes{method,handler} */
    bool measure_first_byte; /* http_response_first_byte_seconds{method,handler}: until the response
                                begins to be sent */
    bool measure_scrapes;    /* the page also has metrics of its scrapes, which sx_scrapes_new
                                (exposition.h) lists */
    enum sx_prometheus_process process; /* whether the page has process_* */
    unsigned scrapes_max; /* of sx_expose_metrics at the same time; a scrape beyond is answered
                             with 503; 0: no limit */
    unsigned render_timeout_ms; /* a page that takes longer is given up before its next collector or
                                   family, and answered with 503; 0: no limit */
    const struct sx_handler *const *excluded; /* handlers that are not measured, up to a NULL; NULL:
                                                 none; borrowed while the app is made */
    void *reserved[6];
};

struct sx_prometheus;

/** An app component: `SX_COMPONENTS(sx_prometheus)` or `SX_COMPONENTS((sx_prometheus, &options))`.
 */
SX_COMPONENT_DECLARE(sx_prometheus, struct sx_prometheus);

/** The registry of sx_prometheus as an app component, for metrics of your own: with
 *  `SX_COMPONENTS(sx_prometheus, sx_registry)`, `(inject, sx_registry, registry)` is a
 *  struct sx_registry *. */
SX_COMPONENT_DECLARE(sx_registry, struct sx_registry);

/** Returns the registry of the component, for `(inject, sx_prometheus, prometheus)`.
 *
 * @param prometheus  NULL: returns NULL
 * Threads:  [any]
 */
SX_API struct sx_registry *sx_prometheus_get_registry(const struct sx_prometheus *prometheus);

/** The handler of the metrics page. It writes the registry of the component in the format that the
 * Accept header asks for, or only the families that `name[]` parameters of the query name; and
 * compresses it with gzip if the Accept-Encoding header prefers that. Its routes are admin routes,
 * so the hooks of the app do not run for them. */
SX_HANDLER_DECLARE(sx_expose_metrics);

#ifdef __cplusplus
}
#endif
#endif
