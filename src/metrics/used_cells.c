/* used_cells.c: leaving and taking over cells. */
#include "used_cells.h"

#include "cells.h"
#include "histogram.h"
#include "processes.h"
#include "reading.h"

/* A sum or fraction this large swallows what is added to it: 2^40 seconds would round what comes
 * next to a tenth of a millisecond. Neither do infinities go away by subtraction. */
#define SUM_LIMIT 1099511627776.0

static size_t count_of(const struct sx__family *family)
{
    return family->type == SX__HISTOGRAM ? (size_t)family->bound_count + 1 : 1;
}

static uint32_t new_cells(struct sx_registry *registry, const struct sx__family *family)
{
    switch ((enum sx__type)family->type) {
    case SX__GAUGE:
        return sx__directory_gauge_cell(registry);
    case SX__HISTOGRAM:
        return sx__directory_slot_cells(registry, family->bound_count + 2); /* +Inf and the sum */
    case SX__COUNTER:
        break;
    }
    return sx__directory_slot_cells(registry, 1);
}

/* ---- leaving ---- */

static void point_at_scratch(const struct sx__family *family, struct sx__series *series)
{
    uint32_t cell = family->type == SX__HISTOGRAM ? family->scratch : SX__SCRATCH_CELL;
    __atomic_store_n(&series->baseline, 0, __ATOMIC_RELEASE);
    if (family->type == SX__COUNTER) {
        __atomic_store_n(&series->fraction, SX__SCRATCH_FRACTION, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&series->handle.cell, cell, __ATOMIC_RELEASE);
}

static void enqueue(struct sx_registry *registry, struct sx__family *family,
                    struct sx__used_cells *left)
{
    uint32_t ref = sx__ref(registry, left);
    if (family->used_last == 0) {
        family->used_first = ref;
    } else {
        ((struct sx__used_cells *)sx__at(registry, family->used_last))->next = ref;
    }
    family->used_last = ref;
}

void sx__used_cells_leave(struct sx_registry *registry, struct sx__family *family,
                          struct sx__series *series)
{
    if (family->type == SX__HISTOGRAM && family->scratch == 0) {
        /* The first series that is removed leaves its cells for this. */
        family->scratch = series->handle.cell;
        point_at_scratch(family, series);
        return;
    }
    struct sx__used_cells *left =
        series->baseline != 0
            ? sx__at(registry, series->baseline)
            : sx__directory_allocate(registry, sizeof *left + count_of(family) * sizeof(uint64_t));
    /* Where the directory is full, the cells are lost, but the series is gone all the same. */
    if (left != NULL) {
        left->next = 0;
        left->cell = series->handle.cell;
        left->fraction = series->fraction;
    }
    point_at_scratch(family, series);
    if (left != NULL) {
        enqueue(registry, family, left);
    }
}

/* ---- taking ---- */

static struct sx__used_cells *dequeue(struct sx_registry *registry, struct sx__family *family)
{
    if (family->used_first == 0) {
        return NULL;
    }
    struct sx__used_cells *left = sx__at(registry, family->used_first);
    family->used_first = left->next;
    if (left->next == 0) {
        family->used_last = 0;
    }
    return left;
}

static bool is_small(double sum)
{
    return sum > -SUM_LIMIT && sum < SUM_LIMIT;
}

static void set_baseline(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE); /* a scrape may be reading the former owner */
}

static void remember_counter(struct sx__used_cells *left, const struct sx__reading *reading)
{
    double fraction = left->fraction == 0 ? 0 : sx__read_double(reading, left->fraction);
    if (!is_small(fraction)) {
        fraction = 0;
        left->fraction = 0;
    }
    set_baseline(&left->sum, sx__bits_of(fraction));
    set_baseline(&left->counts[0], sx__read_whole(reading, left->cell));
}

static bool remember_histogram(struct sx__used_cells *left, const struct sx__reading *reading,
                               size_t count)
{
    double sum = sx__read_double(reading, left->cell + SX__HISTOGRAM_SUM);
    if (!is_small(sum)) {
        return false;
    }
    set_baseline(&left->sum, sx__bits_of(sum));
    for (size_t i = 0; i < count; i++) {
        uint32_t cell = left->cell + SX__HISTOGRAM_BUCKETS + (uint32_t)i;
        set_baseline(&left->counts[i], sx__read_whole(reading, cell));
    }
    return true;
}

static void zero_gauge(struct sx_registry *registry, uint32_t cell)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i)) {
            /* As in set_baseline: not before the version says that the former owner is gone. */
            __atomic_store_n(sx__cell(sx__row(registry, i), cell), 0, __ATOMIC_RELEASE);
        }
    }
}

/* Makes the cells start at 0 for their next owner; false where they cannot be used again. */
static bool renew(struct sx_registry *registry, const struct sx__family *family,
                  struct sx__used_cells *left)
{
    struct sx__reading reading;
    if (family->type == SX__GAUGE) {
        zero_gauge(registry, left->cell);
        return true;
    }
    sx__reading_of_slots(&reading, registry);
    if (family->type == SX__HISTOGRAM) {
        return remember_histogram(left, &reading, count_of(family));
    }
    remember_counter(left, &reading);
    return true;
}

bool sx__used_cells_take(struct sx_registry *registry, struct sx__family *family,
                         struct sx__series *series)
{
    struct sx__used_cells *left = dequeue(registry, family);
    while (left != NULL && !renew(registry, family, left)) {
        left = dequeue(registry, family);
    }
    uint32_t cell = left != NULL ? left->cell : new_cells(registry, family);
    if (cell == 0) {
        return false;
    }
    uint32_t baseline = left != NULL ? sx__ref(registry, left) : 0;
    uint32_t fraction = left != NULL ? left->fraction : 0;
    __atomic_store_n(&series->baseline, baseline, __ATOMIC_RELEASE);
    __atomic_store_n(&series->fraction, fraction, __ATOMIC_RELEASE);
    __atomic_store_n(&series->handle.cell, cell, __ATOMIC_RELEASE);
    return true;
}

void sx__used_cells_mend(struct sx_registry *registry, struct sx__family *family)
{
    family->used_first = 0;
    family->used_last = 0;
    for (uint32_t ref = family->first_series; ref != 0;) {
        struct sx__series *series = sx__at(registry, ref);
        if (sx__series_is_removed(series->version)) {
            if (family->type == SX__HISTOGRAM && family->scratch == 0) {
                family->scratch = series->handle.cell;
            }
            point_at_scratch(family, series);
        }
        ref = series->next;
    }
}
