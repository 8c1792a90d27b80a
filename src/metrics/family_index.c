/* family_index.c: a hash table of stems (see written_names.h), in which each family has one or two
 * entries. */
#include "family_index.h"

#include "directory.h"
#include "written_names.h"

#include <pthread.h>
#include <stdlib.h>

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

static uint32_t hash_of(struct sx_str stem)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < stem.size; i++) {
        hash = (hash ^ (unsigned char)stem.data[i]) * 16777619u; /* FNV-1a */
    }
    return hash;
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
    if ((table->used + SX__STEMS_MAX) * 2 <= table->capacity) {
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
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t count =
        sx__written_names_of(names, sx__family_name(family), (enum sx_metric_type)family->type);
    const uint32_t ref = sx__ref(registry, family);
    for (size_t i = 0; i < count; i++) {
        insert(table, (struct entry){hash_of(names[i].stem), ref});
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
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t count = sx__written_names_of(names, desc->name, desc->type);
    for (size_t name = 0; table->capacity > 0 && name < count; name++) {
        const uint32_t hash = hash_of(names[name].stem);
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
