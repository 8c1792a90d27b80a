/* series_values.c: a seqlock around the reading of a series: the version is read before and after.
 */
#include "series_values.h"

#include "histogram_cells.h"
#include "recycled_cells.h"

#include <string.h>

/* The writer makes the version odd, changes the series by release stores, and makes the version
 * even again. A reader that sees any of these changes sees another version afterwards. */

static uint32_t version_of(const struct sx__series *series)
{
    return __atomic_load_n(&series->version, __ATOMIC_ACQUIRE);
}

static uint32_t cell_of(const struct sx__series *series)
{
    return __atomic_load_n(&series->handle.cell, __ATOMIC_ACQUIRE);
}

static const struct sx__recycled_cells *baseline_of(const struct sx__series *series)
{
    uint32_t ref = __atomic_load_n(&series->baseline, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(sx__arenas[series->handle.arena].registry, ref);
}

static double baseline_sum(const struct sx__recycled_cells *baseline)
{
    return sx__double_of(__atomic_load_n(&baseline->sum, __ATOMIC_ACQUIRE));
}

/* A scrape that found its thread rows before the baseline was taken may see less than the baseline.
 */
static uint64_t above_baseline(const struct sx__recycled_cells *baseline, size_t index,
                               uint64_t sum)
{
    uint64_t before = __atomic_load_n(&baseline->counts[index], __ATOMIC_ACQUIRE);
    return (int64_t)(sum - before) < 0 ? 0 : sum - before;
}

static void read_counter(const struct sx__reading *reading, const struct sx__series *series,
                         uint64_t *whole, double *fraction)
{
    const struct sx__recycled_cells *baseline = baseline_of(series);
    uint32_t cell = __atomic_load_n(&series->fraction, __ATOMIC_ACQUIRE);
    *fraction = cell == 0 ? 0 : sx__read_double(reading, cell);
    *whole = sx__read_whole(reading, cell_of(series));
    if (baseline != NULL) {
        *whole = above_baseline(baseline, 0, *whole);
        double above = *fraction - baseline_sum(baseline);
        *fraction = above < 0 ? 0 : above;
    }
}

bool sx__read_counter(const struct sx__reading *reading, const struct sx__series *series,
                      uint64_t *whole, double *fraction)
{
    uint32_t version = version_of(series);
    while (!sx__series_is_removed(version)) {
        uint32_t before = version;
        read_counter(reading, series, whole, fraction);
        version = version_of(series);
        if (version == before) {
            return true;
        }
    }
    return false;
}

bool sx__read_gauge(const struct sx__reading *reading, const struct sx__series *series,
                    double *value)
{
    uint32_t version = version_of(series);
    while (!sx__series_is_removed(version)) {
        uint32_t before = version;
        uint32_t cell = cell_of(series);
        *value = -0.0; /* so that the sum of a single -0 is -0 */
        for (size_t i = 0; i < reading->gauge_count; i++) {
            *value += sx__double_of(sx__read_cell(reading, reading->gauges[i], cell));
        }
        version = version_of(series);
        if (version == before) {
            return true;
        }
    }
    return false;
}

static void read_bucket_cells(const struct sx__reading *reading, uint32_t cell,
                              uint32_t bound_count, uint64_t *buckets)
{
    const char *row = reading->thread_rows;
    memset(buckets, 0, ((size_t)bound_count + 1) * sizeof buckets[0]);
    for (size_t i = 0; i < reading->thread_row_count; i++, row += reading->stride) {
        for (uint32_t bucket = 0; bucket <= bound_count; bucket++) {
            buckets[bucket] += sx__read_cell(reading, row, cell + SX__HISTOGRAM_BUCKETS + bucket);
        }
    }
}

static double read_histogram_cells(const struct sx__reading *reading,
                                   const struct sx__series *series, uint32_t bound_count,
                                   uint64_t *buckets)
{
    const struct sx__recycled_cells *baseline = baseline_of(series);
    uint32_t cell = cell_of(series);
    uint64_t count = 0;
    read_bucket_cells(reading, cell, bound_count, buckets);
    double sum = sx__read_double(reading, cell + SX__HISTOGRAM_SUM);
    if (baseline == NULL) {
        return sum;
    }
    for (uint32_t i = 0; i <= bound_count; i++) {
        buckets[i] = above_baseline(baseline, i, buckets[i]);
        count += buckets[i];
    }
    return count == 0 ? 0 : sum - baseline_sum(baseline);
}

bool sx__read_histogram(const struct sx__reading *reading, const struct sx__series *series,
                        uint32_t bound_count, uint64_t *buckets, double *sum)
{
    uint32_t version = version_of(series);
    while (!sx__series_is_removed(version)) {
        uint32_t before = version;
        *sum = read_histogram_cells(reading, series, bound_count, buckets);
        version = version_of(series);
        if (version == before) {
            return true;
        }
    }
    return false;
}
