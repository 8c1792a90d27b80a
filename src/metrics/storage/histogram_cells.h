/* histogram_cells.h: the order of a histogram's cells, which are neighbours in each row. */
#ifndef SX_METRICS_HISTOGRAM_CELLS_H
#define SX_METRICS_HISTOGRAM_CELLS_H

/* The sum is first: with the usual buckets, most observations write to the first cache line only.
 */
#define SX__HISTOGRAM_SUM 0u
#define SX__HISTOGRAM_BUCKETS 1u /* one for each bound, then that of +Inf */

#endif
