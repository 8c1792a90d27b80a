/* reading.c: which rows count. */
#include "reading.h"

#include "histogram.h"
#include "processes.h"

#include <string.h>

void sx__reading_of_slots(struct sx__reading *reading, const struct sx_registry *registry)
{
    reading->slots = sx__overflow_row(registry);
    reading->slot_count = (size_t)__atomic_load_n(&registry->slots_claimed, __ATOMIC_ACQUIRE) + 1;
    reading->stride = registry->geometry.row_stride;
}

void sx__reading_of_gauges(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->gauge_count = 0;
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_lives(registry, i)) {
            reading->gauges[reading->gauge_count++] = sx__row(registry, i);
        }
    }
}

double sx__read_histogram(const struct sx__reading *reading, const struct sx__series *series,
                          uint32_t bound_count, uint64_t *buckets)
{
    uint32_t cell = __atomic_load_n(&series->handle.cell, __ATOMIC_RELAXED);
    const char *row = reading->slots;
    memset(buckets, 0, ((size_t)bound_count + 1) * sizeof buckets[0]);
    for (size_t i = 0; i < reading->slot_count; i++, row += reading->stride) {
        const uint64_t *cells = sx__cell(row, cell + SX__HISTOGRAM_BUCKETS);
        for (uint32_t bucket = 0; bucket <= bound_count; bucket++) {
            buckets[bucket] += __atomic_load_n(&cells[bucket], __ATOMIC_RELAXED);
        }
    }
    return sx__read_double(reading, cell + SX__HISTOGRAM_SUM);
}
