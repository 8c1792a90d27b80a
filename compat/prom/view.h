/* view.h: which metrics a page has. */
#ifndef PROM_VIEW_H
#define PROM_VIEW_H

#include "prom_map.h"
#include "prom_metric.h"

#include <sextant/metrics.h>
#include <stdbool.h>

/** A growing array of metrics. */
struct prom__metrics {
    prom_metric_t **metrics;
    size_t count;
    size_t capacity;
};

/** What the pages of a registry show. Guarded by the lock. */
struct prom__view {
    struct sx_registry *registry; /* the page is its page */
    struct prom__showing *first;  /* of the metrics on it */
    bool has_packed;              /* a metric with packed labels is among them */
};

/** Appends the metrics of a map, which may be NULL. Returns 0, or 1 without memory. */
int prom__metrics_append(struct prom__metrics *metrics, prom_map_t *map);

void prom__metrics_clean_up(struct prom__metrics *metrics);

/** Makes the pages show these metrics, each once, and no others. Returns 0, or 1 if a metric cannot
 * be shown. The lock is held. */
int prom__view_set(struct prom__view *view, const struct prom__metrics *metrics);

/** Hides a metric that is about to be freed, wherever it is shown. The lock is held. */
void prom__views_forget(prom_metric_t *metric);

/** Hides all metrics of a view. The lock is held. */
void prom__view_clean_up(struct prom__view *view);

#endif
