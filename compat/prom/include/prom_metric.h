/* prom_metric.h: what counters, gauges and histograms have in common. */
#ifndef PROM_METRIC_H
#define PROM_METRIC_H

#include "prom_metric_sample.h"
#include "prom_metric_sample_histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

struct prom_metric;
/** A counter, gauge or histogram with all its series. */
typedef struct prom_metric prom_metric_t;

/** Finds or makes the series of a counter or gauge, which the page shows from now on.
 *
 * @param label_values  one for each label key; NULL in it is the empty value; ignored by a metric
 *                      without labels
 * @return   the same pointer for the same label values, valid as long as the metric; NULL also for
 *           a histogram
 * Threads:  any; lock-free, unless the series is looked up for the first time
 */
prom_metric_sample_t *prom_metric_sample_from_labels(prom_metric_t *self,
                                                     const char **label_values);

/** As prom_metric_sample_from_labels, for a histogram; NULL for any other metric. */
prom_metric_sample_histogram_t *prom_metric_sample_histogram_from_labels(prom_metric_t *self,
                                                                         const char **label_values);

#ifdef __cplusplus
}
#endif
#endif
