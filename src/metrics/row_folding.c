/* row_folding.c: moving amounts from rows that no thread owns into the overflow row. */
#include "row_folding.h"

#include "cells.h"
#include "epochs.h"
#include "histogram_cells.h"
#include "increments.h"
#include "lock.h"
#include "native.h"
#include "records.h"

/* The first rows with amounts are not folded: reading them costs little, and new threads claim them
 * first. */
#define ROWS_KEPT 4u
/* Folding a row costs as much as reading it twice, so a few rows are not worth it. */
#define ROWS_WORTH_FOLDING 4u
/* How many series are folded before the directory's lock is released for others. */
#define SERIES_AT_A_TIME 32u

struct folding {
    struct sx_registry *registry;
    size_t row_count;
    uint16_t rows[SX__THREAD_ROWS_MAX]; /* whose seats this thread holds */
    uint64_t amount_max; /* twice this is half of a row's share of the range; see counter.c */
    bool is_complete;
};

/* ---- which rows ---- */

/* Takes the seats of idle rows. Rows that are free now are idle at the next scrape if no thread
 * claims them before. */
static void take_idle_rows(struct folding *folding)
{
    struct sx_registry *registry = folding->registry;
    const uint32_t claimed = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE);
    size_t counting = 0;
    for (uint32_t i = 0; i < claimed; i++) {
        pthread_mutex_t *mutex = &registry->seats[i].mutex;
        if (!sx__row_is_in(registry->counting_rows, i) || ++counting <= ROWS_KEPT ||
            sx__lock_try(mutex) != SX__LOCK_TAKEN) {
            continue;
        }
        if (sx__row_is_in(registry->idle_rows, i)) {
            folding->rows[folding->row_count++] = (uint16_t)i;
            continue;
        }
        (void)__atomic_fetch_or(&registry->idle_rows[i / 64], sx__row_bit(i), __ATOMIC_RELAXED);
        sx__lock_release(mutex);
    }
}

static void release_rows_of(const struct folding *folding, bool are_empty)
{
    struct sx_registry *registry = folding->registry;
    for (size_t i = 0; i < folding->row_count; i++) {
        const size_t row = folding->rows[i];
        if (are_empty) {
            (void)__atomic_fetch_and(&registry->counting_rows[row / 64], ~sx__row_bit(row),
                                     __ATOMIC_RELEASE);
        }
        sx__lock_release(&registry->seats[row].mutex);
    }
}

/* ---- moving ---- */

/* A thread that reads a value stored here then finds `folds` odd or changed, and sums again. */
static void move_cell(struct folding *folding, uint32_t cell)
{
    uint64_t *to = sx__cell(sx__overflow_row(folding->registry), cell);
    for (size_t i = 0; i < folding->row_count; i++) {
        uint64_t *from = sx__cell(sx__thread_row_at(folding->registry, folding->rows[i]), cell);
        const uint64_t amount = __atomic_load_n(from, __ATOMIC_RELAXED);
        if (amount > folding->amount_max ||
            __atomic_load_n(to, __ATOMIC_RELAXED) > folding->amount_max) {
            folding->is_complete &= amount == 0;
        } else if (amount > 0) {
            (void)__atomic_fetch_add(to, amount, __ATOMIC_RELEASE);
            __atomic_store_n(from, 0, __ATOMIC_RELEASE);
        }
    }
}

/* Nobody writes to these rows: their seats are held. */
static bool has_amounts(const struct folding *folding, uint32_t cell, uint32_t count)
{
    for (size_t i = 0; i < folding->row_count; i++) {
        const uint64_t *cells =
            sx__cell(sx__thread_row_at(folding->registry, folding->rows[i]), cell);
        for (uint32_t j = 0; j < count; j++) {
            if (__atomic_load_n(&cells[j], __ATOMIC_RELAXED) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Moves a lane of native buckets from the idle rows to the overflow row. `lane` is its first cell;
 * 0: there is none. */
static void move_lane(struct folding *folding, const struct sx__family *family, uint32_t lane)
{
    uint64_t *to = sx__cell(sx__overflow_row(folding->registry), lane);
    for (size_t i = 0; i < folding->row_count && lane != 0; i++) {
        sx__lane_fold(to, sx__cell(sx__thread_row_at(folding->registry, folding->rows[i]), lane),
                      family);
    }
}

/* A lane that has counted anything has a number in one of its first cells. */
static bool have_lanes(const struct folding *folding, const struct sx__cells *lanes)
{
    return has_amounts(folding, lanes->cell, SX__LANE_WINDOWS) ||
           (lanes->more != 0 && has_amounts(folding, lanes->more, SX__LANE_WINDOWS));
}

/* The directory's lock is held, so no other thread folds, or writes lanes of the overflow row.
 * Readers wait while `folds` is odd, so it becomes odd only if there is something to move. */
static void move_series(struct folding *folding, const struct sx__family *family,
                        const struct sx__series *series)
{
    uint64_t *folds = &folding->registry->folds;
    uint32_t cell = series->handle.cell;
    uint32_t count = 1;
    if (sx__has_buckets(family)) {
        cell += SX__HISTOGRAM_BUCKETS;
        count = family->bound_count + 1;
    } else if (family->type != SX_COUNTER) {
        cell = sx__is_gauge(family) ? sx__increments_cell(series) : 0;
        count = cell != 0 ? SX__INCREMENTS_CELLS : 0;
    }
    const struct sx__cells *lanes = NULL;
    if (sx__has_native(family)) {
        lanes = sx__at(folding->registry, sx__series_cells(series)->more);
    }
    if (!has_amounts(folding, cell, count) && (lanes == NULL || !have_lanes(folding, lanes))) {
        return;
    }
    __atomic_store_n(folds, *folds + 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count; i++) {
        move_cell(folding, cell + i);
    }
    if (lanes != NULL) {
        move_lane(folding, family, lanes->cell);
        move_lane(folding, family, lanes->more);
    }
    __atomic_store_n(folds, *folds + 1, __ATOMIC_RELEASE);
}

/* If a series is removed while the lock is free, its `next` stays valid, because this thread is a
 * reader. Its cells need no folding: they are set to 0 before another series gets them. */
static void move_family(struct folding *folding, const struct sx__family *family)
{
    struct sx_registry *registry = folding->registry;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    while (series != NULL) {
        sx__directory_lock(registry);
        for (unsigned i = 0; i < SERIES_AT_A_TIME && series != NULL; i++) {
            if (!sx__series_is_removed(series)) {
                move_series(folding, family, series);
            }
            series = sx__series_at(registry, &series->next);
        }
        sx__directory_unlock(registry);
    }
}

void sx__rows_fold(struct sx_registry *registry)
{
    if (registry->shared) {
        return;
    }
    struct folding folding = {.registry = registry,
                              .is_complete = true,
                              .amount_max =
                                  (UINT64_C(1) << 63) / (registry->geometry.thread_rows + 1) / 4};
    take_idle_rows(&folding);
    const bool is_worth_it = folding.row_count >= ROWS_WORTH_FOLDING;
    if (is_worth_it) {
        const struct sx__reader reader = sx__epoch_enter(registry);
        const struct sx__family *family = sx__family_at(registry, &registry->first_family);
        for (; family != NULL; family = sx__family_at(registry, &family->next)) {
            if (family->source == SX__FROM_CELLS) {
                move_family(&folding, family);
            }
        }
        sx__epoch_leave(registry, reader);
    }
    release_rows_of(&folding, is_worth_it && folding.is_complete);
}
