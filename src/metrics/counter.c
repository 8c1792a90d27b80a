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
    int status = sx__look_up(&series, &family->family, values, count);
    if (status == SX_OK) {
        *counter = &series->handle;
    }
    return status;
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

struct sx_counter *sx__counter_with(struct sx_counter_family *family, const char *const *values,
                                    size_t count)
{
    if (family == NULL) {
        return NULL;
    }
    struct sx__series *series = sx__look_up_with(&family->family, values, count);
    return series == NULL ? NULL : &series->handle;
}

static void add_whole(struct sx_counter *counter, uint64_t amount)
{
    const char *row = sx__thread_row(counter->arena);
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
    uint32_t cell = __atomic_load_n(&series->fraction, __ATOMIC_ACQUIRE);
    if (cell != 0) {
        return cell;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    cell = series->fraction;
    if (cell == 0) {
        cell = sx__directory_thread_cells(registry, 1);
        __atomic_store_n(&series->fraction, cell, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return cell;
}

static void add_fraction(struct sx_counter *counter, double amount)
{
    uint32_t index = fraction_cell(series_of(counter));
    if (index == 0) {
        return;
    }
    const char *row = sx__thread_row(counter->arena);
    if (row == NULL) {
        const char *overflow = sx__overflow_row(sx__arenas[counter->arena].registry);
        sx__cell_add_shared(sx__cell(overflow, index), amount);
        return;
    }
    sx__cell_add_own(sx__cell(row, index), amount);
}

void sx__counter_inc_cold(struct sx_counter *counter)
{
    add_whole(counter, 1);
}

void sx_counter_add(struct sx_counter *counter, double delta)
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
        add_whole(counter, whole);
    } else {
        add_fraction(counter, delta);
    }
}

double sx_counter_value(const struct sx_counter *counter)
{
    if (counter == NULL) {
        return 0;
    }
    struct sx__reading reading;
    struct sx__counter_value value;
    sx__reading_of_thread_rows(&reading, sx__arenas[counter->arena].registry);
    return sx__read_counter(&reading, series_of(counter), &value) ? value.number : 0;
}
