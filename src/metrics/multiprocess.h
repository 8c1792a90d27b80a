/* multiprocess.h: gauges of a shared registry whose family has another mode than SX_MODE_LIVE_SUM.
 *
 * As any gauge, each has a cell in the row of each process; that of SX_MODE_SHARED is in one row
 * for all processes. If a mode selects one of the values, or shows each of them, a second cell has
 * the time when the process set the first. left_values.h says what becomes of the values of
 * processes that have ended.
 *
 * A private registry has one process, and its gauges have no such cells.
 */
#ifndef SX_METRICS_MULTIPROCESS_H
#define SX_METRICS_MULTIPROCESS_H

#include "left_values.h"
#include "reading.h"
#include "records.h"

/** Prepares the cells of a new gauge by the mode of its family. The directory's lock is held.
 * Returns false if the registry is full. */
bool sx__multiprocess_begin(struct sx_registry *registry, const struct sx__family *family,
                            struct sx__series *series);

/** Ends the rules for the cells of a gauge that is reclaimed. The directory's lock is held. */
void sx__multiprocess_end(struct sx__peeking *peeking, const struct sx__cells *cells);

/** Counts what processes leave in a cell of SX_MODE_LIVE_SUM, from now on by this rule of
 * SX__LEFT_COUNTED, and pins its counter for all. Takes the directory's lock. */
void sx__multiprocess_replace_rule(struct sx_registry *registry, uint32_t cell,
                                   const struct sx__left_rule *rule);

/** Whether a mode is one for living processes only. */
bool sx__multiprocess_is_live(uint32_t mode);

/** Which value is shown, if the mode selects one. */
enum sx__merge sx__multiprocess_merge(uint32_t mode);

/** Whether the gauge is one of these. */
static inline bool sx__is_multiprocess(const struct sx__series *series)
{
    return __atomic_load_n(&series->increments, __ATOMIC_ACQUIRE) == SX__INCREMENTS_MULTIPROCESS;
}

void sx__multiprocess_set(const struct sx__series *series, double value);
void sx__multiprocess_add(const struct sx__series *series, double delta);
double sx__multiprocess_read(const struct sx__reading *reading, const struct sx__series *series);

/** What one process has set a gauge of SX_MODE_LIVE_ALL to; the stamp is 0 if it has not. */
struct sx__stamped sx__multiprocess_of_row(const struct sx__reading *reading, const char *row,
                                           const struct sx__series *series);

#endif
