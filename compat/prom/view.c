/* view.c: showing and hiding metrics of the stores on the pages of a registry. */
#include "view.h"

#include "map.h"
#include "metric.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 16

/* What a metric is during prom__view_set. */
enum mark { UNMARKED, WANTED, DONE };

static int append_metric(void *context, void *value)
{
    struct prom__metrics *metrics = context;
    if (value == NULL) {
        return 0;
    }
    if (metrics->count == metrics->capacity) {
        const size_t capacity = metrics->capacity == 0 ? CAPACITY_FIRST : metrics->capacity * 2;
        prom_metric_t **grown = realloc(metrics->metrics, capacity * sizeof(prom_metric_t *));
        if (grown == NULL) {
            return 1;
        }
        metrics->metrics = grown;
        metrics->capacity = capacity;
    }
    metrics->metrics[metrics->count++] = value;
    return 0;
}

int prom__metrics_append(struct prom__metrics *metrics, prom_map_t *map)
{
    return map == NULL ? 0 : prom__map_each(map, append_metric, metrics);
}

void prom__metrics_clean_up(struct prom__metrics *metrics)
{
    free(metrics->metrics);
    *metrics = (struct prom__metrics){NULL, 0, 0};
}

/* It cannot fail: the registries are there, and the name is valid. */
static void hide(struct prom__view *view, const prom_metric_t *metric)
{
    (void)sx_registry_hide(view->registry, prom__store_registry(metric->store),
                           metric->written_name);
}

static int show(struct prom__view *view, prom_metric_t *metric)
{
    if (append_metric(&view->shown, metric) != 0) {
        return 1;
    }
    if (sx_registry_show(view->registry, prom__store_registry(metric->store),
                         metric->written_name) != SX_OK) {
        view->shown.count--;
        return 1;
    }
    view->has_packed |= metric->is_packed;
    return 0;
}

/* Hides what is shown and not wanted; what is shown and wanted is done. */
static void hide_unwanted(struct prom__view *view)
{
    struct prom__metrics *shown = &view->shown;
    size_t kept = 0;
    view->has_packed = false;
    for (size_t i = 0; i < shown->count; i++) {
        prom_metric_t *metric = shown->metrics[i];
        if (metric->marks == WANTED) {
            metric->marks = DONE;
            shown->metrics[kept++] = metric;
            view->has_packed |= metric->is_packed;
        } else {
            hide(view, metric);
        }
    }
    shown->count = kept;
}

static bool is_unchanged(const struct prom__view *view, const struct prom__metrics *metrics)
{
    return view->shown.count == metrics->count &&
           (metrics->count == 0 || memcmp(view->shown.metrics, metrics->metrics,
                                          metrics->count * sizeof(prom_metric_t *)) == 0);
}

int prom__view_set(struct prom__view *view, const struct prom__metrics *metrics)
{
    if (is_unchanged(view, metrics)) {
        return 0;
    }
    for (size_t i = 0; i < metrics->count; i++) {
        metrics->metrics[i]->marks = WANTED;
    }
    hide_unwanted(view);
    int result = 0;
    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->metrics[i]->marks == WANTED) {
            metrics->metrics[i]->marks = DONE;
            result |= show(view, metrics->metrics[i]);
        }
    }
    for (size_t i = 0; i < metrics->count; i++) {
        metrics->metrics[i]->marks = UNMARKED;
    }
    return result;
}

/* Returns where the metric is among those shown; their number if it is not. */
static size_t find_shown(const struct prom__view *view, const prom_metric_t *metric)
{
    size_t i = 0;
    while (i < view->shown.count && view->shown.metrics[i] != metric) {
        i++;
    }
    return i;
}

void prom__view_forget(struct prom__view *view, const prom_metric_t *metric)
{
    struct prom__metrics *shown = &view->shown;
    const size_t i = find_shown(view, metric);
    if (i < shown->count) {
        hide(view, metric);
        shown->count--;
        memmove(&shown->metrics[i], &shown->metrics[i + 1],
                (shown->count - i) * sizeof(prom_metric_t *));
    }
}

void prom__view_clean_up(struct prom__view *view)
{
    prom__metrics_clean_up(&view->shown);
}
