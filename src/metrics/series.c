/* series.c: the series of a family: found by a hash table without a lock, made under it. */
#include "series.h"

#include "labels.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_CAPACITY_FIRST 8u

/* Open addressing. An entry is the hash in its upper half and the ref of the series in its lower
 * one, so that it appears at once; 0 is empty. Never full, so that a search comes to an end. */
struct table {
    uint32_t mask;
    uint32_t reserved;
    uint64_t entries[];
};

/* ---- hashing ---- */

struct digest {
    uint64_t hash;
    uint64_t bits; /* all the bytes or'ed together */
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 32);
}

static uint64_t load(const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return word;
}

/* A text shorter than a word, as one. */
static uint64_t load_short(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size >= 4) {
        return load(data, 4) | load(data + size - 4, 4) << 32;
    }
    if (size > 0) {
        return bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    return 0;
}

static void digest_value(struct digest *digest, struct sx_str value)
{
    digest->hash = mix(digest->hash, value.size);
    if (value.size < 8) {
        uint64_t word = load_short(value.data, value.size);
        digest->hash = mix(digest->hash, word);
        digest->bits |= word;
        return;
    }
    for (size_t i = 0; i + 8 < value.size; i += 8) {
        uint64_t word = load(value.data + i, 8);
        digest->hash = mix(digest->hash, word);
        digest->bits |= word;
    }
    uint64_t last = load(value.data + value.size - 8, 8); /* may overlap the word before it */
    digest->hash = mix(digest->hash, last);
    digest->bits |= last;
}

static struct digest digest_values(const struct sx_str *values, size_t count)
{
    struct digest digest = {0, 0};
    for (size_t i = 0; i < count; i++) {
        digest_value(&digest, values[i]);
    }
    return digest;
}

static bool is_ascii(struct digest digest)
{
    return (digest.bits & UINT64_C(0x8080808080808080)) == 0;
}

static uint32_t hash_of(struct digest digest)
{
    return (uint32_t)digest.hash;
}

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

static struct sx__series *find(const struct sx_registry *registry, const struct sx__family *family,
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

/* Inserts what is not there yet. */
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
static bool make_room(struct sx_registry *registry, struct sx__family *family)
{
    const struct table *old = table_of(registry, family);
    size_t capacity = old == NULL ? 0 : (size_t)old->mask + 1;
    if (((size_t)family->series_count + 1) * 4 <= capacity * 3) {
        return true;
    }
    capacity = old == NULL ? TABLE_CAPACITY_FIRST : capacity * 2;
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

static uint32_t allocate_cells(struct sx_registry *registry, const struct sx__family *family)
{
    switch ((enum sx__type)family->type) {
    case SX__GAUGE:
        return sx__directory_gauge_cell(registry);
    case SX__HISTOGRAM:
        return sx__directory_slot_cells(registry, family->bound_count + 2); /* +Inf and the sum */
    case SX__COUNTER:
        break;
    }
    return sx__directory_slot_cells(registry, 1);
}

/* The size of a record, or 0 where no directory could hold it. */
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

struct sx__series *sx__series_write(struct sx_registry *registry, const struct sx__family *family,
                                    const struct sx_str *values, uint32_t hash)
{
    struct sx__directory_mark mark = sx__directory_mark(registry);
    size_t size = record_size(family, values);
    struct sx__series *series = size == 0 ? NULL : sx__directory_allocate(registry, size);
    uint32_t cell = series == NULL ? 0 : allocate_cells(registry, family);
    if (cell == 0) {
        sx__directory_rewind(registry, mark);
        return NULL;
    }
    *series = (struct sx__series){
        .handle = {.arena = registry->arena, .cell = cell},
        .state = SX__SERIES_LIVE,
        .family = sx__ref(registry, series) - sx__ref(registry, family),
        .hash = hash,
        .text_size = (uint32_t)sx__labels_text_size(family, values),
    };
    sx__labels_write_text(sx__series_text(series), family, values);
    sx__labels_write_values(series, family, values);
    return series;
}

/* Appends to the chain, which makes the series exist; then tells the table. */
static void publish(struct sx_registry *registry, struct sx__family *family,
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

static int make(struct sx__series **series, struct sx__family *family, const struct sx_str *values,
                uint32_t hash)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int status = SX_OK;

    sx__directory_lock(registry);
    struct sx__series *made = find(registry, family, values, hash);
    if (made == NULL && make_room(registry, family)) {
        made = sx__series_write(registry, family, values, hash);
        if (made != NULL) {
            publish(registry, family, made);
        }
    }
    sx__directory_unlock(registry);
    if (made == NULL) {
        status = SX_EFULL;
    } else {
        *series = made;
    }
    return status;
}

static int find_or_make(struct sx__series **series, struct sx__family *family,
                        const struct sx_str *values, struct digest digest)
{
    struct sx__series *found =
        find(sx__arenas[family->arena].registry, family, values, hash_of(digest));
    if (found == NULL) {
        return make(series, family, values, hash_of(digest));
    }
    *series = found;
    return SX_OK;
}

/* Values that are not UTF-8 are cleaned before anything is looked up, so that two of them that look
 * the same on the page are one series. */
static int get_cleaned(struct sx__series **series, struct sx__family *family,
                       const struct sx_str *values)
{
    struct sx_str cleaned[SX_LABELS_MAX];
    size_t size = 1;
    for (size_t i = 0; i < family->label_count; i++) {
        if (values[i].size > UINT32_MAX) {
            return SX_EFULL;
        }
        size += values[i].size * SX__UTF8_GROWTH;
    }
    char *memory = malloc(size);
    if (memory == NULL) {
        return SX_ENOMEM;
    }
    char *at = memory;
    for (size_t i = 0; i < family->label_count; i++) {
        cleaned[i] = (struct sx_str){at, sx__utf8_clean(at, values[i])};
        at += cleaned[i].size;
    }
    int status = find_or_make(series, family, cleaned, digest_values(cleaned, family->label_count));
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

int sx__series_get(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count)
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
    struct digest digest = digest_values(values, count);
    if (!is_ascii(digest) && !are_valid(values, count)) {
        return get_cleaned(series, family, values);
    }
    return find_or_make(series, family, values, digest);
}

struct sx__series *sx__series_with(struct sx__family *family, const char *const *values,
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
    return sx__series_get(&series, family, texts, count) == SX_OK ? series : NULL;
}

void sx__series_mend(struct sx_registry *registry, struct sx__family *family)
{
    struct table *table = table_of(registry, family);
    uint32_t count = 0;
    uint32_t last = 0;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    while (series != NULL) {
        count++;
        last = sx__ref(registry, series);
        series = sx__series_at(registry, &series->next);
    }
    family->series_count = count;
    family->last_series = last;
    if (table != NULL) {
        insert_all(registry, family, table);
    }
}
