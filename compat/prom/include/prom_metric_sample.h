/* prom_metric_sample.h: one series of a counter or gauge, looked up once and updated often. */
#ifndef PROM_METRIC_SAMPLE_H
#define PROM_METRIC_SAMPLE_H

#ifdef __cplusplus
extern "C" {
#endif

struct prom_metric_sample;
/** A series; see prom_metric_sample_from_labels. It is valid as long as its metric. */
typedef struct prom_metric_sample prom_metric_sample_t;

/** Adds `r_value` to a counter or gauge.
 *
 * @param r_value  of a counter: finite and not negative, or nothing is added and the result is 1
 * Threads:  any; lock-free, except for a counter's first amount that is not an integer and a
 *           gauge's first change by 1 or -1
 */
int prom_metric_sample_add(prom_metric_sample_t *self, double r_value);

/** Subtracts `r_value` from a gauge; for a counter the result is 1. Threads as above. */
int prom_metric_sample_sub(prom_metric_sample_t *self, double r_value);

/** Sets a gauge; for a counter the result is 1.
 *
 * Threads:  any; lock-free, unless the gauge was changed by 1 or -1 before
 */
int prom_metric_sample_set(prom_metric_sample_t *self, double r_value);

#ifdef __cplusplus
}
#endif
#endif
