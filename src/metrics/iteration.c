/* iteration.c: calling a function for each series of a family. */
#include <sextant/iteration.h>

#include "activity.h"
#include "labels.h"
#include "series_values.h"

struct iteration {
    struct sx__reading reading;
    const struct sx__family *family;
    struct sx_str values[SX_LABELS_MAX];
    uint64_t buckets[SX_BUCKETS_MAX + 1];
};

static bool view_counter(struct sx_series *view, const struct iteration *iteration,
                         const struct sx__series *series)
{
    struct sx__counter_value value;
    if (!sx__read_counter(&iteration->reading, series, &value)) {
        return false;
    }
    view->value = value.is_whole ? (double)value.whole : value.number;
    return true;
}

static bool view_histogram(struct sx_series *view, struct iteration *iteration,
                           const struct sx__series *series)
{
    const uint32_t bound_count = iteration->family->bound_count;
    if (!sx__read_histogram(&iteration->reading, series, bound_count, iteration->buckets,
                            &view->value)) {
        return false;
    }
    for (size_t i = 0; i <= bound_count; i++) {
        view->observations += iteration->buckets[i];
    }
    if (iteration->family->type == SX_HISTOGRAM) {
        view->buckets = iteration->buckets;
        view->bucket_count = (size_t)bound_count + 1;
    }
    return true;
}

/* Returns false if the series is removed. */
static bool view_value(struct sx_series *view, struct iteration *iteration,
                       const struct sx__series *series)
{
    switch (iteration->family->type) {
    case SX_COUNTER:
        return view_counter(view, iteration, series);
    case SX_HISTOGRAM:
    case SX_SUMMARY:
        return view_histogram(view, iteration, series);
    default:
        return sx__read_gauge(&iteration->reading, series, &view->value);
    }
}

static int visit(struct iteration *iteration, const struct sx__series *series, sx_series_fn *use,
                 void *context)
{
    const struct sx__family *family = iteration->family;
    struct sx_series view = {
        .values = iteration->values, .value_count = family->label_count, .unchanged_seconds = -1};
    sx__reading_refresh(&iteration->reading); /* `use` may take long, and update series */
    if (!view_value(&view, iteration, series)) {
        return 0;
    }
    for (uint32_t i = 0; i < family->label_count; i++) {
        iteration->values[i] = sx__labels_value(series, family, i);
    }
    view.is_overflow = sx__labels_are_overflow(view.values, view.value_count);
    if (series->activity != 0) {
        const uint64_t now_ms = sx__activity_now_ms();
        view.unchanged_seconds =
            (double)sx__activity_look(&iteration->reading, series, now_ms) / 1000;
    }
    return use(context, &view);
}

static int iterate(const struct sx__family *family, sx_series_fn *use, void *context)
{
    struct iteration iteration = {.family = family};
    int result = 0;
    if (family == NULL || use == NULL) {
        return SX_EINVAL;
    }
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    sx__reading_begin(&iteration.reading, registry);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL && result == 0; series = sx__series_at(registry, &series->next)) {
        result = visit(&iteration, series, use, context);
    }
    sx__reading_end(&iteration.reading);
    return result;
}

int sx_counter_family_each(struct sx_counter_family *family, sx_series_fn *use, void *context)
{
    return iterate((const struct sx__family *)family, use, context);
}

int sx_gauge_family_each(struct sx_gauge_family *family, sx_series_fn *use, void *context)
{
    return iterate((const struct sx__family *)family, use, context);
}

int sx_histogram_family_each(struct sx_histogram_family *family, sx_series_fn *use, void *context)
{
    return iterate((const struct sx__family *)family, use, context);
}

int sx_summary_family_each(struct sx_summary_family *family, sx_series_fn *use, void *context)
{
    return iterate((const struct sx__family *)family, use, context);
}
