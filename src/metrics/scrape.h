/* scrape.h: what a scrape does before it reads: keeping what processes have left, removing what has
 * expired, and folding rows. */
#ifndef SX_METRICS_SCRAPE_H
#define SX_METRICS_SCRAPE_H

#include "arena.h"

/** Keeps what processes that have ended left in gauges, removes families that no process has
 * registered any more and series that have expired, and folds the rows of threads that have ended.
 *
 * Threads:  [any]
 */
void sx__scrape_prepare(struct sx_registry *registry);

#endif
