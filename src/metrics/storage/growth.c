/* growth.c: which pages of a private arena are mapped, and when. */
#include "growth.h"

#include "mapping.h"

#define PIECE_BYTES ((size_t)16 << 10)

/* Guards how many thread rows are mapped and how far. A thread that claims a row holds no other
 * lock. Taken last. */
static pthread_mutex_t growth_lock = PTHREAD_MUTEX_INITIALIZER;

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

static bool map_row(const struct sx_registry *registry, size_t row, size_t from, size_t until)
{
    const struct pages pages = pages_of_row(registry, row, from, until);
    return sx__mapping_add(pages.start, pages.bytes);
}

static void unmap_row(const struct sx_registry *registry, size_t row, size_t from, size_t until)
{
    const struct pages pages = pages_of_row(registry, row, from, until);
    sx__mapping_remove(pages.start, pages.bytes);
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
    if (!sx__mapping_add(end, until - mapped->directory_bytes)) {
        return false;
    }
    mapped->directory_bytes = until;
    return true;
}

bool sx__grow_process_row(struct sx_registry *registry, size_t bytes)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (bytes <= mapped->process_row_bytes) {
        return true;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t until = grown(geometry, mapped->process_row_bytes, bytes, geometry->row_bytes);
    if (!map_row(registry, 0, mapped->process_row_bytes, until)) {
        return false;
    }
    mapped->process_row_bytes = until;
    return true;
}

/* The overflow row and the thread rows that are mapped. The process row is before them. */
static bool map_thread_rows(const struct sx_registry *registry, size_t from, size_t until)
{
    const size_t end = 1 + 1 + registry->mapped.thread_rows;
    size_t row = 1;
    while (row < end && map_row(registry, row, from, until)) {
        row++;
    }
    if (row == end) {
        return true;
    }
    while (row > 1) {
        row--;
        unmap_row(registry, row, from, until);
    }
    return false;
}

bool sx__grow_thread_rows(struct sx_registry *registry, size_t bytes)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (bytes <= mapped->thread_row_bytes) {
        return true;
    }
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t until = grown(geometry, mapped->thread_row_bytes, bytes, geometry->row_bytes);
    (void)pthread_mutex_lock(&growth_lock);
    const bool done = map_thread_rows(registry, mapped->thread_row_bytes, until);
    if (done) {
        mapped->thread_row_bytes = until;
    }
    (void)pthread_mutex_unlock(&growth_lock);
    return done;
}

bool sx__grow_to_thread_row(struct sx_registry *registry, size_t index)
{
    struct sx__mapped *mapped = &registry->mapped;
    if (!mapped->grows) {
        return true;
    }
    (void)pthread_mutex_lock(&growth_lock);
    while (mapped->thread_rows <= index &&
           map_row(registry, 1 + 1 + mapped->thread_rows, 0, mapped->thread_row_bytes)) {
        mapped->thread_rows++;
    }
    const bool done = index < mapped->thread_rows;
    (void)pthread_mutex_unlock(&growth_lock);
    return done;
}

/* At an address where nothing is known to be mapped. */
static struct sx_registry *begin_at(char *at, const struct sx__geometry *geometry)
{
    struct sx_registry *registry = (struct sx_registry *)(void *)at;
    const size_t directory_bytes =
        grown(geometry, 0, geometry->header_bytes, geometry->directory_bytes);
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
