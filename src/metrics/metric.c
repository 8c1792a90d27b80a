/* metric.c: registration, from options to records, and its end. */
#include "metric.h"

#include "family.h"

struct kind {
    enum sx_metric_type type;
    bool labelled;
    enum sx__source source;
};

static int read_and_register(struct sx__family **family, struct sx_registry *registry,
                             struct kind kind, const struct sx_metric_options *options)
{
    struct sx__desc desc;
    int status = sx__desc_read(&desc, kind.type, kind.labelled, options);
    if (status != SX_OK) {
        return status;
    }
    desc.source = kind.source;
    if (registry == NULL) {
        registry = sx_registry_default();
    }
    if (registry == NULL) {
        return SX_ENOMEM;
    }
    struct sx__full_name name;
    status = sx__desc_place(&desc, &name, registry);
    if (status == SX_OK) {
        status = sx__family_register(family, registry, &desc);
    }
    sx__full_name_clean_up(&name);
    return status;
}

int sx__metric_register_family(struct sx__family **family, struct sx_registry *registry,
                               enum sx_metric_type type, const struct sx_metric_options *options)
{
    const struct kind kind = {type, true, SX__FROM_CELLS};
    return family == NULL ? SX_EINVAL : read_and_register(family, registry, kind, options);
}

int sx__metric_register_state_set(struct sx__family **family, struct sx_registry *registry,
                                  const struct sx_metric_options *options)
{
    const struct kind kind = {SX_STATE_SET, false, SX__FROM_CELLS};
    return read_and_register(family, registry, kind, options);
}

int sx__metric_register(struct sx__series **series, struct sx_registry *registry,
                        enum sx_metric_type type, const struct sx_metric_options *options)
{
    struct sx__family *family = NULL;
    if (series == NULL) {
        return SX_EINVAL;
    }
    const struct kind kind = {type, false, SX__FROM_CELLS};
    int status = read_and_register(&family, registry, kind, options);
    if (status == SX_OK) {
        *series = sx__at(sx__arenas[family->arena].registry, family->first_series);
    }
    return status;
}

int sx__metric_unregister(const struct sx__series *series)
{
    if (series == NULL || sx__series_family(series)->label_count > 0) {
        return SX_EINVAL;
    }
    return sx__family_unregister(sx__series_family(series));
}

int sx__metric_unregister_family(struct sx__family *family)
{
    return family == NULL ? SX_EINVAL : sx__family_unregister(family);
}

int sx__metric_register_name(struct sx__family **family, struct sx_registry *registry,
                             enum sx_metric_type type, const struct sx_metric_options *options)
{
    const struct kind kind = {type, false, SX__FROM_CALLBACK};
    return read_and_register(family, registry, kind, options);
}
