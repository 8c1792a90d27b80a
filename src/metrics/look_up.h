/* look_up.h: the series that label values ask for.
 *
 * A family has at most max_series series, so that its cardinality is bounded. All label values
 * beyond the limit share one more series, the overflow series, whose label values are all
 * SX_OVERFLOW_VALUE. Each look-up that ends there is counted; see self_metrics.h.
 */
#ifndef SX_METRICS_LOOK_UP_H
#define SX_METRICS_LOOK_UP_H

#include "series.h"

/** Finds or makes the family's overflow series, and counts that.
 *
 * Errors:   SX_EFULL, SX_ENOMEM
 * Threads:  [any]; takes the directory's lock only the first time
 */
int sx__look_up_overflow(struct sx__series **series, struct sx__family *family);

/** Finds or makes the series with these label values, or the overflow series. Inlined, because it
 * is in the path of each look-up.
 *
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL, SX_ENOMEM
 * Threads:  [any]; takes the directory's lock only if it makes a series
 */
static inline int sx__look_up(struct sx__series **series, struct sx__family *family,
                              const struct sx_str *values, size_t count)
{
    int status = sx__series_get(series, family, values, count);
    return status == SX__BEYOND_LIMIT ? sx__look_up_overflow(series, family) : status;
}

/** The same with C strings; returns NULL if that fails, or if one of them is NULL. */
struct sx__series *sx__look_up_with(struct sx__family *family, const char *const *values,
                                    size_t count);

#endif
