/* histogram.c: histograms: a cell for each bucket and one for the sum, in each thread row.
 *
 * There is no cell for the count: it is the sum of the buckets, so that it always equals +Inf.
 */
#include "histogram_cells.h"

#include "cells.h"
#include "exemplars.h"
#include "look_up.h"
#include "metric.h"
#include "native.h"
#include "removal.h"
#include "self_metrics.h"
#include "series.h"
#include "series_values.h"
#include "thread_rows.h"

struct sx_histogram {
    struct sx__series series;
};

struct sx_histogram_family {
    struct sx__family family;
};

int sx_histogram_register(struct sx_histogram **histogram, struct sx_registry *registry,
                          const struct sx_metric_options *options)
{
    struct sx__series *series = NULL;
    if (histogram == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register(&series, registry, SX_HISTOGRAM, options);
    if (status == SX_OK) {
        *histogram = (struct sx_histogram *)series;
    }
    return status;
}

int sx_histogram_family_register(struct sx_histogram_family **family, struct sx_registry *registry,
                                 const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_family(&registered, registry, SX_HISTOGRAM, options);
    if (status == SX_OK) {
        *family = (struct sx_histogram_family *)registered;
    }
    return status;
}

int sx_histogram_unregister(struct sx_histogram *histogram)
{
    return sx__metric_unregister((const struct sx__series *)histogram);
}

int sx_histogram_family_unregister(struct sx_histogram_family *family)
{
    return sx__metric_unregister_family((struct sx__family *)family);
}

int sx_histogram_family_get(struct sx_histogram **histogram, struct sx_histogram_family *family,
                            const struct sx_str *values, size_t count)
{
    struct sx__series *series = NULL;
    if (histogram == NULL) {
        return SX_EINVAL;
    }
    int status = sx__get_handle(&series, (struct sx__family *)family, values, count);
    if (status == SX_OK) {
        *histogram = (struct sx_histogram *)series;
    }
    return status;
}

void sx_histogram_release(struct sx_histogram *histogram)
{
    if (histogram != NULL) {
        sx__series_release(&histogram->series);
    }
}

int sx_histogram_family_remove(struct sx_histogram_family *family, const struct sx_str *values,
                               size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove(&family->family, values, count);
}

int sx_histogram_family_remove_matching(struct sx_histogram_family *family,
                                        const struct sx_label *labels, size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove_matching(&family->family, labels, count);
}

int sx_histogram_family_clear(struct sx_histogram_family *family)
{
    return family == NULL ? SX_EINVAL : sx__series_clear(&family->family);
}

struct sx_histogram *sx__histogram_with(struct sx_histogram_family *family,
                                        const char *const *values, size_t count)
{
    struct sx__series *series =
        sx__get_handle_by_strings((struct sx__family *)family, values, count);
    return (struct sx_histogram *)series;
}

/* How many of SX__BOUNDS_UNIT bounds, which are sorted, are less than the value: how many groups of
 * four lie below it, and how many bounds in the group where it lies. Without branches, because no
 * processor can predict which bucket an observation falls into. */
static uint32_t less_in_unit(const double *bounds, double value)
{
    uint32_t groups = (uint32_t)(bounds[3] < value) + (uint32_t)(bounds[7] < value) +
                      (uint32_t)(bounds[11] < value);
    const double *group = bounds + (size_t)groups * 4;
    return groups * 4 + (uint32_t)(group[0] < value) + (uint32_t)(group[1] < value) +
           (uint32_t)(group[2] < value) + (uint32_t)(group[3] < value);
}

/* How many bounds are less than the value, which is the index of its bucket. */
static inline __attribute__((always_inline)) uint32_t bucket_of(const struct sx__family *family,
                                                                double value)
{
    const double *bounds = sx__family_bounds(family);
    uint32_t unit = 0;
    for (uint32_t end = SX__BOUNDS_UNIT; end < family->bound_count; end += SX__BOUNDS_UNIT) {
        unit += bounds[end - 1] < value;
    }
    unit *= SX__BOUNDS_UNIT;
    return unit + less_in_unit(bounds + unit, value);
}

_Static_assert(SX__BOUNDS_UNIT == 16, "less_in_unit searches four groups of four");

static void observe_in_overflow(uint32_t arena, uint32_t cell, uint32_t bucket, double value)
{
    const char *row = sx__overflow_row(sx__arenas[arena].registry);
    (void)__atomic_fetch_add(sx__cell(row, cell + SX__HISTOGRAM_BUCKETS + bucket), 1,
                             __ATOMIC_RELAXED);
    sx__cell_add_sum_shared(sx__cell(row, cell + SX__HISTOGRAM_SUM), value);
}

/* The overflow row has many writers, so its native buckets need the lock. */
static bool observe_native_in_overflow(const struct sx_histogram *histogram, double value)
{
    struct sx_registry *registry = sx__arenas[histogram->series.handle.arena].registry;
    if (value < 0 && sx__native_negative_lane(&histogram->series) == 0) {
        return false;
    }
    sx__directory_lock(registry);
    const bool is_observed =
        sx__native_observe(&histogram->series, sx__overflow_row(registry), value);
    sx__directory_unlock(registry);
    return is_observed;
}

static void ignore_observation(const struct sx_histogram *histogram)
{
    sx__self_metric_count(sx__series_family(&histogram->series), SX__SELF_METRIC_IGNORED);
}

/* Counts a value whose bucket is known. Returns false if it is ignored. */
static inline __attribute__((always_inline)) bool observe_in_bucket(struct sx_histogram *histogram,
                                                                    uint32_t bucket, double value,
                                                                    char *const *rows,
                                                                    bool has_native)
{
    const struct sx_counter *handle = &histogram->series.handle;
    uint32_t index = handle->cell;
    const char *row = sx__thread_row(rows, handle->arena);
    if (row == NULL) {
        if (value != value || (has_native && !observe_native_in_overflow(histogram, value))) {
            ignore_observation(histogram);
            return false;
        }
        observe_in_overflow(handle->arena, index, bucket, value);
        return true;
    }
    uint64_t *cells = sx__cell(row, index);
    uint64_t *count = &cells[SX__HISTOGRAM_BUCKETS + bucket];
    uint64_t *sum_cell = &cells[SX__HISTOGRAM_SUM];
    double sum = sx__double_of(__atomic_load_n(sum_cell, __ATOMIC_RELAXED)) + value;
    /* One comparison finds both a value that is NaN and a sum of +Inf and -Inf. */
    if (__builtin_expect(sum != sum, 0)) {
        if (value != value) {
            ignore_observation(histogram);
            return false;
        }
        sum = sx__sum_or_inf(sum);
    }
    if (has_native && !sx__native_observe(&histogram->series, row, value)) {
        ignore_observation(histogram);
        return false;
    }
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    __atomic_store_n(sum_cell, sx__bits_of(sum), __ATOMIC_RELAXED);
    return true;
}

/* A function of its own, so that histograms without native buckets save fewer registers. */
static __attribute__((noinline)) void observe_with_native(struct sx_histogram *histogram,
                                                          double value, char *const *rows)
{
    const struct sx__family *family = sx__series_family(&histogram->series);
    const uint32_t bucket = family->bound_count == 0 ? 0 : bucket_of(family, value);
    (void)observe_in_bucket(histogram, bucket, value, rows, true);
}

void sx__histogram_observe(struct sx_histogram *histogram, double value, char *const *rows)
{
    if (histogram == NULL) {
        return;
    }
    if (histogram->series.increments != 0) {
        observe_with_native(histogram, value, rows);
        return;
    }
    const uint32_t bucket = bucket_of(sx__series_family(&histogram->series), value);
    (void)observe_in_bucket(histogram, bucket, value, rows, false);
}

void sx_histogram_observe_with_exemplar(struct sx_histogram *histogram, double value,
                                        const struct sx_label *labels, size_t count)
{
    if (histogram == NULL) {
        return;
    }
    struct sx__family *family = sx__series_family(&histogram->series);
    const uint32_t bucket = bucket_of(family, value);
    const bool is_native_only = sx__exemplar_slots(family) > family->bound_count + 1;
    const uint32_t slot = is_native_only ? sx__native_exemplar_slot(value) : bucket;
    const bool is_counted = observe_in_bucket(histogram, bucket, value, sx__thread_rows,
                                              histogram->series.increments != 0);
    if (is_counted &&
        !sx__exemplar_write(&histogram->series, slot, value, labels, count, sx__thread_rows)) {
        sx__self_metric_count(family, SX__SELF_METRIC_EXEMPLARS);
    }
}

static double read_histogram(const struct sx_histogram *histogram, uint64_t *count)
{
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    struct sx__reading reading;
    const struct sx__series *series = &histogram->series;
    uint32_t bound_count = sx__series_family(series)->bound_count;

    sx__reading_of_thread_rows(&reading, sx__arenas[series->handle.arena].registry);
    double sum;
    *count = 0;
    if (!sx__read_histogram(&reading, series, bound_count, buckets, &sum)) {
        return 0;
    }
    for (uint32_t i = 0; i <= bound_count; i++) {
        *count += buckets[i];
    }
    return sum;
}

uint64_t sx_histogram_count(const struct sx_histogram *histogram)
{
    uint64_t count = 0;
    if (histogram != NULL) {
        (void)read_histogram(histogram, &count);
    }
    return count;
}

double sx_histogram_sum(const struct sx_histogram *histogram)
{
    uint64_t count;
    return histogram == NULL ? 0 : read_histogram(histogram, &count);
}

void sx_histogram_reset(struct sx_histogram *histogram)
{
    if (histogram != NULL) {
        sx__series_reset(&histogram->series);
    }
}

static void observe_in_series(struct sx__series *series, double value, char *const *rows)
{
    sx__histogram_observe((struct sx_histogram *)series, value, rows);
}

int sx_histogram_family_observe(struct sx_histogram_family *family, const struct sx_str *values,
                                size_t count, double value)
{
    return sx__update_by_values((struct sx__family *)family, values, count, observe_in_series,
                                value);
}

int sx_histogram_family_observe_strings(struct sx_histogram_family *family,
                                        const char *const *values, size_t count, double value)
{
    return sx__update_by_strings((struct sx__family *)family, values, count, observe_in_series,
                                 value);
}
