/* growth.h: mapping the memory of a private registry, or of one with a name, as it is needed.
 *
 * A private arena gets addresses in a large unused part of the address space, without reserving
 * them. Each part of the arena has a fixed start and is mapped from there as far as it is in use:
 *
 *   header | directory       | process row      | overflow row     | thread row       | ...
 *   mapped ------>           mapped ->          mapped -->         mapped -->
 *
 * So address space, and memory under mlockall, follow what a program uses. What is mapped grows by
 * an eighth, and by 16 KiB at least. The kernel joins neighbouring mappings, so each part has one.
 *
 * Updates and scrapes check nothing: cells are mapped in every row before they are given out, and a
 * row is mapped as far as the others before a thread gets it. If another mapping is in the way, or
 * memory is exhausted, the registry has reached its end there, as at the limits of its options.
 *
 * A registry with a name is one mapping of a file in /dev/shm from the start. Its parts get memory
 * (fallocate) instead of a mapping, in the same order. A page that was written without it could
 * end the process with SIGBUS, if /dev/shm is full. How far that is done is the same in all
 * processes, so it is in the header, under a lock of the header.
 *
 * An arena that is shared with forked processes only is one mapping from the start. So is a private
 * one if the system does not map at addresses that a program chooses. For these, the functions here
 * do nothing.
 */
#ifndef SX_METRICS_GROWTH_H
#define SX_METRICS_GROWTH_H

#include "arena.h"

/** Maps the header, and the start of the directory, of the process row and of the overflow row.
 * Sets the registry's geometry and what is mapped of it; the rest of the header is 0.
 *
 * @return   NULL if the system maps at no chosen address, or if memory is exhausted
 */
struct sx_registry *sx__growth_begin(const struct sx__geometry *geometry);

/** Unmaps all. */
void sx__growth_end(struct sx_registry *registry);

/** How much of the header and directory an arena has at first. */
size_t sx__growth_first_bytes(const struct sx__geometry *geometry);

/** Maps at least so many bytes of the directory, with the header. Returns false if that failed;
 * then nothing has changed. The directory's lock is held, as for the next two. */
bool sx__grow_directory(struct sx_registry *registry, size_t bytes);

/** The same for the process row, or for each one that was ever taken. */
bool sx__grow_process_row(struct sx_registry *registry, size_t bytes);

/** Gives a process row that the caller takes memory, as far as the others have it. Returns false if
 * that failed. Only a registry with a name needs it.
 *
 * Threads:  [any], with the directory's lock or without
 */
bool sx__grow_to_process_row(struct sx_registry *registry, size_t index);

/** The same for the overflow row and each thread row that was ever claimed. */
bool sx__grow_thread_rows(struct sx_registry *registry, size_t bytes);

/** Maps a thread row that the caller claims, and any rows before it, as far as the others. Returns
 * false if that failed.
 *
 * Threads:  [any], with the directory's lock or without
 */
bool sx__grow_to_thread_row(struct sx_registry *registry, size_t index);

/** Called around fork(): no thread is mapping rows meanwhile. */
void sx__growth_before_fork(void);
void sx__growth_after_fork(void);

#endif
