/* multiprocess.c: see multiprocess.h. */
#include "multiprocess.h"

#include "cells.h"
#include "pins.h"
#include "process_rows.h"

#include <sched.h>
#include <time.h>

/* How often a sum is read if values are moved meanwhile. If the process that moves them was killed,
 * the next scrape goes on with it. */
#define SUM_TRIES_MAX 100u

static bool is_stamped(uint32_t mode)
{
    return mode != SX_MODE_LIVE_SUM && mode != SX_MODE_SUM && mode != SX_MODE_SHARED;
}

enum sx__merge sx__multiprocess_merge(uint32_t mode)
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

bool sx__multiprocess_is_live(uint32_t mode)
{
    return mode != SX_MODE_SUM && mode != SX_MODE_MIN && mode != SX_MODE_MAX &&
           mode != SX_MODE_MOST_RECENT && mode != SX_MODE_SHARED;
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
        return (struct sx__left_rule){
            .kind = SX__LEFT_MERGED, .stamp = stamp_cell, .merge = sx__multiprocess_merge(mode)};
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

void sx__multiprocess_end(struct sx__peeking *peeking, const struct sx__cells *cells)
{
    struct sx_registry *registry = peeking->registry;
    if (!sx__has_left_rules(registry)) {
        return;
    }
    const struct sx__left_rule rule = sx__left_rule_of(peeking, cells->cell);
    if (rule.kind == SX__LEFT_FORGOTTEN) {
        return;
    }
    sx__left_rule_set(registry, cells->cell, &(struct sx__left_rule){.kind = SX__LEFT_FORGOTTEN});
    if (rule.kind == SX__LEFT_COUNTED) {
        sx__unpin_for_all(registry, rule.counter_pin);
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

/* Stored after the value: who sees the stamp sees the value. Two threads may set the same gauge,
 * and the later stamp stays. */
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
    uint64_t *cell = sx__cell(row, sx__series_cells(series)->more);
    uint64_t before = __atomic_load_n(cell, __ATOMIC_RELAXED);
    while (before < stamp && !__atomic_compare_exchange_n(cell, &before, stamp, true,
                                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
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

struct sx__stamped sx__multiprocess_of_row(const struct sx__reading *reading, const char *row,
                                           const struct sx__series *series)
{
    const uint32_t stamp_cell = sx__series_cells(series)->more;
    struct sx__stamped stamped;
    uint64_t again = sx__read_cell(reading, row, stamp_cell);
    do { /* the row may just have got another owner */
        stamped.stamp = again;
        stamped.value = sx__double_of(sx__read_cell(reading, row, series->handle.cell));
        again = sx__read_cell(reading, row, stamp_cell);
    } while (again != stamped.stamp);
    return stamped;
}

static double sum_of_living(const struct sx__reading *reading, const struct sx__series *series)
{
    double sum = -0.0; /* so that the sum of a single -0 is -0 */
    for (size_t i = 0; i < reading->gauge_count; i++) {
        sum += sx__double_of(sx__read_cell(reading, reading->gauges[i], series->handle.cell));
    }
    return sum;
}

static double sum_once(const struct sx__reading *reading, uint32_t cell)
{
    const struct sx_registry *registry = reading->registry;
    double sum = sx__double_of(sx__read_cell(reading, sx__row(registry, SX__KEPT_ROW), cell));
    for (size_t i = 0; i < SX__PROCESSES; i++) {
        if (!sx__process_row_is_kept(registry, i)) {
            sum += sx__double_of(sx__read_cell(reading, sx__row(registry, i), cell));
        }
    }
    return sum;
}

/* Also of processes that have ended. Their values may be moved to the kept row just now. */
static double sum_of_all(const struct sx__reading *reading, uint32_t cell)
{
    const uint64_t *keepings = &reading->registry->keepings;
    double sum = 0;
    for (unsigned i = 0; i < SUM_TRIES_MAX; i++) {
        const uint64_t before = __atomic_load_n(keepings, __ATOMIC_ACQUIRE);
        sum = sum_once(reading, cell);
        if (before % 2 == 0 && __atomic_load_n(keepings, __ATOMIC_ACQUIRE) == before) {
            break;
        }
        (void)sched_yield();
    }
    return sum;
}

/* The kept value last: a value that is moved meanwhile is then read in its row, in the kept row, or
 * in both. */
static double selected_of_all(const struct sx__reading *reading, const struct sx__series *series,
                              enum sx__merge merge)
{
    const struct sx_registry *registry = reading->registry;
    struct sx__stamped best = {0};
    for (size_t i = 0; i < SX__PROCESSES; i++) {
        if (!sx__process_row_is_kept(registry, i)) {
            best = sx__merge(best, sx__multiprocess_of_row(reading, sx__row(registry, i), series),
                             merge);
        }
    }
    const char *kept_row = sx__row(registry, SX__KEPT_ROW);
    return sx__merge(best, sx__multiprocess_of_row(reading, kept_row, series), merge).value;
}

static double selected_of_living(const struct sx__reading *reading, const struct sx__series *series,
                                 enum sx__merge merge)
{
    struct sx__stamped best = {0};
    for (size_t i = 0; i < reading->gauge_count; i++) {
        best = sx__merge(best, sx__multiprocess_of_row(reading, reading->gauges[i], series), merge);
    }
    return best.value;
}

double sx__multiprocess_read(const struct sx__reading *reading, const struct sx__series *series)
{
    const uint32_t mode = sx__series_family(series)->multiprocess_mode;
    switch (mode) {
    case SX_MODE_SHARED:
        return sx__double_of(sx__read_cell(reading, row_of(series), series->handle.cell));
    case SX_MODE_SUM:
        return sum_of_all(reading, series->handle.cell);
    case SX_MODE_LIVE_ALL:
        return sum_of_living(reading, series);
    case SX_MODE_LIVE_MIN:
    case SX_MODE_LIVE_MAX:
    case SX_MODE_LIVE_MOST_RECENT:
        return selected_of_living(reading, series, sx__multiprocess_merge(mode));
    default:
        return selected_of_all(reading, series, sx__multiprocess_merge(mode));
    }
}

/* ---- what processes leave ---- */

/* In an order in which a kill loses at most a pin: there is always one rule. */
void sx__multiprocess_replace_rule(struct sx_registry *registry, uint32_t cell,
                                   const struct sx__left_rule *rule)
{
    struct sx__peeking peeking;
    sx__directory_lock(registry);
    sx__peeking_begin(&peeking, registry);
    const struct sx__left_rule before = sx__left_rule_of(&peeking, cell);
    if (before.kind != rule->kind || before.counter != rule->counter) {
        sx__pin_for_all(registry, rule->counter_pin);
        sx__left_rule_set(registry, cell, rule);
        if (before.kind == SX__LEFT_COUNTED) {
            sx__unpin_for_all(registry, before.counter_pin);
        }
    }
    sx__directory_unlock(registry);
}
