/* memory_barrier.h: a memory barrier in all threads of the process, executed by one of them, so
 * that the others need none in their fast path; and one in the calling thread. */
#ifndef SX_METRICS_MEMORY_BARRIER_H
#define SX_METRICS_MEMORY_BARRIER_H

#include <stdbool.h>

/** Prepares this process, again after a fork. Returns false where the kernel refuses, as under some
 * seccomp filters, and under a thread sanitizer, which does not know it. */
bool sx__memory_barrier_prepare(void);

/** Returns false on failure, which happens only where it was not prepared. */
bool sx__memory_barrier(void);

/** A full memory barrier after an atomic read-modify-write operation (SEQ_CST) of the calling
 * thread. On x86-64 the operation is one. On aarch64 and ppc64 it is not: later loads that are
 * relaxed or acquire may be executed before its store is visible. ThreadSanitizer knows no fences,
 * but it runs on x86-64. */
static inline void sx__fence_after_exchange(void)
{
#ifndef __x86_64__
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
