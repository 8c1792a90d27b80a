/* overflow.c: the overflow series. */
#include "overflow.h"

#include "self_metrics.h"
#include "series.h"

#include <string.h>

static const struct sx_str overflow_value = {SX_OVERFLOW_VALUE, sizeof SX_OVERFLOW_VALUE - 1};

bool sx__overflow_has(const struct sx_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].size != overflow_value.size ||
            memcmp(values[i].data, overflow_value.data, overflow_value.size) != 0) {
            return false;
        }
    }
    return count > 0;
}

static int find_or_make(struct sx__series **series, struct sx_registry *registry,
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
        values[i] = overflow_value;
    }
    return sx__series_get(series, family, values, family->label_count);
}

int sx__overflow_get(struct sx__series **series, struct sx__family *family)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int status = find_or_make(series, registry, family);
    if (status == SX_OK) {
        sx__self_metric_count(family, SX__SELF_METRIC_OVERFLOWED);
    }
    return status;
}
