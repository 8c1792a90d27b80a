/* prom_alloc.h: the names under which libprom allocates. A program may use them; to define them
 * otherwise has no effect on the library, which uses malloc.
 */
#ifndef PROM_ALLOC_H
#define PROM_ALLOC_H

#include <stdlib.h>
#include <string.h>

#define prom_malloc malloc
#define prom_realloc realloc
#define prom_strdup strdup
#define prom_free free

#endif
