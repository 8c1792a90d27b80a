/* scrape.h: what a scrape does before it reads: removing what has expired, and folding rows. */
#ifndef SX_METRICS_SCRAPE_H
#define SX_METRICS_SCRAPE_H

#include "arena.h"

/** Removes families that no process has registered any more and series that have expired, and folds
 * the rows of threads that have ended.
 *
 * Threads:  [any]
 */
void sx__scrape_prepare(struct sx_registry *registry);

#endif
