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
struct sx__resident_pages {
    const char *start;
    size_t count;
    uint64_t *bits;
};

/** Asks the kernel for the pages; false where that is of no use, or where it cannot be had, and
 *  everything has to be read. */
bool sx__resident_pages_find(struct sx__resident_pages *pages, const struct sx_registry *registry);

void sx__resident_pages_clean_up(struct sx__resident_pages *pages);

#define SX__RESIDENT_PAGE_BYTES 4096u

/** Whether the cell lies in such a page, as of then. */
static inline bool sx__resident_pages_have(const struct sx__resident_pages *pages,
                                           const uint64_t *cell)
{
    size_t index = (size_t)((const char *)cell - pages->start) / SX__RESIDENT_PAGE_BYTES;
    return index < pages->count && (pages->bits[index / 64] >> index % 64 & 1) != 0;
}

#endif
