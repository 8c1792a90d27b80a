/* check_index.h: finding records by their hash; the records themselves lie in arrays elsewhere. */
#ifndef SX_CHECK_INDEX_H
#define SX_CHECK_INDEX_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>

struct sx__index_place {
    uint32_t hash;
    uint32_t number; /* of the record, from 1; 0: the entry is free */
};

/* Linear probing; `{0}` is an empty index. */
struct sx__index {
    struct sx__index_place *places;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/** Returns the records with this hash one by one, beginning with a cursor of 0.
 *
 * @return  the record's number from 1; 0: there are no more
 */
uint32_t sx__index_next(const struct sx__index *index, uint32_t hash, size_t *cursor);

/** Adds a record. Errors: SX_ENOMEM; the index is then unchanged. */
int sx__index_add(struct sx__index *index, uint32_t hash, uint32_t number);

void sx__index_clean_up(struct sx__index *index);

/** Makes room for one more item after the `count` existing ones, which may move.
 *
 * @return  the items, or NULL if memory is exhausted; then they have not moved
 */
void *sx__array_reserve(void *items, size_t *capacity, size_t count, size_t item_size);

#endif
