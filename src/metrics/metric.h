/* metric.h: what the register functions of all types do. */
#ifndef SX_METRICS_METRIC_H
#define SX_METRICS_METRIC_H

#include "desc.h"
#include "series.h"

/** Checks the options and registers a family with labels. */
int sx__metric_register_family(struct sx__family **family, struct sx_registry *registry,
                               enum sx_metric_type type, const struct sx_metric_options *options);

/** Checks the options and registers a metric without labels. *series receives its one series. */
int sx__metric_register(struct sx__series **series, struct sx_registry *registry,
                        enum sx_metric_type type, const struct sx_metric_options *options);

/** Registers the name of a metric without labels whose value comes from a callback. */
int sx__metric_register_name(struct sx__family **family, struct sx_registry *registry,
                             enum sx_metric_type type, const struct sx_metric_options *options);

#endif
