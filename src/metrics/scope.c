/* scope.c: what SX_TIME_SCOPE and SX_IN_PROGRESS_SCOPE call at the start and end of a block. */
#include "clock.h"

#include <sextant/metrics.h>

struct sx__time_scope sx__time_scope_enter(struct sx_histogram *histogram)
{
    return (struct sx__time_scope){histogram, histogram == NULL ? 0 : (int64_t)sx__clock_now_ns()};
}

void sx__time_scope_leave(struct sx__time_scope *scope)
{
    if (scope->histogram != NULL) {
        int64_t passed_ns = (int64_t)sx__clock_now_ns() - scope->start_ns;
        /* The monotonic clock of a virtual machine has been seen to go back after a migration. */
        sx_histogram_observe(scope->histogram, passed_ns < 0 ? 0 : (double)passed_ns / 1e9);
    }
}

struct sx_gauge *sx__in_progress_enter(struct sx_gauge *gauge)
{
    sx_gauge_inc(gauge);
    return gauge;
}

void sx__in_progress_leave(struct sx_gauge **gauge)
{
    sx_gauge_dec(*gauge);
}
