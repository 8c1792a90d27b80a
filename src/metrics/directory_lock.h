/* directory_lock.h: the lock of those that write to a registry's directory.
 *
 * The lock stands above src/metrics/storage, because its next owner repairs families and series
 * that a killed writer left half-linked.
 */
#ifndef SX_METRICS_DIRECTORY_LOCK_H
#define SX_METRICS_DIRECTORY_LOCK_H

#include "arena.h"

/** Takes the lock. If the last owner died with it, repairs what that writer left behind. */
void sx__directory_lock(struct sx_registry *registry);

void sx__directory_unlock(struct sx_registry *registry);

#endif
