/* takeover.h: the default registry of the program whose place this one takes. That program passes
 * on the descriptor of its memory, and this one goes on with the numbers in it.
 *
 * It is taken over only if this program asks for such a registry. Metrics that are registered in it
 * then must be the same as those that are there. What this program does not register is removed
 * once the former program has ended.
 */
#ifndef SX_METRICS_TAKEOVER_H
#define SX_METRICS_TAKEOVER_H

#include "arena.h"

/** Takes the registry over, if one is passed on. Returns whether *registry is one. The caller holds
 *  sx__arenas_lock.
 *
 * @param options  with no field zero
 */
bool sx__takeover(struct sx_registry **registry, const struct sx_registry_options *options,
                  const struct sx__layout *layout);

#endif
