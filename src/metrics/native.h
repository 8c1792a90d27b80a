/* native.h: native buckets of histograms: buckets whose bounds are powers of a number near 1, so
 * that they are fine and need no configuration.
 *
 * A series has a lane for positive numbers, and from its first negative observation on another one
 * for these. A lane is a row of neighbouring cells, in each thread row. It is an exponential
 * histogram of its own resolution, which only its owner writes:
 *
 *   control | infinite | zero | window 0 | window 1
 *
 * The control word says which window is used, its schema, and the lowest and the highest index in
 * it. Bucket i is in cell i modulo the size of the window (a ring), so the range grows downwards
 * and upwards without a move. When an index is too far from the others, the owner halves the
 * resolution: it writes the merged buckets into the other window, and stores the control word. A
 * thread or process that is killed before that store has changed nothing; the next owner of the row
 * goes on with the old window. At schema -4 the window has room for all doubles.
 *
 * Readers take no lock. They read the control word before and after the buckets; if it has another
 * schema, the window may have been used again, and they read everything again. That happens 12
 * times for each lane at the most. A scrape merges the rows at the coarsest of their resolutions,
 * and halves further while there are too many buckets. So the schema that is shown never becomes
 * finer, which Prometheus would take for a reset.
 *
 * The overflow row has many writers, who hold the directory's lock.
 */
#ifndef SX_METRICS_NATIVE_H
#define SX_METRICS_NATIVE_H

#include "cells.h"
#include "native_index.h"
#include "reading.h"
#include "records.h"

#define SX__ZERO_THRESHOLD_DEFAULT 0x1p-128 /* as in the client for Go */
#define SX__NATIVE_WINDOW 160u              /* cells of a window */
#define SX__LANE_CELLS (3 + 2 * SX__NATIVE_WINDOW)

enum sx__lane_cell { SX__LANE_CONTROL, SX__LANE_INFINITE, SX__LANE_ZERO, SX__LANE_WINDOWS };

/* Bits of a control word. An index is stored with a bias, which is a multiple of the window's size,
 * so that it is positive. */
#define SX__LANE_BIAS (SX__NATIVE_WINDOW * 3276)
#define SX__LANE_INDEX_BITS 20
#define SX__LANE_INDEX_MASK ((UINT64_C(1) << SX__LANE_INDEX_BITS) - 1)
#define SX__LANE_HALVINGS_AT 40 /* how much coarser than schema 8 it is; 4 bits */
#define SX__LANE_WINDOW_AT 44
#define SX__LANE_USED (UINT64_C(1) << 45)

#define SX__INFINITY_BITS (UINT64_C(0x7FF) << 52)

static inline uint32_t sx__lane_halvings(uint64_t control)
{
    return (uint32_t)(control >> SX__LANE_HALVINGS_AT) & 15;
}

/* The cell of a bucket, given its index with the bias. */
static inline uint64_t *sx__lane_bucket(uint64_t *lane, uint64_t control, uint32_t index)
{
    const uint32_t window = (uint32_t)(control >> SX__LANE_WINDOW_AT) & 1;
    return lane + SX__LANE_WINDOWS + window * SX__NATIVE_WINDOW + index % SX__NATIVE_WINDOW;
}

/** Makes an index part of a lane's range, halving its resolution if needed. Returns the new control
 * word.
 *
 * @param index  at schema 8
 */
uint64_t sx__lane_extend(uint64_t *lane, const struct sx__family *family, int32_t index);

/** Returns the first cell of the lane for negative numbers, which is made if needed, or 0 if no
 * cells are left. */
uint32_t sx__native_negative_lane(const struct sx__series *series);

/** The same, if the directory's lock is held. */
uint32_t sx__native_negative_lane_locked(struct sx_registry *registry,
                                         const struct sx__series *series);

static inline void sx__count_one(uint64_t *cell)
{
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static inline bool sx__has_native(const struct sx__family *family)
{
    return family->native_max > 0;
}

/** Counts an observation in a row that only the caller writes. Returns false if the registry has no
 * room for negative observations, which is possible for the first one only.
 *
 * @param value  not NaN
 */
static inline bool sx__native_observe(const struct sx__series *series, const char *row,
                                      double value)
{
    const struct sx__family *family = sx__series_family(series);
    const uint64_t bits = sx__bits_of(value);
    const uint64_t magnitude = bits & ~(UINT64_C(1) << 63);
    uint32_t cell = series->increments;
    /* The bits of positive doubles are in the order of their values. */
    if (magnitude <= family->zero_threshold) {
        sx__count_one(sx__cell(row, cell) + SX__LANE_ZERO);
        return true;
    }
    if (__builtin_expect(bits != magnitude, 0)) {
        cell = sx__native_negative_lane(series);
        if (cell == 0) {
            return false;
        }
    }
    uint64_t *lane = sx__cell(row, cell);
    if (__builtin_expect(magnitude == SX__INFINITY_BITS, 0)) {
        sx__count_one(lane + SX__LANE_INFINITE);
        return true;
    }
    const int32_t finest = sx__native_index(magnitude);
    uint64_t control = __atomic_load_n(lane, __ATOMIC_RELAXED);
    uint32_t index =
        (uint32_t)sx__native_coarser(finest, sx__lane_halvings(control)) + SX__LANE_BIAS;
    const uint32_t low = (uint32_t)(control & SX__LANE_INDEX_MASK);
    const uint32_t high = (uint32_t)(control >> SX__LANE_INDEX_BITS & SX__LANE_INDEX_MASK);
    if (__builtin_expect(index < low || index > high, 0)) { /* also if the lane is not used yet */
        control = sx__lane_extend(lane, family, finest);
        index = (uint32_t)sx__native_coarser(finest, sx__lane_halvings(control)) + SX__LANE_BIAS;
    }
    sx__count_one(sx__lane_bucket(lane, control, index));
    return true;
}

/* A bucket that is not empty. */
struct sx__native_bucket {
    int32_t index;
    uint64_t count;
};

/* Those of one sign, in ascending order of their indexes. The last one may be that of infinity,
 * which is the one after the bucket of the largest double. */
struct sx__native_side {
    size_t count;
    struct sx__native_bucket buckets[SX__NATIVE_WINDOW + 1];
};

/* What the native buckets of a histogram show. */
struct sx__native_values {
    int32_t schema;
    double zero_threshold;
    uint64_t zero_count;
    struct sx__native_side positive;
    struct sx__native_side negative; /* with the indexes of the absolute values */
    uint64_t count;                  /* in all buckets */
    double sum;
};

/** Returns how many observations the zero bucket and the buckets of both signs have. */
static inline uint64_t sx__native_count(const struct sx__native_values *values)
{
    uint64_t count = values->zero_count;
    for (size_t i = 0; i < values->positive.count; i++) {
        count += values->positive.buckets[i].count;
    }
    for (size_t i = 0; i < values->negative.count; i++) {
        count += values->negative.buckets[i].count;
    }
    return count;
}

/** Reads the native buckets of a series. Returns false if it is removed.
 *
 * If the histogram has classic buckets, too, these may count some observations more or less, which
 * other threads make at the moment. Where a page shows both, its count is that of the native
 * buckets, and no cumulative classic bucket may exceed it.
 *
 * The caller is reading (see epochs.h) or has a handle.
 */
bool sx__read_native(const struct sx__reading *reading, const struct sx__series *series,
                     struct sx__native_values *values);

/** Moves what a lane has counted to another one, and sets it to 0. The caller writes both rows
 * alone, and readers wait; see row_folding.h. */
void sx__lane_fold(uint64_t *to, uint64_t *from, const struct sx__family *family);

#endif
