/* info.c: infos: a family that has one series at a time, whose value is 1. */
#include "epochs.h"
#include "labels.h"
#include "look_up.h"
#include "metric.h"
#include "retired.h"
#include "series.h"

#include <stdlib.h>
#include <string.h>

struct sx_info {
    struct sx__family family;
};

int sx_info_register(struct sx_info **info, struct sx_registry *registry,
                     const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (info == NULL || (options != NULL && options->idle_seconds != 0)) {
        return SX_EINVAL;
    }
    const int status = sx__metric_register_family(&registered, registry, SX_INFO, options);
    if (status == SX_OK) {
        *info = (struct sx_info *)registered;
    }
    return status;
}

int sx_info_unregister(struct sx_info *info)
{
    return sx__metric_unregister_family((struct sx__family *)info);
}

/* Removes all series but those with these values.
 *
 * @param kept  the series with these values, or NULL. Does nothing if another thread has removed
 * it, because that thread's values are newer.
 */
static void remove_others(struct sx_registry *registry, struct sx__family *family,
                          const struct sx_str *values, const struct sx__series *kept)
{
    sx__directory_lock(registry);
    if (kept != NULL && sx__series_is_removed(kept)) {
        sx__directory_unlock(registry);
        return;
    }
    for (uint32_t ref = family->first_series; ref != 0;) {
        struct sx__series *series = sx__at(registry, ref);
        ref = series->next;
        if (!sx__labels_equal(series, family, values)) {
            sx__series_retire(registry, family, series);
        }
    }
    sx__retired_reclaim(registry);
    sx__directory_unlock(registry);
}

/* The others are removed first. Each removal ends an epoch, so a scrape that shows one of them does
 * not show the new series; see reading.h. Afterwards they are removed once more, because another
 * thread may have set other values meanwhile. */
static int replace(struct sx__family *family, const struct sx_str *values)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    struct sx__series *series = NULL;
    remove_others(registry, family, values, NULL);
    const struct sx__reader reader = sx__epoch_enter(registry);
    const int status = sx__series_get(&series, family, values, family->label_count);
    if (status == SX_OK) {
        remove_others(registry, family, values, series);
    }
    sx__epoch_leave(registry, reader);
    return status == SX__BEYOND_LIMIT ? SX_EFULL : status;
}

int sx_info_set(struct sx_info *info, const struct sx_str *values, size_t count)
{
    struct sx_str cleaned[SX_LABELS_MAX];
    char *memory = NULL;
    if (info == NULL || values == NULL) {
        return SX_EINVAL;
    }
    if (count != info->family.label_count) {
        return SX_EVALUES;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i].data == NULL && values[i].size > 0) {
            return SX_EINVAL;
        }
    }
    int status = sx__labels_clean(cleaned, &memory, values, count);
    if (status == SX_OK) {
        status = replace(&info->family, cleaned);
    }
    free(memory);
    return status;
}

int sx_info_set_strings(struct sx_info *info, const char *const *values, size_t count)
{
    struct sx_str views[SX_LABELS_MAX];
    const int status = info == NULL ? SX_EINVAL : sx__values_of_strings(views, values, count);
    return status == SX_OK ? sx_info_set(info, views, count) : status;
}
