/* page.c: writing the page of a registry.
 *
 * The thread that scrapes calls the collect functions of all collectors, without the lock. What
 * they return is what the page has: the view is changed if it differs from the last page. Then
 * Sextant renders the page.
 */
#include "collector.h"
#include "lock.h"
#include "map.h"
#include "packed_labels.h"
#include "registry.h"

#include <sextant/exposition.h>
#include <stdlib.h>

/* A collector, and what its function has returned. */
struct collected {
    prom_collector_t *collector;
    prom_collect_fn *collect;
    prom_map_t *metrics;
};

struct scrape {
    struct collected *collectors;
    size_t count;
};

static int add_collector(void *context, void *collector)
{
    struct scrape *scrape = context;
    struct collected *added = &scrape->collectors[scrape->count++];
    added->collector = collector;
    added->collector->scrapes++;
    added->collect = added->collector->collect;
    added->metrics = added->collector->metrics;
    return 0;
}

/* Returns 1 if the caller itself writes a page of the registry, if the registry has been destroyed,
 * or without memory. The lock is held. */
static int begin_scrape(struct scrape *scrape, prom_collector_registry_t *registry)
{
    if (prom__registry_wait(registry) != 0) {
        return 1;
    }
    *scrape = (struct scrape){NULL, 0};
    scrape->collectors = calloc(prom_map_size(registry->collectors) + 1, sizeof(struct collected));
    if (scrape->collectors == NULL) {
        return 1;
    }
    (void)prom__map_each(registry->collectors, add_collector, scrape);
    registry->is_scraped = true;
    registry->scraper = pthread_self();
    return 0;
}

/* The lock is held. */
static void end_scrape(struct scrape *scrape, prom_collector_registry_t *registry)
{
    for (size_t i = 0; i < scrape->count; i++) {
        scrape->collectors[i].collector->scrapes--;
    }
    free(scrape->collectors);
    registry->is_scraped = false;
    prom__wake_all();
}

static void run_collect_functions(struct scrape *scrape)
{
    for (size_t i = 0; i < scrape->count; i++) {
        struct collected *at = &scrape->collectors[i];
        prom_map_t *metrics = at->collect == NULL ? NULL : at->collect(at->collector);
        at->metrics = metrics == NULL ? at->metrics : metrics;
    }
}

/* The lock is held. */
static int set_view(const struct scrape *scrape, struct prom__view *view)
{
    struct prom__metrics metrics = {NULL, 0, 0};
    int result = 0;
    for (size_t i = 0; i < scrape->count && result == 0; i++) {
        result = prom__metrics_append(&metrics, scrape->collectors[i].metrics);
    }
    if (result == 0) {
        result = prom__view_set(view, &metrics);
    }
    prom__metrics_clean_up(&metrics);
    return result;
}

/* Returns the page, or NULL. */
static char *render(const struct prom__view *view)
{
    struct sx_page page = {0};
    if (sx_page_render(&page, view->registry, SX_FORMAT_TEXT) != SX_OK ||
        (view->has_packed && prom__packed_expand(&page) != 0)) {
        sx_page_clean_up(&page);
        return NULL;
    }
    return page.data;
}

const char *prom_collector_registry_bridge(prom_collector_registry_t *self)
{
    struct scrape scrape;
    if (self == NULL) {
        return NULL;
    }
    prom__lock();
    int result = begin_scrape(&scrape, self);
    prom__unlock();
    if (result != 0) {
        return NULL;
    }
    run_collect_functions(&scrape);
    prom__lock();
    result = set_view(&scrape, &self->view);
    prom__unlock();
    char *page = result == 0 ? render(&self->view) : NULL;
    prom__lock();
    end_scrape(&scrape, self);
    prom__unlock();
    return page;
}
