/* prom_metric_sample_histogram.h: one series of a histogram, looked up once and updated often. */
#ifndef PROM_METRIC_SAMPLE_HISTOGRAM_H
#define PROM_METRIC_SAMPLE_HISTOGRAM_H

#ifdef __cplusplus
extern "C" {
#endif

struct prom_metric_sample_histogram;
/** A series; see prom_metric_sample_histogram_from_labels. It is valid as long as its metric. */
typedef struct prom_metric_sample_histogram prom_metric_sample_histogram_t;

/** Counts `value` in its bucket and adds it to the sum. NaN is not counted: the result is 1.
 *
 * Threads:  any; lock-free
 */
int prom_metric_sample_histogram_observe(prom_metric_sample_histogram_t *self, double value);

#ifdef __cplusplus
}
#endif
#endif
