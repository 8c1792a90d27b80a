/* collectors.h: callbacks and collectors, the functions that a scrape calls for numbers.
 *
 * They belong to a process, not to the mapping of a registry, because the address of a function
 * means nothing to another process. The directory only has the names of callbacks.
 */
#ifndef SX_METRICS_COLLECTORS_H
#define SX_METRICS_COLLECTORS_H

#include "collection.h"
#include "shown.h"

#include <sextant/collector.h>

/** Calls all callbacks and collectors of the registry, in the order of their registration, with no
 *  lock held. Those that fail are logged and counted, and left out.
 *
 * @param collections  set to what was collected; to be given to sx__collections_clean_up, also on
 *                     failure
 * @param part         which of its families are on the page; NULL: all. If some are shown by name,
 *                     only their callbacks are called.
 * @param deadline_ns  by sx__clock_now_ns; after it none is called; 0: none
 * Errors:   SX_ENOMEM, SX_ESTATE (the caller is a collector or callback itself), SX_ETIMEOUT
 */
int sx__collectors_run(struct sx__collections *collections, struct sx_registry *registry,
                       const struct sx__part *part, uint64_t deadline_ns);

/** Logs and counts that a collection was left out of the page. */
void sx__collectors_report(const struct sx_collection *collection, int status);

/** Logs and counts that a page of several registries left out a family.
 *
 * @param registry  the first one of the page
 * @param series    how many of its series were left out; 0: all of the family
 */
void sx__collectors_report_conflict(struct sx_registry *registry, struct sx_str family, int status,
                                    size_t series);

void sx__collections_clean_up(struct sx__collections *collections);

/** Sets the function that returns the value of a registered family. Errors: SX_EEXIST, SX_ENOMEM.
 */
int sx__collectors_add_callback(struct sx_registry *registry, const struct sx__family *family,
                                sx_value_fn *value, void *context);

/** Removes all functions of a registry that is being destroyed. */
void sx__collectors_forget(const struct sx_registry *registry);

/* Around fork(): in the child only the calling thread may be in a collector. */
void sx__collectors_before_fork(void);
void sx__collectors_after_fork_in_parent(void);
void sx__collectors_after_fork_in_child(void);

#endif
