/* peek.h: reading and zeroing cells that are most likely 0, in pages that may have no memory.
 *
 * A plain load from a page of a shared arena that was never written allocates the page. To reclaim
 * a series, its cells in all rows are checked, also in rows that never updated it. Scrapes first
 * find all resident pages (resident_pages.h), which takes long in a large registry. Here only the
 * pages of these cells are read. The last page of each row is remembered, because series that are
 * reclaimed together are often neighbours.
 */
#ifndef SX_METRICS_PEEK_H
#define SX_METRICS_PEEK_H

#include "arena.h"

#define SX__ROWS_MAX (SX__RULES_ROW + 1 + 1 + SX__THREAD_ROWS_MAX)

struct sx__peeking {
    struct sx_registry *registry;
    bool has_file;                /* else cells are read where they are */
    uint32_t known[SX__ROWS_MAX]; /* of each row, the page looked at last; see peek.c */
};

/** Begins to look at cells. Updates made before this call are seen; later ones may be missed. */
void sx__peeking_begin(struct sx__peeking *peeking, struct sx_registry *registry);

/** Returns the value of a cell. */
uint64_t sx__peek(struct sx__peeking *peeking, size_t row, uint32_t cell);

/** Sets neighbouring cells to 0. Writes only to those that are not. */
void sx__zero_cells(struct sx__peeking *peeking, size_t row, uint32_t cell, uint32_t count);

#endif
