/* directory.c: the directory's lock and its allocator: memory for records, cells for numbers. */
#include "directory.h"

#include "lock.h"

#define CELLS_OF_A_LINE 8u

static void (*mend_directory)(struct sx_registry *registry);

void sx__directory_prepare(void (*mend)(struct sx_registry *registry))
{
    mend_directory = mend;
}

void sx__directory_lock(struct sx_registry *registry)
{
    if (sx__lock_take(&registry->lock) == SX__LOCK_INHERITED) {
        mend_directory(registry);
        sx__lock_mend(&registry->lock);
    }
}

void sx__directory_unlock(struct sx_registry *registry)
{
    sx__lock_release(&registry->lock);
}

struct sx__directory_mark sx__directory_mark(const struct sx_registry *registry)
{
    return (struct sx__directory_mark){
        .directory_used = registry->directory_used,
        .thread_cells_used = registry->thread_cells_used,
        .gauge_cells_used = registry->gauge_cells_used,
    };
}

void sx__directory_rewind(struct sx_registry *registry, struct sx__directory_mark mark)
{
    registry->directory_used = mark.directory_used;
    registry->thread_cells_used = mark.thread_cells_used;
    __atomic_store_n(&registry->gauge_cells_used, mark.gauge_cells_used, __ATOMIC_RELAXED);
}

void *sx__directory_allocate(struct sx_registry *registry, size_t bytes)
{
    size_t left = registry->directory_limit - registry->directory_used;
    /* Compared before it is rounded up: a hostile label may be of any size. */
    if (bytes > left || (bytes + SX__REF_BYTES - 1) / SX__REF_BYTES * SX__REF_BYTES > left) {
        return NULL;
    }
    char *record = (char *)registry + registry->directory_used;
    registry->directory_used += (bytes + SX__REF_BYTES - 1) / SX__REF_BYTES * SX__REF_BYTES;
    return record;
}

uint32_t sx__directory_thread_cells(struct sx_registry *registry, uint32_t count)
{
    uint32_t first = registry->thread_cells_used;
    if (count >= CELLS_OF_A_LINE) {
        first = (first + CELLS_OF_A_LINE - 1) / CELLS_OF_A_LINE * CELLS_OF_A_LINE;
    }
    if (first > registry->cells_limit || count > registry->cells_limit - first) {
        return 0;
    }
    registry->thread_cells_used = first + count;
    return first;
}

uint32_t sx__directory_gauge_cell(struct sx_registry *registry)
{
    uint32_t cell = registry->gauge_cells_used;
    if (cell >= registry->cells_limit) {
        return 0;
    }
    /* Read without the lock by a process that zeroes a row it takes over. */
    __atomic_store_n(&registry->gauge_cells_used, cell + 1, __ATOMIC_RELAXED);
    return cell;
}
