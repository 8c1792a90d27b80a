/* look_up.h: the series that label values ask for.
 *
 * A family has at most max_series series, so that its cardinality is bounded. All label values
 * beyond the limit share one more series, the overflow series, whose label values are all
 * SX_OVERFLOW_VALUE. Each look-up that ends there is counted; see self_metrics.h.
 */
#ifndef SX_METRICS_LOOK_UP_H
#define SX_METRICS_LOOK_UP_H

#include "epochs.h"
#include "series.h"

/** Finds or makes the family's overflow series, and counts that.
 *
 * Errors:   SX_EFULL, SX_ENOMEM
 * Threads:  [any] that is reading; takes the directory's lock only the first time
 */
int sx__look_up_overflow(struct sx__series **series, struct sx__family *family);

/** Finds or makes the series with these label values, or the overflow series. Inlined, because it
 * is in the path of each look-up.
 *
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL, SX_ENOMEM
 * Threads:  [any] that is reading, see epochs.h; takes the directory's lock only if it makes a
 *           series
 */
static inline int sx__look_up(struct sx__series **series, struct sx__family *family,
                              const struct sx_str *values, size_t count)
{
    int status = sx__series_get(series, family, values, count);
    return status == SX__BEYOND_LIMIT ? sx__look_up_overflow(series, family) : status;
}

/* Label values, of one kind or the other. */
struct sx__label_values {
    const struct sx_str *values;
    const char *const *strings; /* NULL: `values` are given. A string that is NULL is "". */
    size_t count;
};

/** Begins to read and finds or makes the series; on success the caller ends the reading. */
int sx__look_up_begin(struct sx__series **series, enum sx__epoch_entry *epoch,
                      struct sx__family *family, struct sx__label_values values);

/** Finds or makes the series, and pins it for a handle. */
int sx__look_up_handle(struct sx__series **series, struct sx__family *family,
                       struct sx__label_values values);

#endif
