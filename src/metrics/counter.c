/* counter.c: counters.
 *
 * Whole amounts are summed as integers, in one cell of each thread row, so totals are exact beyond
 * 2^53. The first fraction gives the counter a second cell, a double, for all amounts that are not
 * whole or not below 2^53. The value is the sum of both. Any thread runs the updates.
 */
#include "cells.h"
#include "look_up.h"
#include "metric.h"
#include "removal.h"
#include "self_metrics.h"
#include "series.h"
#include "series_values.h"
#include "thread_rows.h"

#include <float.h>

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53: what is larger might overflow the integer soon */

struct sx_counter_family {
    struct sx__family family;
};

static struct sx__series *series_of(const struct sx_counter *counter)
{
    return (struct sx__series *)(void *)(uintptr_t)counter;
}

int sx_counter_register(struct sx_counter **counter, struct sx_registry *registry,
                        const struct sx_metric_options *options)
{
    struct sx__series *series = NULL;
    if (counter == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register(&series, registry, SX_COUNTER, options);
    if (status == SX_OK) {
        *counter = &series->handle;
    }
    return status;
}

int sx_counter_family_register(struct sx_counter_family **family, struct sx_registry *registry,
                               const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_family(&registered, registry, SX_COUNTER, options);
    if (status == SX_OK) {
        *family = (struct sx_counter_family *)registered;
    }
    return status;
}

int sx_counter_family_get(struct sx_counter **counter, struct sx_counter_family *family,
                          const struct sx_str *values, size_t count)
{
    struct sx__series *series = NULL;
    if (counter == NULL || family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__look_up_handle(&series, &family->family,
                                    (struct sx__label_values){.values = values, .count = count});
    if (status == SX_OK) {
        *counter = &series->handle;
    }
    return status;
}

void sx_counter_release(struct sx_counter *counter)
{
    if (counter != NULL) {
        sx__series_release(series_of(counter));
    }
}

int sx_counter_family_remove(struct sx_counter_family *family, const struct sx_str *values,
                             size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove(&family->family, values, count);
}

int sx_counter_family_remove_matching(struct sx_counter_family *family,
                                      const struct sx_label *labels, size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove_matching(&family->family, labels, count);
}

int sx_counter_family_clear(struct sx_counter_family *family)
{
    return family == NULL ? SX_EINVAL : sx__series_clear(&family->family);
}

static int get_strings(struct sx_counter **counter, struct sx_counter_family *family,
                       const char *const *values, size_t count)
{
    struct sx__series *series = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    if (values == NULL) {
        return SX_EINVAL;
    }
    int status = sx__look_up_handle(&series, &family->family,
                                    (struct sx__label_values){.strings = values, .count = count});
    if (status == SX_OK) {
        *counter = &series->handle;
    }
    return status;
}

struct sx_counter *sx__counter_with(struct sx_counter_family *family, const char *const *values,
                                    size_t count)
{
    struct sx_counter *counter = NULL;
    (void)get_strings(&counter, family, values, count);
    return counter;
}

static void add_whole(struct sx_counter *counter, uint64_t amount, char *const *rows)
{
    const char *row = sx__thread_row(rows, counter->arena);
    uint32_t index = __atomic_load_n(&counter->cell, __ATOMIC_RELAXED);
    if (row == NULL) {
        const char *overflow = sx__overflow_row(sx__arenas[counter->arena].registry);
        (void)__atomic_fetch_add(sx__cell(overflow, index), amount, __ATOMIC_RELAXED);
        return;
    }
    uint64_t *cell = sx__cell(row, index);
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
}

/* Returns the counter's cell for fractions, which is made if needed, or 0 if no cells are left. */
static uint32_t fraction_cell(struct sx__series *series)
{
    struct sx__cells *cells = sx__series_cells(series);
    uint32_t cell = __atomic_load_n(&cells->fraction, __ATOMIC_ACQUIRE);
    if (cell != 0) {
        return cell;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    cell = cells->fraction;
    if (cell == 0) {
        cell = sx__directory_thread_cells(registry, 1);
        __atomic_store_n(&cells->fraction, cell, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return cell;
}

static void add_fraction(struct sx_counter *counter, double amount, char *const *rows)
{
    uint32_t index = fraction_cell(series_of(counter));
    if (index == 0) {
        return;
    }
    const char *row = sx__thread_row(rows, counter->arena);
    if (row == NULL) {
        const char *overflow = sx__overflow_row(sx__arenas[counter->arena].registry);
        sx__cell_add_shared(sx__cell(overflow, index), amount);
        return;
    }
    sx__cell_add_own(sx__cell(row, index), amount);
}

void sx__counter_inc_cold(struct sx_counter *counter)
{
    add_whole(counter, 1, sx__thread_rows);
}

void sx__counter_add(struct sx_counter *counter, double delta, char *const *rows)
{
    if (counter == NULL) {
        return;
    }
    /* Not `delta <= 0`, so that NaN is caught too. */
    if (!(delta > 0) || delta > DBL_MAX) {
        if (delta != 0) {
            sx__self_metric_count(sx__series_family(series_of(counter)), SX__SELF_METRIC_IGNORED);
        }
        return;
    }
    uint64_t whole = delta < WHOLE_LIMIT ? (uint64_t)delta : 0;
    if ((double)whole == delta) {
        add_whole(counter, whole, rows);
    } else {
        add_fraction(counter, delta, rows);
    }
}

double sx_counter_value(const struct sx_counter *counter)
{
    if (counter == NULL) {
        return 0;
    }
    struct sx__reading reading;
    uint64_t whole;
    double fraction;
    sx__reading_of_thread_rows(&reading, sx__arenas[counter->arena].registry);
    return sx__read_counter(&reading, series_of(counter), &whole, &fraction)
               ? (double)whole + fraction
               : 0;
}

static int add_by_labels(struct sx_counter_family *family, struct sx__label_values values,
                         double delta)
{
    struct sx__series *series = NULL;
    enum sx__epoch_entry epoch;
    if (family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__look_up_begin(&series, &epoch, &family->family, values);
    if (status == SX_OK) {
        sx_counter_add(&series->handle, delta);
        sx__epoch_leave(sx__arenas[family->family.arena].registry, epoch);
    }
    return status;
}

int sx_counter_family_add(struct sx_counter_family *family, const struct sx_str *values,
                          size_t count, double delta)
{
    return add_by_labels(family, (struct sx__label_values){.values = values, .count = count},
                         delta);
}

int sx_counter_family_add_strings(struct sx_counter_family *family, const char *const *values,
                                  size_t count, double delta)
{
    if (values == NULL) {
        return SX_EINVAL;
    }
    return add_by_labels(family, (struct sx__label_values){.strings = values, .count = count},
                         delta);
}
