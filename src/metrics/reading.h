/* reading.h: summing cells, for a scrape or a get, without a lock.
 *
 * Each cell of a counter or bucket only grows, and so does each sum of them from one reading to the
 * next. Slots that no thread ever claimed are not touched: they would cost memory.
 *
 * A series may be removed while it is read, and its cells given to another one. Its version says so
 * afterwards, and the reading is thrown away.
 */
#ifndef SX_METRICS_READING_H
#define SX_METRICS_READING_H

#include "cells.h"
#include "family.h"
#include "touched.h"

/* The rows of an arena that count, as of now. */
struct sx__reading {
    const char *slots; /* the overflow row, which the claimed slots follow */
    size_t slot_count;
    size_t stride;
    const char *gauges[SX__PROCESSES + 1]; /* rows of the processes that live */
    size_t gauge_count;
    struct sx__touched touched; /* with no bits: all is to be read */
};

/** Prepares a scrape, which reads everything there is, but for what nobody ever wrote. */
void sx__reading_begin(struct sx__reading *reading, struct sx_registry *registry);

void sx__reading_end(struct sx__reading *reading);

/** Finds the rows that counters and histograms have, for reading one of them. */
void sx__reading_of_slots(struct sx__reading *reading, const struct sx_registry *registry);

/** Finds the rows that gauges have; asks for each process whether it lives. */
void sx__reading_of_gauges(struct sx__reading *reading, struct sx_registry *registry);

/* A cell of a row. Acquired, so that the version is not read before it, which would be the former
 * owner's version beside the new one's cell. On x86 it is a plain load. */
static inline uint64_t sx__read_cell(const struct sx__reading *reading, const char *row,
                                     uint32_t cell)
{
    const uint64_t *at = sx__cell(row, cell);
    if (reading->touched.bits != NULL && !sx__touched_has(&reading->touched, at)) {
        return 0;
    }
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline uint64_t sx__read_whole(const struct sx__reading *reading, uint32_t cell)
{
    uint64_t sum = 0;
    const char *row = reading->slots;
    for (size_t i = 0; i < reading->slot_count; i++, row += reading->stride) {
        sum += sx__read_cell(reading, row, cell);
    }
    return sum;
}

/* Rounding is monotone, and the order of the rows is always the same: the sum never falls where no
 * cell does. */
static inline double sx__read_double(const struct sx__reading *reading, uint32_t cell)
{
    double sum = 0;
    const char *row = reading->slots;
    for (size_t i = 0; i < reading->slot_count; i++, row += reading->stride) {
        sum += sx__double_of(sx__read_cell(reading, row, cell));
    }
    return sum;
}

/** A counter's two parts; *fraction is 0 where there never was one. False: it is removed. */
bool sx__read_counter(const struct sx__reading *reading, const struct sx__series *series,
                      uint64_t *whole, double *fraction);

/** A gauge's value. False: it is removed. */
bool sx__read_gauge(const struct sx__reading *reading, const struct sx__series *series,
                    double *value);

/** A histogram's sum, and into `buckets` the observations of each bucket (bound_count + 1). False:
 *  it is removed. */
bool sx__read_histogram(const struct sx__reading *reading, const struct sx__series *series,
                        uint32_t bound_count, uint64_t *buckets, double *sum);

#endif
