/* counter.c: counters.
 *
 * Whole amounts are summed as integers, in one cell of each thread row, so totals are exact beyond
 * 2^53. The first fraction gives the counter a second cell, a double, for all amounts that are not
 * whole or not below 2^53. The value is the sum of both. Any thread runs the updates.
 *
 * Both parts have an end, 2^63 and DBL_MAX. An amount that would exceed it is ignored and counted,
 * so the counter stays where it is. The end applies to the sum of all rows, but reading them in
 * each update would be slow. So each row has a share of the range: a thread whose cell stays within
 * it reads no other row. The shares add up to one more such range, so even if some threads reach
 * the end while others use their shares, the sum of the integers stays below 2^64. Single
 * increments need no check: nobody makes 2^63 of them.
 */
#include "cells.h"
#include "exemplars.h"
#include "look_up.h"
#include "metric.h"
#include "removal.h"
#include "self_metrics.h"
#include "series.h"
#include "series_values.h"
#include "thread_rows.h"

#include <float.h>

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53: what is larger might overflow the integer soon */
#define WHOLE_END (UINT64_C(1) << 63)
#define ROWS_MAX (SX__THREAD_ROWS_MAX + 1) /* with the overflow row */
/* No share is smaller, so this constant spares nearly every update the division. */
#define WHOLE_SHARE_MIN (WHOLE_END / ROWS_MAX)
#define FRACTION_SHARE (DBL_MAX / ROWS_MAX)
/* As many threads as Linux allows, 2^22, can add such amounts to one cell at the same time, and the
 * cell stays within the smallest share if it was within half of it. */
#define WHOLE_SMALL (UINT64_C(1) << 28)

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

int sx_counter_unregister(struct sx_counter *counter)
{
    return counter == NULL ? SX_EINVAL : sx__metric_unregister(series_of(counter));
}

int sx_counter_family_unregister(struct sx_counter_family *family)
{
    return sx__metric_unregister_family((struct sx__family *)family);
}

int sx_counter_family_get(struct sx_counter **counter, struct sx_counter_family *family,
                          const struct sx_str *values, size_t count)
{
    struct sx__series *series = NULL;
    if (counter == NULL) {
        return SX_EINVAL;
    }
    int status = sx__get_handle(&series, (struct sx__family *)family, values, count);
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

struct sx_counter *sx__counter_with(struct sx_counter_family *family, const char *const *values,
                                    size_t count)
{
    struct sx__series *series =
        sx__get_handle_by_strings((struct sx__family *)family, values, count);
    return series == NULL ? NULL : &series->handle;
}

static void ignore_amount(const struct sx_counter *counter)
{
    sx__self_metric_count(sx__series_family(series_of(counter)), SX__SELF_METRIC_IGNORED);
}

/* Whether a cell may become `sum` by adding `amount`. */
static bool whole_fits(uint32_t arena, uint32_t index, uint64_t sum, uint64_t amount)
{
    struct sx__reading reading;
    if (__builtin_expect(sum <= WHOLE_SHARE_MIN, 1)) {
        return true;
    }
    const struct sx_registry *registry = sx__arenas[arena].registry;
    if (sum <= WHOLE_END / (registry->geometry.thread_rows + 1)) {
        return true;
    }
    sx__reading_of_thread_rows(&reading, registry);
    uint64_t total = sx__read_whole(&reading, index);
    return total <= WHOLE_END && amount <= WHOLE_END - total;
}

static bool add_whole_in_overflow(uint32_t arena, uint32_t index, uint64_t amount)
{
    uint64_t *cell = sx__cell(sx__overflow_row(sx__arenas[arena].registry), index);
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
    if (amount < WHOLE_SMALL && seen < WHOLE_SHARE_MIN / 2) {
        (void)__atomic_fetch_add(cell, amount, __ATOMIC_RELAXED);
        return true;
    }
    do {
        if (!whole_fits(arena, index, seen + amount, amount)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(cell, &seen, seen + amount, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Returns false if the counter is at its end. */
static bool add_whole(struct sx_counter *counter, uint64_t amount, char *const *rows)
{
    const char *row = sx__thread_row(rows, counter->arena);
    uint32_t index = counter->cell;
    if (row == NULL) {
        return add_whole_in_overflow(counter->arena, index, amount);
    }
    uint64_t *cell = sx__cell(row, index);
    uint64_t sum = __atomic_load_n(cell, __ATOMIC_RELAXED) + amount;
    if (!whole_fits(counter->arena, index, sum, amount)) {
        return false;
    }
    __atomic_store_n(cell, sum, __ATOMIC_RELAXED);
    return true;
}

/* Returns the counter's cell for fractions, which is made if needed, or 0 if no cells are left. */
static uint32_t fraction_cell(struct sx__series *series)
{
    struct sx__cells *cells = sx__series_cells(series);
    uint32_t cell = __atomic_load_n(&cells->more, __ATOMIC_ACQUIRE);
    if (cell != 0) {
        return cell;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    cell = cells->more;
    if (cell == 0) {
        cell = sx__directory_thread_cells(registry, 1);
        __atomic_store_n(&cells->more, cell, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return cell;
}

/* As whole_fits. */
static bool fraction_fits(uint32_t arena, uint32_t index, double sum, double amount)
{
    struct sx__reading reading;
    if (sum <= FRACTION_SHARE) {
        return true;
    }
    sx__reading_of_thread_rows(&reading, sx__arenas[arena].registry);
    return sum <= DBL_MAX && sx__read_double(&reading, index) + amount <= DBL_MAX;
}

static bool add_fraction_in_overflow(uint32_t arena, uint32_t index, double amount)
{
    uint64_t *cell = sx__cell(sx__overflow_row(sx__arenas[arena].registry), index);
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
    double sum;
    do {
        sum = sx__double_of(seen) + amount;
        if (!fraction_fits(arena, index, sum, amount)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(cell, &seen, sx__bits_of(sum), true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Returns false if the counter is at its end, or the registry has no cell for its fractions. */
static bool add_fraction(struct sx_counter *counter, double amount, char *const *rows)
{
    uint32_t index = fraction_cell(series_of(counter));
    if (index == 0) {
        return false; /* the registry is full */
    }
    const char *row = sx__thread_row(rows, counter->arena);
    if (row == NULL) {
        return add_fraction_in_overflow(counter->arena, index, amount);
    }
    uint64_t *cell = sx__cell(row, index);
    double sum = sx__double_of(__atomic_load_n(cell, __ATOMIC_RELAXED)) + amount;
    if (!fraction_fits(counter->arena, index, sum, amount)) {
        return false;
    }
    __atomic_store_n(cell, sx__bits_of(sum), __ATOMIC_RELAXED);
    return true;
}

void sx__counter_inc_cold(struct sx_counter *counter)
{
    (void)add_whole(counter, 1, sx__thread_rows);
}

/* Returns whether the amount was added. */
static inline bool add_amount(struct sx_counter *counter, double delta, char *const *rows)
{
    /* Not `delta <= 0`, so that NaN is caught too. */
    if (!(delta > 0) || delta > DBL_MAX) {
        if (delta != 0) {
            ignore_amount(counter);
        }
        return false;
    }
    uint64_t whole = delta < WHOLE_LIMIT ? (uint64_t)delta : 0;
    bool added = (double)whole == delta ? add_whole(counter, whole, rows)
                                        : add_fraction(counter, delta, rows);
    if (__builtin_expect(!added, 0)) {
        ignore_amount(counter);
    }
    return added;
}

void sx__counter_add(struct sx_counter *counter, double delta, char *const *rows)
{
    if (counter != NULL) {
        (void)add_amount(counter, delta, rows);
    }
}

void sx_counter_add_with_exemplar(struct sx_counter *counter, double delta,
                                  const struct sx_label *labels, size_t count)
{
    if (counter == NULL || !add_amount(counter, delta, sx__thread_rows)) {
        return;
    }
    struct sx__series *series = series_of(counter);
    if (!sx__exemplar_write(series, 0, delta, labels, count, sx__thread_rows)) {
        sx__self_metric_count(sx__series_family(series), SX__SELF_METRIC_EXEMPLARS);
    }
}

void sx_counter_inc_with_exemplar(struct sx_counter *counter, const struct sx_label *labels,
                                  size_t count)
{
    sx_counter_add_with_exemplar(counter, 1, labels, count);
}

void sx_counter_reset(struct sx_counter *counter)
{
    if (counter != NULL) {
        sx__series_reset(series_of(counter));
    }
}

void sx_counter_add_wrapping32(struct sx_counter *counter, uint32_t *last, uint32_t now)
{
    uint32_t counted = now - *last; /* modulo 2^32, as the source counts */
    *last = now;
    sx_counter_add(counter, counted);
}

double sx_counter_value(const struct sx_counter *counter)
{
    if (counter == NULL) {
        return 0;
    }
    struct sx__reading reading;
    struct sx__counter_value value;
    sx__reading_of_thread_rows(&reading, sx__arenas[counter->arena].registry);
    if (!sx__read_counter(&reading, series_of(counter), &value)) {
        return 0;
    }
    return value.is_whole ? (double)value.whole : value.number;
}

/* Most updates add 1, which needs no conversion and cannot reach the end. */
static void add_to_series(struct sx__series *series, double delta, char *const *rows)
{
    struct sx_counter *counter = &series->handle;
    const char *row = rows[counter->arena];
    if (delta == 1 && row != NULL) {
        uint64_t *cell = sx__cell(row, counter->cell);
        __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
        return;
    }
    sx__counter_add(counter, delta, rows);
}

int sx_counter_family_add(struct sx_counter_family *family, const struct sx_str *values,
                          size_t count, double delta)
{
    return sx__update_by_values((struct sx__family *)family, values, count, add_to_series, delta);
}

int sx_counter_family_add_strings(struct sx_counter_family *family, const char *const *values,
                                  size_t count, double delta)
{
    return sx__update_by_strings((struct sx__family *)family, values, count, add_to_series, delta);
}
