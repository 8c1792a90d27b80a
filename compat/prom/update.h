/* update.h: updating metrics by label values. */
#ifndef PROM_UPDATE_H
#define PROM_UPDATE_H

#include "metric.h"

#include <stdbool.h>

enum prom__operation { PROM__ADD, PROM__SET, PROM__OBSERVE };

/** Whether a counter takes this: finite and not negative. */
bool prom__is_amount(double value);

/** Updates the series with these label values.
 *
 * @param metric  NULL, and one of another type, is refused
 * @param values  NULL is refused by a metric with labels
 * @return   0, or 1 if nothing was counted
 * Threads:  any; takes a lock in the cases that prom_counter.h and prom_gauge.h list
 */
int prom__update(struct prom_metric *metric, enum sx_metric_type type,
                 enum prom__operation operation, double value, const char **values);

/** Finds or makes a series. Returns 0, or 1. */
int prom__series_get(struct sx_metric *handle, const struct prom_metric *metric,
                     const char **values);

#endif
