/* overflow.h: what becomes of the series that a family's limit does not allow.
 *
 * They are all one series, the overflow series, whose label values are all SX_OVERFLOW_VALUE. It
 * does not count towards the limit, and each look-up that ends there is counted; see
 * self_metrics.h.
 */
#ifndef SX_METRICS_OVERFLOW_H
#define SX_METRICS_OVERFLOW_H

#include "family.h"

/** Whether these are the label values of the overflow series. */
bool sx__overflow_has(const struct sx_str *values, size_t count);

/** Finds or makes the family's overflow series, and counts that it had to.
 *
 * Errors:   SX_EFULL
 * Threads:  [any]; takes the directory's lock the first time only
 */
int sx__overflow_get(struct sx__series **series, struct sx__family *family);

#endif
