/* series_table.c: inserting into the table, taking out of it, and growing it. */
#include "series_table.h"

#include <string.h>

#define SERIES_TABLE_CAPACITY_FIRST 8u
#define SERIES_TABLE_CAPACITY_LAST (1u << SX__TABLE_BITS)
/* The table directory doubles only if the family has this many series for each of its places. With
 * evenly spread hashes, no table is full before that. If many hashes collide, which an attacker
 * can only cause with the key, the table of these series grows instead. */
#define SERIES_OF_A_PLACE (SERIES_TABLE_CAPACITY_LAST / 4)
/* See stock_up. */
#define STOCK_MAX 16u
#define SERIES_OF_A_STOCKED_TABLE 2048u

/* ---- one table ---- */

static uint64_t entry_of(uint32_t hash, uint32_t ref)
{
    return (uint64_t)hash << 32 | ref;
}

static bool is_series(uint64_t entry)
{
    return (uint32_t)entry > SX__ENTRY_REMOVED;
}

static struct sx__table *table_at(const struct sx_registry *registry, uint64_t place)
{
    return sx__at(registry, (uint32_t)place);
}

static struct sx__table *table_for(const struct sx_registry *registry,
                                   const struct sx__family *family, uint32_t hash)
{
    struct sx__table *directory = sx__table_directory(registry, family);
    return directory == NULL ? NULL : table_at(registry, *sx__table_place(directory, hash));
}

static size_t capacity_of(const struct sx__table *table)
{
    return (size_t)table->mask + 1;
}

static void insert_entry_of_series(struct sx__table *table, uint64_t entry)
{
    uint32_t i = (uint32_t)(entry >> 32) & table->mask;
    while (is_series(table->entries[i])) {
        i = (i + 1) & table->mask;
    }
    table->used += table->entries[i] == SX__ENTRY_EMPTY;
    __atomic_store_n(&table->entries[i], entry, __ATOMIC_RELEASE);
}

/* Where the entry is, or NULL. */
static uint64_t *find_entry_of_series(struct sx__table *table, uint64_t entry)
{
    uint32_t i = (uint32_t)(entry >> 32) & table->mask;
    while (table->entries[i] != SX__ENTRY_EMPTY && table->entries[i] != entry) {
        i = (i + 1) & table->mask;
    }
    return table->entries[i] == entry ? &table->entries[i] : NULL;
}

static struct sx__table *new_table(struct sx_registry *registry, size_t capacity, uint32_t depth,
                                   uint32_t bits)
{
    struct sx__table *table = sx__directory_allocate(registry, sx__table_bytes(capacity));
    if (table != NULL) {
        memset(table, 0, sx__table_bytes(capacity));
        table->mask = (uint32_t)(capacity - 1);
        table->depth = depth;
        table->bits = bits;
    }
    return table;
}

static void free_table(struct sx_registry *registry, struct sx__table *table)
{
    if (table != NULL) {
        sx__directory_free(registry, table, sx__table_bytes(capacity_of(table)));
    }
}

void sx__series_table_insert(struct sx_registry *registry, struct sx__family *family,
                             const struct sx__series *series)
{
    insert_entry_of_series(table_for(registry, family, series->hash),
                           entry_of(series->hash, sx__ref(registry, series)));
}

void sx__series_table_take_out(struct sx_registry *registry, struct sx__family *family,
                               const struct sx__series *series)
{
    struct sx__table *table = table_for(registry, family, series->hash);
    uint64_t *entry = NULL;
    if (table != NULL) {
        entry = find_entry_of_series(table, entry_of(series->hash, sx__ref(registry, series)));
    }
    if (entry != NULL) {
        __atomic_store_n(entry, entry_of(0, SX__ENTRY_REMOVED), __ATOMIC_RELEASE);
    }
}

/* ---- growing ---- */

static void publish_directory(const struct sx_registry *registry, struct sx__family *family,
                              const struct sx__table *directory)
{
    __atomic_store_n(&family->table, sx__ref(registry, directory), __ATOMIC_RELEASE);
}

static uint64_t place_with(const struct sx_registry *registry, const struct sx__table *table)
{
    return (uint64_t)table->mask << 32 | sx__ref(registry, table);
}

static bool make_first(struct sx_registry *registry, struct sx__family *family)
{
    struct sx__table *directory = new_table(registry, 1, 0, 0);
    struct sx__table *table = new_table(registry, SERIES_TABLE_CAPACITY_FIRST, 0, 0);
    if (directory == NULL || table == NULL) {
        free_table(registry, directory);
        free_table(registry, table);
        return false;
    }
    directory->entries[0] = place_with(registry, table);
    publish_directory(registry, family, directory);
    return true;
}

static bool double_directory(struct sx_registry *registry, struct sx__family *family)
{
    struct sx__table *old = sx__table_directory(registry, family);
    const size_t count = capacity_of(old);
    struct sx__table *directory = new_table(registry, count * 2, old->depth + 1, 0);
    if (directory == NULL) {
        return false;
    }
    memcpy(directory->entries, old->entries, count * sizeof old->entries[0]);
    memcpy(directory->entries + count, old->entries, count * sizeof old->entries[0]);
    publish_directory(registry, family, directory);
    sx__retire(registry, &old->retired, SX__RETIRED_TABLE);
    return true;
}

/* Splits a table in two by the next bit of the hash. Changes only places that still refer to the
 * old table: if a writer died in the middle of a split, some places refer to new tables already. */
static void replace_table(struct sx_registry *registry, struct sx__family *family,
                          struct sx__table *old, struct sx__table *const halves[2])
{
    struct sx__table *directory = sx__table_directory(registry, family);
    const uint64_t place = place_with(registry, old);
    for (size_t i = 0; i < capacity_of(old); i++) {
        const uint64_t entry = old->entries[i];
        if (is_series(entry)) {
            insert_entry_of_series(halves[entry >> 32 >> SX__TABLE_BITS >> old->depth & 1], entry);
        }
    }
    for (size_t i = old->bits; i < capacity_of(directory); i += (size_t)1 << old->depth) {
        if (directory->entries[i] == place) {
            __atomic_store_n(&directory->entries[i],
                             place_with(registry, halves[i >> old->depth & 1]), __ATOMIC_RELEASE);
        }
    }
    sx__retire(registry, &old->retired, SX__RETIRED_TABLE);
}

/* Reserves memory for several future tables at once, if the last table was not made from reclaimed
 * memory. Otherwise a table would lie between every hundred records of series, and a scrape, which
 * reads the records in order, would be a seventh slower. This costs a few bytes for each series. */
static void stock_up(struct sx_registry *registry, const struct sx__family *family)
{
    const size_t bytes = sx__table_bytes(SERIES_TABLE_CAPACITY_LAST);
    void *tables[STOCK_MAX];
    const uint32_t wanted = family->live_count / SERIES_OF_A_STOCKED_TABLE;
    uint32_t count = 0;
    while (count < wanted && count < STOCK_MAX) {
        tables[count] = sx__directory_allocate(registry, bytes);
        if (tables[count] == NULL) {
            break;
        }
        count++;
    }
    while (count-- > 0) {
        sx__directory_free(registry, tables[count], bytes);
    }
}

static bool split_table(struct sx_registry *registry, struct sx__family *family,
                        struct sx__table *old)
{
    const size_t used = registry->directory_used;
    const uint32_t depth = old->depth + 1;
    const uint32_t bits[2] = {old->bits, old->bits | 1u << old->depth};
    struct sx__table *const halves[2] = {
        new_table(registry, SERIES_TABLE_CAPACITY_LAST, depth, bits[0]),
        new_table(registry, SERIES_TABLE_CAPACITY_LAST, depth, bits[1]),
    };
    if (halves[0] == NULL || halves[1] == NULL) {
        free_table(registry, halves[0]);
        free_table(registry, halves[1]);
        return false;
    }
    replace_table(registry, family, old, halves);
    if (registry->directory_used != used) {
        stock_up(registry, family);
    }
    return true;
}

static bool resize_table(struct sx_registry *registry, struct sx__family *family,
                         struct sx__table *old, size_t capacity)
{
    struct sx__table *table = new_table(registry, capacity, old->depth, old->bits);
    if (table == NULL) {
        return false;
    }
    replace_table(registry, family, old, (struct sx__table *const[2]){table, table});
    return true;
}

/* Whether a table can be split, perhaps after the directory is doubled. */
static bool may_split(const struct sx__table *directory, const struct sx__family *family,
                      const struct sx__table *table)
{
    return table->depth < directory->depth ||
           (directory->depth < 32 - SX__TABLE_BITS &&
            family->live_count / SERIES_OF_A_PLACE >= capacity_of(directory));
}

/* Replaces a full table: by one with room for its series and as many more, or by two. */
static bool grow_table(struct sx_registry *registry, struct sx__family *family,
                       struct sx__table *table)
{
    struct sx__table *directory = sx__table_directory(registry, family);
    size_t series_count = 0;
    size_t capacity = SERIES_TABLE_CAPACITY_FIRST;
    for (size_t i = 0; i < capacity_of(table); i++) {
        series_count += is_series(table->entries[i]);
    }
    while (capacity < (series_count + 1) * 2) {
        capacity *= 2;
    }
    /* A table with more series than this has colliding hashes, and may not fit into two tables of
     * the largest usual size. So it is resized, not split. */
    if (capacity <= SERIES_TABLE_CAPACITY_LAST || series_count >= SERIES_TABLE_CAPACITY_LAST ||
        !may_split(directory, family, table)) {
        return resize_table(registry, family, table, capacity);
    }
    if (table->depth == directory->depth && !double_directory(registry, family)) {
        return false;
    }
    return split_table(registry, family, table);
}

bool sx__series_table_make_room(struct sx_registry *registry, struct sx__family *family,
                                uint32_t hash)
{
    if (family->table == 0 && !make_first(registry, family)) {
        return false;
    }
    /* The halves of a table may be unequal. */
    for (;;) {
        struct sx__table *table = table_for(registry, family, hash);
        if (((size_t)table->used + 1) * 4 <= capacity_of(table) * 3) {
            return true;
        }
        if (!grow_table(registry, family, table)) {
            return false;
        }
    }
}

/* Inserts a series if it is missing. Its maker had made room for it. */
static void insert_missing(struct sx_registry *registry, struct sx__family *family,
                           const struct sx__series *series)
{
    const uint64_t entry = entry_of(series->hash, sx__ref(registry, series));
    if (find_entry_of_series(table_for(registry, family, series->hash), entry) == NULL) {
        (void)sx__series_table_make_room(registry, family, series->hash);
        insert_entry_of_series(table_for(registry, family, series->hash), entry);
    }
}

/* A writer that died before it inserted its series leaves one series out of the table. A writer
 * that died while it split or resized a table leaves none out. */
void sx__series_table_mend(struct sx_registry *registry, struct sx__family *family)
{
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; family->table != 0 && series != NULL; series = sx__series_at(registry, &series->next)) {
        if (sx__ref(registry, series) != family->overflow) {
            insert_missing(registry, family, series);
        }
    }
}

void sx__series_table_drop(struct sx_registry *registry, struct sx__family *family)
{
    struct sx__table *directory = sx__table_directory(registry, family);
    if (directory == NULL) {
        return;
    }
    __atomic_store_n(&family->table, 0, __ATOMIC_RELEASE);
    for (size_t i = 0; i < capacity_of(directory); i++) {
        struct sx__table *table = table_at(registry, directory->entries[i]);
        if (table->bits == i) { /* the first of the places that lead to it */
            sx__retire(registry, &table->retired, SX__RETIRED_TABLE);
        }
    }
    sx__retire(registry, &directory->retired, SX__RETIRED_TABLE);
}
