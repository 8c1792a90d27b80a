/* summary.c: summaries: a cell for the sum and one for the count, in each thread row. They lie as
 * those of a histogram without bounds, and are read as one. A summary with quantiles has native
 * buckets, too, and is updated as a histogram that has only these.
 */
#include "histogram_cells.h"

#include "cells.h"
#include "look_up.h"
#include "metric.h"
#include "removal.h"
#include "self_metrics.h"
#include "series.h"
#include "series_values.h"
#include "summary_window.h"
#include "thread_rows.h"

#include <math.h>

struct sx_summary {
    struct sx__series series;
};

struct sx_summary_family {
    struct sx__family family;
};

int sx_summary_register(struct sx_summary **summary, struct sx_registry *registry,
                        const struct sx_metric_options *options)
{
    struct sx__series *series = NULL;
    if (summary == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register(&series, registry, SX_SUMMARY, options);
    if (status == SX_OK) {
        *summary = (struct sx_summary *)series;
    }
    return status;
}

int sx_summary_family_register(struct sx_summary_family **family, struct sx_registry *registry,
                               const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_family(&registered, registry, SX_SUMMARY, options);
    if (status == SX_OK) {
        *family = (struct sx_summary_family *)registered;
    }
    return status;
}

int sx_summary_unregister(struct sx_summary *summary)
{
    return sx__metric_unregister((const struct sx__series *)summary);
}

int sx_summary_family_unregister(struct sx_summary_family *family)
{
    return sx__metric_unregister_family((struct sx__family *)family);
}

int sx_summary_family_get(struct sx_summary **summary, struct sx_summary_family *family,
                          const struct sx_str *values, size_t count)
{
    struct sx__series *series = NULL;
    if (summary == NULL) {
        return SX_EINVAL;
    }
    int status = sx__get_handle(&series, (struct sx__family *)family, values, count);
    if (status == SX_OK) {
        *summary = (struct sx_summary *)series;
    }
    return status;
}

void sx_summary_release(struct sx_summary *summary)
{
    if (summary != NULL) {
        sx__series_release(&summary->series);
    }
}

int sx_summary_family_remove(struct sx_summary_family *family, const struct sx_str *values,
                             size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove(&family->family, values, count);
}

int sx_summary_family_remove_matching(struct sx_summary_family *family,
                                      const struct sx_label *labels, size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove_matching(&family->family, labels, count);
}

int sx_summary_family_clear(struct sx_summary_family *family)
{
    return family == NULL ? SX_EINVAL : sx__series_clear(&family->family);
}

struct sx_summary *sx__summary_with(struct sx_summary_family *family, const char *const *values,
                                    size_t count)
{
    struct sx__series *series =
        sx__get_handle_by_strings((struct sx__family *)family, values, count);
    return (struct sx_summary *)series;
}

static void ignore_in_summary(const struct sx_summary *summary)
{
    sx__self_metric_count(sx__series_family(&summary->series), SX__SELF_METRIC_IGNORED);
}

void sx__summary_observe(struct sx_summary *summary, double value, char *const *rows)
{
    if (summary == NULL) {
        return;
    }
    if (summary->series.increments != 0) {
        sx__histogram_observe((struct sx_histogram *)(void *)summary, value, rows);
        return;
    }
    if (__builtin_expect(value != value, 0)) {
        ignore_in_summary(summary);
        return;
    }
    const struct sx_counter *handle = &summary->series.handle;
    const char *row = sx__thread_row(rows, handle->arena);
    const bool is_shared = row == NULL;
    if (is_shared) {
        row = sx__overflow_row(sx__arenas[handle->arena].registry);
    }
    uint64_t *sum = sx__cell(row, handle->cell + SX__HISTOGRAM_SUM);
    uint64_t *count = sx__cell(row, handle->cell + SX__HISTOGRAM_BUCKETS);
    if (is_shared) {
        (void)__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
        sx__cell_add_sum_shared(sum, value);
        return;
    }
    const double added = sx__double_of(__atomic_load_n(sum, __ATOMIC_RELAXED)) + value;
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    __atomic_store_n(sum, sx__bits_of(sx__sum_or_inf(added)), __ATOMIC_RELAXED);
}

/* Returns 0 and a count of 0 for NULL and for a removed summary. */
static double read_summary(const struct sx_summary *summary, uint64_t *count)
{
    struct sx__reading reading;
    double sum = 0;
    *count = 0;
    if (summary == NULL) {
        return 0;
    }
    sx__reading_of_thread_rows(&reading, sx__arenas[summary->series.handle.arena].registry);
    (void)sx__read_histogram(&reading, &summary->series, 0, count, &sum);
    return sum;
}

uint64_t sx_summary_count(const struct sx_summary *summary)
{
    uint64_t count;
    (void)read_summary(summary, &count);
    return count;
}

double sx_summary_sum(const struct sx_summary *summary)
{
    uint64_t count;
    return read_summary(summary, &count);
}

double sx_summary_quantile(struct sx_summary *summary, double quantile)
{
    struct sx__reading reading;
    struct sx_quantile read = {.quantile = quantile};
    if (summary == NULL || sx__series_family(&summary->series)->quantile_count == 0 ||
        !(quantile >= 0 && quantile <= 1)) {
        return NAN;
    }
    sx__reading_of_thread_rows(&reading, sx__arenas[summary->series.handle.arena].registry);
    return sx__summary_window_read(&reading, &summary->series, &read, 1) ? read.value : NAN;
}

void sx_summary_reset(struct sx_summary *summary)
{
    if (summary != NULL) {
        sx__series_reset(&summary->series);
    }
}

static void observe_in_summary(struct sx__series *series, double value, char *const *rows)
{
    sx__summary_observe((struct sx_summary *)series, value, rows);
}

int sx_summary_family_observe(struct sx_summary_family *family, const struct sx_str *values,
                              size_t count, double value)
{
    return sx__update_by_values((struct sx__family *)family, values, count, observe_in_summary,
                                value);
}

int sx_summary_family_observe_strings(struct sx_summary_family *family, const char *const *values,
                                      size_t count, double value)
{
    return sx__update_by_strings((struct sx__family *)family, values, count, observe_in_summary,
                                 value);
}
