/* each_process.h: gauges of SX_MODE_LIVE_ALL, which a page shows with one series for each process.
 */
#ifndef SX_METRICS_EACH_PROCESS_H
#define SX_METRICS_EACH_PROCESS_H

#include "collection.h"
#include "shown.h"

/** Adds what the processes have set these gauges to.
 *
 * @param part  of the page; NULL: all of it
 * Errors:   as sx__collection_add_sample
 */
int sx__each_process_collect(struct sx_collection *collection, const struct sx__part *part);

#endif
