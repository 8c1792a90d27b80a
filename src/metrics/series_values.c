/* series_values.c: adding up the cells of a series. */
#include "series_values.h"

#include "histogram_cells.h"

#include <string.h>

bool sx__read_counter(const struct sx__reading *reading, const struct sx__series *series,
                      uint64_t *whole, double *fraction)
{
    if (sx__series_is_removed(series)) {
        return false;
    }
    uint32_t cell = __atomic_load_n(&sx__series_cells(series)->fraction, __ATOMIC_ACQUIRE);
    *fraction = cell == 0 ? 0 : sx__read_double(reading, cell);
    *whole = sx__read_whole(reading, series->handle.cell);
    return true;
}

bool sx__read_gauge(const struct sx__reading *reading, const struct sx__series *series,
                    double *value)
{
    if (sx__series_is_removed(series)) {
        return false;
    }
    *value = -0.0; /* so that the sum of a single -0 is -0 */
    for (size_t i = 0; i < reading->gauge_count; i++) {
        *value += sx__double_of(sx__read_cell(reading, reading->gauges[i], series->handle.cell));
    }
    return true;
}

bool sx__read_histogram(const struct sx__reading *reading, const struct sx__series *series,
                        uint32_t bound_count, uint64_t *buckets, double *sum)
{
    if (sx__series_is_removed(series)) {
        return false;
    }
    const uint32_t cell = series->handle.cell;
    const char *row = reading->thread_rows;
    memset(buckets, 0, ((size_t)bound_count + 1) * sizeof buckets[0]);
    for (size_t i = 0; i < reading->thread_row_count; i++, row += reading->stride) {
        for (uint32_t bucket = 0; bucket <= bound_count; bucket++) {
            buckets[bucket] += sx__read_cell(reading, row, cell + SX__HISTOGRAM_BUCKETS + bucket);
        }
    }
    *sum = sx__read_double(reading, cell + SX__HISTOGRAM_SUM);
    return true;
}
