/* row_folding.h: the amounts of threads that have ended, in one row.
 *
 * A row keeps its values when its thread ends, so a program that once had many threads at the same
 * time would have many rows to read for ever. A scrape moves the whole amounts of rows that no
 * thread has claimed since the previous scrape into the overflow row. Rows without whole amounts
 * are not read for counters and buckets. Sums of doubles stay where they are, as the order of
 * additions decides how they are rounded, and a counter must not decrease.
 *
 * A scrape that sums a cell while its amounts are moved does so again; see reading.c. So each sum
 * is of a state between two moves, a move changes no sum, and all else only adds.
 *
 * Private registries only: a process that was killed while it moved an amount would leave it in
 * both rows.
 */
#ifndef SX_METRICS_ROW_FOLDING_H
#define SX_METRICS_ROW_FOLDING_H

#include "arena.h"

/** Folds the rows of threads that have ended, if there are so many that it is worth while.
 *
 * Threads:  [any]; takes the directory's lock for some microseconds at a time
 */
void sx__rows_fold(struct sx_registry *registry);

#endif
