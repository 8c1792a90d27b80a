/* process_rows.h: which process updates which row of gauges, and which of these still live. */
#ifndef SX_METRICS_PROCESS_ROWS_H
#define SX_METRICS_PROCESS_ROWS_H

#include "arena.h"

/* The row of this process in each arena. Gauges are updated with real atomics, by any thread. */
extern char *sx__process_rows[SX__ARENAS];

/** Gives this process a row in the arena, and sits the calling thread on it for the process. */
void sx__process_enter(struct sx_registry *registry);

/** Sits down for this process again if the thread that sat has ended. */
void sx__process_adopt(struct sx_registry *registry);

/** Gets the calling thread, which ends, up from the seats that it has for its process. */
void sx__process_rows_leave(void);

/** Gives this process's row up, its gauges with it. */
void sx__process_exit(struct sx_registry *registry);

/** Forgets, after fork(), the rows of the parent. */
void sx__process_rows_forget(void);

/** Whether the gauges in this row count: its process lives, or it belongs to no single one. */
bool sx__process_row_lives(struct sx_registry *registry, size_t row);

/** Whether anybody may have written to this row. */
bool sx__process_row_was_used(struct sx_registry *registry, size_t row);

#endif
