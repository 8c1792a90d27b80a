/* resident_pages.c: finding the holes of the file behind a shared arena, with SEEK_DATA.
 *
 * mincore() does not work, because it reports swapped-out pages as missing. SEEK_DATA alone does
 * not work either: while the kernel moves a page in memory (compaction, NUMA balancing), the new
 * page is for an instant in the file but not yet up to date, and is reported as a hole. A scrape in
 * that instant would show counters that decrease. So the bytes found must equal the bytes allocated
 * for the file, which include a page from before its first write.
 */
#define _GNU_SOURCE /* SEEK_DATA, SEEK_HOLE */
#include "resident_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSES_MAX 8

bool sx__arena_has_file(const struct sx__arena *arena)
{
    struct stat status;
    return arena->file >= 0 && fstat(arena->file, &status) == 0 && status.st_dev == arena->device &&
           status.st_ino == arena->inode;
}

static void mark(struct sx__resident_pages *pages, size_t from, size_t until)
{
    for (size_t i = from / SX__RESIDENT_PAGE_BYTES;
         i * SX__RESIDENT_PAGE_BYTES < until && i < pages->count; i++) {
        pages->bits[i / 64] |= (uint64_t)1 << i % 64;
    }
}

/* Marks the pages that have data, and counts their bytes. */
static bool mark_data(struct sx__resident_pages *pages, int file, off_t *bytes)
{
    off_t from = 0;
    *bytes = 0;
    for (;;) {
        off_t data = lseek(file, from, SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO; /* only a hole up to the end */
        }
        from = lseek(file, data, SEEK_HOLE);
        if (from < 0) {
            return false;
        }
        mark(pages, (size_t)data, (size_t)from);
        *bytes += from - data;
    }
}

static bool allocated(const struct sx__arena *arena, off_t *bytes)
{
    struct stat status;
    if (fstat(arena->file, &status) != 0) {
        return false;
    }
    *bytes = (off_t)status.st_blocks * 512;
    return true;
}

/* A page that has data keeps it, so the marks of all passes are correct. If other threads allocate
 * so fast that no pass agrees with the file, a page that had data before is missing only if it was
 * being moved in every pass. */
static bool mark_all(struct sx__resident_pages *pages, const struct sx__arena *arena)
{
    bool agreed = false;
    for (int pass = 0; pass < PASSES_MAX && !agreed; pass++) {
        off_t before;
        off_t found;
        off_t after;
        if (!allocated(arena, &before) || !mark_data(pages, arena->file, &found) ||
            !allocated(arena, &after)) {
            return false;
        }
        agreed = before == found && found == after;
    }
    return true;
}

bool sx__resident_pages_find(struct sx__resident_pages *pages, const struct sx_registry *registry)
{
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    if (!registry->shared || arena->is_named || !sx__arena_has_file(arena)) {
        return false;
    }
    size_t count = registry->geometry.total_bytes / SX__RESIDENT_PAGE_BYTES;
    /* For a large arena these are megabytes of zeros, which cost nothing until they are written. */
    uint64_t *bits = calloc(count / 64 + 1, sizeof *bits);
    if (bits == NULL) {
        return false;
    }
    *pages = (struct sx__resident_pages){(const char *)registry, count, bits};
    if (!mark_all(pages, arena)) {
        sx__resident_pages_clean_up(pages);
        return false;
    }
    return true;
}

void sx__resident_pages_clean_up(struct sx__resident_pages *pages)
{
    free(pages->bits);
    *pages = (struct sx__resident_pages){NULL, 0, NULL};
}
