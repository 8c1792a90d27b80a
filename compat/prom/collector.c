/* collector.c: making collectors, and what belongs to them. */
#include "collector.h"

#include "lock.h"
#include "map.h"
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
    if (collector->name == NULL || collector->metrics == NULL) {
        free_collector(collector);
        return NULL;
    }
    prom__lock();
    collector->next = first_collector;
    if (first_collector != NULL) {
        first_collector->previous = collector;
    }
    first_collector = collector;
    prom__unlock();
    return collector;
}

static int leave_metric(void *context, void *metric)
{
    (void)context;
    prom__metric_leave(metric);
    return 0;
}

/* Frees a collector that no registry has. The lock is held. */
static void remove_collector(prom_collector_t *collector)
{
    if (collector->previous == NULL) {
        first_collector = collector->next;
    } else {
        collector->previous->next = collector->next;
    }
    if (collector->next != NULL) {
        collector->next->previous = collector->previous;
    }
    (void)prom__map_each(collector->metrics, leave_metric, NULL);
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

void prom__collectors_forget_metric(prom_metric_t *metric)
{
    for (prom_collector_t *at = first_collector; at != NULL && metric->uses > 0; at = at->next) {
        if (prom_map_get(at->metrics, metric->name) == metric) {
            (void)prom_map_delete(at->metrics, metric->name);
            metric->uses--;
        }
    }
}

/* The lock is held. */
static int add_metric(prom_collector_t *collector, prom_metric_t *metric)
{
    if (prom_map_get(collector->metrics, metric->name) != NULL) {
        prom__report_once("the collector %s has a metric %s already", collector->name,
                          metric->name);
        return 1;
    }
    if (prom_map_set(collector->metrics, metric->name, metric) != 0) {
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
    int result = add_metric(self, metric);
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
