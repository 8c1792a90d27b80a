/* directory.h: the part of an arena that holds families, series, labels and texts.
 *
 * A record is referred to by its offset in units of 8 bytes (a ref; 0 means none). It is written
 * completely and then becomes visible by one release store, so readers need no lock, and a writer
 * that is killed leaves nothing half-visible. Memory is not zeroed: a writer writes the complete
 * record. A record that readers may know is retired before it is freed; see retired.h.
 */
#ifndef SX_METRICS_DIRECTORY_H
#define SX_METRICS_DIRECTORY_H

#include "arena.h"

#define SX__REF_BYTES 8

static inline void *sx__at(const struct sx_registry *registry, uint32_t ref)
{
    return (char *)(uintptr_t)registry + (size_t)ref * SX__REF_BYTES;
}

static inline uint32_t sx__ref(const struct sx_registry *registry, const void *record)
{
    return (uint32_t)((size_t)((const char *)record - (const char *)registry) / SX__REF_BYTES);
}

/** Sets the function that repairs the directory after a writer died. Once per process, before the
 *  first lock. The layer above sets it, because it knows what families and series are. */
void sx__directory_prepare(void (*mend)(struct sx_registry *registry));

/** Takes the lock of the directory's writers. If the last owner died with it, repairs what that
 *  writer left half-linked. */
void sx__directory_lock(struct sx_registry *registry);

void sx__directory_unlock(struct sx_registry *registry);

/** Returns memory for a record, aligned to 8 bytes, or NULL if the directory is full or
 * cannot grow. The lock is held.
 */
void *sx__directory_allocate(struct sx_registry *registry, size_t bytes);

/** Frees a record that no reader knows any more. The lock is held.
 *
 * @param bytes  as it was allocated
 */
void sx__directory_free(struct sx_registry *registry, void *record, size_t bytes);

/** Returns the first of `count` neighbouring cells in every thread row, or 0 if too few are left or
 * the rows cannot grow.
 *
 * Eight cells or more start on a cache line. The lock is held.
 */
uint32_t sx__directory_thread_cells(struct sx_registry *registry, uint32_t count);

/** Returns a cell in every process row, for a gauge or for pins, or 0 if none is left. The lock is
 * held. */
uint32_t sx__directory_process_cell(struct sx_registry *registry);

#endif
