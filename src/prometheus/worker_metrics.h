/* worker_metrics.h: metrics about the worker processes of an app.
 *
 * Threads: that of sx_app_run, in the process that supervises the workers.
 */
#ifndef SX_PROMETHEUS_WORKER_METRICS_H
#define SX_PROMETHEUS_WORKER_METRICS_H

#include <sextant/app.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>

struct sx__worker_metrics {
    struct sx_gauge *running;
    struct sx_counter *ended[SX_WORKER_KILLED + 1]; /* by the event; NULL for a start */
    struct sx_process_group *processes;             /* whose process_* are shown */
};

/* By worker: process_* have a series for each of the `count` workers.
 * Errors: as sx_counter_family_get and sx_process_group_new. */
int sx__worker_metrics_init(struct sx__worker_metrics *metrics, struct sx_registry *registry,
                            unsigned count, bool by_worker);
void sx__worker_metrics_count(struct sx__worker_metrics *metrics, const struct sx_worker *worker,
                              enum sx_worker_event event);
void sx__worker_metrics_clean_up(struct sx__worker_metrics *metrics);

#endif
