/* prom_gauge.h: a number that goes up and down. */
#ifndef PROM_GAUGE_H
#define PROM_GAUGE_H

#include "prom_metric.h"

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A gauge. The functions for counters and histograms refuse it. */
typedef prom_metric_t prom_gauge_t;

/** Makes a gauge. As prom_counter_new. */
prom_gauge_t *prom_gauge_new(const char *name, const char *help, size_t label_key_count,
                             const char **label_keys);

/** As prom_counter_destroy. */
int prom_gauge_destroy(prom_gauge_t *self);

/** Adds 1 to the gauge with these label values. As prom_counter_inc.
 *
 * Threads:  any; takes a lock only if it makes the series, or if 1 or -1 is added to it for the
 *           first time
 */
int prom_gauge_inc(prom_gauge_t *self, const char **label_values);

/** Subtracts 1. As prom_gauge_inc. */
int prom_gauge_dec(prom_gauge_t *self, const char **label_values);

/** Adds `r_value`, which may be negative. As prom_gauge_inc. */
int prom_gauge_add(prom_gauge_t *self, double r_value, const char **label_values);

/** Subtracts `r_value`. As prom_gauge_inc. */
int prom_gauge_sub(prom_gauge_t *self, double r_value, const char **label_values);

/** Sets the gauge. As prom_gauge_inc.
 *
 * Threads:  any; takes a lock only if it makes the series, or if 1 or -1 was added to it: the first
 *           time, and whenever another thread updates it at the same time
 */
int prom_gauge_set(prom_gauge_t *self, double r_value, const char **label_values);

#ifdef __cplusplus
}
#endif
#endif
