/* thread_rows.h: which thread owns which row of counters and histograms.
 *
 * Called by threads that update metrics.
 */
#ifndef SX_METRICS_THREAD_ROWS_H
#define SX_METRICS_THREAD_ROWS_H

#include "arena.h"

/** Makes ending threads give back their rows. Once per process, before the first update. */
void sx__thread_rows_prepare(void);

/** Claims a row for the calling thread.
 *
 * @return   the row, or NULL: use the overflow row, with atomic read-modify-write operations. That
 *           happens if all rows are taken, and in a thread whose destructor has run, because a row
 *           claimed then would never be released. After a failure the thread tries again only after
 *           some thousand updates, so NULL is cheap.
 */
char *sx__thread_row_claim(uint32_t arena);

/** Forgets the calling thread's rows, in a child of fork(). */
void sx__thread_rows_forget(void);

/** Returns the calling thread's row, claimed if needed, or NULL; see sx__thread_row_claim. */
static inline char *sx__thread_row(uint32_t arena)
{
    char *row = sx__thread_rows[arena];
    return __builtin_expect(row != NULL, 1) ? row : sx__thread_row_claim(arena);
}

#endif
