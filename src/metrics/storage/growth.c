/* growth.c: which pages of an arena are mapped or have memory, and when. */
#define _GNU_SOURCE /* madvise */
#include "growth.h"

#include "lock.h"
#include "mapping.h"
#include "resident_pages.h"
#include "shared_object.h"

#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PIECE_BYTES ((size_t)16 << 10)

/* Guards how many thread rows are mapped and how far. A thread that claims a row holds no other
 * lock. Taken last. A registry with a name has a lock of its own, which all processes take. */
static pthread_mutex_t growth_lock = PTHREAD_MUTEX_INITIALIZER;

/* What an owner that died leaves is valid: pages get memory before they are counted. */
static void lock_growth(struct sx_registry *registry)
{
    if (!registry->mapped.is_named) {
        (void)pthread_mutex_lock(&growth_lock);
    } else if (sx__lock_take(&registry->growth) == SX__LOCK_INHERITED) {
        sx__lock_mend(&registry->growth);
    }
}

static void unlock_growth(struct sx_registry *registry)
{
    if (!registry->mapped.is_named) {
        (void)pthread_mutex_unlock(&growth_lock);
    } else {
        sx__lock_release(&registry->growth);
    }
}

struct pages {
    char *start;
    size_t bytes;
};

static size_t round_to_pages(const struct sx__geometry *geometry, size_t bytes)
{
    return (bytes + geometry->page_bytes - 1) / geometry->page_bytes * geometry->page_bytes;
}

/* Returns how many bytes of a part to map so that `needed` bytes are mapped; at most `limit`. */
static size_t grown(const struct sx__geometry *geometry, size_t mapped, size_t needed, size_t limit)
{
    const size_t step = mapped / 8 > PIECE_BYTES ? mapped / 8 : PIECE_BYTES;
    const size_t wanted = round_to_pages(geometry, needed > mapped + step ? needed : mapped + step);
    return wanted < limit ? wanted : limit;
}

/* Returns the pages to map so that a row grows from its first `from` to its first `until` bytes. */
static struct pages pages_of_row(const struct sx_registry *registry, size_t row, size_t from,
                                 size_t until)
{
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t start = geometry->rows_offset + row * geometry->row_stride;
    const size_t first = from == 0 ? start / geometry->page_bytes * geometry->page_bytes
                                   : round_to_pages(geometry, start + from);
    return (struct pages){(char *)(uintptr_t)registry + first,
                          round_to_pages(geometry, start + until) - first};
}

/* Where the pages are in the file of a registry with a name, behind its label. */
static size_t place_in_file(const struct sx_registry *registry, struct pages pages)
{
    return registry->geometry.page_bytes + (size_t)(pages.start - (const char *)registry);
}

/* Maps pages, or gives those of a registry with a name memory. If the program has closed the file,
 * as daemons do, the kernel (5.14 or later) does the latter, too. */
static bool add_pages(const struct sx_registry *registry, struct pages pages)
{
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    if (!registry->mapped.is_named) {
        return sx__mapping_add(pages.start, pages.bytes);
    }
    if (pages.bytes == 0) {
        return true;
    }
    return sx__arena_has_file(arena)
               ? sx__file_allocate(arena->file, place_in_file(registry, pages), pages.bytes)
               : madvise(pages.start, pages.bytes, MADV_POPULATE_WRITE) == 0;
}

static void remove_pages(const struct sx_registry *registry, struct pages pages)
{
    const struct sx__arena *arena = &sx__arenas[registry->arena];
    if (!registry->mapped.is_named) {
        sx__mapping_remove(pages.start, pages.bytes);
    } else if (pages.bytes > 0 && sx__arena_has_file(arena)) {
        sx__file_free(arena->file, place_in_file(registry, pages), pages.bytes);
    }
}

static bool map_row(const struct sx_registry *registry, size_t row, size_t from, size_t until)
{
    return add_pages(registry, pages_of_row(registry, row, from, until));
}

static void unmap_row(const struct sx_registry *registry, size_t row, size_t from, size_t until)
{
    remove_pages(registry, pages_of_row(registry, row, from, until));
}

/* Maps the same part of neighbouring rows, or of none of them. */
static bool map_rows(const struct sx_registry *registry, size_t first, size_t end, size_t from,
                     size_t until)
{
    size_t row = first;
    while (row < end && map_row(registry, row, from, until)) {
        row++;
    }
    if (row == end) {
        return true;
    }
    while (row > first) {
        row--;
        unmap_row(registry, row, from, until);
    }
    return false;
}

bool sx__grow_directory(struct sx_registry *registry, size_t bytes)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (bytes <= mapped->directory_bytes) {
        return true;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t until = grown(geometry, mapped->directory_bytes, bytes, geometry->directory_bytes);
    char *end = (char *)registry + mapped->directory_bytes;
    if (!add_pages(registry, (struct pages){end, until - mapped->directory_bytes})) {
        return false;
    }
    mapped->directory_bytes = until;
    return true;
}

/* The rows of processes that were ever taken, and those that no process takes for itself. */
static bool map_process_rows(const struct sx_registry *registry, size_t from, size_t until)
{
    const size_t taken = registry->mapped.process_rows;
    const size_t end = registry->geometry.process_rows;
    if (!registry->mapped.is_named) {
        return map_row(registry, 0, from, until);
    }
    if (!map_rows(registry, 0, taken, from, until)) {
        return false;
    }
    if (map_rows(registry, SX__PROCESSES, end, from, until)) {
        return true;
    }
    for (size_t row = 0; row < taken; row++) {
        unmap_row(registry, row, from, until);
    }
    return false;
}

bool sx__grow_process_row(struct sx_registry *registry, size_t bytes)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (bytes <= mapped->process_row_bytes) {
        return true;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t until = grown(geometry, mapped->process_row_bytes, bytes, geometry->row_bytes);
    lock_growth(registry);
    const bool done = map_process_rows(registry, mapped->process_row_bytes, until);
    if (done) {
        mapped->process_row_bytes = until;
    }
    unlock_growth(registry);
    return done;
}

bool sx__grow_to_process_row(struct sx_registry *registry, size_t index)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (!mapped->is_named) {
        return true;
    }
    lock_growth(registry);
    while (mapped->process_rows <= index &&
           map_row(registry, mapped->process_rows, 0, mapped->process_row_bytes)) {
        mapped->process_rows++;
    }
    const bool done = index < mapped->process_rows;
    unlock_growth(registry);
    return done;
}

/* The overflow row and the thread rows that are mapped. The process rows are before them. */
static bool map_thread_rows(const struct sx_registry *registry, size_t from, size_t until)
{
    const size_t first = registry->geometry.process_rows;
    return map_rows(registry, first, first + 1 + registry->mapped.thread_rows, from, until);
}

bool sx__grow_thread_rows(struct sx_registry *registry, size_t bytes)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (bytes <= mapped->thread_row_bytes) {
        return true;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t until = grown(geometry, mapped->thread_row_bytes, bytes, geometry->row_bytes);
    lock_growth(registry);
    const bool done = map_thread_rows(registry, mapped->thread_row_bytes, until);
    if (done) {
        mapped->thread_row_bytes = until;
    }
    unlock_growth(registry);
    return done;
}

bool sx__grow_to_thread_row(struct sx_registry *registry, size_t index)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (!mapped->grows) {
        return true;
    }
    const size_t first = registry->geometry.process_rows + 1;
    lock_growth(registry);
    while (mapped->thread_rows <= index &&
           map_row(registry, first + mapped->thread_rows, 0, mapped->thread_row_bytes)) {
        mapped->thread_rows++;
    }
    const bool done = index < mapped->thread_rows;
    unlock_growth(registry);
    return done;
}

size_t sx__growth_first_bytes(const struct sx__geometry *geometry)
{
    return grown(geometry, 0, geometry->header_bytes, geometry->directory_bytes);
}

/* At an address where nothing is known to be mapped. */
static struct sx_registry *begin_at(char *at, const struct sx__geometry *geometry)
{
    struct sx_registry *registry = (struct sx_registry *)(void *)at;
    const size_t directory_bytes = sx__growth_first_bytes(geometry);
    if (!sx__mapping_add(at, directory_bytes)) {
        return NULL;
    }
    registry->geometry = *geometry;
    registry->mapped = (struct sx__mapped){.grows = true, .directory_bytes = directory_bytes};
    if (!sx__grow_process_row(registry, 1) || !sx__grow_thread_rows(registry, 1)) {
        sx__growth_end(registry);
        return NULL;
    }
    return registry;
}

/* The addresses of an arena between its parts are free, and belong to it all the same. The caller
 * holds sx__arenas_lock. */
static bool belongs_to_arena(const char *at, size_t bytes)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        const struct sx_registry *other = sx__arenas[i].registry;
        if (sx__arenas[i].state != SX__ARENA_NONE &&
            at < (const char *)other + other->geometry.total_bytes &&
            (const char *)other < at + bytes) {
            return true;
        }
    }
    return false;
}

struct sx_registry *sx__growth_begin(const struct sx__geometry *geometry)
{
    struct sx_registry *registry = NULL;
    for (unsigned i = 0; i < SX__GAP_ATTEMPTS && registry == NULL; i++) {
        char *at = sx__mapping_find_gap(geometry->total_bytes, geometry->page_bytes, i);
        if (at != NULL && !belongs_to_arena(at, geometry->total_bytes)) {
            registry = begin_at(at, geometry);
        }
    }
    return registry;
}

void sx__growth_end(struct sx_registry *registry)
{
    const struct sx__mapped *mapped = &registry->mapped;
    if (mapped->process_row_bytes > 0) {
        unmap_row(registry, 0, 0, mapped->process_row_bytes);
    }
    for (size_t i = 0; mapped->thread_row_bytes > 0 && i < 1 + mapped->thread_rows; i++) {
        unmap_row(registry, 1 + i, 0, mapped->thread_row_bytes);
    }
    sx__mapping_remove((char *)registry, mapped->directory_bytes);
}

void sx__growth_before_fork(void)
{
    (void)pthread_mutex_lock(&growth_lock);
}

void sx__growth_after_fork(void)
{
    (void)pthread_mutex_unlock(&growth_lock);
}
