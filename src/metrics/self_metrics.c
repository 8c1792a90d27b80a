/* self_metrics.c: registering and updating them. */
#include "self_metrics.h"

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

/* Returns the family of the counters, or NULL if it cannot be registered. */
static struct sx_counter_family *counters_of(struct sx_registry *registry,
                                             struct sx__family *family, enum sx__self_metric metric)
{
    const uint32_t ref = __atomic_load_n(&family->self_metrics[metric], __ATOMIC_ACQUIRE);
    if (ref != 0) {
        return sx__at(registry, ref);
    }
    struct sx_counter_family *counters = NULL;
    if (sx_counter_family_register(&counters, registry, &options_of[metric]) == SX_OK) {
        __atomic_store_n(&family->self_metrics[metric], sx__ref(registry, counters),
                         __ATOMIC_RELEASE);
    }
    return counters;
}

void sx__self_metric_count(struct sx__family *family, enum sx__self_metric metric)
{
    const struct sx_str name = sx__family_name(family);
    struct sx_counter_family *counters =
        counters_of(sx__arenas[family->arena].registry, family, metric);
    (void)sx_counter_family_add(counters, &name, 1, 1);
}
