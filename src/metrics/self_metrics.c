/* self_metrics.c: registering and updating them. */
#include "self_metrics.h"

#include "metric.h"
#include "series.h"

static const char *const labels[] = {"family", NULL};

static const struct sx_metric_options options_of[SX__SELF_METRICS] = {
    [SX__SELF_METRIC_OVERFLOWED] =
        {
            .name = "sextant_series_overflowed_total",
            .help =
                "Look-ups of series that went to the overflow series, as the family's limit was reached.",
            .labels = labels,
            .max_series = SIZE_MAX,
        },
    [SX__SELF_METRIC_IGNORED] =
        {
            .name = "sextant_updates_ignored_total",
            .help =
                "Updates that were ignored: NaN in a histogram; in a counter also what is negative, infinite, or beyond the end of its range.",
            .labels = labels,
            .max_series = SIZE_MAX,
        },
};

/* Returns its counter, or NULL if it cannot be registered. */
static struct sx__series *counter_of(struct sx_registry *registry, struct sx__family *family,
                                     enum sx__self_metric metric)
{
    struct sx__family *counters = NULL;
    struct sx__series *counter = NULL;
    struct sx_str name = sx__family_name(family);
    if (sx__metric_register_family(&counters, registry, SX_COUNTER, &options_of[metric]) != SX_OK ||
        sx__series_get(&counter, counters, &name, 1) != SX_OK) {
        return NULL;
    }
    __atomic_store_n(&family->self_metrics[metric], sx__ref(registry, counter), __ATOMIC_RELEASE);
    return counter;
}

void sx__self_metric_count(struct sx__family *family, enum sx__self_metric metric)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    uint32_t ref = __atomic_load_n(&family->self_metrics[metric], __ATOMIC_ACQUIRE);
    struct sx__series *counter =
        ref != 0 ? sx__at(registry, ref) : counter_of(registry, family, metric);
    if (counter != NULL) {
        sx_counter_inc(&counter->handle);
    }
}
