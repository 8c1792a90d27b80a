/* worker_metrics.c: see worker_metrics.h. */
#include "worker_metrics.h"

#include <assert.h>
#include <string.h>

static const char *const reasons[] = {
    [SX_WORKER_STOPPED] = "stopped", [SX_WORKER_EXITED] = "exited", [SX_WORKER_KILLED] = "killed"};

#define EVENTS (sizeof reasons / sizeof *reasons)

int sx__worker_metrics_init(struct sx__worker_metrics *metrics, struct sx_registry *registry,
                            unsigned count, bool by_worker)
{
    struct sx_counter_family *family;
    int status =
        sx_gauge_register(&metrics->running, registry,
                          &(struct sx_metric_options){.name = "sextant_workers",
                                                      .help = "Worker processes that run."});
    if (status == SX_OK) {
        status = sx_counter_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "sextant_workers_ended_total",
                                        .help = "Worker processes that have ended.",
                                        .labels = SX_LABELS("reason")});
    }
    for (size_t event = 0; event < EVENTS && status == SX_OK; event++) {
        if (reasons[event] != NULL) {
            const struct sx_str reason = {reasons[event], strlen(reasons[event])};
            status = sx_counter_family_get(&metrics->ended[event], family, &reason, 1);
        }
    }
    if (status == SX_OK) {
        status = sx_process_group_new(&metrics->processes, count, by_worker ? "worker" : NULL);
    }
    return status;
}

void sx__worker_metrics_count(struct sx__worker_metrics *metrics, const struct sx_worker *worker,
                              enum sx_worker_event event)
{
    if (event != SX_WORKER_STARTED) {
        sx_process_group_remove(metrics->processes, worker->place, worker->pid);
    } else if (sx_process_group_add(metrics->processes, worker->place, worker->pid) != SX_OK) {
        assert(!"a place has room for a worker, its successor and its predecessor");
    }
    sx_gauge_add(metrics->running, event == SX_WORKER_STARTED ? 1 : -1);
    sx_counter_inc(metrics->ended[event]);
}

void sx__worker_metrics_clean_up(struct sx__worker_metrics *metrics)
{
    for (size_t event = 0; event < EVENTS; event++) {
        sx_counter_release(metrics->ended[event]);
    }
    sx_process_group_destroy(metrics->processes);
    *metrics = (struct sx__worker_metrics){.running = NULL};
}
