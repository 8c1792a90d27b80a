/* increments.c: see increments.h. */
#include "increments.h"

#include "cells.h"
#include "multiprocess.h"
#include "process_rows.h"
#include "reading.h"
#include "thread_rows.h"

_Static_assert(offsetof(struct sx_gauge, arena) == offsetof(struct sx__series, handle.arena) &&
                   offsetof(struct sx_gauge, cell) == offsetof(struct sx__series, handle.cell) &&
                   offsetof(struct sx_gauge, increments) == offsetof(struct sx__series, increments),
               "a gauge is the start of its series");

/* Returns the two cells. If an earlier series with the same cells had them, they are used again. */
static uint32_t make_cells_of_increments(struct sx_registry *registry, struct sx__cells *cells)
{
    if (registry->shared) {
        return SX__INCREMENTS_NONE;
    }
    if (cells->more == 0) {
        const uint32_t made = sx__directory_thread_cells(registry, SX__INCREMENTS_CELLS);
        __atomic_store_n(&cells->more, made, __ATOMIC_RELEASE);
    }
    return cells->more == 0 ? SX__INCREMENTS_NONE : cells->more;
}

static uint32_t increments_of(struct sx__series *series)
{
    uint32_t increments = __atomic_load_n(&series->increments, __ATOMIC_ACQUIRE);
    if (increments != 0 && increments != SX__INCREMENTS_WAIT) {
        return increments;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    increments = series->increments;
    if (increments == 0) {
        increments = make_cells_of_increments(registry, sx__series_cells(series));
        __atomic_store_n(&series->increments, increments, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return increments;
}

void sx__gauge_count_cold(struct sx_gauge *gauge, uint32_t down)
{
    const uint32_t arena = gauge->arena;
    const uint32_t increments = increments_of((struct sx__series *)gauge);
    if (increments == SX__INCREMENTS_MULTIPROCESS) {
        sx__multiprocess_add((struct sx__series *)gauge, down ? -1 : 1);
        return;
    }
    if (increments >= SX__INCREMENTS_END) {
        sx__cell_add_shared(sx__cell(sx__process_row_of(arena), gauge->cell), down ? -1 : 1);
        return;
    }
    const char *row = sx__thread_row(sx__thread_rows, arena);
    if (row == NULL) {
        row = sx__overflow_row(sx__arenas[arena].registry);
        (void)__atomic_fetch_add(sx__cell(row, increments + down), 1, __ATOMIC_RELEASE);
        return;
    }
    uint64_t *cell = sx__cell(row, increments + down);
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

/* How often the sums are read if decrements change meanwhile. */
#define SUMS_MAX 8

/* Reads the sums once, at one moment for folds and sets. Decrements are read first, then the
 * gauge's own cell, then increments. What raised the gauge before a decrement, or before a negative
 * amount was added to the cell, is then read, too. So the value is never negative if the gauge is
 * not. *down receives the decrements. */
static double sum_increments(const struct sx_registry *registry, const uint64_t *own,
                             uint32_t increments, uint64_t *down)
{
    double value;
    uint64_t up;
    uint64_t folds;
    do {
        folds = sx__sum_begin(registry);
        *down = sx__sum_rows_of_now(registry, increments + 1);
        value = sx__double_of(__atomic_load_n(own, __ATOMIC_ACQUIRE));
        up = sx__sum_rows_of_now(registry, increments);
    } while (!sx__sum_is_of_one_moment(registry, folds));
    return up == *down ? value : value + (double)(int64_t)(up - *down); /* -0 stays -0 */
}

/* If this thread is interrupted between its two sums, the increments of that time are in the value
 * and the decrements are not: the value is too high. Then the decrements have changed. So both are
 * read again, and the lowest value is the nearest. */
double sx__increments_read(const struct sx__series *series, uint32_t increments)
{
    const struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const uint64_t *own =
        sx__cell(sx__row(registry, 0), series->handle.cell); /* the only process row */
    uint64_t down;
    double lowest = sum_increments(registry, own, increments, &down);
    for (int i = 1; i < SUMS_MAX && sx__sum_rows_of_now(registry, increments + 1) != down; i++) {
        const double value = sum_increments(registry, own, increments, &down);
        if (value < lowest) {
            lowest = value;
        }
    }
    return lowest;
}

/* A thread that decremented and then incremented while the rows were read may be in the sum of
 * increments only. Then the decrements have changed, and both sums are read again. */
static uint64_t difference(const struct sx_registry *registry, uint32_t increments)
{
    uint64_t down;
    uint64_t up;
    uint64_t again = sx__sum_rows_of_now(registry, increments + 1);
    do {
        down = again;
        up = sx__sum_rows_of_now(registry, increments);
        again = sx__sum_rows_of_now(registry, increments + 1);
    } while (again != down);
    return up - down;
}

/* Stores the value in the gauge's own cell, and adds the opposite of what the rows count to the
 * overflow row. Readers see both or neither: they wait, as during a fold; see row_folding.h.
 *
 * The cell is exchanged before the rows are summed. If that overwrites another thread's amount, the
 * sum also has the increments that the thread made before it, and they are taken back as well. */
static void replace_value(struct sx_registry *registry, const struct sx__series *series,
                          double value)
{
    const char *overflow_row = sx__overflow_row(registry);
    const uint32_t increments = sx__series_cells(series)->more;
    __atomic_store_n(&registry->folds, registry->folds + 1, __ATOMIC_RELAXED);
    (void)__atomic_exchange_n(
        sx__cell(sx__process_row_of(series->handle.arena), series->handle.cell), sx__bits_of(value),
        __ATOMIC_ACQ_REL);
    const uint64_t counted = difference(registry, increments);
    const bool is_down = (int64_t)counted < 0;
    (void)__atomic_fetch_add(sx__cell(overflow_row, increments + (is_down ? 0 : 1)),
                             is_down ? -counted : counted, __ATOMIC_RELEASE);
    __atomic_store_n(&registry->folds, registry->folds + 1, __ATOMIC_RELEASE);
}

/* Whether the sums of increments and decrements are equal. They differ if a thread looked up its
 * increment cell before the first set, and incremented it afterwards. */
static bool is_balanced(const struct sx_registry *registry, uint32_t increments)
{
    const uint64_t folds = sx__sum_begin(registry);
    const uint64_t down = sx__sum_rows_of_now(registry, increments + 1);
    const uint64_t up = sx__sum_rows_of_now(registry, increments);
    return up == down && sx__sum_rows_of_now(registry, increments + 1) == down &&
           sx__sum_is_of_one_moment(registry, folds);
}

/* Sets a gauge whose threads update its own cell. Returns false if another thread changed the cell
 * meanwhile, so that the caller must take the lock. That thread may have an earlier increment in
 * its row that was not summed. The set would overwrite its later update, but not that increment. */
static bool set_own_cell(const struct sx__series *series, double value)
{
    const struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    uint64_t *cell = sx__cell(sx__process_row_of(series->handle.arena), series->handle.cell);
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&series->increments, __ATOMIC_ACQUIRE) == SX__INCREMENTS_SET &&
           is_balanced(registry, sx__series_cells(series)->more) &&
           __atomic_compare_exchange_n(cell, &seen, sx__bits_of(value), false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}

/* The cells of thread rows belong to their threads, so what they have counted is taken back in the
 * overflow row. Threads that increment the gauge now wait for the lock, so the sums stop changing.
 */
void sx__increments_set(struct sx__series *series, double value)
{
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    if (set_own_cell(series, value)) {
        return;
    }
    sx__directory_lock(registry);
    __atomic_store_n(&series->increments, SX__INCREMENTS_WAIT, __ATOMIC_SEQ_CST);
    replace_value(registry, series, value);
    __atomic_store_n(&series->increments, SX__INCREMENTS_SET, __ATOMIC_RELEASE);
    sx__directory_unlock(registry);
}
