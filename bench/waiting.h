/* waiting.h: the work of the handlers in the blocking benchmark, shared by all servers. */
#ifndef SX_BENCH_WAITING_H
#define SX_BENCH_WAITING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline void wait_asleep_us(int64_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* Measured in processor time, so that a thread that loses its processor still does all of its work.
 */
static inline int64_t thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline void wait_busy_us(int64_t us)
{
    const int64_t end_us = thread_cpu_us() + us;
    while (thread_cpu_us() < end_us) {
    }
}

/* Nine short times, then a long one. */
static inline int64_t varied_us(void)
{
    static _Atomic unsigned calls;
    return atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % 10 == 9 ? 20000 : 200;
}

#endif
