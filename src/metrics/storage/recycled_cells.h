/* recycled_cells.h: the cells of removed series, until another series gets them.
 *
 * Only the owner of a thread row may write its cells, and a thread that was preempted in the middle
 * of an update may still store an old value plus one. So recycled cells are not zeroed: they keep
 * counting, and the next series remembers what they showed when it got them, and subtracts it (its
 * baseline). Cells wait in a queue, so that the time until they are used again is as long as
 * possible. The cells of gauges are zeroed, because gauges are set, not only added to.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_RECYCLED_CELLS_H
#define SX_METRICS_RECYCLED_CELLS_H

#include "directory.h"

/* A record of the directory. */
struct sx__recycled_cells {
    uint32_t next; /* ref of the cells that were queued after these */
    uint32_t cell;
    uint32_t fraction; /* counters: the cell of fractions; 0: none */
    uint32_t reserved;
    uint64_t sum;      /* baseline, a double: what the fraction's or the sum's cells showed */
    uint64_t counts[]; /* baseline: what the others showed: one, or one for each bucket */
};

/* Refs; 0: empty. */
struct sx__recycling_queue {
    uint32_t first;
    uint32_t last;
};

void sx__recycled_cells_enqueue(struct sx_registry *registry, struct sx__recycling_queue *queue,
                                struct sx__recycled_cells *cells);

/** Returns the cells that have waited longest, or NULL if the queue is empty. */
struct sx__recycled_cells *sx__recycled_cells_dequeue(struct sx_registry *registry,
                                                      struct sx__recycling_queue *queue);

/** Sets the baseline, so that the counter that gets the cells starts at 0. Returns false if the
 *  cells are so near the end of their range that they must not be used again. */
bool sx__recycled_cells_renew_counter(struct sx_registry *registry,
                                      struct sx__recycled_cells *cells);

/** The same for a histogram; returns false if its sum is too large for these cells to be used
 *  again. */
bool sx__recycled_cells_renew_histogram(struct sx_registry *registry,
                                        struct sx__recycled_cells *cells, size_t bucket_count);

/** Zeroes the cell in all process rows. */
void sx__recycled_cells_renew_gauge(struct sx_registry *registry, struct sx__recycled_cells *cells);

#endif
