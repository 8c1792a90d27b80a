/* family_index.c: a hash table of sample names, in which each family has a few entries. */
#include "family_index.h"

#include "directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64u

/* ref 0: empty. */
struct entry {
    uint32_t hash;
    uint32_t ref;
};

struct table {
    struct entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    uint32_t last; /* ref of the last family of the chain that has entries; 0: none has */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the tables; taken last */
static struct table tables[SX__ARENAS];

static uint32_t hash_bytes(uint32_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u; /* FNV-1a; names are the program's */
    }
    return hash;
}

static uint32_t hash_name(struct sx_str base, const char *suffix)
{
    return hash_bytes(hash_bytes(2166136261u, base.data, base.size), suffix, strlen(suffix));
}

static void insert(struct table *table, struct entry entry)
{
    size_t i = entry.hash & (table->capacity - 1);
    while (table->entries[i].ref != 0) {
        i = (i + 1) & (table->capacity - 1);
    }
    table->entries[i] = entry;
    table->used++;
}

static bool make_room(struct table *table)
{
    if ((table->used + SX__SAMPLE_NAMES_MAX) * 2 <= table->capacity) {
        return true;
    }
    struct table larger = {.capacity = table->capacity == 0 ? CAPACITY_FIRST : table->capacity * 2,
                           .last = table->last};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].ref != 0) {
            insert(&larger, table->entries[i]);
        }
    }
    free(table->entries);
    *table = larger;
    return true;
}

static bool add(struct table *table, const struct sx_registry *registry,
                const struct sx__family *family)
{
    if (!make_room(table)) {
        return false;
    }
    const enum sx_metric_type type = (enum sx_metric_type)family->type;
    const struct sx_str base = sx__desc_base(sx__family_name(family), type);
    const uint32_t ref = sx__ref(registry, family);
    for (const char *const *suffix = sx__desc_suffixes(type); *suffix != NULL; suffix++) {
        insert(table, (struct entry){hash_name(base, *suffix), ref});
    }
    table->last = ref;
    return true;
}

/* Adds the families that were registered since the last search, by other processes too. */
static bool follow_chain(struct table *table, const struct sx_registry *registry)
{
    const uint32_t *link = &registry->first_family;
    if (table->last != 0) {
        link = &((const struct sx__family *)sx__at(registry, table->last))->next;
    }
    const struct sx__family *family = sx__family_at(registry, link);
    for (; family != NULL; family = sx__family_at(registry, &family->next)) {
        if (!add(table, registry, family)) {
            return false;
        }
    }
    return true;
}

static void try_all(const struct sx_registry *registry, sx__candidate_fn *use, void *context)
{
    const struct sx__family *family = sx__family_at(registry, &registry->first_family);
    while (family != NULL && !use(context, family)) {
        family = sx__family_at(registry, &family->next);
    }
}

/* Calls `use` for what the table has; false if memory is exhausted. The lock is held. */
static bool search(struct table *table, const struct sx_registry *registry,
                   const struct sx__desc *desc, sx__candidate_fn *use, void *context)
{
    if (!follow_chain(table, registry)) {
        return false;
    }
    const struct sx_str base = sx__desc_base(desc->name, desc->type);
    const char *const *suffix = sx__desc_suffixes(desc->type);
    for (; table->capacity > 0 && *suffix != NULL; suffix++) {
        const uint32_t hash = hash_name(base, *suffix);
        size_t i = hash & (table->capacity - 1);
        for (; table->entries[i].ref != 0; i = (i + 1) & (table->capacity - 1)) {
            if (table->entries[i].hash == hash &&
                use(context, sx__at(registry, table->entries[i].ref))) {
                return true;
            }
        }
    }
    return true;
}

void sx__family_index_search(const struct sx_registry *registry, const struct sx__desc *desc,
                             sx__candidate_fn *use, void *context)
{
    (void)pthread_mutex_lock(&lock);
    if (!search(&tables[registry->arena], registry, desc, use, context)) {
        try_all(registry, use, context);
    }
    (void)pthread_mutex_unlock(&lock);
}

void sx__family_index_forget(const struct sx_registry *registry)
{
    (void)pthread_mutex_lock(&lock);
    struct table *table = &tables[registry->arena];
    free(table->entries);
    *table = (struct table){0};
    (void)pthread_mutex_unlock(&lock);
}

void sx__family_index_before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
}

void sx__family_index_after_fork(void)
{
    (void)pthread_mutex_unlock(&lock);
}
