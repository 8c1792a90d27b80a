/* unseen_reads.h: order after a value was read by the kernel, which the thread sanitizer, too, is
 * told of. */
#ifndef SX_METRICS_UNSEEN_READS_H
#define SX_METRICS_UNSEEN_READS_H

#include <stdint.h>

#if defined __has_feature
#if __has_feature(thread_sanitizer)
#define SX__THREAD_SANITIZER 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define SX__THREAD_SANITIZER 1
#endif

#ifdef SX__THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

/** What happened before the value was written at `address` happens before what follows this call,
 * if a system call has read the value. */
static inline void sx__acquire_unseen(const void *address)
{
#ifdef SX__THREAD_SANITIZER
    __tsan_acquire((void *)(uintptr_t)address);
#else
    (void)address;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

#endif
