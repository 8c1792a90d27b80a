/* registry.h: a registry. */
#ifndef PROM_REGISTRY_PRIVATE_H
#define PROM_REGISTRY_PRIVATE_H

#include "prom_collector_registry.h"
#include "view.h"

#include <stdbool.h>

/* Guarded by the lock. Its page is that of `view.registry`, a registry of Sextant. It has the
 * process metrics and what the program registers through prom_collector_registry_sextant, and shows
 * the metrics of the collectors from the stores. */
struct prom_collector_registry {
    char *name;
    prom_map_t *collectors; /* by their names */
    prom_collector_t *default_collector;
    struct prom__view view;
    struct prom__scrape *scrape;          /* the page that a thread is writing, or NULL */
    bool is_closing;                      /* a thread waits to destroy it, so no page begins */
    struct prom_collector_registry *next; /* of all registries */
};

/** Waits until no thread writes a page of the registry. The lock is held, and released meanwhile.
 *
 * @return   0; 1 if the registry has been destroyed or is being destroyed by another thread, or if
 *           the calling thread is writing its page
 */
int prom__registry_wait(const prom_collector_registry_t *registry);

/** Whether a thread is writing a page with the collector. The lock is held. */
bool prom__registries_scrape(const prom_collector_t *collector);

/** The same of the calling thread. The lock is held. */
bool prom__registries_scrape_in_this_thread(const prom_collector_t *collector);

/** Takes a collector out of all registries, which does not free it. The lock is held. */
void prom__registries_forget_collector(prom_collector_t *collector);

/** In the child of fork(), where only the calling thread is left. The lock is held. */
void prom__registries_after_fork(void);

#endif
