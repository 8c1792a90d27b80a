/* memory_barrier.h: a memory barrier in all threads of the process, executed by one of them, so
 * that the others need none in their fast path. */
#ifndef SX_METRICS_MEMORY_BARRIER_H
#define SX_METRICS_MEMORY_BARRIER_H

#include <stdbool.h>

/** Prepares this process, again after a fork. Returns false where the kernel refuses, as under some
 * seccomp filters, and under a thread sanitizer, which does not know it. */
bool sx__memory_barrier_prepare(void);

/** Returns false on failure, which happens only where it was not prepared. */
bool sx__memory_barrier(void);

#endif
