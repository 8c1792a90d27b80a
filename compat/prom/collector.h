/* collector.h: a collector. */
#ifndef PROM_COLLECTOR_PRIVATE_H
#define PROM_COLLECTOR_PRIVATE_H

#include "prom_collector.h"

#include <stdbool.h>

/* Guarded by the lock. The first three members are where libprom has them, because there are
 * collect functions that return the map which they find there. */
struct prom_collector {
    char *name;
    prom_map_t *metrics; /* the metrics that were added, by their names */
    prom_collect_fn *collect;
    bool is_process;                   /* its metrics are Sextant's */
    unsigned uses;                     /* registries that have it */
    struct prom__process_files *files; /* of a process collector with paths */
    struct prom_collector *previous;   /* of all collectors */
    struct prom_collector *next;
};

/** Takes a metric out of all collectors, which does not free it. The lock is held. */
void prom__collectors_forget_metric(prom_metric_t *metric);

/** Ends the use of a collector by a registry; the last one frees it. The lock is held. */
void prom__collector_leave(prom_collector_t *collector);

#endif
