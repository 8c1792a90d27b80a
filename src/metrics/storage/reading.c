/* reading.c: which rows count. */
#include "reading.h"

#include "process_rows.h"

void sx__reading_of_slots(struct sx__reading *reading, const struct sx_registry *registry)
{
    reading->slots = sx__overflow_row(registry);
    reading->slot_count = (size_t)__atomic_load_n(&registry->slots_claimed, __ATOMIC_ACQUIRE) + 1;
    reading->stride = registry->geometry.row_stride;
    reading->touched.bits = NULL;
}

void sx__reading_of_gauges(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->gauge_count = 0;
    reading->touched.bits = NULL;
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_lives(registry, i)) {
            reading->gauges[reading->gauge_count++] = sx__row(registry, i);
        }
    }
}

void sx__reading_begin(struct sx__reading *reading, struct sx_registry *registry)
{
    sx__reading_of_slots(reading, registry);
    sx__reading_of_gauges(reading, registry);
    if (!sx__touched_find(&reading->touched, registry)) {
        reading->touched.bits = NULL;
    }
}

void sx__reading_end(struct sx__reading *reading)
{
    sx__touched_clean_up(&reading->touched);
}
