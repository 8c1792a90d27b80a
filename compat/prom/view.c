/* view.c: showing and hiding metrics of the stores on the pages of a registry. */
#include "view.h"

#include "map.h"
#include "metric.h"
#include "store.h"

#include <stdlib.h>

#define CAPACITY_FIRST 16

/* A metric on the pages of a registry. The list of the view has no order: pages have the metrics in
 * the order in which they were made. */
struct prom__showing {
    struct prom__view *view;
    prom_metric_t *metric;
    struct prom__showing *previous; /* of the view */
    struct prom__showing *next;
    struct prom__showing *other; /* of the metric, in another view */
};

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

static int show(struct prom__view *view, prom_metric_t *metric)
{
    struct prom__showing *showing = malloc(sizeof *showing);
    if (showing == NULL || sx_registry_show(view->registry, prom__store_registry(metric->store),
                                            metric->written_name) != SX_OK) {
        free(showing);
        return 1;
    }
    *showing = (struct prom__showing){view, metric, NULL, view->first, metric->showings};
    if (view->first != NULL) {
        view->first->previous = showing;
    }
    view->first = showing;
    metric->showings = showing;
    return 0;
}

/* sx_registry_hide cannot fail: the registries are there, and the name is valid. */
static void hide(struct prom__showing *showing)
{
    struct prom__view *view = showing->view;
    prom_metric_t *metric = showing->metric;
    (void)sx_registry_hide(view->registry, prom__store_registry(metric->store),
                           metric->written_name);
    if (showing->previous == NULL) {
        view->first = showing->next;
    } else {
        showing->previous->next = showing->next;
    }
    if (showing->next != NULL) {
        showing->next->previous = showing->previous;
    }
    struct prom__showing **link = &metric->showings;
    while (*link != showing) {
        link = &(*link)->other;
    }
    *link = showing->other;
    free(showing);
}

/* Hides what is shown and not wanted; what is shown and wanted is done. */
static void hide_unwanted(struct prom__view *view)
{
    for (struct prom__showing *showing = view->first, *next; showing != NULL; showing = next) {
        next = showing->next;
        if (showing->metric->marks == WANTED) {
            showing->metric->marks = DONE;
        } else {
            hide(showing);
        }
    }
}

int prom__view_set(struct prom__view *view, const struct prom__metrics *metrics)
{
    int result = 0;
    view->has_packed = false;
    for (size_t i = 0; i < metrics->count; i++) {
        metrics->metrics[i]->marks = WANTED;
        view->has_packed |= metrics->metrics[i]->is_packed;
    }
    hide_unwanted(view);
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

void prom__views_forget(prom_metric_t *metric)
{
    for (struct prom__showing *showing = metric->showings, *other; showing != NULL;
         showing = other) {
        other = showing->other;
        hide(showing);
    }
}

void prom__view_clean_up(struct prom__view *view)
{
    for (struct prom__showing *showing = view->first, *next; showing != NULL; showing = next) {
        next = showing->next;
        hide(showing);
    }
}
