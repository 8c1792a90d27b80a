/* joined_families.c: joins the families of several registries. Runs in the thread that scrapes. */
#include "joined_families.h"

#include "clock.h"
#include "collectors.h"
#include "constants.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#define FAMILIES_FIRST ((size_t)64)

struct sx__joined_family {
    struct sx__page_family from;
    size_t next;   /* the next one of the same name, or 0 */
    size_t last;   /* the last one; of the first family only */
    bool is_first; /* of its name */
    int fault;     /* why it is left out, or SX_OK */
};

struct sx__conflict {
    struct sx__conflict *next;
    int status;
    size_t series; /* that were left out; 0: the whole family */
    size_t name_size;
    char name[]; /* a copy, because the family may be gone when it is reported */
};

static struct sx_str name_of(const struct sx__joined_family *family)
{
    return sx__family_name(family->from.family);
}

static enum sx_metric_type type_of(const struct sx__joined_family *family)
{
    return (enum sx_metric_type)family->from.family->type;
}

int sx__joined_families_add(struct sx__joined_families *joined,
                            const struct sx__page_family *family)
{
    if (joined->count == joined->capacity) {
        const size_t capacity = joined->capacity == 0 ? FAMILIES_FIRST : joined->capacity * 2;
        struct sx__joined_family *families =
            realloc(joined->families, capacity * sizeof *joined->families);
        if (families == NULL) {
            return SX_ENOMEM;
        }
        joined->families = families;
        joined->capacity = capacity;
    }
    joined->families[joined->count++] = (struct sx__joined_family){.from = *family};
    return SX_OK;
}

static int add_conflict(struct sx__joined_families *joined, struct sx_str name, int status,
                        size_t series)
{
    struct sx__conflict *conflict = malloc(sizeof *conflict + name.size);
    if (conflict == NULL) {
        return SX_ENOMEM;
    }
    *conflict = (struct sx__conflict){.status = status, .series = series, .name_size = name.size};
    memcpy(conflict->name, name.data, name.size);
    *joined->conflicts_end = conflict;
    joined->conflicts_end = &conflict->next;
    return SX_OK;
}

/* ---- names ---- */

/* Looks for a family of this name, or one that clashes with it. Returns SX_EEXIST or SX_ECLASH if
 * the family cannot be on the page. */
static int find_placed(size_t *found, const struct sx__joined_families *joined,
                       const struct sx__joined_family *family,
                       const struct sx__written_names *names, size_t name_count)
{
    const struct sx_str name = name_of(family);
    int status = SX_OK;
    for (size_t i = 0; i < name_count; i++) {
        const struct sx__name_entry *entry = sx__name_index_find(&joined->names, &names[i], NULL);
        for (; entry != NULL; entry = sx__name_index_find(&joined->names, &names[i], entry)) {
            const size_t other = (size_t)(entry - joined->entries) / SX__STEMS_MAX;
            if (!sx__views_equal(name_of(&joined->families[other]), name)) {
                status = SX_ECLASH;
            } else if (type_of(&joined->families[other]) == type_of(family)) {
                *found = other;
                return SX_OK;
            } else {
                return SX_EEXIST;
            }
        }
    }
    return status;
}

/* Links the family to the first one of its name, or makes it the first, or marks it as left out. */
static int place_family(struct sx__joined_families *joined, size_t index)
{
    struct sx__joined_family *family = &joined->families[index];
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t none = SIZE_MAX;
    size_t first = none;
    const size_t count =
        sx__written_names_of(names, sx__family_legacy_name(family->from.family), type_of(family));
    family->fault = find_placed(&first, joined, family, names, count);
    if (family->fault != SX_OK) {
        return SX_OK;
    }
    if (first != none) {
        joined->families[joined->families[first].last].next = index;
        joined->families[first].last = index;
        return SX_OK;
    }
    if (sx__name_index_reserve(&joined->names) != SX_OK) {
        return SX_ENOMEM;
    }
    family->is_first = true;
    family->last = index;
    for (size_t i = 0; i < count; i++) {
        struct sx__name_entry *entry = &joined->entries[index * SX__STEMS_MAX + i];
        entry->names = names[i];
        sx__name_index_add(&joined->names, entry);
    }
    return SX_OK;
}

static int place_families(struct sx__joined_families *joined)
{
    joined->entries = calloc(joined->count * SX__STEMS_MAX + 1, sizeof *joined->entries);
    int status = joined->entries == NULL ? SX_ENOMEM : SX_OK;
    for (size_t i = 0; i < joined->count && status == SX_OK; i++) {
        status = place_family(joined, i);
    }
    return status;
}

/* ---- writing ---- */

/* The library's own metrics are in all registries, so it is no mistake of the program if they meet.
 */
static int write_series_of_all(struct sx__joined_families *joined, struct sx__writer *writer,
                               const struct sx__joined_family *first)
{
    struct sx__series_set known = {.hash_key = joined->names.hash_key};
    size_t repeated = 0;
    int status = sx__write_series(writer, &first->from, &known, &repeated);
    for (size_t i = first->next; i != 0 && status == SX_OK; i = joined->families[i].next) {
        const struct sx__joined_family *family = &joined->families[i];
        status = sx__write_series(writer, &family->from, &known, &repeated);
        if (status == SX_OK && repeated > 0 && !sx__is_own_name(name_of(family))) {
            status = add_conflict(joined, name_of(family), SX_EEXIST, repeated);
        }
    }
    sx__series_set_clean_up(&known);
    return status;
}

static int write_joined(struct sx__joined_families *joined, struct sx__writer *writer,
                        const struct sx__joined_family *family)
{
    if (family->fault != SX_OK) {
        return add_conflict(joined, name_of(family), family->fault, 0);
    }
    if (!family->is_first) {
        return SX_OK;
    }
    if (family->next == 0) {
        return sx__write_family(writer, &family->from);
    }
    int status = writer->format->begin(writer, family->from.family);
    if (status == SX_OK) {
        status = write_series_of_all(joined, writer, family);
    }
    if (status == SX_OK && writer->format->end != NULL) {
        status = writer->format->end(writer);
    }
    return status;
}

int sx__joined_families_write(struct sx__joined_families *joined, struct sx__writer *writer)
{
    joined->conflicts_end = &joined->conflicts;
    int status = place_families(joined);
    for (size_t i = 0; i < joined->count && status == SX_OK; i++) {
        status = sx__clock_has_reached(writer->deadline_ns)
                     ? SX_ETIMEOUT
                     : write_joined(joined, writer, &joined->families[i]);
    }
    return status;
}

void sx__joined_families_report(const struct sx__joined_families *joined,
                                struct sx_registry *registry)
{
    const struct sx__conflict *conflict = joined->conflicts;
    for (; conflict != NULL; conflict = conflict->next) {
        sx__collectors_report_conflict(registry,
                                       (struct sx_str){conflict->name, conflict->name_size},
                                       conflict->status, conflict->series);
    }
}

void sx__joined_families_clean_up(struct sx__joined_families *joined)
{
    while (joined->conflicts != NULL) {
        struct sx__conflict *next = joined->conflicts->next;
        free(joined->conflicts);
        joined->conflicts = next;
    }
    sx__name_index_clean_up(&joined->names);
    free(joined->entries);
    free(joined->families);
}
