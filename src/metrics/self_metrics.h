/* self_metrics.h: what a registry counts about its own families.
 *
 * Each has a counter with the family's name as its label. The counter is on the page from its first
 * increment on, so the page of a program without problems does not have it.
 */
#ifndef SX_METRICS_SELF_METRICS_H
#define SX_METRICS_SELF_METRICS_H

#include "records.h"

/** Adds 1. Does nothing if the registry is full, or if a metric of the program has the name.
 *
 * Threads:  [any]; takes the directory's lock the first time only
 */
__attribute__((cold)) void sx__self_metric_count(struct sx__family *family,
                                                 enum sx__self_metric metric);

#endif
