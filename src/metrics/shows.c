/* shows.c: the list of shows, and the hash table that finds one of them. */
#include "shows.h"

#include "constants.h"
#include "label_hash.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#define SHOW_CHAINS_FIRST ((size_t)16) /* a power of two */

pthread_mutex_t sx__shows_lock = PTHREAD_MUTEX_INITIALIZER;

static struct sx__show *first_show;
static struct sx__show *last_show;
static size_t show_count; /* read without the lock */

static struct sx__show *few_show_chains[SHOW_CHAINS_FIRST];
static struct sx__show **show_chains = few_show_chains;
static size_t show_chain_count = SHOW_CHAINS_FIRST; /* a power of two */

/* ---- the hash table ---- */

static uint32_t hash_show(const struct sx_registry *registry, const struct sx_registry *shown,
                          struct sx_str name)
{
    const struct sx_str values[] = {{(const char *)&shown, sizeof shown}, name};
    return sx__label_hash_of(registry->hash_key, values, 2).hash;
}

static struct sx__show **show_chain(uint32_t hash)
{
    return &show_chains[hash & (show_chain_count - 1)];
}

static void link_to_chain(struct sx__show *show)
{
    struct sx__show **chain = show_chain(show->hash);
    show->next_in_chain = *chain;
    *chain = show;
}

static void unlink_from_chain(const struct sx__show *show)
{
    struct sx__show **link = show_chain(show->hash);
    while (*link != show) {
        link = &(*link)->next_in_chain;
    }
    *link = show->next_in_chain;
}

/* The caller links the shows to the new chains. */
static void set_show_chains(struct sx__show **chains, size_t count)
{
    if (show_chains != few_show_chains) {
        free(show_chains);
    }
    memset(few_show_chains, 0, sizeof few_show_chains);
    show_chains = chains;
    show_chain_count = count;
}

/* Doubles the chains if there are as many shows. Without memory the chains get longer. */
static void grow_show_chains(void)
{
    const size_t count = show_chain_count * 2;
    struct sx__show **chains =
        show_count < show_chain_count ? NULL : calloc(count, sizeof(struct sx__show *));
    if (chains == NULL) {
        return;
    }
    set_show_chains(chains, count);
    for (struct sx__show *show = first_show; show != NULL; show = show->next) {
        link_to_chain(show);
    }
}

/* ---- a show ---- */

struct sx__show *sx__show_new(struct sx_registry *registry, struct sx_registry *shown,
                              struct sx_str name)
{
    const struct sx_str prefix =
        name.size == 0 ? (struct sx_str){"", 0} : sx__name_prefix(shown, name);
    const size_t size = prefix.size + name.size;
    struct sx__show *show = malloc(sizeof *show + size);
    if (show != NULL) {
        *show = (struct sx__show){.registry = registry,
                                  .shown = shown,
                                  .hash = hash_show(registry, shown, name),
                                  .uses = 1,
                                  .prefix_size = prefix.size,
                                  .name_size = size};
        memcpy(show->name, prefix.data, prefix.size);
        memcpy(show->name + prefix.size, name.data, name.size);
    }
    return show;
}

void sx__show_release(struct sx__show *show)
{
    if (--show->uses == 0) {
        free(show);
    }
}

bool sx__show_is_hidden(const struct sx__show *show)
{
    return __atomic_load_n(&show->is_hidden, __ATOMIC_RELAXED);
}

struct sx_str sx__show_name(const struct sx__show *show)
{
    return (struct sx_str){show->name, show->name_size};
}

/* ---- the list ---- */

static bool is_show_of(const struct sx__show *show, const struct sx_registry *registry,
                       const struct sx_registry *shown, struct sx_str name)
{
    const struct sx_str own = {show->name + show->prefix_size, show->name_size - show->prefix_size};
    return show->registry == registry && show->shown == shown && sx__views_equal(own, name);
}

struct sx__show *sx__shows_find(const struct sx_registry *registry, const struct sx_registry *shown,
                                struct sx_str name)
{
    const uint32_t hash = hash_show(registry, shown, name);
    struct sx__show *show = *show_chain(hash);
    while (show != NULL && (show->hash != hash || !is_show_of(show, registry, shown, name))) {
        show = show->next_in_chain;
    }
    return show;
}

void sx__shows_add(struct sx__show *show)
{
    grow_show_chains();
    link_to_chain(show);
    show->previous = last_show;
    if (last_show == NULL) {
        first_show = show;
    } else {
        last_show->next = show;
    }
    last_show = show;
    __atomic_store_n(&show_count, show_count + 1, __ATOMIC_RELAXED);
}

void sx__shows_remove(struct sx__show *show)
{
    unlink_from_chain(show);
    if (show->previous == NULL) {
        first_show = show->next;
    } else {
        show->previous->next = show->next;
    }
    if (show->next == NULL) {
        last_show = show->previous;
    } else {
        show->next->previous = show->previous;
    }
    __atomic_store_n(&show_count, show_count - 1, __ATOMIC_RELAXED);
    if (show_count == 0) {
        set_show_chains(few_show_chains, SHOW_CHAINS_FIRST);
    }
    __atomic_store_n(&show->is_hidden, true, __ATOMIC_RELAXED);
    sx__show_release(show);
}

struct sx__show *sx__shows_first(void)
{
    return first_show;
}

bool sx__shows_are_none(void)
{
    return __atomic_load_n(&show_count, __ATOMIC_RELAXED) == 0;
}
