/* flag.h: flags that one thread of a test sets, and another waits for. */
#ifndef TEST_FLAG_H
#define TEST_FLAG_H

#include <stdbool.h>
#include <time.h>

enum { FLAG_DEADLINE_SECONDS = 30 };

static inline void flag_set(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

/* Returns whether the flag was set before the deadline, which is only for a test that hangs. */
static inline bool flag_wait(const int *flag)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int ms = 0;
    for (; !__atomic_load_n(flag, __ATOMIC_ACQUIRE) && ms < FLAG_DEADLINE_SECONDS * 1000; ms++) {
        (void)nanosleep(&pause, NULL);
    }
    return ms < FLAG_DEADLINE_SECONDS * 1000;
}

#endif
