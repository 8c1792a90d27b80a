/* log_limit.c: counts log lines in intervals. See log_limit.h. */
#include "log_limit.h"

#define LINES_MAX UINT32_MAX

static uint64_t interval_of(uint64_t now_ns)
{
    return now_ns / ((uint64_t)SX__LOG_SECONDS * 1000000000u) + 1;
}

static unsigned count_left_out(uint64_t state)
{
    const uint32_t lines = (uint32_t)state;
    return lines > SX__LOG_LINES ? lines - SX__LOG_LINES : 0;
}

bool sx__log_limit_allows(struct sx__log_limit *limit, uint64_t now_ns, unsigned *left_out)
{
    const uint64_t interval = interval_of(now_ns);
    uint64_t before = __atomic_load_n(&limit->state, __ATOMIC_RELAXED);
    uint64_t after;
    bool is_new;
    do {
        const uint32_t lines = (uint32_t)before;
        is_new = interval > before >> 32;
        after = is_new ? interval << 32 | 1 : lines == LINES_MAX ? before : before + 1;
    } while (!__atomic_compare_exchange_n(&limit->state, &before, after, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    *left_out = is_new ? count_left_out(before) : 0;
    return (uint32_t)after <= SX__LOG_LINES;
}

unsigned sx__log_limit_take(struct sx__log_limit *limit, uint64_t now_ns, bool at_last)
{
    uint64_t before = __atomic_load_n(&limit->state, __ATOMIC_RELAXED);
    unsigned left_out;
    do {
        const bool is_over = at_last || interval_of(now_ns) > before >> 32;
        left_out = is_over ? count_left_out(before) : 0;
        if (left_out == 0) {
            return 0;
        }
        /* The lines that were written in the interval still count. */
    } while (!__atomic_compare_exchange_n(&limit->state, &before, before - left_out, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return left_out;
}
