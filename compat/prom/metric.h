/* metric.h: a metric, and how it is made and destroyed. */
#ifndef PROM_METRIC_PRIVATE_H
#define PROM_METRIC_PRIVATE_H

#include "prom_histogram_buckets.h"
#include "prom_metric.h"
#include "samples.h"

#include <sextant/registration.h>
#include <stdbool.h>

struct prom_metric {
    /* what an update reads */
    enum sx_metric_type type;
    bool is_packed;                 /* see packed_labels.h */
    size_t label_count;             /* of the program's labels */
    struct sx_metric single;        /* the handle, if there are no labels */
    struct sx_metric_family family; /* the family, if there are any */

    char *name;         /* as the program calls it */
    char *written_name; /* as the page has it */
    char **labels;      /* as the page has them, ended by NULL */
    prom_histogram_buckets_t *buckets;
    unsigned store;
    unsigned uses;                  /* collectors that have it */
    unsigned marks;                 /* scratch of view.c */
    struct prom__showing *showings; /* the pages that have it; see view.c */
    struct prom__samples samples;
};

/** What a new metric is. */
struct prom__description {
    enum sx_metric_type type;
    const char *name;
    const char *help;
    size_t label_count;
    const char **labels;
    prom_histogram_buckets_t *buckets; /* of a histogram; not NULL */
};

/** Makes a metric and puts it into a store. Takes the lock. Returns NULL on failure. */
struct prom_metric *prom__metric_new(const struct prom__description *description);

/** Takes a metric out of collectors and views, and frees it. Takes the lock.
 *
 * @return   0; 1 if the metric is of another type; NULL is a no-op that returns 0
 */
int prom__metric_destroy(struct prom_metric *metric, enum sx_metric_type type);

/** Ends the use of a metric by a collector; the last one frees it. The lock is held. */
void prom__metric_leave(struct prom_metric *metric);

#endif
