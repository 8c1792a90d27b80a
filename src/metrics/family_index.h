/* family_index.h: finds the families that a name may be the same as or clash with, among many.
 *
 * It is a hash table of the names that samples of each family may have. It is memory of the
 * process, not of the directory: the chain of families decides which exist, and the table follows
 * it before each search.
 */
#ifndef SX_METRICS_FAMILY_INDEX_H
#define SX_METRICS_FAMILY_INDEX_H

#include "desc.h"

/** Called for each candidate. Returns whether the search ends. */
typedef bool sx__candidate_fn(void *context, const struct sx__family *family);

/** Calls `use` for each family that may have a sample name of `desc`; all others have none. A
 * family may come more than once. If memory is exhausted, `use` is called for all families.
 *
 * Threads:  the directory's lock is held
 */
void sx__family_index_search(const struct sx_registry *registry, const struct sx__desc *desc,
                             sx__candidate_fn *use, void *context);

/** Frees the table of a registry that is destroyed. */
void sx__family_index_forget(const struct sx_registry *registry);

/** Called around fork(): keep the tables consistent in the child. */
void sx__family_index_before_fork(void);
void sx__family_index_after_fork(void);

#endif
