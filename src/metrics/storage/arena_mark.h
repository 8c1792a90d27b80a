/* arena_mark.h: whether the memory of an arena that another program has made means the same here.
 */
#ifndef SX_METRICS_ARENA_MARK_H
#define SX_METRICS_ARENA_MARK_H

#include "arena.h"

/* Raise it when something in a shared arena changes that no size of a struct tells. */
#define SX__LAYOUT_VERSION 1u

/** The mark of arenas of this program.
 *
 * @param records  a number that tells the sizes of the records in the directory
 */
struct sx__arena_mark sx__arena_mark(uint64_t records);

bool sx__arena_marks_equal(const struct sx__arena_mark *a, const struct sx__arena_mark *b);

#endif
