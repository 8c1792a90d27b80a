/* collector.c: making collectors, and what belongs to them. */
#include "collector.h"

#include "lock.h"
#include "metric.h"
#include "process_files.h"
#include "registry.h"
#include "report.h"

#include <stdint.h>
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

static prom_linked_list_compare_t compare_metrics(void *a, void *b)
{
    return a == b ? PROM_EQUAL : (uintptr_t)a < (uintptr_t)b ? PROM_LESS : PROM_GREATER;
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
    (void)prom_linked_list_set_compare_fn(collector->owned, compare_metrics);
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

/* Waits for pages that are being written with the collector. Returns 1 if the calling thread writes
 * one of them. The lock is held, and released meanwhile. */
static int close_collector(prom_collector_t *collector)
{
    if (prom__registries_scrape_in_this_thread(collector)) {
        return 1;
    }
    prom__registries_forget_collector(collector); /* so no further page has it */
    while (prom__registries_scrape(collector)) {
        prom__wait();
    }
    return 0;
}

int prom_collector_destroy(prom_collector_t *self)
{
    int result = 0;
    if (self != NULL) {
        prom__lock();
        result = close_collector(self);
        if (result == 0) {
            remove_collector(self);
        }
        prom__unlock();
    }
    return result;
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
    if (prom_map_get(collector->metrics, metric->name) != NULL) {
        prom__report_once("the collector %s has a metric %s already", collector->name,
                          metric->name);
        return 1;
    }
    if (prom_linked_list_append(collector->owned, metric) != 0 ||
        prom_map_set(collector->metrics, metric->name, metric) != 0) {
        (void)prom_linked_list_remove(collector->owned, metric);
        return 1;
    }
    metric->uses++;
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
