/* named_arena.h: the arena of a registry that other programs open by its name.
 *
 * The arena is a file in /dev/shm (shared_object.h). Its first page is the label, which says what
 * the file is; the header, directory and rows follow, as in any arena. The label is not mapped. It
 * is written when all the rest is done, so a file with a label is complete. Processes that open or
 * make the file hold a lock of the file meanwhile, which the kernel releases when they die. So if
 * the file has no label, the process that was making it has died, and the next one makes it anew.
 *
 * Handles and families contain the index of their arena (sx__arenas), and lie in the mapping. So
 * the arena has the same index in every process that has it. The process that makes it chooses the
 * index: by the name, and from the end of the table, because other registries are made from its
 * start. A process where another registry has the index cannot open it.
 *
 * Threads:  the caller holds sx__arenas_lock
 */
#ifndef SX_METRICS_NAMED_ARENA_H
#define SX_METRICS_NAMED_ARENA_H

#include "arena.h"

#define SX__SHARED_MAGIC "sextant\n"

/* The first bytes of the file. */
struct sx__shared_label {
    char magic[8]; /* written last */
    struct sx__layout layout;
    uint32_t arena; /* its index in every process */
    uint32_t unused;
    struct sx__geometry geometry;
};

/** Whether the label is that of a registry of this layout whose file has this size. */
bool sx__shared_label_is_valid(const struct sx__shared_label *label,
                               const struct sx__layout *layout, size_t file_size);

/** Opens the registry with this name, or makes it. The file stays locked until
 * sx__named_arena_opened or the closing of the arena.
 *
 * @param is_new   receives whether it was made; it then needs sx__named_arena_publish
 * @param options  with no field zero, and with a valid shared_name
 * Errors:   SX_EACCESS, SX_ELAYOUT, SX_ENOMEM, SX_EREGISTRIES, SX_ESTATE (this process has it, or
 *           threads that used it), SX_ESYSTEM
 */
int sx__named_arena_open(struct sx_registry **registry, bool *is_new,
                         const struct sx_registry_options *options,
                         const struct sx__layout *layout);

/** Writes the label of a new one. Errors: SX_ESYSTEM. */
int sx__named_arena_publish(const struct sx_registry *registry, const struct sx__layout *layout);

/** Unlocks the file. */
void sx__named_arena_opened(const struct sx_registry *registry);

/** Unmaps the arena in this process; if a thread of the process still has a seat, only later. */
void sx__named_arena_close(struct sx__arena *arena);

#endif
