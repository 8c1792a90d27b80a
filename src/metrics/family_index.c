/* family_index.c: a hash table of stems (see written_names.h), in which each family has one or two
 * entries. */
#include "family_index.h"

#include "directory.h"
#include "written_names.h"

#include <pthread.h>
#include <stdlib.h>

#define FAMILY_INDEX_CAPACITY_FIRST 64u

/* ref 0: empty. */
struct family_entry {
    uint32_t hash;
    uint32_t ref;
};

struct family_table {
    struct family_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    uint32_t last; /* ref of the last family of the chain that has entries; 0: none has */
    uint32_t families_removed; /* by then, from the registry */
};

static pthread_mutex_t index_lock = PTHREAD_MUTEX_INITIALIZER; /* of the tables; taken last */
static struct family_table family_tables[SX__ARENAS];

static uint32_t hash_stem(struct sx_str stem)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < stem.size; i++) {
        hash = (hash ^ (unsigned char)stem.data[i]) * 16777619u; /* FNV-1a */
    }
    return hash;
}

static void insert_entry(struct family_table *table, struct family_entry entry)
{
    size_t i = entry.hash & (table->capacity - 1);
    while (table->entries[i].ref != 0) {
        i = (i + 1) & (table->capacity - 1);
    }
    table->entries[i] = entry;
    table->used++;
}

static bool grow_family_table(struct family_table *table)
{
    if ((table->used + SX__STEMS_MAX) * 2 <= table->capacity) {
        return true;
    }
    struct family_table larger = {.capacity = table->capacity == 0 ? FAMILY_INDEX_CAPACITY_FIRST
                                                                   : table->capacity * 2,
                                  .last = table->last,
                                  .families_removed = table->families_removed};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].ref != 0) {
            insert_entry(&larger, table->entries[i]);
        }
    }
    free(table->entries);
    *table = larger;
    return true;
}

static bool add_to_family_table(struct family_table *table, const struct sx_registry *registry,
                                const struct sx__family *family)
{
    if (!grow_family_table(table)) {
        return false;
    }
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t count = sx__written_names_of(names, sx__family_legacy_name(family),
                                              (enum sx_metric_type)family->type);
    const uint32_t ref = sx__ref(registry, family);
    for (size_t i = 0; i < count; i++) {
        insert_entry(table, (struct family_entry){hash_stem(names[i].stem), ref});
    }
    table->last = ref;
    return true;
}

/* Adds the families that were registered since the last search, by other processes too. After one
 * was unregistered it adds all of them anew. */
static bool follow_chain(struct family_table *table, const struct sx_registry *registry)
{
    if (table->families_removed != registry->families_removed) {
        free(table->entries);
        *table = (struct family_table){.families_removed = registry->families_removed};
    }
    const uint32_t *link = &registry->first_family;
    if (table->last != 0) {
        link = &((const struct sx__family *)sx__at(registry, table->last))->next;
    }
    const struct sx__family *family = sx__family_at(registry, link);
    for (; family != NULL; family = sx__family_at(registry, &family->next)) {
        if (!add_to_family_table(table, registry, family)) {
            return false;
        }
    }
    return true;
}

static void try_all_families(const struct sx_registry *registry, sx__candidate_fn *use,
                             void *context)
{
    const struct sx__family *family = sx__family_at(registry, &registry->first_family);
    while (family != NULL && !use(context, family)) {
        family = sx__family_at(registry, &family->next);
    }
}

/* Calls `use` for what the table has; false if memory is exhausted. The lock is held. */
static bool search_table(struct family_table *table, const struct sx_registry *registry,
                         const struct sx__desc *desc, sx__candidate_fn *use, void *context)
{
    if (!follow_chain(table, registry)) {
        return false;
    }
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t count = sx__written_names_of(names, desc->legacy, desc->type);
    for (size_t name = 0; table->capacity > 0 && name < count; name++) {
        const uint32_t hash = hash_stem(names[name].stem);
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
    (void)pthread_mutex_lock(&index_lock);
    if (!search_table(&family_tables[registry->arena], registry, desc, use, context)) {
        try_all_families(registry, use, context);
    }
    (void)pthread_mutex_unlock(&index_lock);
}

void sx__family_index_forget(const struct sx_registry *registry)
{
    (void)pthread_mutex_lock(&index_lock);
    struct family_table *table = &family_tables[registry->arena];
    free(table->entries);
    *table = (struct family_table){0};
    (void)pthread_mutex_unlock(&index_lock);
}

void sx__family_index_before_fork(void)
{
    (void)pthread_mutex_lock(&index_lock);
}

void sx__family_index_after_fork(void)
{
    (void)pthread_mutex_unlock(&index_lock);
}
