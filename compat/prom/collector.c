/* collector.c: making collectors, and what belongs to them. */
#include "collector.h"

#include "lock.h"
#include "metric.h"
#include "process_files.h"
#include "registry.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

static struct prom_collector *first_collector;

static void free_collector(prom_collector_t *collector)
{
    (void)prom_map_destroy(collector->metrics);
    (void)prom_linked_list_destroy(collector->owned);
    prom__process_files_free(collector->files);
    free(collector->name);
    free(collector);
}

prom_collector_t *prom_collector_new(const char *name)
{
    prom_collector_t *collector = name == NULL ? NULL : calloc(1, sizeof *collector);
    if (collector == NULL) {
        return NULL;
    }
    collector->name = strdup(name);
    collector->metrics = prom_map_new();
    collector->owned = prom_linked_list_new();
    if (collector->name == NULL || collector->metrics == NULL || collector->owned == NULL) {
        free_collector(collector);
        return NULL;
    }
    (void)prom_linked_list_set_free_fn(collector->owned, prom_linked_list_no_op_free);
    prom__lock();
    collector->next = first_collector;
    first_collector = collector;
    prom__unlock();
    return collector;
}

/* Frees a collector that no registry has. The lock is held. */
static void remove_collector(prom_collector_t *collector)
{
    struct prom_collector **link = &first_collector;
    while (*link != collector) {
        link = &(*link)->next;
    }
    *link = collector->next;
    prom_metric_t *metric;
    while ((metric = prom_linked_list_pop(collector->owned)) != NULL) {
        prom__metric_leave(metric);
    }
    free_collector(collector);
}

void prom__collector_leave(prom_collector_t *collector)
{
    if (--collector->uses == 0) {
        remove_collector(collector);
    }
}

int prom_collector_destroy(prom_collector_t *self)
{
    if (self != NULL) {
        prom__lock();
        prom__registries_forget_collector(self);
        remove_collector(self);
        prom__unlock();
    }
    return 0;
}

void prom_collector_free_generic(void *gen)
{
    (void)prom_collector_destroy(gen);
}

int prom_collector_destroy_generic(void *gen)
{
    return prom_collector_destroy(gen);
}

/* Takes a metric off the collector's page. */
static void forget_name(prom_collector_t *collector, const prom_metric_t *metric)
{
    if (prom_map_get(collector->metrics, metric->name) == metric) {
        (void)prom_map_delete(collector->metrics, metric->name);
    }
}

void prom__collectors_forget_metric(prom_metric_t *metric)
{
    for (prom_collector_t *at = first_collector; at != NULL; at = at->next) {
        const size_t before = prom_linked_list_size(at->owned);
        (void)prom_linked_list_remove(at->owned, metric);
        if (prom_linked_list_size(at->owned) < before) {
            forget_name(at, metric);
        }
    }
}

int prom__collector_add(prom_collector_t *collector, prom_metric_t *metric)
{
    const prom_metric_t *former = prom_map_get(collector->metrics, metric->name);
    if (former == metric) {
        return 0;
    }
    if (former != NULL) {
        prom__report_once("the collector %s has two metrics %s; the page has the later one",
                          collector->name, metric->name);
    }
    const size_t before = prom_linked_list_size(collector->owned);
    (void)prom_linked_list_remove(collector->owned, metric); /* it was here, and was replaced */
    const bool is_new = prom_linked_list_size(collector->owned) == before;
    if (prom_linked_list_append(collector->owned, metric) != 0 ||
        prom_map_set(collector->metrics, metric->name, metric) != 0) {
        (void)prom_linked_list_remove(collector->owned, metric);
        metric->uses -= !is_new;
        return 1;
    }
    metric->uses += is_new;
    return 0;
}

int prom_collector_add_metric(prom_collector_t *self, prom_metric_t *metric)
{
    if (self == NULL || metric == NULL) {
        return 1;
    }
    prom__lock();
    int result = prom__collector_add(self, metric);
    prom__unlock();
    return result;
}

int prom_collector_set_collect_fn(prom_collector_t *self, prom_collect_fn *fn)
{
    if (self == NULL) {
        return 1;
    }
    prom__lock();
    self->collect = fn;
    prom__unlock();
    return 0;
}
