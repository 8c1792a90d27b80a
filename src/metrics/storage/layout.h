/* layout.h: whether the memory of an arena that another program has made means the same here. A
 * robust mutex is laid out as the libc likes, so another libc, or another version of it, is another
 * layout. */
#ifndef SX_METRICS_LAYOUT_H
#define SX_METRICS_LAYOUT_H

#include "arena.h"

/** The layout of this build. Layouts are compared as bytes. */
void sx__layout_of_build(struct sx__layout *layout, size_t family_bytes, size_t series_bytes);

bool sx__layouts_equal(const struct sx__layout *a, const struct sx__layout *b);

#endif
