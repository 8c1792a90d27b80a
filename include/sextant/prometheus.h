/* prometheus.h: the component that measures every request of an app, and the page that shows it.
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
 *     http_requests_inprogress{method,handler}            from the end of its header to its end
 *     http_requests_aborted_total{method,handler,phase}   those that died: in the request, or
 * half-way through the response http_requests_rejected_total{reason}                those turned
 * away before they were routed
 */
#ifndef SEXTANT_PROMETHEUS_H
#define SEXTANT_PROMETHEUS_H

#include <sextant/app.h>
#include <sextant/metrics.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The component's options; the zero value is right. */
struct sx_prometheus_options {
    struct sx_registry *registry; /* borrowed; NULL: the default registry */
    const double *buckets;        /* of the duration, in seconds; NULL: .005 to 10 */
    size_t bucket_count;
    void *reserved[8];
};

struct sx_prometheus;

/** An app component: `SX_COMPONENTS(sx_prometheus)` or `SX_COMPONENTS((sx_prometheus, &options))`.
 */
SX_COMPONENT_DECLARE(sx_prometheus, struct sx_prometheus);

/** The component's registry, for those who want no more than that: with
 *  `SX_COMPONENTS(sx_prometheus, sx_registry)`, `(inject, sx_registry, registry)` is a
 *  struct sx_registry * for metrics of the app's own. An app component. */
SX_COMPONENT_DECLARE(sx_registry, struct sx_registry);

/** The registry that the component uses, for `(inject, sx_prometheus, prometheus)`. [any] */
SX_API struct sx_registry *sx_prometheus_get_registry(const struct sx_prometheus *prometheus);

/** The handler that answers with the page of the component's registry, in the text format. Its
 * routes are reserved: the app's hooks do not run around it. */
SX_HANDLER_DECLARE(sx_expose_metrics);

#ifdef __cplusplus
}
#endif
#endif
