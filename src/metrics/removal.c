/* removal.c: removing the series that have some labels, or all. */
#include "removal.h"

#include "labels.h"
#include "retired.h"
#include "series.h"
#include "view.h"

#include <limits.h>
#include <stdlib.h>

struct selection {
    size_t count;
    uint32_t indices[SX_LABELS_MAX]; /* of the family's labels */
    struct sx_str values[SX_LABELS_MAX];
};

static int find_label(uint32_t *index, const struct sx__family *family, const char *name)
{
    struct sx_str wanted = sx__view(name);
    for (uint32_t i = 0; i < family->label_count; i++) {
        if (sx__views_equal(sx__family_label(family, i), wanted)) {
            *index = i;
            return SX_OK;
        }
    }
    return SX_ELABEL;
}

static int select_labels(struct selection *selection, const struct sx__family *family,
                         const struct sx_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (labels[i].name == NULL || (labels[i].value.data == NULL && labels[i].value.size > 0)) {
            return SX_EINVAL;
        }
        int status = find_label(&selection->indices[i], family, labels[i].name);
        if (status != SX_OK) {
            return status;
        }
        selection->values[i] = labels[i].value;
    }
    selection->count = count;
    return SX_OK;
}

static bool matches(const struct selection *selection, const struct sx__family *family,
                    const struct sx__series *series)
{
    for (size_t i = 0; i < selection->count; i++) {
        struct sx_str value = sx__labels_value(series, family, selection->indices[i]);
        if (!sx__views_equal(value, selection->values[i])) {
            return false;
        }
    }
    return true;
}

static int remove_selected(struct sx__family *family, const struct selection *selection)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int removed = 0;

    sx__directory_lock(registry);
    for (uint32_t ref = family->first_series; ref != 0 && removed < INT_MAX;) {
        struct sx__series *series = sx__at(registry, ref);
        ref = series->next;
        if (matches(selection, family, series)) {
            sx__series_retire(registry, family, series);
            removed++;
        }
    }
    (void)sx__retired_reclaim_all(registry);
    sx__directory_unlock(registry);
    return removed;
}

int sx__series_remove_matching(struct sx__family *family, const struct sx_label *labels,
                               size_t count)
{
    struct selection selection;
    struct selection cleaned;
    char *memory = NULL;
    if (family == NULL || labels == NULL || count == 0 || count > SX_LABELS_MAX) {
        return SX_EINVAL;
    }
    int status = select_labels(&selection, family, labels, count);
    if (status == SX_OK) {
        cleaned = selection;
        status = sx__labels_clean(cleaned.values, &memory, selection.values, count);
    }
    if (status == SX_OK) {
        status = remove_selected(family, &cleaned);
    }
    free(memory);
    return status;
}

int sx__series_clear(struct sx__family *family)
{
    static const struct selection everything;
    return family == NULL ? SX_EINVAL : remove_selected(family, &everything);
}
