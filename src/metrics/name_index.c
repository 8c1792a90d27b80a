/* name_index.c: a chained hash table of the names that a scrape has so far. */
#include "name_index.h"

#include "label_hash.h"

#include <stdlib.h>

#define NAME_CHAINS_FIRST ((size_t)16)

static uint32_t stem_hash(const struct sx__name_index *index, struct sx_str stem)
{
    return sx__label_hash_of(index->hash_key, &stem, 1).hash;
}

static struct sx__name_entry **name_chain(const struct sx__name_index *index, uint32_t hash)
{
    return &index->chains[hash & (index->chain_count - 1)];
}

static void link_name_entry(const struct sx__name_index *index, struct sx__name_entry *entry)
{
    struct sx__name_entry **chain = name_chain(index, entry->hash);
    entry->next = *chain;
    *chain = entry;
}

int sx__name_index_reserve(struct sx__name_index *index)
{
    if (index->entry_count + SX__STEMS_MAX <= index->chain_count) {
        return SX_OK;
    }
    const struct sx__name_index before = *index;
    const size_t count = before.chain_count == 0 ? NAME_CHAINS_FIRST : before.chain_count * 2;
    struct sx__name_entry **chains = calloc(count, sizeof(struct sx__name_entry *));
    if (chains == NULL) {
        return SX_ENOMEM;
    }
    index->chains = chains;
    index->chain_count = count;
    for (size_t i = 0; i < before.chain_count; i++) {
        for (struct sx__name_entry *entry = before.chains[i]; entry != NULL;) {
            struct sx__name_entry *next = entry->next;
            link_name_entry(index, entry);
            entry = next;
        }
    }
    free(before.chains);
    return SX_OK;
}

void sx__name_index_add(struct sx__name_index *index, struct sx__name_entry *entry)
{
    entry->hash = stem_hash(index, entry->names.stem);
    link_name_entry(index, entry);
    index->entry_count++;
}

void sx__name_index_remove(struct sx__name_index *index, const struct sx__name_entry *entry)
{
    struct sx__name_entry **link = name_chain(index, entry->hash);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    index->entry_count--;
}

struct sx__name_entry *sx__name_index_find(const struct sx__name_index *index,
                                           const struct sx__written_names *names,
                                           const struct sx__name_entry *after)
{
    if (index->entry_count == 0) {
        return NULL;
    }
    const uint32_t hash = stem_hash(index, names->stem);
    struct sx__name_entry *entry = after == NULL ? *name_chain(index, hash) : after->next;
    while (entry != NULL &&
           (entry->hash != hash || !sx__written_names_meet(&entry->names, names))) {
        entry = entry->next;
    }
    return entry;
}

void sx__name_index_clean_up(struct sx__name_index *index)
{
    free(index->chains);
    index->chains = NULL;
    index->chain_count = 0;
}
