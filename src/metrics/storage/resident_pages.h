/* resident_pages.h: which pages of a shared arena were ever written to.
 *
 * Reading a page of shared memory that nobody wrote to allocates it, and all processes together
 * would pay for each cell that a scrape looks at in vain. Private memory has no such trap: there it
 * is the one page of zeros that is read.
 */
#ifndef SX_METRICS_RESIDENT_PAGES_H
#define SX_METRICS_RESIDENT_PAGES_H

#include "arena.h"

/* A bit for each 4,096 bytes of the mapping. */
struct sx__touched {
    const char *start;
    size_t count;
    uint64_t *bits;
};

/** Asks the kernel for the pages; false where that is of no use, or where it cannot be had, and
 *  everything has to be read. */
bool sx__touched_find(struct sx__touched *touched, const struct sx_registry *registry);

void sx__touched_clean_up(struct sx__touched *touched);

#define SX__TOUCHED_UNIT 4096u

/** Whether the cell lies in such a page, as of then. */
static inline bool sx__touched_has(const struct sx__touched *touched, const uint64_t *cell)
{
    size_t index = (size_t)((const char *)cell - touched->start) / SX__TOUCHED_UNIT;
    return index < touched->count && (touched->bits[index / 64] >> index % 64 & 1) != 0;
}

#endif
