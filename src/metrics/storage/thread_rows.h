/* thread_rows.h: which thread updates which thread row. */
#ifndef SX_METRICS_THREAD_ROWS_H
#define SX_METRICS_THREAD_ROWS_H

#include "arena.h"

/** Makes ending threads give back their rows. Once per process, before the first update. */
void sx__thread_rows_prepare(void);

/** The thread row of the calling thread, claimed now; NULL: use the overflow row, with real
 * atomics.
 *
 * NULL is the answer where all thread rows are taken, and for a thread whose destructor has run: a
 * thread row claimed then would never be released. Costs little either way: a refused thread tries
 * again only after some thousand updates.
 */
char *sx__thread_row_claim(uint32_t arena);

/** Drops what the thread knows of its thread rows, after fork() made it another process's thread.
 */
void sx__thread_rows_forget(void);

/** The calling thread's thread row or NULL, as sx__thread_row_claim. */
static inline char *sx__thread_row(uint32_t arena)
{
    char *row = sx__thread_rows[arena];
    return __builtin_expect(row != NULL, 1) ? row : sx__thread_row_claim(arena);
}

#endif
