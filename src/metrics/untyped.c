/* untyped.c: untyped metrics: gauges whose TYPE on the page is untyped. */
#include "metric.h"

int sx_untyped_register(struct sx_gauge **untyped, struct sx_registry *registry,
                        const struct sx_metric_options *options)
{
    struct sx__series *series = NULL;
    if (untyped == NULL) {
        return SX_EINVAL;
    }
    const int status = sx__metric_register(&series, registry, SX_UNTYPED, options);
    if (status == SX_OK) {
        *untyped = (struct sx_gauge *)series;
    }
    return status;
}

int sx_untyped_family_register(struct sx_gauge_family **family, struct sx_registry *registry,
                               const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    const int status = sx__metric_register_family(&registered, registry, SX_UNTYPED, options);
    if (status == SX_OK) {
        *family = (struct sx_gauge_family *)registered;
    }
    return status;
}
