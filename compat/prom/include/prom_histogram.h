/* prom_histogram.h: observations, counted in buckets. */
#ifndef PROM_HISTOGRAM_INCLUDED
#define PROM_HISTOGRAM_INCLUDED

#include "prom_histogram_buckets.h"
#include "prom_metric.h"

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A histogram. The functions for counters and gauges refuse it. */
typedef prom_metric_t prom_histogram_t;

/** Makes a histogram. As prom_counter_new.
 *
 * @param buckets  NULL: prom_histogram_default_buckets. Bounds that are not increasing are sorted,
 *                 equal ones, NaN and infinities left out (+Inf is implied), and that is logged
 *                 once. More than 256 are a failure. Belongs to the histogram unless this fails;
 *                 histograms may share it
 */
prom_histogram_t *prom_histogram_new(const char *name, const char *help,
                                     prom_histogram_buckets_t *buckets, size_t label_key_count,
                                     const char **label_keys);

/** As prom_counter_destroy. Frees the buckets, too, unless another histogram has them. */
int prom_histogram_destroy(prom_histogram_t *self);

/** Counts `value` in its bucket and adds it to the sum. As prom_counter_inc.
 *
 * @param value  NaN is not counted: the result is 1
 */
int prom_histogram_observe(prom_histogram_t *self, double value, const char **label_values);

#ifdef __cplusplus
}
#endif
#endif
