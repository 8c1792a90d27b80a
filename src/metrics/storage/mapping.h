/* mapping.h: mapping private memory at addresses that the caller chooses.
 *
 * Threads:  [any]
 */
#ifndef SX_METRICS_MAPPING_H
#define SX_METRICS_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#define SX__GAP_ATTEMPTS 8u

/** Returns the address of a gap of so many bytes, far from where the kernel places mappings by
 * itself, so that the gap is likely to stay unused. Returns NULL if this attempt found none. Limits
 * of the process (RLIMIT_AS, RLIMIT_MEMLOCK) may prevent the check; then the
 * addresses may be in use.
 *
 * @param page_bytes  the address is a multiple of it
 * @param attempt     less than SX__GAP_ATTEMPTS; each attempt looks elsewhere
 */
char *sx__mapping_find_gap(size_t bytes, size_t page_bytes, unsigned attempt);

/** Maps zeroed pages at exactly this address. Returns false, and changes nothing, if memory is
 * exhausted, if anything is mapped there already, or if the system maps at no chosen address.
 *
 * @param at     a multiple of the page size
 * @param bytes  a multiple of the page size; 0 is a no-op
 */
bool sx__mapping_add(char *at, size_t bytes);

/** Unmaps these pages. */
void sx__mapping_remove(char *at, size_t bytes);

#endif
