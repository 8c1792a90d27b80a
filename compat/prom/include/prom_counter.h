/* prom_counter.h: a number that only goes up. */
#ifndef PROM_COUNTER_H
#define PROM_COUNTER_H

#include "prom_metric.h"

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A counter. The functions for gauges and histograms refuse it. */
typedef prom_metric_t prom_counter_t;

/** Makes a counter. It counts from now on; a page has it when it is registered.
 *
 * @param name             NULL is a failure; a name that is not valid is repaired and logged once
 *                         on stderr
 * @param help             NULL or "": none
 * @param label_key_count  0: no labels. More than 16 are possible but slow; see docs/libprom.md
 * @param label_keys       names that are not valid, and equal ones, are repaired and logged;
 *                         `le` and `quantile` are a failure; may be NULL if the count is 0
 * Memory:   belongs to the collector to which it is added; one that is never added is destroyed
 *           with prom_counter_destroy
 */
prom_counter_t *prom_counter_new(const char *name, const char *help, size_t label_key_count,
                                 const char **label_keys);

/** Takes a counter off all pages and frees it, its series and their samples.
 *
 * @param self  NULL is a no-op that returns 0
 * Threads:  any; does not wait for pages that are being written
 */
int prom_counter_destroy(prom_counter_t *self);

/** Adds 1 to the counter with these label values, which is made if needed.
 *
 * @param label_values  one for each label key; NULL in it is the empty value; ignored by a metric
 *                      without labels, otherwise NULL is a failure
 * Threads:  any; takes a lock only if it makes the series
 */
int prom_counter_inc(prom_counter_t *self, const char **label_values);

/** Adds `r_value`. As prom_counter_inc.
 *
 * @param r_value  finite and not negative, or nothing is added and the result is 1
 * Threads:  any; takes a lock only if it makes the series, or adds its first fraction
 */
int prom_counter_add(prom_counter_t *self, double r_value, const char **label_values);

#ifdef __cplusplus
}
#endif
#endif
