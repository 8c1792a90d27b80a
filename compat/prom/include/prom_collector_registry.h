/* prom_collector_registry.h: what is on a page. */
#ifndef PROM_COLLECTOR_REGISTRY_H
#define PROM_COLLECTOR_REGISTRY_H

#include "prom_collector.h"
#include "prom_metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A registry: a set of collectors. One of them, the default collector, has the metrics that are
 * registered without a collector. */
typedef struct prom_collector_registry prom_collector_registry_t;

/** The default registry. NULL until prom_collector_registry_default_init, and again when it has
 * been destroyed. A program may also set it to a registry of its own,
 * while no other thread uses it. */
extern prom_collector_registry_t *PROM_COLLECTOR_REGISTRY_DEFAULT;

/** Makes the default registry, with process metrics, unless there is one.
 *
 * Threads:  one at a time
 */
int prom_collector_registry_default_init(void);

/** Makes an empty registry. A process has at most about 60.
 *
 * @param name  for messages; may be NULL
 * Memory:   free it with prom_collector_registry_destroy
 */
prom_collector_registry_t *prom_collector_registry_new(const char *name);

/** Frees a registry with those of its collectors and metrics that no other registry has. NULL is a
 * no-op that returns 0. Destroying the default registry sets PROM_COLLECTOR_REGISTRY_DEFAULT to
 * NULL.
 *
 * @return   1 if another thread is destroying it, or if a collect function of it is the caller
 * Threads:  any; waits for a scrape that runs. A scrape that begins later has no page.
 */
int prom_collector_registry_destroy(prom_collector_registry_t *self);

/** Registers the collector of prom_collector_process_new(NULL, NULL), unless it is there. */
int prom_collector_registry_enable_process_metrics(prom_collector_registry_t *self);

/** As prom_collector_registry_register_metric, but ends the process with status 1 on failure.
 *
 * @return   `metric`
 */
prom_metric_t *prom_collector_registry_must_register_metric(prom_metric_t *metric);

/** Adds a metric to the default registry. As prom_collector_add_metric; 1 also if there is no
 * default registry. */
int prom_collector_registry_register_metric(prom_metric_t *metric);

/** Registers a collector. It is a failure if the registry already has one of this name.
 *
 * Memory:   the collector is freed with the last registry that has it
 */
int prom_collector_registry_register_collector(prom_collector_registry_t *self,
                                               prom_collector_t *collector);

/** Writes the page of the registry, in the text format 0.0.4. Calls the collect functions first.
 *
 * @return   the page; NULL also if the caller is a collect function of this registry
 * Threads:  any; pages of one registry are written one after the other
 * Memory:   the caller frees it with free()
 */
const char *prom_collector_registry_bridge(prom_collector_registry_t *self);

/** Whether a metric may have this name.
 *
 * @param self         not used; may be NULL
 * @param metric_name  NULL and "" are not valid
 * @return   0: it is valid
 */
int prom_collector_registry_validate_metric_name(prom_collector_registry_t *self,
                                                 const char *metric_name);

#ifdef __cplusplus
}
#endif
#endif
