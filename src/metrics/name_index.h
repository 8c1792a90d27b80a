/* name_index.h: finds the families of a scrape that clash with a name, in constant time on average.
 *
 * A chained hash table of stems; see written_names.h. A family has an entry for each of its stems.
 * The memory of the entries belongs to the families. For one thread.
 */
#ifndef SX_METRICS_NAME_INDEX_H
#define SX_METRICS_NAME_INDEX_H

#include "written_names.h"

#include <stdint.h>

struct sx__collected_family;

struct sx__name_entry {
    struct sx__name_entry *next; /* in its chain */
    struct sx__written_names names;
    uint32_t hash;
    struct sx__collected_family *family; /* which writes these names */
};

struct sx__name_index {
    const uint64_t *hash_key; /* two random words, borrowed; set before the first entry */
    struct sx__name_entry **chains;
    size_t chain_count; /* a power of two, or 0 */
    size_t entry_count;
};

/** Makes room for the entries of one more family. Errors: SX_ENOMEM; nothing has changed then. */
int sx__name_index_reserve(struct sx__name_index *index);

/** Adds an entry, for which there is room. The caller has set all but `next` and `hash`. Several
 * entries may have the same names. */
void sx__name_index_add(struct sx__name_index *index, struct sx__name_entry *entry);

/** Removes an entry that was added. */
void sx__name_index_remove(struct sx__name_index *index, const struct sx__name_entry *entry);

/** Returns an entry that has one of the names, or NULL.
 *
 * @param after  the entry that was returned before; NULL: none yet
 */
struct sx__name_entry *sx__name_index_find(const struct sx__name_index *index,
                                           const struct sx__written_names *names,
                                           const struct sx__name_entry *after);

/** Frees the table, but no entry. */
void sx__name_index_clean_up(struct sx__name_index *index);

#endif
