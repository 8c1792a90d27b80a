/* self_metrics.c: counting, and what a page shows of the counts. */
#include "self_metrics.h"

#include "epochs.h"

static const char *const labels[] = {"family", NULL};

static const struct sx_metric_options options_of[SX__SELF_METRICS] = {
    [SX__SELF_METRIC_OVERFLOWED] =
        {
            .name = "sextant_series_overflowed_total",
            .help =
                "Look-ups that went to the overflow series: the family's limit was reached, or the registry is full.",
            .labels = labels,
        },
    [SX__SELF_METRIC_IGNORED] =
        {
            .name = "sextant_updates_ignored_total",
            .help =
                "Updates that were ignored: NaN in a histogram; in a counter also what is negative, infinite, or beyond the end of its range.",
            .labels = labels,
        },
    [SX__SELF_METRIC_EXEMPLARS] =
        {
            .name = "sextant_exemplars_dropped_total",
            .help =
                "Exemplars that were dropped: their labels are not valid or too long, the thread has no row, or the registry is full.",
            .labels = labels,
        },
};

const struct sx_metric_options *sx__self_metric_options(enum sx__self_metric metric)
{
    return &options_of[metric];
}

void sx__self_metric_count(struct sx__family *family, enum sx__self_metric metric)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    (void)__atomic_fetch_add(&family->self_metrics[metric], 1, __ATOMIC_RELAXED);
    if (!__atomic_load_n(&registry->has_self_metrics, __ATOMIC_RELAXED)) {
        __atomic_store_n(&registry->has_self_metrics, true, __ATOMIC_RELEASE);
    }
}

/* The caller is reading. */
static int collect_counts(struct sx_collection *collection, enum sx__self_metric metric)
{
    const struct sx_registry *registry = collection->registry;
    const uint64_t epoch = __atomic_load_n(&registry->epoch, __ATOMIC_SEQ_CST);
    int status = SX_OK;
    const struct sx__family *family = sx__family_shown_at(registry, &registry->first_family, epoch);
    for (; family != NULL && status == SX_OK;
         family = sx__family_shown_at(registry, &family->next, epoch)) {
        const uint64_t count = __atomic_load_n(&family->self_metrics[metric], __ATOMIC_RELAXED);
        const struct sx_str name = sx__family_name(family);
        if (count > 0 && collection->first == NULL) {
            status = sx_collection_add_family(collection, SX_COUNTER, &options_of[metric]);
        }
        if (count > 0 && status == SX_OK) {
            status = sx_collection_add_sample(collection, &name, 1, (double)count);
        }
    }
    return status;
}

int sx__self_metric_collect(struct sx_collection *collection, enum sx__self_metric metric)
{
    struct sx_registry *registry = collection->registry;
    if (!__atomic_load_n(&registry->has_self_metrics, __ATOMIC_ACQUIRE)) {
        return SX_OK;
    }
    const struct sx__reader reader = sx__epoch_enter(registry);
    const int status = collect_counts(collection, metric);
    sx__epoch_leave(registry, reader);
    return status;
}

int sx__self_metric_add_processes(struct sx_collection *collection, uint64_t count)
{
    static const struct sx_metric_options options = {
        .name = "sextant_processes_without_gauges_total",
        .help =
            "Processes that came when 64 others shared the registry; their gauges are not on the page.",
    };
    if (count == 0) {
        return SX_OK;
    }
    int status = sx_collection_add_family(collection, SX_COUNTER, &options);
    return status == SX_OK ? sx_collection_add_sample(collection, NULL, 0, (double)count) : status;
}

int sx__self_metric_collect_processes(struct sx_collection *collection)
{
    return sx__self_metric_add_processes(
        collection,
        __atomic_load_n(&collection->registry->processes_without_gauges, __ATOMIC_RELAXED));
}
