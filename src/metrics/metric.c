/* metric.c: registration, from options to records. */
#include "metric.h"

static int read_and_register(struct sx__family **family, struct sx_registry *registry,
                             enum sx__type type, bool labelled,
                             const struct sx_metric_options *options)
{
    struct sx__definition definition;
    int status = sx__definition_read(&definition, type, labelled, options);
    if (status != SX_OK) {
        return status;
    }
    if (registry == NULL) {
        registry = sx_registry_default();
    }
    if (registry == NULL) {
        return SX_ENOMEM;
    }
    return sx__family_register(family, registry, &definition);
}

int sx__metric_register_family(struct sx__family **family, struct sx_registry *registry,
                               enum sx__type type, const struct sx_metric_options *options)
{
    return family == NULL ? SX_EINVAL : read_and_register(family, registry, type, true, options);
}

int sx__metric_register(struct sx__series **series, struct sx_registry *registry,
                        enum sx__type type, const struct sx_metric_options *options)
{
    struct sx__family *family = NULL;
    if (series == NULL) {
        return SX_EINVAL;
    }
    int status = read_and_register(&family, registry, type, false, options);
    if (status == SX_OK) {
        *series = sx__at(sx__arenas[family->arena].registry, family->first_series);
    }
    return status;
}
