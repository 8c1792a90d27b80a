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
#include "scrape.h"

#include <sextant/exposition.h>
#include <stdlib.h>

bool prom__scrape_is_of_this_thread(const struct prom__scrape *scrape)
{
    return scrape != NULL && pthread_equal(scrape->thread, pthread_self()) != 0;
}

bool prom__scrape_has(const struct prom__scrape *scrape, const prom_collector_t *collector)
{
    size_t i = 0;
    while (scrape != NULL && i < scrape->count && scrape->collectors[i].collector != collector) {
        i++;
    }
    return scrape != NULL && i < scrape->count;
}

static int add_collector(void *context, void *value)
{
    struct prom__scrape *scrape = context;
    prom_collector_t *collector = value;
    scrape->collectors[scrape->count++] =
        (struct prom__collected){collector, collector->collect, collector->metrics};
    return 0;
}

/* Returns NULL if the caller itself writes a page of the registry, if the registry has been
 * destroyed, or without memory. The lock is held. */
static struct prom__scrape *begin_scrape(prom_collector_registry_t *registry)
{
    if (prom__registry_wait(registry) != 0) {
        return NULL;
    }
    const size_t count = prom_map_size(registry->collectors);
    struct prom__scrape *scrape = malloc(sizeof *scrape + count * sizeof(struct prom__collected));
    if (scrape != NULL) {
        *scrape = (struct prom__scrape){.thread = pthread_self()};
        (void)prom__map_each(registry->collectors, add_collector, scrape);
        registry->scrape = scrape;
    }
    return scrape;
}

/* The lock is held. */
static void end_scrape(prom_collector_registry_t *registry)
{
    free(registry->scrape);
    registry->scrape = NULL;
    prom__wake_all();
}

static void run_collect_functions(struct prom__scrape *scrape)
{
    for (size_t i = 0; i < scrape->count; i++) {
        struct prom__collected *at = &scrape->collectors[i];
        prom_map_t *metrics = at->collect == NULL ? NULL : at->collect(at->collector);
        at->metrics = metrics == NULL ? at->metrics : metrics;
    }
}

/* The lock is held. */
static int set_view(const struct prom__scrape *scrape, struct prom__view *view)
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
    if (self == NULL) {
        return NULL;
    }
    prom__lock();
    struct prom__scrape *scrape = begin_scrape(self);
    prom__unlock();
    if (scrape == NULL) {
        return NULL;
    }
    run_collect_functions(scrape);
    prom__lock();
    const int result = set_view(scrape, &self->view);
    prom__unlock();
    char *page = result == 0 ? render(&self->view) : NULL;
    prom__lock();
    end_scrape(self);
    prom__unlock();
    return page;
}
