/* process_rows.h: which process owns which row of gauges, and which of these processes still live.
 */
#ifndef SX_METRICS_PROCESS_ROWS_H
#define SX_METRICS_PROCESS_ROWS_H

#include "arena.h"

/* The row of this process in each arena. Any thread of the process updates it, with atomic
 * read-modify-write operations. */
extern char *sx__process_rows[SX__ARENAS];

/* The one of an arena. Atomic, because a child of fork() gets another. */
static inline char *sx__process_row_of(uint32_t arena)
{
    return __atomic_load_n(&sx__process_rows[arena], __ATOMIC_RELAXED);
}

/** Gives this process a row in the arena. The calling thread takes the seat for the process. */
void sx__process_enter(struct sx_registry *registry);

/** Takes the seat for this process again, if the thread that held it has ended. */
void sx__process_adopt(struct sx_registry *registry);

/** Releases the seats that the calling thread, which ends, holds for its process. */
void sx__process_rows_leave(void);

/** Releases this process's row. Its gauges no longer count. */
void sx__process_exit(struct sx_registry *registry);

/** Whether a thread of this process holds the seat of the process. No thread may be ending, see
 * sx__thread_rows_are_held. */
bool sx__process_seat_is_held(uint32_t arena);

/** Forgets the row in an arena that was unmapped. */
void sx__process_row_forget(uint32_t arena);

/** Forgets the rows of the parent, in a child of fork(). */
void sx__process_rows_forget(void);

/** Whether the gauges in this row count: its process lives. The row of all further processes does
 * not count, because nobody would take back what those that died have left in it. */
bool sx__process_row_counts(struct sx_registry *registry, size_t row);

/** Whether its process lives, or it is the row of all further processes, of which some may live. */
bool sx__process_row_lives(struct sx_registry *registry, size_t row);

/** Whether the row has nothing to keep (left_values.h): nobody ever had it, or its values have been
 * kept.
 *
 * @param row  less than SX__PROCESSES, of a shared arena
 */
bool sx__process_row_is_kept(const struct sx_registry *registry, size_t row);

/** Keeps what processes that have ended left in their rows. Takes the directory's lock. */
void sx__process_rows_keep(struct sx_registry *registry);

/** Whether any process may have written to this row. */
bool sx__process_row_was_used(struct sx_registry *registry, size_t row);

#endif
