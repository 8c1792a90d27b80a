/* self_metrics.h: what a registry counts about its own families.
 *
 * Each kind has a counter with the family's name as its label, which is on the page from the first
 * incident on: a program in which all is well does not see it.
 */
#ifndef SX_METRICS_SELF_METRICS_H
#define SX_METRICS_SELF_METRICS_H

#include "records.h"

/** Counts one; where the registry is full, or a metric of the program's has the name, it does not.
 *
 * Threads:  [any]; takes the directory's lock the first time only
 */
__attribute__((cold)) void sx__self_metric_count(struct sx__family *family,
                                                 enum sx__self_metric metric);

#endif
