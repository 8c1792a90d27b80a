/* multiprocess.c: see multiprocess.h. */
#include "multiprocess.h"

#include "cells.h"
#include "increments.h"
#include "pins.h"
#include "process_rows.h"
#include "series.h"

#include <sched.h>
#include <time.h>

/* How often a sum is read if values are moved meanwhile. If the process that moves them was killed,
 * the next scrape goes on with it. */
#define SUM_TRIES_MAX 1000u

static bool is_stamped(uint32_t mode)
{
    return mode != SX_MODE_LIVE_SUM && mode != SX_MODE_SUM && mode != SX_MODE_SHARED;
}

static enum sx__merge merge_of(uint32_t mode)
{
    switch (mode) {
    case SX_MODE_MIN:
    case SX_MODE_LIVE_MIN:
        return SX__MERGE_MIN;
    case SX_MODE_MAX:
    case SX_MODE_LIVE_MAX:
        return SX__MERGE_MAX;
    default:
        return SX__MERGE_MOST_RECENT;
    }
}

/* ---- cells ---- */

static struct sx__left_rule rule_of(uint32_t mode, uint32_t stamp_cell)
{
    switch (mode) {
    case SX_MODE_SUM:
        return (struct sx__left_rule){.kind = SX__LEFT_SUMMED};
    case SX_MODE_MIN:
    case SX_MODE_MAX:
    case SX_MODE_MOST_RECENT:
        return (struct sx__left_rule){SX__LEFT_MERGED, stamp_cell, merge_of(mode)};
    default:
        return (struct sx__left_rule){.kind = SX__LEFT_FORGOTTEN};
    }
}

bool sx__multiprocess_begin(struct sx_registry *registry, const struct sx__family *family,
                            struct sx__series *series)
{
    struct sx__cells *cells = sx__at(registry, series->cells);
    if (family->multiprocess_mode == SX_MODE_LIVE_SUM || !registry->shared) {
        return true;
    }
    /* Cells that are used again may have the second cell already. */
    if (is_stamped(family->multiprocess_mode) && cells->more == 0) {
        cells->more = sx__directory_process_cell(registry);
        if (cells->more == 0) {
            return false;
        }
    }
    const struct sx__left_rule rule = rule_of(family->multiprocess_mode, cells->more);
    sx__left_rule_set(registry, cells->cell, &rule);
    series->increments = SX__INCREMENTS_MULTIPROCESS;
    return true;
}

void sx__multiprocess_end(struct sx_registry *registry, const struct sx__cells *cells)
{
    if (!sx__has_left_rules(registry)) {
        return;
    }
    const struct sx__left_rule rule = sx__left_rule_of(registry, cells->cell);
    if (rule.kind == SX__LEFT_FORGOTTEN) {
        return;
    }
    sx__left_rule_set(registry, cells->cell, &(struct sx__left_rule){.kind = SX__LEFT_FORGOTTEN});
    if (rule.kind == SX__LEFT_COUNTED) {
        sx__unpin_for_all(registry, rule.more);
    }
}

static const char *row_of(const struct sx__series *series)
{
    const uint32_t arena = series->handle.arena;
    return sx__series_family(series)->multiprocess_mode == SX_MODE_SHARED
               ? sx__row(sx__arenas[arena].registry, SX__KEPT_ROW)
               : sx__process_row_of(arena);
}

/* ---- updates ---- */

/* After the value, so that a value that was never set is not shown. */
static void stamp(const char *row, const struct sx__series *series)
{
    struct timespec now;
    if (!is_stamped(sx__series_family(series)->multiprocess_mode)) {
        return;
    }
    uint64_t stamp = 1;
    if (clock_gettime(CLOCK_MONOTONIC, &now) == 0) {
        stamp += (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
    __atomic_store_n(sx__cell(row, sx__series_cells(series)->more), stamp, __ATOMIC_RELEASE);
}

void sx__multiprocess_set(const struct sx__series *series, double value)
{
    const char *row = row_of(series);
    __atomic_store_n(sx__cell(row, series->handle.cell), sx__bits_of(value), __ATOMIC_RELEASE);
    stamp(row, series);
}

void sx__multiprocess_add(const struct sx__series *series, double delta)
{
    const char *row = row_of(series);
    sx__cell_add_shared(sx__cell(row, series->handle.cell), delta);
    stamp(row, series);
}

/* ---- reading ---- */

struct sx__stamped sx__multiprocess_of_row(const char *row, const struct sx__series *series)
{
    return sx__stamped_read(row, series->handle.cell, sx__series_cells(series)->more);
}

static double sum_of_living(const struct sx__reading *reading, const struct sx__series *series)
{
    double sum = -0.0; /* so that the sum of a single -0 is -0 */
    for (size_t i = 0; i < reading->gauge_count; i++) {
        sum += sx__double_of(sx__read_cell(reading, reading->gauges[i], series->handle.cell));
    }
    return sum;
}

static double sum_once(const struct sx_registry *registry, uint32_t cell)
{
    double sum = sx__double_of(
        __atomic_load_n(sx__cell(sx__row(registry, SX__KEPT_ROW), cell), __ATOMIC_ACQUIRE));
    for (size_t i = 0; i < SX__PROCESSES; i++) {
        if (!sx__process_row_is_kept(registry, i)) {
            sum += sx__double_of(
                __atomic_load_n(sx__cell(sx__row(registry, i), cell), __ATOMIC_ACQUIRE));
        }
    }
    return sum;
}

/* Also of processes that have ended. Their values may be moved to the kept row just now. */
static double sum_of_all(const struct sx_registry *registry, uint32_t cell)
{
    double sum = 0;
    for (unsigned i = 0; i < SUM_TRIES_MAX; i++) {
        const uint64_t keepings = __atomic_load_n(&registry->keepings, __ATOMIC_ACQUIRE);
        sum = sum_once(registry, cell);
        if (keepings % 2 == 0 &&
            __atomic_load_n(&registry->keepings, __ATOMIC_ACQUIRE) == keepings) {
            break;
        }
        (void)sched_yield();
    }
    return sum;
}

/* The kept value last: what is moved there meanwhile is then read once at least. */
static double selected_of_all(const struct sx_registry *registry, const struct sx__series *series,
                              enum sx__merge merge)
{
    struct sx__stamped best = {0};
    for (size_t i = 0; i < SX__PROCESSES; i++) {
        if (!sx__process_row_is_kept(registry, i)) {
            best = sx__merge(best, sx__multiprocess_of_row(sx__row(registry, i), series), merge);
        }
    }
    return sx__merge(best, sx__multiprocess_of_row(sx__row(registry, SX__KEPT_ROW), series), merge)
        .value;
}

static double selected_of_living(const struct sx__reading *reading, const struct sx__series *series,
                                 enum sx__merge merge)
{
    struct sx__stamped best = {0};
    for (size_t i = 0; i < reading->gauge_count; i++) {
        best = sx__merge(best, sx__multiprocess_of_row(reading->gauges[i], series), merge);
    }
    return best.value;
}

double sx__multiprocess_read(const struct sx__reading *reading, const struct sx__series *series)
{
    const struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const uint32_t mode = sx__series_family(series)->multiprocess_mode;
    switch (mode) {
    case SX_MODE_SHARED:
        return sx__double_of(sx__read_cell(reading, row_of(series), series->handle.cell));
    case SX_MODE_SUM:
        return sum_of_all(registry, series->handle.cell);
    case SX_MODE_LIVE_ALL:
        return sum_of_living(reading, series);
    case SX_MODE_LIVE_MIN:
    case SX_MODE_LIVE_MAX:
    case SX_MODE_LIVE_MOST_RECENT:
        return selected_of_living(reading, series, merge_of(mode));
    default:
        return selected_of_all(registry, series, merge_of(mode));
    }
}

/* ---- what processes leave ---- */

static bool is_of_type(const struct sx__series *series, enum sx_metric_type type)
{
    return sx__series_family(series)->type == (uint32_t)type;
}

int sx_gauge_count_abandoned(struct sx_gauge *gauge, struct sx_counter *counter)
{
    struct sx__series *from = (struct sx__series *)gauge;
    struct sx__series *to = (struct sx__series *)counter;
    if (from == NULL || to == NULL || from->handle.arena != to->handle.arena ||
        !is_of_type(from, SX_GAUGE) ||
        sx__series_family(from)->multiprocess_mode != SX_MODE_LIVE_SUM) {
        return SX_EINVAL;
    }
    struct sx_registry *registry = sx__arenas[from->handle.arena].registry;
    if (!registry->shared) {
        return SX_OK;
    }
    const uint32_t pin = sx__series_pin_cell(to);
    if (pin == 0) {
        return SX_EFULL;
    }
    const struct sx__left_rule rule = {SX__LEFT_COUNTED, to->handle.cell, pin};
    sx__directory_lock(registry);
    sx__pin_for_all(registry, pin);
    sx__multiprocess_end(registry, sx__series_cells(from)); /* of an earlier call */
    sx__left_rule_set(registry, from->handle.cell, &rule);
    sx__directory_unlock(registry);
    return SX_OK;
}
