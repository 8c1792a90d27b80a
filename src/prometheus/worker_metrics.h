/* worker_metrics.h: metrics about the worker processes of an app.
 *
 * Threads: that of sx_app_run, in the process that supervises the workers.
 */
#ifndef SX_PROMETHEUS_WORKER_METRICS_H
#define SX_PROMETHEUS_WORKER_METRICS_H

#include <sextant/app.h>
#include <sextant/metrics.h>

struct sx__worker_metrics {
    struct sx_gauge *running;
    struct sx_counter *ended[SX_WORKER_KILLED + 1]; /* by the event; NULL for a start */
};

/* Errors: as sx_counter_family_get. */
int sx__worker_metrics_init(struct sx__worker_metrics *metrics, struct sx_registry *registry);
void sx__worker_metrics_count(struct sx__worker_metrics *metrics, enum sx_worker_event event);
void sx__worker_metrics_clean_up(struct sx__worker_metrics *metrics);

#endif
