/* prom_collector.h: a group of metrics that are registered together, and a function that brings
 * them up to date before each scrape.
 */
#ifndef PROM_COLLECTOR_H
#define PROM_COLLECTOR_H

#include "prom_map.h"
#include "prom_metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A collector. */
typedef struct prom_collector prom_collector_t;

/** Returns the metrics that the page has of this collector: a map of names and prom_metric_t *.
 *
 * @return   NULL: the metrics that were added to the collector. A map and its metrics stay the
 *           program's own, and must be valid until the page is written. A
 *           collector in two registries may be called for both pages at a time.
 * Threads:  called by the thread that scrapes, with no lock held; by one thread at a time for each
 *           registry. It may make, update, add and destroy metrics. It must not destroy collectors
 *           and registries, nor scrape its own registry.
 */
typedef prom_map_t *prom_collect_fn(prom_collector_t *self);

/** Makes a collector without metrics.
 *
 * Memory:   belongs to the registries in which it is registered; one that is never registered is
 *           destroyed with prom_collector_destroy
 */
prom_collector_t *prom_collector_new(const char *name);

/** Makes a collector of what the kernel knows of a process, with the name `process`.
 *
 * @param limits_path  in the format of /proc/PID/limits; NULL: this process
 * @param stat_path    in the format of /proc/PID/stat; NULL: this process. If both paths are NULL,
 *                     the metrics are those of sx_process_collector_register, and stay on a
 *                     page until its registry is destroyed. If not, they are those that the two
 *                     files give.
 * Memory:   as prom_collector_new
 */
prom_collector_t *prom_collector_process_new(const char *limits_path, const char *stat_path);

/** Takes a collector out of its registries and frees it, with those metrics that no other collector
 * has. NULL is a no-op that returns 0.
 *
 * @return   1 if the caller is a collect function of a registry that has it
 * Threads:  any; waits for scrapes that have it
 */
int prom_collector_destroy(prom_collector_t *self);

/** As prom_collector_destroy, as the free function of a map or list. */
void prom_collector_free_generic(void *gen);

/** As prom_collector_destroy, as the free function of a map or list. */
int prom_collector_destroy_generic(void *gen);

/** Adds a metric. It belongs to the collector: it is freed with the last collector that has it.
 *
 * It is a failure if the collector already has a metric of this name, or this metric.
 */
int prom_collector_add_metric(prom_collector_t *self, prom_metric_t *metric);

/** Sets the function that is called for each page. NULL: the page has what was added. */
int prom_collector_set_collect_fn(prom_collector_t *self, prom_collect_fn *fn);

#ifdef __cplusplus
}
#endif
#endif
