/* store.c: registering metrics in stores. */
#include "store.h"

#include "map.h"
#include "metric.h"

#include <sextant/registration.h>

#define STORES_MAX 16 /* metrics of the same name at the same time */

/* Stores are made when they are needed, and stay. */
struct store {
    struct sx_registry *registry;
    prom_map_t *names; /* the metrics that it has */
};

static struct store stores[STORES_MAX];

static bool open_store(struct store *store)
{
    if (store->registry != NULL) {
        return true;
    }
    store->names = prom_map_new();
    if (store->names != NULL && sx_registry_new(&store->registry, NULL) != SX_OK) {
        (void)prom_map_destroy(store->names);
    }
    return store->registry != NULL;
}

void prom__stores_open(void)
{
    (void)open_store(&stores[0]);
}

struct sx_registry *prom__store_registry(unsigned store)
{
    return stores[store].registry;
}

static int register_metric(struct prom_metric *metric, struct store *store,
                           const struct sx_metric_options *options)
{
    if (metric->label_count == 0) {
        return sx_metric_register(&metric->single, store->registry, metric->type, options);
    }
    return sx_metric_family_register(&metric->family, store->registry, metric->type, options);
}

static void unregister_metric(struct prom_metric *metric)
{
    switch (metric->type) {
    case SX_COUNTER:
        (void)sx_counter_unregister(metric->single.counter);
        (void)sx_counter_family_unregister(metric->family.counters);
        break;
    case SX_GAUGE:
        (void)sx_gauge_unregister(metric->single.gauge);
        (void)sx_gauge_family_unregister(metric->family.gauges);
        break;
    default:
        (void)sx_histogram_unregister(metric->single.histogram);
        (void)sx_histogram_family_unregister(metric->family.histograms);
        break;
    }
}

/* Registers the metric in this store. SX_EEXIST: the store has a metric of this name. Registering
 * a metric twice would succeed, and the two would be one. */
static int add_to(struct prom_metric *metric, struct store *store,
                  const struct sx_metric_options *options)
{
    if (!open_store(store)) {
        return SX_ENOMEM;
    }
    if (prom_map_get(store->names, options->name) != NULL) {
        return SX_EEXIST;
    }
    int status = register_metric(metric, store, options);
    if (status == SX_OK && prom_map_set(store->names, options->name, metric) != 0) {
        unregister_metric(metric);
        status = SX_ENOMEM;
    }
    return status;
}

int prom__store_add(struct prom_metric *metric, const struct sx_metric_options *options)
{
    int status = SX_EEXIST;
    for (unsigned i = 0; i < STORES_MAX && (status == SX_EEXIST || status == SX_ECLASH); i++) {
        status = add_to(metric, &stores[i], options);
        metric->store = i;
    }
    return status;
}

void prom__store_remove(struct prom_metric *metric)
{
    (void)prom_map_delete(stores[metric->store].names, metric->written_name);
    unregister_metric(metric);
}
