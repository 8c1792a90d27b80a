/* callback.c: registering gauges and counters whose value a function returns. */
#include "collectors.h"
#include "family.h"
#include "metric.h"

#include <sextant/collector.h>

static int register_callback(struct sx_registry *registry, enum sx_metric_type type,
                             const struct sx_metric_options *options, sx_value_fn *value,
                             void *context)
{
    struct sx__family *family = NULL;
    if (value == NULL || (options != NULL && options->multiprocess_mode != SX_MODE_LIVE_SUM)) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_name(&family, registry, type, options);
    if (status != SX_OK) {
        return status;
    }
    status =
        sx__collectors_add_callback(sx__arenas[family->arena].registry, family, value, context);
    if (status != SX_OK) {
        (void)sx__family_unregister(family);
    }
    return status;
}

int sx_gauge_register_callback(struct sx_registry *registry,
                               const struct sx_metric_options *options, sx_value_fn *value,
                               void *context)
{
    return register_callback(registry, SX_GAUGE, options, value, context);
}

int sx_counter_register_callback(struct sx_registry *registry,
                                 const struct sx_metric_options *options, sx_value_fn *value,
                                 void *context)
{
    return register_callback(registry, SX_COUNTER, options, value, context);
}
