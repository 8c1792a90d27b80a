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
    if (found != NULL &&
        !sx__series_is_removed(__atomic_load_n(&found->version, __ATOMIC_ACQUIRE))) {
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

struct sx__series *sx__look_up_with(struct sx__family *family, const char *const *values,
                                    size_t count)
{
    struct sx_str texts[SX_LABELS_MAX];
    struct sx__series *series = NULL;
    if (count > SX_LABELS_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] == NULL) {
            return NULL;
        }
        texts[i] = (struct sx_str){values[i], strlen(values[i])};
    }
    return sx__look_up(&series, family, texts, count) == SX_OK ? series : NULL;
}
