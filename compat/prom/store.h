/* store.h: where the metrics of the program are.
 *
 * A metric is registered with Sextant when it is made, so updates before the program registers it
 * are kept. It is registered in a store, a Sextant registry that is on no page by itself. Pages
 * show single metrics of stores; see view.h. So a metric has one place, however many registries
 * have it.
 *
 * A store has at most one metric of each name. A second metric of the same name is in the next
 * store.
 */
#ifndef PROM_STORE_H
#define PROM_STORE_H

#include <sextant/metrics.h>

struct prom_metric;

/** Makes the first store. Called once. */
void prom__stores_open(void);

/** Registers a metric in the first store that has no metric of its name; sets its store and its
 * handles. The lock is held.
 *
 * Errors: those of Sextant's register functions
 */
int prom__store_add(struct prom_metric *metric, const struct sx_metric_options *options);

/** Removes a metric. The lock is held, and no page shows the metric. */
void prom__store_remove(struct prom_metric *metric);

struct sx_registry *prom__store_registry(unsigned store);

#endif
