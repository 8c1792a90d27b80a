/* arena_life.h: making and ending arenas. */
#ifndef SX_METRICS_ARENA_LIFE_H
#define SX_METRICS_ARENA_LIFE_H

#include "arena.h"

/** Finds or makes an arena of at least this size and initialises its registry's header.
 *
 * @param options  with no field zero
 * Errors:   SX_ENOMEM, SX_EFULL (there are SX__ARENAS already)
 * Threads:  the caller holds sx__arenas_lock
 */
int sx__arena_open(struct sx_registry **registry, const struct sx_registry_options *options);

/** Maps the shared arena that another program has made, at the same place in the table of arenas.
 *
 * @param options  with no field zero; the arena must be laid out as for them
 * @param file     its descriptor, which the arena then owns; it may be any descriptor, or none
 * @param layout   of this program
 * Errors:   SX_EINVAL (there is no such arena, or it is another program's), SX_ENOMEM
 * Threads:  the caller holds sx__arenas_lock
 */
int sx__arena_adopt(struct sx_registry **registry, const struct sx_registry_options *options,
                    int file, const struct sx__layout *layout);

/** How an arena with these options, none of which is 0, is laid out. The caller holds
 * sx__arenas_lock, as for the next two. */
struct sx__geometry sx__arena_lay_out(const struct sx_registry_options *options, size_t arena);

/** Whether a shared arena may have this geometry, which may consist of any bytes. */
bool sx__geometry_is_valid(const struct sx__geometry *geometry, size_t arena);

/** Initialises the header of an arena that is all zero but for its geometry, what is mapped of it,
 * `arena` and `shared`. Errors: SX_ENOMEM. */
int sx__arena_initialise(struct sx_registry *registry, const struct sx_registry_options *options);

/** Unmaps an arena; if a thread still holds a seat of a shared one, only frees its pages. No thread
 * has a row in a private arena any more. The caller holds sx__arenas_lock. */
void sx__arena_close(struct sx__arena *arena);

#endif
