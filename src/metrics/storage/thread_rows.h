/* thread_rows.h: which thread owns which row of counters and histograms.
 *
 * Called by threads that update metrics.
 */
#ifndef SX_METRICS_THREAD_ROWS_H
#define SX_METRICS_THREAD_ROWS_H

#include "arena.h"

/* What a thread has that has updated or read a metric. A thread that has not has no such record,
 * and its sx__thread_rows points to NULLs. */
struct sx__thread {
    char *rows[SX__ARENAS];             /* first: sx__thread_rows points here */
    struct sx__seat *seats[SX__ARENAS]; /* of these rows */
    uint16_t updates_before_retry[SX__ARENAS];
    struct sx__thread *next;
    struct sx__thread **link; /* what points to this one in the list */
};

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

/** Makes all threads forget their rows of a private arena, before it is unmapped. No thread may be
 * updating metrics of it. */
void sx__thread_rows_forget(uint32_t arena);

/** Whether any thread of this process holds a seat of the arena: its own, or that of the process.
 * Then the arena must stay mapped. */
bool sx__thread_rows_are_held(uint32_t arena);

/** Gives up the calling thread's row of a registry that is destroyed. */
void sx__thread_row_release(uint32_t arena);

/** Called around fork(): keeps the list of threads consistent. In the child, the calling thread has
 * no rows, and the memory of all other threads is freed. */
void sx__thread_rows_before_fork(void);
void sx__thread_rows_after_fork_in_parent(void);
void sx__thread_rows_after_fork_in_child(void);

/** Returns the calling thread's row, claimed if needed, or NULL; see sx__thread_row_claim.
 *
 * @param rows  the calling thread's sx__thread_rows
 */
static inline char *sx__thread_row(char *const *rows, uint32_t arena)
{
    char *row = rows[arena];
    return __builtin_expect(row != NULL, 1) ? row : sx__thread_row_claim(arena);
}

#endif
