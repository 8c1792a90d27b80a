/* peek.c: the file behind a shared arena is read with pread. That returns zeros where nothing was
 * written, and allocates nothing; it is right for pages that are swapped out or being moved, too.
 */
#define _GNU_SOURCE /* syscall */
#include "peek.h"

#include "resident_pages.h"
#include "unseen_reads.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_CELLS (SX__RESIDENT_PAGE_BYTES / SX__CELL_BYTES)

/* An entry of `known` is twice (the number of the page in its row, plus 1). ALL_ZERO is added if
 * all cells of the page are 0. */
#define ALL_ZERO 1u

void sx__peeking_begin(struct sx__peeking *peeking, struct sx_registry *registry)
{
    peeking->registry = registry;
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    peeking->has_file = registry->shared && !arena->is_named && sx__arena_has_file(arena);
    memset(peeking->known, 0, sizeof peeking->known);
}

/* Whether all cells of the page at this address are 0, as read from the file. Returns false if
 * reading fails, because the cells may then have any value. */
static bool is_all_zero(const struct sx_registry *registry, const char *page)
{
    uint64_t cells[PAGE_CELLS] = {0};
    const long offset = (long)(page - (const char *)registry);
    /* Not pread() of the C library, because it is a cancellation point. */
    if (syscall(SYS_pread64, sx__arenas[registry->arena].file, cells, sizeof cells, offset) !=
        (long)sizeof cells) {
        return false;
    }
    uint64_t any = 0;
    for (size_t i = 0; i < PAGE_CELLS; i++) {
        any |= cells[i];
    }
    return any == 0;
}

/* Whether the page of the file that a cell is in has only zeros. Neighbours in a page of a row are
 * mostly looked at one after the other. */
static bool is_in_zeros(struct sx__peeking *peeking, size_t row, const uint64_t *cell)
{
    if (!peeking->has_file) {
        return false;
    }
    const struct sx_registry *registry = peeking->registry;
    const size_t page =
        (size_t)((const char *)cell - (const char *)registry) / SX__RESIDENT_PAGE_BYTES;
    const size_t first_page =
        (size_t)(sx__row(registry, row) - (const char *)registry) / SX__RESIDENT_PAGE_BYTES;
    const uint32_t entry = (uint32_t)(page - first_page + 1) << 1;
    if ((peeking->known[row] & ~ALL_ZERO) != entry) {
        const char *start = (const char *)registry + page * SX__RESIDENT_PAGE_BYTES;
        peeking->known[row] = entry | (is_all_zero(registry, start) ? ALL_ZERO : 0);
    }
    return (peeking->known[row] & ALL_ZERO) != 0;
}

uint64_t sx__peek(struct sx__peeking *peeking, size_t row, uint32_t cell)
{
    const uint64_t *at = sx__cell(sx__row(peeking->registry, row), cell);
    if (!is_in_zeros(peeking, row, at)) {
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);
    }
    sx__acquire_unseen(at);
    return 0;
}

void sx__zero_cells(struct sx__peeking *peeking, size_t row, uint32_t cell, uint32_t count)
{
    uint64_t *first = sx__cell(sx__row(peeking->registry, row), cell);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *at = first + i;
        if (!is_in_zeros(peeking, row, at) && __atomic_load_n(at, __ATOMIC_RELAXED) != 0) {
            __atomic_store_n(at, 0, __ATOMIC_RELAXED);
        }
    }
}
