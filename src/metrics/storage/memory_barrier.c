/* memory_barrier.c: membarrier(2), Linux 4.14. */
#define _GNU_SOURCE /* syscall */
#include "memory_barrier.h"

#include "unseen_reads.h"

#include <sys/syscall.h>
#include <unistd.h>

/* Of <linux/membarrier.h>, which musl's compiler does not find. */
#define PRIVATE_EXPEDITED (1 << 3)
#define REGISTER_PRIVATE_EXPEDITED (1 << 4)

/* The thread sanitizer does not understand it. */
#ifdef SX__THREAD_SANITIZER
#define UNDERSTOOD 0
#else
#define UNDERSTOOD 1
#endif

bool sx__memory_barrier_prepare(void)
{
    return UNDERSTOOD && syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool sx__memory_barrier(void)
{
    return syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) == 0;
}
