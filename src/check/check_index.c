/* check_index.c: a hash table of record numbers. */
#include "check_index.h"

#include <stdlib.h>

#define CAPACITY_FIRST 64

uint32_t sx__index_next(const struct sx__index *index, uint32_t hash, size_t *cursor)
{
    if (index->capacity == 0) {
        return 0;
    }
    /* An entry is always free, so each search ends. */
    for (;; (*cursor)++) {
        const struct sx__index_place *place =
            &index->places[(hash + *cursor) & (index->capacity - 1)];
        if (place->number == 0) {
            return 0;
        }
        if (place->hash == hash) {
            (*cursor)++;
            return place->number;
        }
    }
}

static void put(struct sx__index *index, struct sx__index_place added)
{
    size_t at = added.hash & (index->capacity - 1);
    while (index->places[at].number != 0) {
        at = (at + 1) & (index->capacity - 1);
    }
    index->places[at] = added;
    index->count++;
}

static int grow(struct sx__index *index)
{
    struct sx__index larger = {.capacity =
                                   index->capacity == 0 ? CAPACITY_FIRST : index->capacity * 2};
    larger.places = calloc(larger.capacity, sizeof *larger.places);
    if (larger.places == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->places[i].number != 0) {
            put(&larger, index->places[i]);
        }
    }
    free(index->places);
    *index = larger;
    return SX_OK;
}

int sx__index_add(struct sx__index *index, uint32_t hash, uint32_t number)
{
    if (index->count >= index->capacity / 2) {
        int status = grow(index);
        if (status != SX_OK) {
            return status;
        }
    }
    put(index, (struct sx__index_place){hash, number});
    return SX_OK;
}

void sx__index_clean_up(struct sx__index *index)
{
    free(index->places);
    *index = (struct sx__index){0};
}

void *sx__array_reserve(void *items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity) {
        return items;
    }
    size_t larger = *capacity == 0 ? CAPACITY_FIRST : *capacity * 2;
    if (larger > SIZE_MAX / item_size) {
        return NULL;
    }
    void *grown = realloc(items, larger * item_size);
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}
