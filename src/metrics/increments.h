/* increments.h: counts the increments and decrements of a gauge by 1, in thread rows.
 *
 * A gauge has one cell in the row of its process, which all threads update atomically, because a
 * value that is set cannot be divided among thread rows. Requests in progress and the like are only
 * incremented and decremented, often, and by all threads. So the first increment of a gauge in a
 * private registry gives it two cells in each thread row: how often this thread incremented it, and
 * how often it decremented it. The gauge's value is its cell, plus all increments, minus all
 * decrements. After it was set, all threads update its own cell again.
 *
 * In a shared registry a gauge has none of these cells. The increments of a killed process could
 * not be told from those of others, because a thread row has many owners one after the other.
 */
#ifndef SX_METRICS_INCREMENTS_H
#define SX_METRICS_INCREMENTS_H

#include "records.h"

#define SX__INCREMENTS_CELLS 2u

/** Returns the cell of a gauge's increments, which that of its decrements follows, or 0 if it has
 * none. */
static inline uint32_t sx__increments_cell(const struct sx__series *series)
{
    const uint32_t increments = __atomic_load_n(&series->increments, __ATOMIC_ACQUIRE);
    if (increments < SX__INCREMENTS_END) {
        return increments;
    }
    return increments >= SX__INCREMENTS_MULTIPROCESS ? 0 : sx__series_cells(series)->more;
}

/** Returns the value of a gauge that has increments.
 *
 * @param increments  what sx__increments_cell returned
 */
double sx__increments_read(const struct sx__series *series, uint32_t increments);

/** Sets a gauge that has increments, and takes these back, at one moment for readers. From then on
 * its increments update its own cell. The first call takes the directory's lock, and so does a
 * later call that meets another update of the gauge or a fold. */
void sx__increments_set(struct sx__series *series, double value);

#endif
