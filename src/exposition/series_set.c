/* series_set.c: a hash table of labels, with open addressing. */
#include "series_set.h"

#include "written_labels.h"

#include <stdlib.h>

#define SERIES_CAPACITY_FIRST ((size_t)16)

struct sx__escaped_labels {
    struct sx__escaped_labels *next;
    char text[];
};

/* Returns where the series with these labels is in the table, or where it belongs. */
static struct sx_str *find_series(const struct sx__series_set *set, struct sx_str labels)
{
    const size_t mask = set->capacity - 1;
    size_t i = sx__written_labels_hash(set->hash_key, labels) & mask;
    while (set->entries[i].data != NULL && !sx__written_labels_equal(set->entries[i], labels)) {
        i = (i + 1) & mask;
    }
    return &set->entries[i];
}

static int grow_series_set(struct sx__series_set *set)
{
    if ((set->used + 1) * 2 <= set->capacity) {
        return SX_OK;
    }
    struct sx__series_set larger = *set;
    larger.capacity = set->capacity == 0 ? SERIES_CAPACITY_FIRST : set->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->entries[i].data != NULL) {
            *find_series(&larger, set->entries[i]) = set->entries[i];
        }
    }
    struct sx_str *old = set->entries;
    set->entries = larger.entries;
    set->capacity = larger.capacity;
    free(old);
    return SX_OK;
}

int sx__series_set_add(struct sx__series_set *set, struct sx_str labels, bool *is_known)
{
    int status = grow_series_set(set);
    if (status != SX_OK) {
        return status;
    }
    struct sx_str *entry = find_series(set, labels);
    *is_known = entry->data != NULL;
    if (!*is_known) {
        *entry = labels;
        set->used++;
    }
    return SX_OK;
}

int sx__series_set_add_escaped(struct sx__series_set *set, const struct sx__family *family,
                               struct sx_str labels, enum sx__name_scheme scheme, bool *is_known)
{
    struct sx__escaped_labels *escaped =
        malloc(sizeof *escaped + sx__name_escaped_size_max(labels.size));
    if (escaped == NULL) {
        return SX_ENOMEM;
    }
    const char *end = sx__written_labels_escape(escaped->text, family, labels, scheme);
    const struct sx_str text = {escaped->text, (size_t)(end - escaped->text)};
    const int status = sx__series_set_add(set, text, is_known);
    if (status != SX_OK || *is_known) {
        free(escaped);
        return status;
    }
    escaped->next = set->escaped;
    set->escaped = escaped;
    return SX_OK;
}

void sx__series_set_clean_up(struct sx__series_set *set)
{
    while (set->escaped != NULL) {
        struct sx__escaped_labels *next = set->escaped->next;
        free(set->escaped);
        set->escaped = next;
    }
    free(set->entries);
    *set = (struct sx__series_set){0};
}
