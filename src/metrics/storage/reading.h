/* reading.h: summing one cell over all rows, without a lock. Any thread may do it.
 *
 * Each cell of a counter or bucket only grows, and so does each sum of them from one reading to the
 * next, even if amounts are moved to another row (row_folding.h). Rows that no thread ever claimed
 * are not read: reading them would cost memory.
 *
 * A scrape reads neighbouring cells one after the other. It sums all cells of a cache line when it
 * needs the first of them, as each row's line must be fetched anyway.
 */
#ifndef SX_METRICS_READING_H
#define SX_METRICS_READING_H

#include "cells.h"
#include "epochs.h"
#include "resident_pages.h"

#define SX__LINE_CELLS 8u

/* What a scrape has read ahead: the sums of the cells of one cache line, and when they were read;
 * and the states of one state set. */
struct sx__line_sums {
    uint32_t number;   /* of the line in its row; UINT32_MAX: none */
    uint64_t returned; /* the registry's cells_returned before that */
    uint64_t sums[SX__LINE_CELLS];
    uint32_t states_cell; /* of the state set that was read last, in process rows; 0: none */
    uint64_t states;      /* its states */
};

/* The rows of an arena that count at the moment. */
struct sx__reading {
    const char *thread_rows; /* the overflow row; the claimed thread rows follow it */
    size_t thread_row_count;
    size_t stride;
    size_t counting_row_count;
    uint16_t
        counting_rows[SX__THREAD_ROWS_MAX + 1]; /* of these rows, those that have whole amounts */
    const char *gauges[SX__PROCESSES + 1];      /* rows of the processes that live */
    size_t gauge_count;
    struct sx__resident_pages resident; /* without bits: all pages must be read */
    struct sx_registry *registry;
    struct sx__reader reader;
    uint64_t epoch;             /* in which it began; UINT64_MAX: it reads one series only */
    struct sx__line_sums *line; /* what was read last; NULL: a single cell is read */
    struct sx__line_sums scraped;
};

/** Prepares a scrape, which reads all cells except those in pages that were never written. The
 * records that the scrape finds stay until sx__reading_end; see epochs.h. */
void sx__reading_begin(struct sx__reading *reading, struct sx_registry *registry);

void sx__reading_end(struct sx__reading *reading);

/** Forgets what was read ahead, so that what is read next is as it is now. */
static inline void sx__reading_refresh(struct sx__reading *reading)
{
    reading->scraped.number = UINT32_MAX;
    reading->scraped.states_cell = 0;
}

/** Whether a scrape shows a series or family that was made in this epoch. It does not if the epoch
 * is later than the one in which the scrape began. Otherwise a series that is removed and made
 * again during the scrape would be on the page twice. Each removal ends an epoch, so the new series
 * has a later one. */
static inline bool sx__reading_has(const struct sx__reading *reading, const uint64_t *made_in)
{
    return __atomic_load_n(made_in, __ATOMIC_RELAXED) <= reading->epoch;
}

/** Finds the thread rows, to read one counter or histogram. */
void sx__reading_of_thread_rows(struct sx__reading *reading, const struct sx_registry *registry);

/** Finds the rows of the live processes, to read one gauge. */
void sx__reading_of_process_rows(struct sx__reading *reading, struct sx_registry *registry);

/* Reads a cell of a row. */
static inline uint64_t sx__read_cell(const struct sx__reading *reading, const char *row,
                                     uint32_t cell)
{
    const uint64_t *at = sx__cell(row, cell);
    if (reading->resident.bits != NULL && !sx__resident_pages_have(&reading->resident, at)) {
        return 0;
    }
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/** Sums the cells of a line into *reading->line. */
void sx__read_line(const struct sx__reading *reading, uint32_t number);

/* Whether the line has the sum of this cell. It has not if cells were given back since it was read,
 * as this cell may have had another series then. */
static inline bool sx__line_sums_have(const struct sx__reading *reading, uint32_t cell)
{
    return reading->line->number == cell / SX__LINE_CELLS &&
           reading->line->returned ==
               __atomic_load_n(&reading->registry->cells_returned, __ATOMIC_ACQUIRE);
}

/** Sums a whole amount: a counter's without fractions, or a bucket. */
uint64_t sx__sum_rows(const struct sx__reading *reading, uint32_t cell);

static inline uint64_t sx__read_whole(const struct sx__reading *reading, uint32_t cell)
{
    if (reading->line == NULL) {
        return sx__sum_rows(reading, cell);
    }
    if (!sx__line_sums_have(reading, cell)) {
        sx__read_line(reading, cell / SX__LINE_CELLS);
    }
    return reading->line->sums[cell % SX__LINE_CELLS];
}

/* While an amount is moved from one row to another (row_folding.h), a sum could have it twice or
 * not at all, so it is read again (a seqlock). Moving the amounts of one series takes some
 * microseconds at the most. Cells are read with acquire semantics, as the count of moves must be
 * read after them. */

/** Waits until no amounts are being moved, and returns what sx__sum_is_of_one_moment needs. */
uint64_t sx__sum_begin(const struct sx_registry *registry);

/** Whether no amounts have been moved since sx__sum_begin. */
bool sx__sum_is_of_one_moment(const struct sx_registry *registry, uint64_t folds);

/** Sums a cell over the thread rows that count at the moment, between the two functions above. */
uint64_t sx__sum_rows_of_now(const struct sx_registry *registry, uint32_t cell);

/* Rounding is monotonic and the order of the rows is fixed, so the sum never decreases unless a
 * cell does. One row may have +Inf and another -Inf: the sum is +Inf then, as within a row. */
static inline double sx__read_double(const struct sx__reading *reading, uint32_t cell)
{
    double sum = 0;
    const char *row = reading->thread_rows;
    for (size_t i = 0; i < reading->thread_row_count; i++, row += reading->stride) {
        sum += sx__double_of(sx__read_cell(reading, row, cell));
    }
    return sx__sum_or_inf(sum);
}

#endif
