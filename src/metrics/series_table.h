/* series_table.h: the hash table of a family's series, without its overflow series.
 *
 * It is an index of the family's chain, which decides which series exist; see records.h. Finding a
 * series takes no lock. All else needs the directory's lock.
 *
 * The hash table grows in small steps, because making a series must not hold the lock for long
 * (extendible hashing). It consists of small tables and an index of them, the table directory,
 * whose size is a power of two. (Elsewhere in this file "the directory" is that of the registry.)
 * The bits of a hash from SX__TABLE_BITS on choose an entry of the table directory. Entries whose
 * index has the same lowest `depth` bits refer to one table. A full table of the largest size is
 * split in two by one more bit. If the table already uses all bits of the index, the table
 * directory doubles first. Only this step takes longer the more series there are: it copies 8 bytes
 * for each hundred series. A replaced table is retired, because threads may be reading it.
 *
 * A small table has open addressing. Its entries are the hash in the upper half and the ref of the
 * series in the lower one. A removed series leaves SX__ENTRY_REMOVED as its ref. A quarter
 * of the entries of a table, at least, is empty, so that every search ends. The entries of the
 * table directory are the ref of a table in the lower half and its mask in the upper one. Each
 * entry is written by one store.
 */
#ifndef SX_METRICS_SERIES_TABLE_H
#define SX_METRICS_SERIES_TABLE_H

#include "labels.h"
#include "retired.h"

#define SX__ENTRY_EMPTY 0u
#define SX__ENTRY_REMOVED 1u /* no record has this ref */

#define SX__TABLE_BITS 9u /* of the largest usual table */

/* Where a search is. */
struct sx__table_search {
    const uint64_t *entries;
    uint32_t mask;
    uint32_t next;
};

static inline struct sx__table *sx__table_directory(const struct sx_registry *registry,
                                                    const struct sx__family *family)
{
    uint32_t ref = __atomic_load_n(&family->table, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

/** The place of the directory that leads to the table for a hash. */
static inline uint64_t *sx__table_place(struct sx__table *directory, uint32_t hash)
{
    return &directory->entries[hash >> SX__TABLE_BITS & directory->mask];
}

/** Begins to search. Returns false if the family has no table. */
static inline bool sx__table_search(struct sx__table_search *search,
                                    const struct sx_registry *registry,
                                    const struct sx__family *family, uint32_t hash)
{
    struct sx__table *directory = sx__table_directory(registry, family);
    if (directory == NULL) {
        return false;
    }
    const uint64_t place = __atomic_load_n(sx__table_place(directory, hash), __ATOMIC_ACQUIRE);
    const struct sx__table *table = sx__at(registry, (uint32_t)place);
    search->entries = table->entries;
    search->mask = (uint32_t)(place >> 32);
    search->next = hash & search->mask;
    return true;
}

/** Returns the next series that has the hash, or NULL. */
static inline struct sx__series *sx__table_next(struct sx__table_search *search,
                                                const struct sx_registry *registry, uint32_t hash)
{
    for (;;) {
        const uint64_t entry = __atomic_load_n(&search->entries[search->next], __ATOMIC_ACQUIRE);
        search->next = (search->next + 1) & search->mask;
        if ((uint32_t)(entry >> 32) == hash && (uint32_t)entry > SX__ENTRY_REMOVED) {
            return sx__at(registry, (uint32_t)entry);
        }
        if (entry == SX__ENTRY_EMPTY) {
            return NULL;
        }
    }
}

/** Returns the series with these values, which may just have been removed, or NULL.
 *
 * Threads:  [any] that is reading, see epochs.h, or has the directory's lock
 */
static inline struct sx__series *sx__series_table_find(const struct sx_registry *registry,
                                                       const struct sx__family *family,
                                                       const struct sx_str *values, uint32_t hash)
{
    struct sx__table_search search;
    struct sx__series *series = NULL;
    if (sx__table_search(&search, registry, family, hash)) {
        do {
            series = sx__table_next(&search, registry, hash);
        } while (series != NULL && !sx__labels_equal(series, family, values));
    }
    return series;
}

/** Returns the live series with the values of a look-up in its family, or NULL. Nearly all look-ups
 * end here. Threads as above. */
static inline struct sx__series *sx__series_table_match(const struct sx_registry *registry,
                                                        const struct sx__family *family,
                                                        const struct sx__label_key *key)
{
    struct sx__table_search search;
    struct sx__series *series = NULL;
    if (sx__table_search(&search, registry, family, key->hash)) {
        do {
            series = sx__table_next(&search, registry, key->hash);
        } while (series != NULL && !sx__labels_match(series, key));
    }
    return series != NULL && sx__series_is_removed(series) ? NULL : series;
}

/** Makes room for one more series with this hash. Returns false if the directory is full. */
bool sx__series_table_make_room(struct sx_registry *registry, struct sx__family *family,
                                uint32_t hash);

/** Inserts a series that is not in the table, for which room was made. */
void sx__series_table_insert(struct sx_registry *registry, struct sx__family *family,
                             const struct sx__series *series);

/** Takes a series out, if it is there. */
void sx__series_table_take_out(struct sx_registry *registry, struct sx__family *family,
                               const struct sx__series *series);

/** Retires all of it, as the family is unregistered. */
void sx__series_table_drop(struct sx_registry *registry, struct sx__family *family);

/** Inserts what the table lacks, after a writer died. */
void sx__series_table_mend(struct sx_registry *registry, struct sx__family *family);

#endif
