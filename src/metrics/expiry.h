/* expiry.h: removing series that have not changed for their family's idle_seconds.
 *
 * Sweeps look at all series of such families; see activity.h. Sweeps are made by scrapes, by
 * look-ups that have no room for a new series, and by sx_registry_expire; no thread runs in the
 * background. An update by label values of a series that is being removed is lost with the series.
 */
#ifndef SX_METRICS_EXPIRY_H
#define SX_METRICS_EXPIRY_H

#include "records.h"

/** Removes the idle series of a family, unless the last sweep was less than an eighth of
 * idle_seconds ago.
 *
 * @return   how many were removed
 * Threads:  [any]; takes the directory's lock for each removal
 */
unsigned sx__family_expire(struct sx__family *family);

/** The same for all families of the registry.
 *
 * @param now  true: sweeps at once; false: sweeps if the last sweep of a family is long enough ago
 */
unsigned sx__registry_expire(struct sx_registry *registry, bool now);

#endif
