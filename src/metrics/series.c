/* series.c: the series of a family. A look-up uses the hash table without a lock; making a series
 * takes the directory's lock. */
#include "series.h"

#include "label_hash.h"
#include "labels.h"
#include "series_cells.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define SERIES_TABLE_CAPACITY_FIRST 8u

/* Open addressing. An entry is the hash in its upper half and the ref of the series in its lower
 * one, written by one store; 0 is empty. The table is never full, so that a search ends. */
struct table {
    uint32_t mask;
    uint32_t reserved;
    uint64_t entries[];
};

/* ---- the table ---- */

static uint64_t entry_of(uint32_t hash, uint32_t ref)
{
    return (uint64_t)hash << 32 | ref;
}

static struct table *table_of(const struct sx_registry *registry, const struct sx__family *family)
{
    uint32_t ref = __atomic_load_n(&family->table, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

static struct sx__series *find_in_table(const struct sx_registry *registry,
                                        const struct sx__family *family,
                                        const struct sx_str *values, uint32_t hash)
{
    const struct table *table = table_of(registry, family);
    if (table == NULL) {
        return NULL;
    }
    for (uint32_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        uint64_t entry = __atomic_load_n(&table->entries[i], __ATOMIC_ACQUIRE);
        if (entry == 0) {
            return NULL;
        }
        if ((uint32_t)(entry >> 32) == hash) {
            struct sx__series *series = sx__at(registry, (uint32_t)entry);
            if (sx__labels_equal(series, family, values)) {
                return series;
            }
        }
    }
}

/* Inserts a series, unless it is there already. */
static void insert(struct table *table, uint32_t hash, uint32_t ref)
{
    uint64_t entry = entry_of(hash, ref);
    uint32_t i = hash & table->mask;
    while (table->entries[i] != 0 && table->entries[i] != entry) {
        i = (i + 1) & table->mask;
    }
    __atomic_store_n(&table->entries[i], entry, __ATOMIC_RELEASE);
}

static void insert_all(const struct sx_registry *registry, const struct sx__family *family,
                       struct table *table)
{
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    while (series != NULL) {
        insert(table, series->hash, sx__ref(registry, series));
        series = sx__series_at(registry, &series->next);
    }
}

/* Makes room in the table for one more series. */
static bool grow_table(struct sx_registry *registry, struct sx__family *family)
{
    const struct table *old = table_of(registry, family);
    size_t capacity = old == NULL ? 0 : (size_t)old->mask + 1;
    if (((size_t)family->series_count + 1) * 4 <= capacity * 3) {
        return true;
    }
    capacity = old == NULL ? SERIES_TABLE_CAPACITY_FIRST : capacity * 2;
    size_t bytes = sizeof *old + capacity * sizeof old->entries[0];
    struct table *table = sx__directory_allocate(registry, bytes);
    if (table == NULL) {
        return false;
    }
    memset(table, 0, bytes);
    table->mask = (uint32_t)(capacity - 1);
    insert_all(registry, family, table);
    __atomic_store_n(&family->table, sx__ref(registry, table), __ATOMIC_RELEASE);
    return true;
}

/* ---- making a series ---- */

/* Returns the size of a record, or 0 if no directory could hold it. */
static size_t record_size(const struct sx__family *family, const struct sx_str *values)
{
    for (size_t i = 0; i < family->label_count; i++) {
        if (values[i].size > UINT32_MAX / (4 * SX_LABELS_MAX)) {
            return 0;
        }
    }
    size_t size = sizeof(struct sx__series) +
                  sx__labels_values_offset(sx__labels_text_size(family, values)) +
                  sx__labels_values_size(family, values);
    return size <= UINT32_MAX ? size : 0;
}

struct sx__series *sx__series_write(struct sx_registry *registry, struct sx__family *family,
                                    const struct sx_str *values, uint32_t hash)
{
    struct sx__directory_mark mark = sx__directory_mark(registry);
    size_t size = record_size(family, values);
    struct sx__series *series = size == 0 ? NULL : sx__directory_allocate(registry, size);
    if (series == NULL) {
        return NULL;
    }
    *series = (struct sx__series){
        .handle = {.arena = registry->arena},
        .family = sx__ref(registry, series) - sx__ref(registry, family),
        .hash = hash,
        .text_size = (uint32_t)sx__labels_text_size(family, values),
    };
    if (!sx__series_cells_take(registry, family, series)) {
        sx__directory_rewind(registry, mark);
        return NULL;
    }
    sx__labels_write_text(sx__series_text(series), family, values);
    sx__labels_write_values(series, family, values);
    return series;
}

/* Appends the series to the chain, which makes it exist, and then inserts it into the table. */
static void publish_series(struct sx_registry *registry, struct sx__family *family,
                           struct sx__series *series)
{
    uint32_t ref = sx__ref(registry, series);
    uint32_t *link = &family->first_series;
    if (family->last_series != 0) {
        link = &((struct sx__series *)sx__at(registry, family->last_series))->next;
    }
    __atomic_store_n(link, ref, __ATOMIC_RELEASE);
    family->last_series = ref;
    family->series_count++;
    insert(table_of(registry, family), series->hash, ref);
}

/* Revives a removed series, or makes a series. Returns NULL if the registry is full. */
static struct sx__series *bring(struct sx_registry *registry, struct sx__family *family,
                                struct sx__series *removed, const struct sx_str *values,
                                uint32_t hash)
{
    if (removed == NULL) {
        struct sx__series *made = NULL;
        if (grow_table(registry, family)) {
            made = sx__series_write(registry, family, values, hash);
        }
        if (made != NULL) {
            publish_series(registry, family, made);
        }
        return made;
    }
    if (!sx__series_cells_take(registry, family, removed)) {
        return NULL;
    }
    __atomic_store_n(&removed->version, removed->version + 1, __ATOMIC_RELEASE);
    return removed;
}

/* ---- look-up ---- */

static bool is_live(const struct sx__series *series)
{
    return !sx__series_is_removed(__atomic_load_n(&series->version, __ATOMIC_ACQUIRE));
}

static bool is_at_limit(const struct sx__family *family)
{
    return __atomic_load_n(&family->live_count, __ATOMIC_RELAXED) >= family->max_series;
}

/* The directory's lock is held. */
static int find_or_bring(struct sx__series **series, struct sx_registry *registry,
                         struct sx__family *family, const struct sx_str *values, uint32_t hash)
{
    struct sx__series *found = find_in_table(registry, family, values, hash);
    if (found != NULL && is_live(found)) {
        *series = found;
        return SX_OK;
    }
    bool is_overflow = sx__labels_are_overflow(values, family->label_count);
    if (!is_overflow && is_at_limit(family)) {
        return SX__BEYOND_LIMIT;
    }
    found = bring(registry, family, found, values, hash);
    if (found == NULL) {
        return SX_EFULL;
    }
    if (is_overflow) {
        __atomic_store_n(&family->overflow, sx__ref(registry, found), __ATOMIC_RELEASE);
    } else {
        __atomic_store_n(&family->live_count, family->live_count + 1, __ATOMIC_RELAXED);
    }
    *series = found;
    return SX_OK;
}

static int find_or_make(struct sx__series **series, struct sx__family *family,
                        const struct sx_str *values, uint32_t hash)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    struct sx__series *found = find_in_table(registry, family, values, hash);
    if (found != NULL && is_live(found)) {
        *series = found;
        return SX_OK;
    }
    /* Beyond the limit, unknown label values must not take the lock in every look-up. */
    int status = SX__BEYOND_LIMIT;
    if (!is_at_limit(family) || sx__labels_are_overflow(values, family->label_count)) {
        sx__directory_lock(registry);
        status = find_or_bring(series, registry, family, values, hash);
        sx__directory_unlock(registry);
    }
    return status;
}

static int find_only(struct sx__series **series, struct sx__family *family,
                     const struct sx_str *values, uint32_t hash)
{
    struct sx__series *found =
        find_in_table(sx__arenas[family->arena].registry, family, values, hash);
    if (found == NULL || !is_live(found)) {
        return 0;
    }
    *series = found;
    return 1;
}

typedef int look_up_fn(struct sx__series **series, struct sx__family *family,
                       const struct sx_str *values, uint32_t hash);

static const uint64_t *key_of(const struct sx__family *family)
{
    return sx__arenas[family->arena].registry->hash_key;
}

/* Values that are not UTF-8 are cleaned before the look-up, so that values that are equal on the
 * page are one series. */
static int look_up_cleaned(struct sx__series **series, struct sx__family *family,
                           const struct sx_str *values, look_up_fn *how)
{
    struct sx_str cleaned[SX_LABELS_MAX];
    char *memory = NULL;
    size_t count = family->label_count;
    int status = sx__labels_clean(cleaned, &memory, values, count);
    if (status == SX_OK) {
        status =
            how(series, family, cleaned, sx__label_hash_of(key_of(family), cleaned, count).hash);
    }
    free(memory);
    return status;
}

static bool are_valid(const struct sx_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!sx__utf8_is_valid(values[i])) {
            return false;
        }
    }
    return true;
}

static int look_up(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count, look_up_fn *how)
{
    if (series == NULL || family == NULL || values == NULL) {
        return SX_EINVAL;
    }
    if (count != family->label_count) {
        return SX_EVALUES;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i].data == NULL && values[i].size > 0) {
            return SX_EINVAL;
        }
    }
    struct sx__label_hash hash = sx__label_hash_of(key_of(family), values, count);
    if (!hash.is_ascii && !are_valid(values, count)) {
        return look_up_cleaned(series, family, values, how);
    }
    return how(series, family, values, hash.hash);
}

int sx__series_get(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count)
{
    return look_up(series, family, values, count, find_or_make);
}

int sx__series_find(struct sx__series **series, struct sx__family *family,
                    const struct sx_str *values, size_t count)
{
    return look_up(series, family, values, count, find_only);
}

void sx__series_mend(struct sx_registry *registry, struct sx__family *family)
{
    struct table *table = table_of(registry, family);
    uint32_t count = 0;
    uint32_t live_count = 0;
    uint32_t last = 0;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    while (series != NULL) {
        count++;
        last = sx__ref(registry, series);
        live_count += is_live(series) && last != family->overflow;
        series = sx__series_at(registry, &series->next);
    }
    family->series_count = count;
    __atomic_store_n(&family->live_count, live_count, __ATOMIC_RELAXED);
    family->last_series = last;
    if (table != NULL) {
        insert_all(registry, family, table);
    }
    sx__series_cells_mend(registry, family);
}
