/* removal.h: removing many series, for families of all types; one is removed by series.h. */
#ifndef SX_METRICS_REMOVAL_H
#define SX_METRICS_REMOVAL_H

#include "records.h"

/** Removes the series that have all of these labels. Returns how many were removed.
 *
 * Errors:   SX_EINVAL (no labels), SX_ELABEL (none of the family's), SX_EFULL, SX_ENOMEM
 */
int sx__series_remove_matching(struct sx__family *family, const struct sx_label *labels,
                               size_t count);

/** Removes all series. Returns how many were removed, or SX_EINVAL for NULL. */
int sx__series_clear(struct sx__family *family);

#endif
