/* overflow.c: the overflow series, and the count of it. */
#include "overflow.h"

#include "metric.h"

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

/* The counter of the family's overflow; NULL where it cannot be had. */
static struct sx__series *counter_of(struct sx_registry *registry, struct sx__family *family)
{
    static const char *const labels[] = {"family", NULL};
    static const struct sx_metric_options options = {
        .name = "sextant_series_overflowed_total",
        .help = "Look-ups of series that went to the overflow series, as the family's limit was "
                "reached.",
        .labels = labels,
        .max_series = SIZE_MAX,
    };
    struct sx__family *overflowed = NULL;
    struct sx__series *counter = NULL;
    struct sx_str name = sx__family_name(family);
    if (sx__metric_register_family(&overflowed, registry, SX__COUNTER, &options) != SX_OK ||
        sx__series_get(&counter, overflowed, &name, 1) != SX_OK) {
        return NULL;
    }
    __atomic_store_n(&family->overflowed, sx__ref(registry, counter), __ATOMIC_RELEASE);
    return counter;
}

static void count(struct sx_registry *registry, struct sx__family *family)
{
    uint32_t ref = __atomic_load_n(&family->overflowed, __ATOMIC_ACQUIRE);
    struct sx__series *counter = ref != 0 ? sx__at(registry, ref) : counter_of(registry, family);
    if (counter != NULL) {
        sx_counter_inc(&counter->handle);
    }
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
        count(registry, family);
    }
    return status;
}
