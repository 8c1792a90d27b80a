/* row_folding.h: moving what threads that have ended counted into one row.
 *
 * A row keeps its values when its thread ends. After many threads, each scrape would read many rows
 * for ever. So a scrape looks for idle rows: rows with amounts that no thread has claimed since the
 * previous scrape. The first four rows with amounts are never folded. If there are four or more
 * idle rows, the scrape adds their integers (counters without fractions, classic and native
 * buckets, and the increments and decrements of gauges) to the overflow row and sets them to 0.
 * Later scrapes do not read integers in a row where all are 0. Sums of doubles stay where they are:
 * another order of additions could round them down, and a counter must not decrease.
 *
 * A thread that sums a cell checks afterwards whether amounts were moved meanwhile, and then sums
 * again (reading.c). So each sum is that of a moment between two moves, and moving never makes a
 * counter decrease.
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
