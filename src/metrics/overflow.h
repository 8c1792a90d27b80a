/* overflow.h: the overflow series of a family, which counts what gets no series of its own: label
 * values beyond the family's limit, or beyond what the registry has room for.
 *
 * Its label values are all SX_OVERFLOW_VALUE. Its record and all its cells are allocated when the
 * family is registered, so that it has room even when the registry is full. It comes onto the page
 * when it is first looked up. It is not in the family's hash table: the family refers to it.
 *
 * Threads:  all functions need the directory's lock.
 */
#ifndef SX_METRICS_OVERFLOW_H
#define SX_METRICS_OVERFLOW_H

#include "records.h"

/** Makes the overflow series, if the family needs one and has none. Returns false if the registry
 * is full. */
bool sx__overflow_reserve(struct sx_registry *registry, struct sx__family *family);

/** Shows the overflow series on the page, and returns it, or NULL if the registry has no room for
 * it. */
struct sx__series *sx__overflow_show(struct sx_registry *registry, struct sx__family *family);

/** Frees the overflow series of a family that is unregistered, if it was never on the page. */
void sx__overflow_drop(struct sx_registry *registry, struct sx__family *family);

#endif
