/* series_values.h: what a series shows, for a scrape or a getter, without a lock.
 *
 * The caller is reading (see epochs.h) or has a handle, so the cells are those of the series.
 */
#ifndef SX_METRICS_SERIES_VALUES_H
#define SX_METRICS_SERIES_VALUES_H

#include "reading.h"
#include "records.h"

/* What a counter shows. */
struct sx__counter_value {
    double number; /* the value, unless it is whole */
    uint64_t whole;
    bool is_whole;
};

/** The sum of a counter's whole amounts and of its others, which are not negative. */
struct sx__counter_value sx__counter_add_parts(uint64_t whole, double fraction);

/** Whether a scrape shows the series: it is not removed, and was made before the scrape began. */
static inline bool sx__series_is_shown(const struct sx__reading *reading,
                                       const struct sx__series *series)
{
    return __atomic_load_n(&series->retired.removed, __ATOMIC_SEQ_CST) != SX__SERIES_REMOVED &&
           sx__reading_has(reading, &series->retired.epoch);
}

/** The value of a counter; false: it is removed. */
bool sx__read_counter(const struct sx__reading *reading, const struct sx__series *series,
                      struct sx__counter_value *value);

/** The value of a gauge or untyped metric; of an info 1; of a state 1 or 0. False: it is removed.
 *
 * The states of a set are those of one moment if a scrape reads them in the order of its series. */
bool sx__read_gauge(const struct sx__reading *reading, const struct sx__series *series,
                    double *value);

/** The states of a state set, one bit for each, that any live process has set.
 *
 * @param cell  that of the first state
 */
uint64_t sx__read_states(const struct sx__reading *reading, uint32_t cell);

/** A histogram's or summary's sum, and into `buckets` the observations of each bucket (bound_count
 * + 1). Of a summary, which has no bounds, that is the count. False: it is removed. */
bool sx__read_histogram(const struct sx__reading *reading, const struct sx__series *series,
                        uint32_t bound_count, uint64_t *buckets, double *sum);

#endif
