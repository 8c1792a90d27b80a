/* each_process.h: gauges of SX_MODE_LIVE_ALL, which a page shows with one series for each process.
 */
#ifndef SX_METRICS_EACH_PROCESS_H
#define SX_METRICS_EACH_PROCESS_H

#include "collection.h"
#include "shown.h"

/** The first of these families from `link` on, or NULL. The caller is reading.
 *
 * @param part   of the page; NULL: all of it
 * @param epoch  in which the scrape began
 */
const struct sx__family *sx__each_process_next(const struct sx_registry *registry,
                                               const uint32_t *link, const struct sx__part *part,
                                               uint64_t epoch);

/** Adds what the processes have set the gauges of a family to. The caller is reading, since
 * `epoch`.
 *
 * Errors:   as sx__collection_add_sample
 */
int sx__each_process_collect(struct sx_collection *collection, const struct sx__family *family,
                             uint64_t epoch);

#endif
