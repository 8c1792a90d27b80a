/* resident_pages.h: which pages of a shared arena were ever written.
 *
 * Reading a page of shared memory that was never written allocates it, so a scrape that read all
 * cells would make the arena grow. In private memory, reading such a page maps the kernel's one
 * page of zeros, which costs nothing. Only scrapes use this.
 */
#ifndef SX_METRICS_RESIDENT_PAGES_H
#define SX_METRICS_RESIDENT_PAGES_H

#include "arena.h"

/* A bit for each 4,096 bytes of the mapping. No kernel has smaller pages, and larger ones are a
 * multiple of it, so every page has bits of its own whatever its size. */
struct sx__resident_pages {
    const char *start;
    size_t count;
    uint64_t *bits;
};

/** Whether the file behind a shared arena is still open: a program may close all descriptors, as
 * daemons do, and then the number may be another file's. */
bool sx__arena_has_file(const struct sx__arena *arena);

/** Asks the kernel for the pages. Returns false if the arena is private or has a name, or the
 * kernel does not say; then all pages must be read. (What is read of an arena with a name has
 * memory.) */
bool sx__resident_pages_find(struct sx__resident_pages *pages, const struct sx_registry *registry);

void sx__resident_pages_clean_up(struct sx__resident_pages *pages);

#define SX__RESIDENT_PAGE_BYTES 4096u

/** Whether the cell was in such a page when the pages were found. */
static inline bool sx__resident_pages_have(const struct sx__resident_pages *pages,
                                           const uint64_t *cell)
{
    size_t index = (size_t)((const char *)cell - pages->start) / SX__RESIDENT_PAGE_BYTES;
    return index < pages->count && (pages->bits[index / 64] >> index % 64 & 1) != 0;
}

#endif
