/* map.h: looking at all entries of a map, and its hash. */
#ifndef PROM_MAP_PRIVATE_H
#define PROM_MAP_PRIVATE_H

#include "prom_map.h"

#include <stdint.h>

/** Receives a value. Returns 0 to go on. */
typedef int prom__map_fn(void *context, void *value);

/** Calls `use` for each value in order, with the map locked. Returns 0, or what `use` returned to
 * end it. */
int prom__map_each(prom_map_t *map, prom__map_fn *use, void *context);

/** The hash of a string. */
uint64_t prom__hash(const char *text);

#endif
