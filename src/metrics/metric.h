/* metric.h: what the register functions of all types do. */
#ifndef SX_METRICS_METRIC_H
#define SX_METRICS_METRIC_H

#include "desc.h"
#include "series.h"

/** Checks the options and registers a family with labels. */
int sx__metric_register_family(struct sx__family **family, struct sx_registry *registry,
                               enum sx_metric_type type, const struct sx_metric_options *options);

/** Checks the options and registers a state set, whose label is made from its name. */
int sx__metric_register_state_set(struct sx__family **family, struct sx_registry *registry,
                                  const struct sx_metric_options *options);

/** Checks the options and registers a metric without labels. *series receives its one series. */
int sx__metric_register(struct sx__series **series, struct sx_registry *registry,
                        enum sx_metric_type type, const struct sx_metric_options *options);

/** Takes back one registration of a metric without labels. Returns 1 if the metric was removed, 0
 * if others have it registered. Errors: SX_EINVAL (NULL, or a series of a family). */
int sx__metric_unregister(const struct sx__series *series);

/** The same for a family with labels. NULL: SX_EINVAL. */
int sx__metric_unregister_family(struct sx__family *family);

/** Registers the name of a metric without labels whose value comes from a callback. */
int sx__metric_register_name(struct sx__family **family, struct sx_registry *registry,
                             enum sx_metric_type type, const struct sx_metric_options *options);

#endif
