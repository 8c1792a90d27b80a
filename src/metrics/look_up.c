/* look_up.c: looking up series, within the family's limit and beyond it. */
#include "look_up.h"

#include "labels.h"
#include "self_metrics.h"

#include <string.h>

static int find_overflow(struct sx__series **series, struct sx_registry *registry,
                         struct sx__family *family)
{
    struct sx_str values[SX_LABELS_MAX];
    uint32_t ref = __atomic_load_n(&family->overflow, __ATOMIC_ACQUIRE);
    struct sx__series *found = ref == 0 ? NULL : sx__at(registry, ref);
    if (found != NULL && !sx__series_is_removed(found)) {
        *series = found;
        return SX_OK;
    }
    for (size_t i = 0; i < family->label_count; i++) {
        values[i] = sx__labels_overflow_value;
    }
    return sx__series_get(series, family, values, family->label_count);
}

int sx__look_up_overflow(struct sx__series **series, struct sx__family *family)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int status = find_overflow(series, registry, family);
    if (status == SX_OK) {
        sx__self_metric_count(family, SX__SELF_METRIC_OVERFLOWED);
    }
    return status;
}

static inline int look_up_strings(struct sx__series **series, struct sx__family *family,
                                  const char *const *values, size_t count)
{
    struct sx_str texts[SX_LABELS_MAX];
    if (values == NULL) {
        return SX_EINVAL;
    }
    if (count > SX_LABELS_MAX) {
        return SX_EVALUES;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = values[i] == NULL ? (struct sx_str){"", 0}
                                     : (struct sx_str){values[i], strlen(values[i])};
    }
    return sx__look_up(series, family, texts, count);
}

static inline int look_up(struct sx__series **series, struct sx__family *family,
                          struct sx__label_values values)
{
    return values.strings == NULL ? sx__look_up(series, family, values.values, values.count)
                                  : look_up_strings(series, family, values.strings, values.count);
}

int sx__look_up_begin(struct sx__series **series, enum sx__epoch_entry *epoch,
                      struct sx__family *family, struct sx__label_values values)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    *epoch = sx__epoch_enter(registry);
    int status = look_up(series, family, values);
    if (status != SX_OK) {
        sx__epoch_leave(registry, *epoch);
    }
    return status;
}

int sx__look_up_handle(struct sx__series **series, struct sx__family *family,
                       struct sx__label_values values)
{
    struct sx__series *found = NULL;
    enum sx__epoch_entry epoch;
    int status = SX__REMOVED_MEANWHILE;
    while (status == SX__REMOVED_MEANWHILE) {
        status = sx__look_up_begin(&found, &epoch, family, values);
        if (status == SX_OK) {
            status = sx__series_pin(found);
            sx__epoch_leave(sx__arenas[family->arena].registry, epoch);
        }
    }
    if (status == SX_OK) {
        *series = found;
    }
    return status;
}
