/* map.c: a chained hash table whose nodes are also in a list, in the order of their keys' first
 * use. */
#include "map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS_FIRST 16 /* a power of two */

struct prom_map_node {
    struct prom_map_node *chain;
    struct prom_map_node *previous;
    struct prom_map_node *next;
    uint64_t hash;
    void *value;
    char key[];
};

struct prom_map {
    pthread_mutex_t lock;
    struct prom_map_node **chains;
    size_t chain_count;
    size_t size;
    struct prom_map_node *first;
    struct prom_map_node *last;
    prom_map_node_free_value_fn free_value;
};

/* FNV-1a */
uint64_t prom__hash(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    }
    return hash;
}

/* Returns the link to the node with this key, or to the end of its chain. The lock is held. */
static struct prom_map_node **find_node(const prom_map_t *map, const char *key, uint64_t hash)
{
    struct prom_map_node **link = &map->chains[hash & (map->chain_count - 1)];
    while (*link != NULL && ((*link)->hash != hash || strcmp((*link)->key, key) != 0)) {
        link = &(*link)->chain;
    }
    return link;
}

/* The lock is held. Without memory the chains get longer. */
static void grow(prom_map_t *map)
{
    const size_t count = map->chain_count * 2;
    struct prom_map_node **chains =
        map->size < map->chain_count ? NULL : calloc(count, sizeof(struct prom_map_node *));
    if (chains == NULL) {
        return;
    }
    for (struct prom_map_node *node = map->first; node != NULL; node = node->next) {
        node->chain = chains[node->hash & (count - 1)];
        chains[node->hash & (count - 1)] = node;
    }
    free(map->chains);
    map->chains = chains;
    map->chain_count = count;
}

/* The lock is held. */
static int add_node(prom_map_t *map, const char *key, uint64_t hash, void *value)
{
    const size_t size = strlen(key) + 1;
    struct prom_map_node *node = malloc(sizeof *node + size);
    if (node == NULL) {
        return 1;
    }
    grow(map);
    *node = (struct prom_map_node){.previous = map->last, .hash = hash, .value = value};
    memcpy(node->key, key, size);
    *find_node(map, key, hash) = node;
    if (map->last == NULL) {
        map->first = node;
    } else {
        map->last->next = node;
    }
    map->last = node;
    map->size++;
    return 0;
}

/* Takes a node out of the map and frees it. The lock is held. */
static void remove_node(prom_map_t *map, struct prom_map_node **link)
{
    struct prom_map_node *node = *link;
    *link = node->chain;
    if (node->previous == NULL) {
        map->first = node->next;
    } else {
        node->previous->next = node->next;
    }
    if (node->next == NULL) {
        map->last = node->previous;
    } else {
        node->next->previous = node->previous;
    }
    map->size--;
    free(node);
}

static void free_value(prom_map_node_free_value_fn function, void *value)
{
    if (function != NULL && value != NULL) {
        function(value);
    }
}

prom_map_t *prom_map_new(void)
{
    prom_map_t *map = calloc(1, sizeof *map);
    if (map == NULL) {
        return NULL;
    }
    map->chains = calloc(CHAINS_FIRST, sizeof(struct prom_map_node *));
    map->chain_count = CHAINS_FIRST;
    if (map->chains == NULL || pthread_mutex_init(&map->lock, NULL) != 0) {
        free(map->chains);
        free(map);
        return NULL;
    }
    return map;
}

int prom_map_set_free_value_fn(prom_map_t *self, prom_map_node_free_value_fn free_value_fn)
{
    if (self == NULL) {
        return 1;
    }
    (void)pthread_mutex_lock(&self->lock);
    self->free_value = free_value_fn;
    (void)pthread_mutex_unlock(&self->lock);
    return 0;
}

void *prom_map_get(prom_map_t *self, const char *key)
{
    if (self == NULL || key == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&self->lock);
    const struct prom_map_node *node = *find_node(self, key, prom__hash(key));
    void *value = node == NULL ? NULL : node->value;
    (void)pthread_mutex_unlock(&self->lock);
    return value;
}

int prom_map_set(prom_map_t *self, const char *key, void *value)
{
    if (self == NULL || key == NULL) {
        return 1;
    }
    const uint64_t hash = prom__hash(key);
    void *former = NULL;
    int result = 0;
    (void)pthread_mutex_lock(&self->lock);
    struct prom_map_node *node = *find_node(self, key, hash);
    if (node != NULL) {
        former = node->value == value ? NULL : node->value;
        node->value = value;
    } else {
        result = add_node(self, key, hash, value);
    }
    const prom_map_node_free_value_fn function = self->free_value;
    (void)pthread_mutex_unlock(&self->lock);
    free_value(function, former);
    return result;
}

int prom_map_delete(prom_map_t *self, const char *key)
{
    if (self == NULL || key == NULL) {
        return 1;
    }
    void *value = NULL;
    (void)pthread_mutex_lock(&self->lock);
    struct prom_map_node **link = find_node(self, key, prom__hash(key));
    if (*link != NULL) {
        value = (*link)->value;
        remove_node(self, link);
    }
    const prom_map_node_free_value_fn function = self->free_value;
    (void)pthread_mutex_unlock(&self->lock);
    free_value(function, value);
    return 0;
}

int prom_map_destroy(prom_map_t *self)
{
    if (self == NULL) {
        return 0;
    }
    for (struct prom_map_node *node = self->first, *next; node != NULL; node = next) {
        next = node->next;
        free_value(self->free_value, node->value);
        free(node);
    }
    (void)pthread_mutex_destroy(&self->lock);
    free(self->chains);
    free(self);
    return 0;
}

size_t prom_map_size(prom_map_t *self)
{
    if (self == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&self->lock);
    const size_t size = self->size;
    (void)pthread_mutex_unlock(&self->lock);
    return size;
}

int prom__map_each(prom_map_t *map, prom__map_fn *use, void *context)
{
    int result = 0;
    (void)pthread_mutex_lock(&map->lock);
    for (struct prom_map_node *node = map->first; node != NULL && result == 0; node = node->next) {
        result = use(context, node->value);
    }
    (void)pthread_mutex_unlock(&map->lock);
    return result;
}
