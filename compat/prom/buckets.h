/* buckets.h: bounds as Sextant takes them, and buckets that histograms share. */
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

/** Counts a histogram that has the buckets. Returns 0, or 1 without memory. The lock is held. */
int prom__buckets_use(prom_histogram_buckets_t *buckets);

/** Ends the use by a histogram; the last one frees the buckets. The lock is held. */
void prom__buckets_leave(prom_histogram_buckets_t *buckets);

#endif
