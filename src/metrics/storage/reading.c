/* reading.c: which rows count. */
#include "reading.h"

#include "process_rows.h"

void sx__reading_of_thread_rows(struct sx__reading *reading, const struct sx_registry *registry)
{
    reading->thread_rows = sx__overflow_row(registry);
    reading->thread_row_count =
        (size_t)__atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE) + 1;
    reading->stride = registry->geometry.row_stride;
    reading->epoch = UINT64_MAX;
    reading->resident.bits = NULL;
}

void sx__reading_of_process_rows(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->gauge_count = 0;
    reading->epoch = UINT64_MAX;
    reading->resident.bits = NULL;
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_lives(registry, i)) {
            reading->gauges[reading->gauge_count++] = sx__row(registry, i);
        }
    }
}

void sx__reading_begin(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->registry = registry;
    reading->reader = sx__epoch_enter(registry);
    sx__reading_of_thread_rows(reading, registry);
    sx__reading_of_process_rows(reading, registry);
    if (!sx__resident_pages_find(&reading->resident, registry)) {
        reading->resident.bits = NULL;
    }
    reading->epoch = __atomic_load_n(&registry->epoch, __ATOMIC_SEQ_CST);
}

void sx__reading_end(struct sx__reading *reading)
{
    sx__epoch_leave(reading->registry, reading->reader);
    sx__resident_pages_clean_up(&reading->resident);
}
