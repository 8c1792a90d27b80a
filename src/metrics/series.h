/* series.h: finding and making the series of a family. */
#ifndef SX_METRICS_SERIES_H
#define SX_METRICS_SERIES_H

#include "peek.h"
#include "records.h"

#define SX__BEYOND_LIMIT 1

/** Finds or makes the series with these label values.
 *
 * @return   SX_OK, or SX__BEYOND_LIMIT if the family must not have another series
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL, SX_ENOMEM
 * Threads:  [any] that is reading, see epochs.h; takes the directory's lock only if it makes the
 *           series
 */
int sx__series_get(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count);

/** Removes the series with these label values. Returns 1, or 0 if there is none.
 *
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL (values larger than any series can have), SX_ENOMEM
 */
int sx__series_remove(struct sx__family *family, const struct sx_str *values, size_t count);

/** Takes a series out of the family's chain and table. The directory's lock is held. */
void sx__series_retire(struct sx_registry *registry, struct sx__family *family,
                       struct sx__series *series);

#define SX__REMOVED_MEANWHILE 2

/** Pins a series for a handle that is handed out.
 *
 * @return   SX_OK, or SX__REMOVED_MEANWHILE if it was removed since it was found
 * Errors:   SX_EFULL, SX_ENOMEM
 * Threads:  [any] that is reading
 */
int sx__series_pin(struct sx__series *series);

/** The cell of the series' pins, which is made if needed, or 0 if the registry is full. */
uint32_t sx__series_pin_cell(struct sx__series *series);

/** Gives up the pin of a handle. NULL, and the series of a metric without labels, are a no-op. */
void sx__series_release(struct sx__series *series);

/** Sets what a series shows to 0. Takes the directory's lock, because of row_folding.h. */
void sx__series_reset(struct sx__series *series);

/** Repairs the family's counts, end of chain and table from its chain. The directory's lock is
 * held. */
void sx__series_mend(struct sx_registry *registry, struct sx__family *family);

#endif
