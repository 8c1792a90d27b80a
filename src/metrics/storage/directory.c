/* directory.c: the directory's lock and its allocator: memory for records, cells for numbers. */
#include "directory.h"

#include "growth.h"
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

/* ---- records ---- */

/* Records of nearly the same size share a list of free ones: each size up to 16 units has its own;
 * beyond that there are four sizes between one power of two and the next. */
struct size {
    size_t list;
    size_t units; /* what a record of the list takes */
};

static struct size size_of(size_t units)
{
    if (units <= 16) {
        return (struct size){units, units};
    }
    unsigned log = 4;
    while (units > (size_t)2 << log) {
        log++;
    }
    const size_t step = (size_t)1 << (log - 2);
    const size_t index = (units - 1 - ((size_t)1 << log)) / step;
    return (struct size){17 + (log - 4) * 4 + index, ((size_t)1 << log) + (index + 1) * step};
}

_Static_assert(SX__RECORD_SIZES > 17 + (31 - 4) * 4 + 3, "a record has at most 2^32 units");

static size_t units_of(size_t bytes)
{
    return (bytes + SX__REF_BYTES - 1) / SX__REF_BYTES;
}

void *sx__directory_allocate(struct sx_registry *registry, size_t bytes)
{
    /* Compared before it is rounded up: a hostile label may be of any size. */
    if (bytes == 0 || bytes > registry->directory_limit) {
        return NULL;
    }
    const struct size size = size_of(units_of(bytes));
    const uint32_t free_record = registry->free_records[size.list];
    if (free_record != 0) {
        void *record = sx__at(registry, free_record);
        /* One store takes it, so a writer that is killed loses one record at most. */
        __atomic_store_n(&registry->free_records[size.list], *(uint32_t *)record, __ATOMIC_RELAXED);
        return record;
    }
    const size_t rounded = size.units * SX__REF_BYTES;
    if (rounded > registry->directory_limit - registry->directory_used ||
        !sx__grow_directory(registry, registry->directory_used + rounded)) {
        return NULL;
    }
    char *record = (char *)registry + registry->directory_used;
    registry->directory_used += rounded;
    return record;
}

void sx__directory_free(struct sx_registry *registry, void *record, size_t bytes)
{
    uint32_t *list = &registry->free_records[size_of(units_of(bytes)).list];
    *(uint32_t *)record = *list;
    __atomic_store_n(list, sx__ref(registry, record), __ATOMIC_RELEASE);
}

/* ---- cells ---- */

uint32_t sx__directory_thread_cells(struct sx_registry *registry, uint32_t count)
{
    uint32_t first = registry->thread_cells_used;
    if (count >= CELLS_OF_A_LINE) {
        first = (first + CELLS_OF_A_LINE - 1) / CELLS_OF_A_LINE * CELLS_OF_A_LINE;
    }
    if (first > registry->cells_limit || count > registry->cells_limit - first ||
        !sx__grow_thread_rows(registry, (size_t)(first + count) * SX__CELL_BYTES)) {
        return 0;
    }
    registry->thread_cells_used = first + count;
    return first;
}

uint32_t sx__directory_process_cell(struct sx_registry *registry)
{
    const uint32_t cell = registry->process_cells_used;
    if (cell >= registry->cells_limit ||
        !sx__grow_process_row(registry, ((size_t)cell + 1) * SX__CELL_BYTES)) {
        return 0;
    }
    /* Read without the lock by a process that zeroes a row it takes over. */
    __atomic_store_n(&registry->process_cells_used, cell + 1, __ATOMIC_RELEASE);
    return cell;
}
