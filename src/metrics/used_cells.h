/* used_cells.h: the cells that removed series have left, and how the next series gets them.
 *
 * Nobody may zero a cell of a slot but the slot's owner, and a thread that was stopped in the
 * middle of an update may still store an old value plus one. So the cells keep counting, and the
 * series that gets them remembers what they showed then, and subtracts it. What is left behind
 * waits in a queue, so that it rests as long as possible before it is used again.
 *
 * Gauges are set, not only added to; theirs are zeroed.
 */
#ifndef SX_METRICS_USED_CELLS_H
#define SX_METRICS_USED_CELLS_H

#include "family.h"

struct sx__used_cells {
    uint32_t next; /* ref of the one that was left after this */
    uint32_t cell;
    uint32_t fraction; /* as in the series */
    uint32_t reserved;
    uint64_t sum;      /* a double: what the fraction's or the sum's cells showed */
    uint64_t counts[]; /* what the others showed: one, or one for each bucket */
};

/** Points a removed series, whose version is odd, at the scratch cells, and keeps its own.
 *
 * The directory's lock is held.
 */
void sx__used_cells_leave(struct sx_registry *registry, struct sx__family *family,
                          struct sx__series *series);

/** Gives cells to a series that is not published: used ones, or else new ones; false: full.
 *
 * The directory's lock is held.
 */
bool sx__used_cells_take(struct sx_registry *registry, struct sx__family *family,
                         struct sx__series *series);

/** Brings removed series in order after a writer died. What was in the queue is not used again: who
 * knows how far the writer got. The directory's lock is held. */
void sx__used_cells_mend(struct sx_registry *registry, struct sx__family *family);

#endif
