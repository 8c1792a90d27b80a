/* self_metrics.h: what a registry counts about its own families.
 *
 * Each count has the family's name as its label. It lies in the record of the family, so that it
 * needs no room when the registry is full. It is on the page from its first increment on, so the
 * page of a program without problems does not have it.
 */
#ifndef SX_METRICS_SELF_METRICS_H
#define SX_METRICS_SELF_METRICS_H

#include "collection.h"

/** Adds 1.
 *
 * Threads:  [any], lock-free
 */
__attribute__((cold)) void sx__self_metric_count(struct sx__family *family,
                                                 enum sx__self_metric metric);

/** Adds a family with the counts of one kind to a collection, if any of them is not 0.
 *
 * Errors:   as sx_collection_add_family and sx_collection_add_sample
 */
int sx__self_metric_collect(struct sx_collection *collection, enum sx__self_metric metric);

/** The name, help and label of such a family. Static. */
const struct sx_metric_options *sx__self_metric_options(enum sx__self_metric metric);

/** Adds a family with this number of processes whose gauges are not on the page, if it is not 0. */
int sx__self_metric_add_processes(struct sx_collection *collection, uint64_t count);

/** The same with the number of the registry. */
int sx__self_metric_collect_processes(struct sx_collection *collection);

#endif
