/* peek.c: the file behind a shared arena is read with pread. That returns zeros where nothing was
 * written, and allocates nothing; it is right for pages that are swapped out or being moved, too.
 */
#define _GNU_SOURCE /* syscall */
#include "peek.h"

#include "resident_pages.h"

#include <sys/syscall.h>
#include <unistd.h>

#define CELLS_AT_A_TIME 64u

/* Returns false for a private arena, and if the program has closed the file. */
static bool read_from_file(const struct sx_registry *registry, const uint64_t *from,
                           uint64_t *values, uint32_t count)
{
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    if (!registry->shared || !sx__arena_has_file(arena)) {
        return false;
    }
    /* Not by the function of the C library, in which a thread can be cancelled. */
    const long offset = (long)((const char *)from - (const char *)registry);
    const long bytes = (long)(count * sizeof *values);
    return syscall(SYS_pread64, arena->file, values, bytes, offset) == bytes;
}

uint64_t sx__peek(const struct sx_registry *registry, const char *row, uint32_t cell)
{
    const uint64_t *at = sx__cell(row, cell);
    uint64_t value = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!read_from_file(registry, at, &value, 1)) {
        value = __atomic_load_n(at, __ATOMIC_SEQ_CST);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return value;
}

static void zero(uint64_t *cells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (__atomic_load_n(&cells[i], __ATOMIC_RELAXED) != 0) {
            __atomic_store_n(&cells[i], 0, __ATOMIC_RELAXED);
        }
    }
}

static bool are_zero_in_file(const struct sx_registry *registry, const uint64_t *cells,
                             uint32_t count)
{
    uint64_t values[CELLS_AT_A_TIME] = {0};
    if (!read_from_file(registry, cells, values, count)) {
        return false;
    }
    uint64_t any = 0;
    for (uint32_t i = 0; i < count; i++) {
        any |= values[i];
    }
    return any == 0;
}

void sx__zero_cells(const struct sx_registry *registry, const char *row, uint32_t cell,
                    uint32_t count)
{
    while (count > 0) {
        const uint32_t some = count < CELLS_AT_A_TIME ? count : CELLS_AT_A_TIME;
        uint64_t *cells = sx__cell(row, cell);
        if (!are_zero_in_file(registry, cells, some)) {
            zero(cells, some);
        }
        cell += some;
        count -= some;
    }
}
