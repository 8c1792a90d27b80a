/* peek.h: reading and zeroing cells that are most likely 0, in pages that may have no memory.
 *
 * A plain load from a page of a shared arena that was never written allocates the page. A reclaimed
 * series looks into every row, so its cells would cost memory in rows that never had it. A scrape
 * finds all resident pages first (resident_pages.h), which takes long; this asks for few cells.
 */
#ifndef SX_METRICS_PEEK_H
#define SX_METRICS_PEEK_H

#include "arena.h"

/** Returns the value of a cell that other threads and processes may be updating, as a sequentially
 * consistent load does.
 *
 * Threads:  [any]
 */
uint64_t sx__peek(const struct sx_registry *registry, const char *row, uint32_t cell);

/** Sets neighbouring cells to 0, which nobody updates any more. Writes only to those that are not.
 *
 * Threads:  [any]
 */
void sx__zero_cells(const struct sx_registry *registry, const char *row, uint32_t cell,
                    uint32_t count);

#endif
