/* prom_histogram_buckets.h: the upper bounds of a histogram's buckets. */
#ifndef PROM_HISTOGRAM_BUCKETS_H
#define PROM_HISTOGRAM_BUCKETS_H

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Upper bounds, in the base unit of the metric. +Inf is implied. */
typedef struct prom_histogram_buckets {
    int count;
    const double *upper_bounds;
} prom_histogram_buckets_t;

/** Makes buckets from `count` bounds of type double. An int among them is undefined behaviour, as
 * with every variadic function.
 *
 * Memory:   belongs to the histogram that is made with them, or is freed with
 *           prom_histogram_buckets_destroy
 */
prom_histogram_buckets_t *prom_histogram_buckets_new(size_t count, double bucket, ...);

/** The bounds of histograms that are made with `buckets` NULL: .005 .01 .025 .05 .1 .25 .5 1 2.5 5
 * 10, for seconds. A program may let it point to others before it makes its histograms; the library
 * does not free them. */
extern prom_histogram_buckets_t *prom_histogram_default_buckets;

/** Makes the bounds start, start + width, start + 2 * width, and so on.
 *
 * @param count  at least 2
 * Memory:   as prom_histogram_buckets_new
 */
prom_histogram_buckets_t *prom_histogram_buckets_linear(double start, double width, size_t count);

/** Makes the bounds start, start * factor, start * factor^2, and so on.
 *
 * @param start   positive
 * @param factor  greater than 1
 * @param count   at least 1
 * Memory:   as prom_histogram_buckets_new
 */
prom_histogram_buckets_t *prom_histogram_buckets_exponential(double start, double factor,
                                                             size_t count);

/** Frees buckets that no histogram has; NULL and the default buckets are a no-op that returns 0. */
int prom_histogram_buckets_destroy(prom_histogram_buckets_t *self);

/** Returns the number of bounds; 0 for NULL. */
size_t prom_histogram_buckets_count(prom_histogram_buckets_t *self);

#ifdef __cplusplus
}
#endif
#endif
