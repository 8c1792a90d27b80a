/* look_up.h: the series that label values ask for: its handle, or one update of it.
 *
 * A family has at most max_series series, so that its cardinality is bounded. All label values
 * beyond the limit, and those for which the registry has no room, share the overflow series; see
 * overflow.h. Each look-up that ends there is counted; see self_metrics.h.
 */
#ifndef SX_METRICS_LOOK_UP_H
#define SX_METRICS_LOOK_UP_H

#include "series.h"

/** Finds or makes the series with these label values, or the overflow series, and pins it.
 *
 * @param family  NULL: SX_EINVAL
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL, SX_ENOMEM
 * Threads:  [any]; takes the directory's lock if it makes the series or its first pin
 */
int sx__get_handle(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count);

/** The same with C strings, of which NULL is the empty value. Returns NULL on failure. */
struct sx__series *sx__get_handle_by_strings(struct sx__family *family, const char *const *strings,
                                             size_t count);

/** Writes views of C strings, of which NULL is the empty value.
 *
 * @param values  has room for SX_LABELS_MAX
 * Errors:   SX_EINVAL (`strings` is NULL), SX_EVALUES (more than SX_LABELS_MAX)
 */
int sx__values_of_strings(struct sx_str *values, const char *const *strings, size_t count);

/** How a type adds or sets a number in a series.
 *
 * @param rows  the calling thread's sx__thread_rows
 */
typedef void sx__update_fn(struct sx__series *series, double number, char *const *rows);

/** Finds or makes the series, or the overflow series, and updates it. Pins nothing.
 *
 * Errors, threads: as sx__get_handle
 */
int sx__update_by_values(struct sx__family *family, const struct sx_str *values, size_t count,
                         sx__update_fn *update, double number);

/** The same with C strings, of which NULL is the empty value. */
int sx__update_by_strings(struct sx__family *family, const char *const *strings, size_t count,
                          sx__update_fn *update, double number);

#endif
