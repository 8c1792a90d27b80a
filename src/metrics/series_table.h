/* series_table.h: the hash table of a family's series.
 *
 * It is an index of the family's chain, which decides which series exist; see records.h. Finding a
 * series takes no lock. All else needs the directory's lock.
 */
#ifndef SX_METRICS_SERIES_TABLE_H
#define SX_METRICS_SERIES_TABLE_H

#include "labels.h"
#include "retired.h"

/* Open addressing. An entry is the hash in its upper half and the ref of the series in its lower
 * one, written by one store. A removed series leaves SX__ENTRY_REMOVED as its ref. The table is
 * never full, so that a search ends. */
#define SX__ENTRY_EMPTY 0u
#define SX__ENTRY_REMOVED 1u /* no record has this ref */

static inline struct sx__table *sx__series_table_of(const struct sx_registry *registry,
                                                    const struct sx__family *family)
{
    uint32_t ref = __atomic_load_n(&family->table, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

/** Returns the series with these values, which may just have been removed, or NULL.
 *
 * Threads:  [any] that is reading, see epochs.h, or has the directory's lock
 */
static inline struct sx__series *sx__series_table_find(const struct sx_registry *registry,
                                                       const struct sx__family *family,
                                                       const struct sx_str *values, uint32_t hash)
{
    const struct sx__table *table = sx__series_table_of(registry, family);
    if (table == NULL) {
        return NULL;
    }
    for (uint32_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        uint64_t entry = __atomic_load_n(&table->entries[i], __ATOMIC_ACQUIRE);
        if (entry == SX__ENTRY_EMPTY) {
            return NULL;
        }
        if ((uint32_t)(entry >> 32) == hash && (uint32_t)entry != SX__ENTRY_REMOVED) {
            struct sx__series *series = sx__at(registry, (uint32_t)entry);
            if (sx__labels_equal(series, family, values)) {
                return series;
            }
        }
    }
}

/** Returns the live series with the values of a look-up in its family, or NULL. Nearly all look-ups
 * end here. Threads as above. */
static inline struct sx__series *sx__series_table_match(const struct sx_registry *registry,
                                                        const struct sx__family *family,
                                                        const struct sx__label_key *key)
{
    const struct sx__table *table = sx__series_table_of(registry, family);
    if (table == NULL) {
        return NULL;
    }
    for (uint32_t i = key->hash & table->mask;; i = (i + 1) & table->mask) {
        const uint64_t entry = __atomic_load_n(&table->entries[i], __ATOMIC_ACQUIRE);
        if (entry == SX__ENTRY_EMPTY) {
            return NULL;
        }
        if ((uint32_t)(entry >> 32) == key->hash && (uint32_t)entry != SX__ENTRY_REMOVED) {
            struct sx__series *series = sx__at(registry, (uint32_t)entry);
            if (sx__labels_match(series, key)) {
                return sx__series_is_removed(series) ? NULL : series;
            }
        }
    }
}

/** Makes room for one more series. Returns false if the directory is full. */
bool sx__series_table_make_room(struct sx_registry *registry, struct sx__family *family);

/** Inserts a series that is not in the table, for which room was made. */
void sx__series_table_insert(struct sx_registry *registry, struct sx__family *family,
                             const struct sx__series *series);

/** Takes a series out, if it is there. */
void sx__series_table_take_out(struct sx_registry *registry, struct sx__family *family,
                               const struct sx__series *series);

/** Makes the table again from the chain, after a writer died. */
void sx__series_table_mend(struct sx_registry *registry, struct sx__family *family);

#endif
