/* series_cells.h: which cells a series has: new ones, recycled ones, or, once it is removed, the
 * scratch cells.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_SERIES_CELLS_H
#define SX_METRICS_SERIES_CELLS_H

#include "records.h"

/** Points a removed series, whose version is odd, at the scratch cells, and recycles its own. */
void sx__series_cells_leave(struct sx_registry *registry, struct sx__family *family,
                            struct sx__series *series);

/** Gives cells to a series that is not published: recycled ones, or else new ones.
 *
 * @return   false if the registry has no cells left
 */
bool sx__series_cells_take(struct sx_registry *registry, struct sx__family *family,
                           struct sx__series *series);

/** Repairs removed series after a writer died. Its queue of cells is abandoned, because no thread
 *  knows how far the writer got. */
void sx__series_cells_mend(struct sx_registry *registry, struct sx__family *family);

#endif
