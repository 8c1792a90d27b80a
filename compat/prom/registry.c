/* registry.c: making registries, and what belongs to them. */
#include "registry.h"

#include "collector.h"
#include "lock.h"
#include "map.h"
#include "prom_sextant.h"
#include "report.h"
#include "scrape.h"

#include <sextant/collector.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_NAME "default"
#define PROCESS_NAME "process"

prom_collector_registry_t *PROM_COLLECTOR_REGISTRY_DEFAULT;

static struct prom_collector_registry *first_registry;

/* A scraper may be reading it. */
static void set_default(prom_collector_registry_t *registry)
{
    __atomic_store_n(&PROM_COLLECTOR_REGISTRY_DEFAULT, registry, __ATOMIC_RELEASE);
}

/* ---- making and destroying ---- */

/* What Sextant had to leave out of a page. */
static void report_scrape(void *context, const char *message)
{
    (void)context;
    prom__report_once("%s", message);
}

/* Frees what the registry itself has. */
static void free_registry(prom_collector_registry_t *registry)
{
    sx_registry_destroy(registry->view.registry);
    (void)prom_map_destroy(registry->collectors);
    free(registry->name);
    free(registry);
}

static prom_collector_registry_t *make_registry(const char *name)
{
    prom_collector_registry_t *registry = calloc(1, sizeof *registry);
    if (registry == NULL) {
        return NULL;
    }
    registry->name = strdup(name == NULL ? "" : name);
    registry->collectors = prom_map_new();
    int status = sx_registry_new(&registry->view.registry, NULL);
    if (status != SX_OK || registry->name == NULL || registry->collectors == NULL) {
        prom__report_once("the registry %s cannot be made: %s", name == NULL ? "" : name,
                          sx_status_text(status == SX_OK ? SX_ENOMEM : status));
        free_registry(registry);
        return NULL;
    }
    sx_registry_set_log(registry->view.registry, report_scrape, NULL);
    return registry;
}

prom_collector_registry_t *prom_collector_registry_new(const char *name)
{
    prom_collector_t *collector = prom_collector_new(DEFAULT_NAME);
    prom_collector_registry_t *registry = collector == NULL ? NULL : make_registry(name);
    if (registry == NULL || prom_collector_registry_register_collector(registry, collector) != 0) {
        if (registry != NULL) {
            free_registry(registry);
        }
        (void)prom_collector_destroy(collector);
        return NULL;
    }
    registry->default_collector = collector;
    prom__lock();
    registry->next = first_registry;
    first_registry = registry;
    prom__unlock();
    return registry;
}

static int leave_collector(void *context, void *collector)
{
    (void)context;
    prom__collector_leave(collector);
    return 0;
}

/* Returns the link to a registry, or to the end of the list. The lock is held. */
static struct prom_collector_registry **find_registry(const prom_collector_registry_t *registry)
{
    struct prom_collector_registry **link = &first_registry;
    while (*link != NULL && *link != registry) {
        link = &(*link)->next;
    }
    return link;
}

int prom__registry_wait(const prom_collector_registry_t *registry)
{
    while (*find_registry(registry) != NULL && !registry->is_closing) {
        if (registry->scrape == NULL) {
            return 0;
        }
        if (prom__scrape_is_of_this_thread(registry->scrape)) {
            return 1;
        }
        prom__wait();
    }
    return 1;
}

/* Prevents further pages of the registry, and waits for one that is being written. Returns 1 if the
 * registry cannot be destroyed. The lock is held, and released meanwhile. */
static int close_registry(prom_collector_registry_t *registry)
{
    const bool is_live = *find_registry(registry) != NULL && !registry->is_closing;
    if (!is_live || prom__scrape_is_of_this_thread(registry->scrape)) {
        return 1;
    }
    registry->is_closing = true;
    prom__wake_all();
    while (registry->scrape != NULL) {
        prom__wait();
    }
    return 0;
}

/* The lock is held. */
static void remove_registry(prom_collector_registry_t *registry)
{
    prom__view_clean_up(&registry->view);
    (void)prom__map_each(registry->collectors, leave_collector, NULL);
    struct prom_collector_registry **link = find_registry(registry);
    *link = registry->next;
    if (PROM_COLLECTOR_REGISTRY_DEFAULT == registry) {
        set_default(NULL);
    }
}

int prom_collector_registry_destroy(prom_collector_registry_t *self)
{
    if (self == NULL) {
        return 0;
    }
    prom__lock();
    int result = close_registry(self);
    if (result == 0) {
        remove_registry(self);
    }
    prom__unlock();
    if (result == 0) {
        free_registry(self);
    }
    return result;
}

int prom_collector_registry_default_init(void)
{
    if (PROM_COLLECTOR_REGISTRY_DEFAULT != NULL) {
        return 0;
    }
    prom_collector_registry_t *registry = prom_collector_registry_new(DEFAULT_NAME);
    if (prom_collector_registry_enable_process_metrics(registry) != 0) {
        (void)prom_collector_registry_destroy(registry);
        return 1;
    }
    set_default(registry);
    return 0;
}

/* ---- what belongs to a registry ---- */

/* The process metrics may be there already, from a collector that was destroyed or from a part of
 * the program that was ported. */
static bool add_process_metrics(struct sx_registry *registry)
{
    int status = sx_process_collector_register(registry);
    return status == SX_OK || status == SX_EEXIST;
}

/* The lock is held. */
static int add_collector(prom_collector_registry_t *registry, prom_collector_t *collector)
{
    if (prom_map_get(registry->collectors, collector->name) != NULL) {
        prom__report_once("the registry %s has a collector %s already", registry->name,
                          collector->name);
        return 1;
    }
    if (prom_map_set(registry->collectors, collector->name, collector) != 0) {
        return 1;
    }
    if (collector->is_process && !add_process_metrics(registry->view.registry)) {
        (void)prom_map_delete(registry->collectors, collector->name);
        return 1;
    }
    collector->uses++;
    return 0;
}

int prom_collector_registry_register_collector(prom_collector_registry_t *self,
                                               prom_collector_t *collector)
{
    if (self == NULL || collector == NULL) {
        return 1;
    }
    prom__lock();
    int result = add_collector(self, collector);
    prom__unlock();
    return result;
}

int prom_collector_registry_enable_process_metrics(prom_collector_registry_t *self)
{
    if (self == NULL) {
        return 1;
    }
    prom_collector_t *process = prom_collector_process_new(NULL, NULL);
    if (process == NULL) {
        return 1;
    }
    prom__lock();
    const bool is_enabled = prom_map_get(self->collectors, PROCESS_NAME) != NULL;
    const bool is_added = !is_enabled && add_collector(self, process) == 0;
    prom__unlock();
    if (!is_added) {
        (void)prom_collector_destroy(process);
    }
    return is_enabled || is_added ? 0 : 1;
}

int prom_collector_registry_register_metric(prom_metric_t *metric)
{
    prom_collector_registry_t *registry = PROM_COLLECTOR_REGISTRY_DEFAULT;
    return registry == NULL ? 1 : prom_collector_add_metric(registry->default_collector, metric);
}

prom_metric_t *prom_collector_registry_must_register_metric(prom_metric_t *metric)
{
    if (prom_collector_registry_register_metric(metric) != 0) {
        prom__report_once("a metric that must be registered cannot be registered");
        exit(1);
    }
    return metric;
}

struct sx_registry *prom_collector_registry_sextant(prom_collector_registry_t *self)
{
    return self == NULL ? NULL : self->view.registry;
}

int prom_collector_registry_validate_metric_name(prom_collector_registry_t *self,
                                                 const char *metric_name)
{
    (void)self;
    return sx_metric_name_is_valid(metric_name) ? 0 : 1;
}

bool prom__registries_scrape(const prom_collector_t *collector)
{
    const prom_collector_registry_t *at = first_registry;
    while (at != NULL && !prom__scrape_has(at->scrape, collector)) {
        at = at->next;
    }
    return at != NULL;
}

bool prom__registries_scrape_in_this_thread(const prom_collector_t *collector)
{
    const prom_collector_registry_t *at = first_registry;
    while (at != NULL && !(prom__scrape_is_of_this_thread(at->scrape) &&
                           prom__scrape_has(at->scrape, collector))) {
        at = at->next;
    }
    return at != NULL;
}

void prom__registries_forget_collector(prom_collector_t *collector)
{
    for (prom_collector_registry_t *at = first_registry; at != NULL; at = at->next) {
        if (prom_map_get(at->collectors, collector->name) == collector) {
            (void)prom_map_delete(at->collectors, collector->name);
        }
    }
}

void prom__registries_after_fork(void)
{
    for (prom_collector_registry_t *at = first_registry; at != NULL; at = at->next) {
        if (!prom__scrape_is_of_this_thread(at->scrape)) {
            free(at->scrape); /* the thread that wrote the page is not here */
            at->scrape = NULL;
        }
        at->is_closing = false; /* the thread that waited to destroy it is not here */
    }
}
