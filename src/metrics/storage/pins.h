/* pins.h: the handles of a series that a program holds keep it from being reclaimed.
 *
 * Pins are counted in the row of the process, so that those of a killed process end with it. A
 * child of fork() has the handles of its parent, and so its pins: in a shared arena, each process
 * counts its handles in memory of its own, which fork() copies; the row has how many times that
 * count left 0. In a private arena the row itself is copied.
 */
#ifndef SX_METRICS_PINS_H
#define SX_METRICS_PINS_H

#include "peek.h"

/** Adds a pin. The cell is from sx__directory_process_cell. Returns false if memory is exhausted.
 *
 * Threads:  [any]
 */
bool sx__pin(struct sx_registry *registry, uint32_t cell);

/** Takes a pin back. */
void sx__unpin(struct sx_registry *registry, uint32_t cell);

/** Adds a pin that no process holds, so that it stays until sx__unpin_for_all. In a shared arena.
 */
void sx__pin_for_all(const struct sx_registry *registry, uint32_t cell);
void sx__unpin_for_all(const struct sx_registry *registry, uint32_t cell);

/** Whether a living process has a pin, or may have one. */
bool sx__is_pinned(struct sx_registry *registry, uint32_t cell);

/** Whether a living process has counted a pin. Unlike sx__is_pinned, ignores pins that a new child
 * of fork() may have but has not counted yet. */
bool sx__has_pins(struct sx_registry *registry, uint32_t cell);

/** As sx__is_pinned, for a cell that can get no further pins. Use one `peeking` for many cells. */
bool sx__is_still_pinned(struct sx__peeking *peeking, uint32_t cell);

/** Keeps what has ever been pinned from being reclaimed for some seconds, so that a child can count
 * the handles of its parent before the parent gives them up. In a shared arena. */
void sx__pins_before_fork(struct sx_registry *registry);

/** Gives the child its parent's pins, after it got a process row. */
void sx__pins_after_fork(struct sx_registry *registry);

/** Frees this process's counts of a registry that is destroyed. */
void sx__pins_forget(const struct sx_registry *registry);

#endif
