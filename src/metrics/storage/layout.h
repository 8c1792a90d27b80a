/* layout.h: whether the memory of an arena that another program has made means the same here. A
 * robust mutex is laid out as the libc likes, so another libc, or another version of it, is another
 * layout. */
#ifndef SX_METRICS_LAYOUT_H
#define SX_METRICS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What must be the same in all programs that have the registry. */
struct sx__layout {
    uint32_t format; /* SX__LAYOUT_FORMAT */
    uint32_t byte_order;
    uint32_t pointer_bytes;
    uint32_t page_bytes;
    uint32_t mutex_bytes;
    uint32_t header_bytes;
    uint32_t seat_bytes;
    uint32_t family_bytes; /* of records, which the layer above knows */
    uint32_t series_bytes;
    uint32_t process_rows;
    char libc[64]; /* which one, and its version: it defines the mutexes */
};

/* Add 1 when what lies in an arena changes its meaning and not its size. */
#define SX__LAYOUT_FORMAT 1u

/** The layout of this build. Layouts are compared as bytes. */
void sx__layout_of_build(struct sx__layout *layout, size_t family_bytes, size_t series_bytes);

bool sx__layouts_equal(const struct sx__layout *a, const struct sx__layout *b);

#endif
