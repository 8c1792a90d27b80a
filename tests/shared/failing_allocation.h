/* failing_allocation.h: makes chosen allocations of a test program fail, and counts them.
 *
 * A program that includes this header is linked with failing_allocation.c, which wraps malloc,
 * calloc, realloc, aligned_alloc, posix_memalign, strdup and free at link time. Allocations of the
 * C library and of other shared libraries are not wrapped; jansson's are after
 * `json_set_alloc_funcs(malloc, free)`, OpenSSL's after fail_openssl_allocations
 * (failing_openssl.h). All functions may be called from any thread.
 */
#ifndef FAILING_ALLOCATION_H
#define FAILING_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>

/* After `successes` more allocations, one fails. */
void fail_one_allocation(long successes);
/* After `successes` more allocations, all fail. */
void fail_all_allocations(long successes);
/* From now on none fails. Returns whether one has failed since the call of the functions above. */
bool end_failing_allocations(void);
/* The same answer, while allocations go on failing. */
bool has_failed_allocation(void);

/* While `thread` is true, the allocations of the calling thread do not fail and are not counted by
 * the functions above. */
void spare_this_thread(bool is_spared);

/* Until the next call, every calloc of elements of `least` to `most` bytes fails. `least` 0: none
 * fails. */
void fail_calloc_of(size_t least, size_t most);

/* Whether the next allocation fails; counts as one. For tests that wrap other functions, too, such
 * as mmap. */
bool allocation_fails(void);

/* How many allocations have been tried, and how many have not been freed. */
long allocations_tried(void);
long allocations_live(void);

#endif
