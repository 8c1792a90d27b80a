/* touched.c: asking for the holes of the file behind a shared arena.
 *
 * mincore() would not do: it says of a page that was swapped out that it is not there.
 */
#define _GNU_SOURCE /* SEEK_DATA, SEEK_HOLE */
#include "touched.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A program that closes all descriptors, as daemons do, may have another file there by now. */
static bool is_ours(const struct sx__arena *arena)
{
    struct stat status;
    return arena->file >= 0 && fstat(arena->file, &status) == 0 && status.st_dev == arena->device &&
           status.st_ino == arena->inode;
}

static void mark(struct sx__touched *touched, size_t from, size_t until)
{
    for (size_t i = from / SX__TOUCHED_UNIT; i * SX__TOUCHED_UNIT < until && i < touched->count;
         i++) {
        touched->bits[i / 64] |= (uint64_t)1 << i % 64;
    }
}

/* Marks what is data between two distances from the first row. */
static bool mark_data(struct sx__touched *touched, int file, size_t rows_offset, size_t from,
                      size_t until)
{
    while (from < until) {
        off_t data = lseek(file, (off_t)(rows_offset + from), SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO; /* nothing but a hole up to the end */
        }
        off_t hole = lseek(file, data, SEEK_HOLE);
        if (hole < 0) {
            return false;
        }
        size_t start = (size_t)data - rows_offset;
        size_t end = (size_t)hole - rows_offset;
        mark(touched, start, end < until ? end : until);
        from = end;
    }
    return true;
}

static bool mark_rows(struct sx__touched *touched, const struct sx_registry *registry, int file)
{
    const struct sx__geometry *geometry = &registry->geometry;
    size_t slots = __atomic_load_n(&registry->slots_claimed, __ATOMIC_ACQUIRE);
    size_t gauges = __atomic_load_n(&registry->gauge_cells_used, __ATOMIC_RELAXED);
    size_t others = __atomic_load_n(&registry->slot_cells_used, __ATOMIC_RELAXED);
    for (size_t i = 0; i < geometry->process_rows + 1 + slots; i++) {
        size_t from = i * geometry->row_stride;
        size_t cells = i < geometry->process_rows ? gauges : others;
        if (!mark_data(touched, file, geometry->rows_offset, from, from + cells * SX__CELL_BYTES)) {
            return false;
        }
    }
    return true;
}

bool sx__touched_find(struct sx__touched *touched, const struct sx_registry *registry)
{
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    if (!registry->shared || !is_ours(arena)) {
        return false;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    size_t count = (geometry->total_bytes - geometry->rows_offset) / SX__TOUCHED_UNIT + 1;
    /* Of a large arena that is megabytes of zeros, which cost nothing until they are written to. */
    uint64_t *bits = calloc(count / 64 + 1, sizeof *bits);
    if (bits == NULL) {
        return false;
    }
    *touched = (struct sx__touched){sx__row(registry, 0), count, bits};
    if (!mark_rows(touched, registry, arena->file)) {
        sx__touched_clean_up(touched);
        return false;
    }
    return true;
}

void sx__touched_clean_up(struct sx__touched *touched)
{
    free(touched->bits);
    *touched = (struct sx__touched){NULL, 0, NULL};
}
