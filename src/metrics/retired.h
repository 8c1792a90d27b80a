/* retired.h: removed series and families and replaced tables, until nobody can reach them.
 *
 * A reader that found one before it was removed may still read it, and a handle may still update
 * it. So it waits in a list. Later removals and creations look at the oldest of the list, and
 * reclaim what no reader and no handle can reach: its memory, and its cells, which are set to 0.
 * Nobody waits for readers.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_RETIRED_H
#define SX_METRICS_RETIRED_H

#include "records.h"

enum sx__retired_kind { SX__RETIRED_SERIES, SX__RETIRED_TABLE, SX__RETIRED_FAMILY };

/* A hash table of series, or the directory of such tables; see series_table.h. */
struct sx__table {
    struct sx__retired retired;
    uint32_t mask;
    uint32_t used;  /* entries that are not empty */
    uint32_t depth; /* how many bits of a hash lead here from the directory */
    uint32_t bits;  /* these bits */
    uint64_t entries[];
};

static inline size_t sx__table_bytes(size_t capacity)
{
    return sizeof(struct sx__table) + capacity * sizeof(uint64_t);
}

/** Puts into the list what no reader can find any more. */
void sx__retire(struct sx_registry *registry, struct sx__retired *retired,
                enum sx__retired_kind kind);

/** Reclaims some, if enough were retired since the last time that it is worth while. */
void sx__retired_reclaim(struct sx_registry *registry);

/** Reclaims all that can be reclaimed, because memory or cells ran out. Returns whether there was
 * any. */
bool sx__retired_reclaim_all(struct sx_registry *registry);

/** Repairs the list after a writer died. */
void sx__retired_mend(struct sx_registry *registry);

#endif
