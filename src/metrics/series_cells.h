/* series_cells.h: giving cells to a series, and taking them back.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_SERIES_CELLS_H
#define SX_METRICS_SERIES_CELLS_H

#include "records.h"

/** Gives cells to a series that is not published: those of a reclaimed one, or else new ones. All
 * are 0.
 *
 * @return   false if the registry has no cells left
 */
bool sx__series_cells_take(struct sx_registry *registry, struct sx__family *family,
                           struct sx__series *series);

/** Takes the cells of a series that nobody can reach, and sets them to 0. */
void sx__series_cells_leave(struct sx_registry *registry, struct sx__family *family,
                            const struct sx__series *series);

#endif
