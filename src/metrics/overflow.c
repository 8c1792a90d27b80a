/* overflow.c: making, showing and dropping the overflow series of a family. */
#include "overflow.h"

#include "label_hash.h"
#include "labels.h"
#include "series_cells.h"
#include "series_record.h"

static struct sx__series *overflow_of(const struct sx_registry *registry,
                                      const struct sx__family *family)
{
    return family->overflow == 0 ? NULL : sx__at(registry, family->overflow);
}

static struct sx__series *write_overflow(struct sx_registry *registry, struct sx__family *family)
{
    struct sx_str values[SX_LABELS_MAX];
    for (size_t i = 0; i < family->label_count; i++) {
        values[i] = sx__labels_overflow_value;
    }
    const struct sx__label_hash hash =
        sx__label_hash_of(registry->hash_key, values, family->label_count);
    struct sx__series *series = sx__series_write(registry, family, values, hash.hash);
    if (series != NULL && !sx__series_cells_complete(registry, family, series)) {
        sx__series_free(registry, series);
        return NULL;
    }
    return series;
}

bool sx__overflow_reserve(struct sx_registry *registry, struct sx__family *family)
{
    if (family->overflow != 0 || family->label_count == 0 || family->retired.removed != 0) {
        return true;
    }
    struct sx__series *series = write_overflow(registry, family);
    if (series == NULL) {
        return false;
    }
    series->retired.removed = SX__SERIES_REMOVED;
    __atomic_store_n(&family->overflow, sx__ref(registry, series), __ATOMIC_RELEASE);
    return true;
}

struct sx__series *sx__overflow_show(struct sx_registry *registry, struct sx__family *family)
{
    (void)sx__overflow_reserve(registry, family);
    struct sx__series *series = overflow_of(registry, family);
    if (series != NULL && sx__series_is_removed(series)) {
        sx__series_append(registry, family, series);
        /* Last: if this writer dies in between, sx__series_mend does it. */
        __atomic_store_n(&series->retired.removed, 0, __ATOMIC_SEQ_CST);
    }
    return series;
}

void sx__overflow_drop(struct sx_registry *registry, struct sx__family *family)
{
    struct sx__series *series = overflow_of(registry, family);
    if (series != NULL && sx__series_is_removed(series)) {
        __atomic_store_n(&family->overflow, 0, __ATOMIC_RELEASE);
        sx__series_free(registry, series);
    }
}
