/* scrape.h: a page that a thread is writing. */
#ifndef PROM_SCRAPE_H
#define PROM_SCRAPE_H

#include "prom_collector.h"

#include <pthread.h>
#include <stdbool.h>

/** A collector, and what its function has returned. */
struct prom__collected {
    prom_collector_t *collector;
    prom_collect_fn *collect;
    prom_map_t *metrics;
};

/** The page, with the collectors that the registry had when it began. A registry has at most one.
 * Guarded by the lock, except that the writing thread sets `metrics`. */
struct prom__scrape {
    pthread_t thread;
    size_t count;
    struct prom__collected collectors[];
};

/** Whether the calling thread writes the page; false for NULL. */
bool prom__scrape_is_of_this_thread(const struct prom__scrape *scrape);

/** Whether the page has the collector; false for NULL. */
bool prom__scrape_has(const struct prom__scrape *scrape, const prom_collector_t *collector);

#endif
