/* histogram.h: the cells of a histogram. */
#ifndef SX_METRICS_HISTOGRAM_H
#define SX_METRICS_HISTOGRAM_H

/* The sum comes first: with the usual buckets, most observations touch the first cache line only.
 */
#define SX__HISTOGRAM_SUM 0u
#define SX__HISTOGRAM_BUCKETS 1u /* one for each bound, then that of +Inf */

#endif
