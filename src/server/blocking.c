/* blocking.c: measures which calls block. See blocking.h. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "blocking.h"
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#define BLOCKED_NS_MAX 2000000u
/* A sample costs four system calls. The number is odd, so that a pattern in the calls seldom
 * matches it. */
#define CALLS_PER_SAMPLE 17
/* A single long turn is weak evidence: the kernel may have run another program on the thread's
 * processor. */
#define SAMPLES_WHEN_LONG 1
#define SAMPLES_WHEN_LASTED 64
#define AVERAGED_SAMPLES 8

static struct sx__place_blocking *find(struct sx__blocking *blocking, size_t place)
{
    return &blocking->places[place];
}

static void watch(struct sx__place_blocking *at, unsigned samples)
{
    if (atomic_load_explicit(&at->watched, memory_order_relaxed) < samples) {
        atomic_store_explicit(&at->watched, samples, memory_order_relaxed);
    }
}

void sx__blocking_note_long(struct sx__blocking *blocking, size_t place, bool lasted)
{
    watch(find(blocking, place), lasted ? SAMPLES_WHEN_LASTED : SAMPLES_WHEN_LONG);
}

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static long count_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

bool sx__blocking_begin(struct sx__call *call, unsigned *calls)
{
    if ((*calls)++ % CALLS_PER_SAMPLE != 0) {
        return false;
    }
    call->switches = count_switches();
    call->cpu_ns = read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    call->wall_ns = read_clock_ns(CLOCK_MONOTONIC);
    return true;
}

static uint32_t blocked_ns(const struct sx__call *call, uint64_t wall_ns)
{
    const uint64_t cpu_ns = read_clock_ns(CLOCK_THREAD_CPUTIME_ID) - call->cpu_ns;
    if (cpu_ns >= wall_ns || count_switches() == call->switches) {
        return 0;
    }
    const uint64_t ns = wall_ns - cpu_ns;
    return ns < BLOCKED_NS_MAX ? (uint32_t)ns : BLOCKED_NS_MAX;
}

/* Returns the moving average. The first measured wait counts for half, so that the average adapts
 * quickly. */
static uint32_t average(uint32_t before, uint32_t now)
{
    return before == 0 ? now / 2 : before - before / AVERAGED_SAMPLES + now / AVERAGED_SAMPLES;
}

void sx__blocking_end(struct sx__blocking *blocking, size_t place, const struct sx__call *call)
{
    struct sx__place_blocking *at = find(blocking, place);
    const uint64_t wall_ns = read_clock_ns(CLOCK_MONOTONIC) - call->wall_ns;
    const uint32_t before = atomic_load_explicit(&at->blocked_ns, memory_order_relaxed);
    const uint32_t now = average(before, blocked_ns(call, wall_ns));
    if (now != before) { /* all threads read it */
        atomic_store_explicit(&at->blocked_ns, now, memory_order_relaxed);
    }
    const unsigned watched = atomic_load_explicit(&at->watched, memory_order_relaxed);
    if (wall_ns >= SX__BLOCKING_WORTH_NS) {
        watch(at, SAMPLES_WHEN_LASTED);
    } else if (watched > 0) {
        atomic_store_explicit(&at->watched, watched - 1, memory_order_relaxed);
    }
}
