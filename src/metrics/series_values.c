/* series_values.c: adding up the cells of a series. */
#include "series_values.h"

#include "histogram_cells.h"
#include "increments.h"
#include "multiprocess.h"

#include <float.h>
#include <string.h>

#define TWO_TO_THE_53 (UINT64_C(1) << 53)
#define TWO_TO_THE_64 18446744073709551616.0

/* Adds the parts so that the sum decreases neither as a double nor in its digits. Once a counter
 * has a fraction it is shown as a double. From 2^53 on a double has no fraction anyway, but would
 * round integers that were shown before down, so there the sum is an integer as long as it is below
 * 2^64. */
struct sx__counter_value sx__counter_add_parts(uint64_t whole, double fraction)
{
    fraction = fraction > DBL_MAX ? DBL_MAX : fraction;
    if (fraction == 0) {
        return (struct sx__counter_value){.whole = whole, .is_whole = true};
    }
    double number = (double)whole + fraction;
    if (fraction < TWO_TO_THE_64) {
        uint64_t sum = whole + (uint64_t)fraction;
        if (sum >= whole) {
            return (struct sx__counter_value){number, sum, sum >= TWO_TO_THE_53};
        }
    }
    /* Not less than the largest sum of the case above, whatever was rounded. */
    return (struct sx__counter_value){.number = number < TWO_TO_THE_64 ? TWO_TO_THE_64 : number};
}

bool sx__read_counter(const struct sx__reading *reading, const struct sx__series *series,
                      struct sx__counter_value *value)
{
    if (!sx__series_is_shown(reading, series)) {
        return false;
    }
    const uint32_t cell = __atomic_load_n(&sx__series_cells(series)->more, __ATOMIC_ACQUIRE);
    value->whole = sx__read_whole(reading, series->handle.cell);
    value->is_whole = true;
    if (cell != 0) {
        *value = sx__counter_add_parts(value->whole, sx__read_double(reading, cell));
    }
    return true;
}

uint64_t sx__read_states(const struct sx__reading *reading, uint32_t cell)
{
    uint64_t states = 0;
    for (size_t i = 0; i < reading->gauge_count; i++) {
        states |= sx__read_cell(reading, reading->gauges[i], cell);
    }
    return states;
}

/* A scrape reads all states when it reads the first one. */
static double read_state(const struct sx__reading *reading, const struct sx__series *series)
{
    const uint32_t state = series->increments;
    struct sx__line_sums *line = reading->line;
    if (line == NULL) {
        return (double)(sx__read_states(reading, series->handle.cell) >> state & 1);
    }
    if (state == 0 || line->states_cell != series->handle.cell) {
        line->states = sx__read_states(reading, series->handle.cell);
        line->states_cell = series->handle.cell;
    }
    return (double)(line->states >> state & 1);
}

bool sx__read_gauge(const struct sx__reading *reading, const struct sx__series *series,
                    double *value)
{
    if (!sx__series_is_shown(reading, series)) {
        return false;
    }
    const struct sx__family *family = sx__series_family(series);
    if (!sx__is_gauge(family)) {
        *value = family->type == SX_INFO ? 1 : read_state(reading, series);
        return true;
    }
    const uint32_t increments = sx__increments_cell(series);
    if (increments != 0) {
        *value = sx__increments_read(series, increments);
        return true;
    }
    if (sx__is_multiprocess(series)) {
        *value = sx__multiprocess_read(reading, series);
        return true;
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
    if (!sx__series_is_shown(reading, series)) {
        return false;
    }
    const uint32_t cell = series->handle.cell;
    for (uint32_t bucket = 0; bucket <= bound_count; bucket++) {
        buckets[bucket] = sx__read_whole(reading, cell + SX__HISTOGRAM_BUCKETS + bucket);
    }
    *sum = sx__read_double(reading, cell + SX__HISTOGRAM_SUM);
    return true;
}
