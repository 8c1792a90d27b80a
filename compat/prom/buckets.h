/* buckets.h: bounds as Sextant takes them. */
#ifndef PROM_BUCKETS_PRIVATE_H
#define PROM_BUCKETS_PRIVATE_H

#include "prom_histogram_buckets.h"

/** Copies bounds in increasing order, each once, without NaN; +Inf is the last one.
 *
 * @param count  receives their number, at least 1
 * @return   NULL: too many bounds, or no memory. free()
 */
double *prom__bounds_make(size_t *count, const prom_histogram_buckets_t *buckets,
                          const char *metric);

#endif
