/* prom_map.h: a map from strings to pointers, in the order in which the keys were set. A collect
 * function returns one with its metrics: the name of each, and its prom_metric_t *.
 *
 * libprom exported these functions without declaring them; here they are declared.
 */
#ifndef PROM_MAP_H
#define PROM_MAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct prom_map;
/** A map. It has a lock of its own, so threads may use it at the same time. */
typedef struct prom_map prom_map_t;
struct prom_map_node;
/** A key and its value; no function of the API returns one. */
typedef struct prom_map_node prom_map_node_t;

/** Frees a value. It is called without the map's lock. */
typedef void (*prom_map_node_free_value_fn)(void *value);

/** Makes an empty map, which does not free its values. Memory: free it with prom_map_destroy */
prom_map_t *prom_map_new(void);

/** Sets the function that frees a value when it is replaced, deleted, or the map is destroyed;
 * NULL: none. */
int prom_map_set_free_value_fn(prom_map_t *self, prom_map_node_free_value_fn free_value_fn);

/** Returns the value of `key`, or NULL if there is none. */
void *prom_map_get(prom_map_t *self, const char *key);

/** Sets the value of `key`, which is copied. A former value is freed, unless it is the same
 * pointer. */
int prom_map_set(prom_map_t *self, const char *key, void *value);

/** Deletes a key and frees its value. It is no failure if there is none. */
int prom_map_delete(prom_map_t *self, const char *key);

/** Frees the map, and its values by the function that was set; NULL is a no-op that returns 0. */
int prom_map_destroy(prom_map_t *self);

/** Returns the number of keys; 0 for NULL. */
size_t prom_map_size(prom_map_t *self);

#ifdef __cplusplus
}
#endif
#endif
