/* cells.h: updating a cell that holds a double. For any thread; inlined into updates. */
#ifndef SX_METRICS_CELLS_H
#define SX_METRICS_CELLS_H

#include "arena.h"

#include <math.h>
#include <string.h>

static inline double sx__double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t sx__bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/** Returns what a histogram's sum is instead of NaN. +Inf and -Inf have no sum, so once a +Inf was
 * observed the sum is +Inf, in whatever order the two came. */
static inline double sx__sum_or_inf(double sum)
{
    return sum == sum ? sum : HUGE_VAL;
}

/** Adds to a cell that other threads write too. A thread that reads the sum also sees what this
 * thread did before, and nothing that this thread does later comes before the addition. */
static inline void sx__cell_add_shared(uint64_t *cell, double amount)
{
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(cell, &seen, sx__bits_of(sx__double_of(seen) + amount),
                                        true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
}

/** As sx__cell_add_shared, to the sum of a histogram, which never becomes NaN. */
static inline void sx__cell_add_sum_shared(uint64_t *cell, double amount)
{
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
    uint64_t sum;
    do {
        sum = sx__bits_of(sx__sum_or_inf(sx__double_of(seen) + amount));
    } while (
        !__atomic_compare_exchange_n(cell, &seen, sum, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

#endif
