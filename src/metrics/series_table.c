/* series_table.c: inserting into the table, taking out of it, and replacing it by a larger one. */
#include "series_table.h"

#include <string.h>

#define SERIES_TABLE_CAPACITY_FIRST 8u

static uint64_t entry_of(uint32_t hash, uint32_t ref)
{
    return (uint64_t)hash << 32 | ref;
}

static void insert(struct sx__table *table, uint32_t hash, uint32_t ref)
{
    uint32_t i = hash & table->mask;
    while (table->entries[i] != SX__ENTRY_EMPTY &&
           (uint32_t)table->entries[i] != SX__ENTRY_REMOVED) {
        i = (i + 1) & table->mask;
    }
    table->used += table->entries[i] == SX__ENTRY_EMPTY;
    __atomic_store_n(&table->entries[i], entry_of(hash, ref), __ATOMIC_RELEASE);
}

void sx__series_table_insert(struct sx_registry *registry, struct sx__family *family,
                             const struct sx__series *series)
{
    insert(sx__series_table_of(registry, family), series->hash, sx__ref(registry, series));
}

void sx__series_table_take_out(struct sx_registry *registry, struct sx__family *family,
                               const struct sx__series *series)
{
    struct sx__table *table = sx__series_table_of(registry, family);
    if (table == NULL) {
        return;
    }
    const uint64_t entry = entry_of(series->hash, sx__ref(registry, series));
    for (uint32_t i = series->hash & table->mask; table->entries[i] != SX__ENTRY_EMPTY;
         i = (i + 1) & table->mask) {
        if (table->entries[i] == entry) {
            __atomic_store_n(&table->entries[i], entry_of(0, SX__ENTRY_REMOVED), __ATOMIC_RELEASE);
            return;
        }
    }
}

/* The overflow series counts as well, but not in live_count. */
static size_t count_series(const struct sx__family *family)
{
    return (size_t)family->live_count + 1;
}

/* Replaces the table by one with room for all series of the chain and as many more. */
static bool replace_table(struct sx_registry *registry, struct sx__family *family)
{
    struct sx__table *old = sx__series_table_of(registry, family);
    size_t capacity = SERIES_TABLE_CAPACITY_FIRST;
    while (capacity < count_series(family) * 2 + 2) {
        capacity *= 2;
    }
    struct sx__table *table = sx__directory_allocate(registry, sx__table_bytes(capacity));
    if (table == NULL) {
        return false;
    }
    memset(table, 0, sx__table_bytes(capacity));
    table->mask = (uint32_t)(capacity - 1);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        insert(table, series->hash, sx__ref(registry, series));
    }
    __atomic_store_n(&family->table, sx__ref(registry, table), __ATOMIC_RELEASE);
    if (old != NULL) {
        sx__retire(registry, &old->retired, SX__RETIRED_TABLE);
    }
    return true;
}

bool sx__series_table_make_room(struct sx_registry *registry, struct sx__family *family)
{
    const struct sx__table *table = sx__series_table_of(registry, family);
    if (table != NULL && ((size_t)table->used + 1) * 4 <= ((size_t)table->mask + 1) * 3) {
        return true;
    }
    return replace_table(registry, family);
}

/* ---- after a writer died ---- */

static bool has_entry(const struct sx__table *table, uint64_t entry)
{
    uint32_t i = (uint32_t)(entry >> 32) & table->mask;
    while (table->entries[i] != SX__ENTRY_EMPTY && table->entries[i] != entry) {
        i = (i + 1) & table->mask;
    }
    return table->entries[i] == entry;
}

/* Inserts what the table lacks: one series at most, for which its maker had made room. */
static void insert_missing(struct sx_registry *registry, const struct sx__family *family)
{
    struct sx__table *table = sx__series_table_of(registry, family);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        const uint32_t ref = sx__ref(registry, series);
        if (!has_entry(table, entry_of(series->hash, ref))) {
            insert(table, series->hash, ref);
        }
    }
}

void sx__series_table_mend(struct sx_registry *registry, struct sx__family *family)
{
    if (family->table != 0 && !replace_table(registry, family)) {
        insert_missing(registry, family);
    }
}
