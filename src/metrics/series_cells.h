/* series_cells.h: giving cells to series and families, and taking them back.
 *
 * The registry keeps cells that were given back in lists, one for each kind: those of gauges, those
 * of families (only a pin), lanes of native buckets, and those of counters, histograms and
 * summaries by their number. The next series of the same kind gets them, whatever its family.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_SERIES_CELLS_H
#define SX_METRICS_SERIES_CELLS_H

#include "peek.h"
#include "records.h"

/** Gives cells to a series that is not published: those of a reclaimed one, or else new ones. All
 * are 0.
 *
 * @return   false if the registry has no cells left
 */
bool sx__series_cells_take(struct sx_registry *registry, const struct sx__family *family,
                           struct sx__series *series);

/** Gives a series all further cells that it may need later: for its pins, for the fractions of a
 * counter, and for negative observations in native buckets. Returns false if the registry has no
 * cells left. */
bool sx__series_cells_complete(struct sx_registry *registry, const struct sx__family *family,
                               const struct sx__series *series);

/** Sets the cells of a series to 0. */
void sx__series_cells_zero(struct sx_registry *registry, const struct sx__series *series);

/** Takes the cells of a series that nobody could reach when the peeking began, and sets them to 0.
 */
void sx__series_cells_leave(struct sx__peeking *peeking, const struct sx__family *family,
                            const struct sx__series *series);

/** Gives a family the cell that counts its registrations. Returns false if no cells are left. */
bool sx__family_pin_take(struct sx_registry *registry, struct sx__family *family);

/** Gives that cell back. No process pins it any more. */
void sx__family_pin_leave(struct sx_registry *registry, const struct sx__family *family);

#endif
