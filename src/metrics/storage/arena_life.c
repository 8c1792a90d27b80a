/* arena_life.c: laying out, mapping, freeing and reusing the memory of a registry. All functions
 * run in the thread that makes or destroys a registry, under sx__arenas_lock. */
#define _GNU_SOURCE /* memfd_create, madvise, MAP_ANONYMOUS */
#include "arena_life.h"

#include "growth.h"
#include "layout.h"
#include "lock.h"
#include "memory_barrier.h"
#include "shared_object.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Rows one page apart would put the same cell of every row into the same set of the cache; a scrape
 * reads it in all rows at once. Shifting each row by an odd number of cache lines spreads these
 * cells over all sets. Each arena is shifted in the same way, for programs that update many
 * registries: the same record or cell lies in another set in each arena. */
#define SKEW_BYTES ((size_t)13 * 64)
/* Each arena is shifted by less than this: the last 12 bits of an address choose the set. */
#define SKEW_BYTES_MAX ((size_t)4096)
/* A registry with less than this is useless: 4,000 numbers, and names for about as many series. */
#define ROW_FLOOR_BYTES ((size_t)32 << 10)
#define DIRECTORY_FLOOR_BYTES ((size_t)256 << 10)

struct sx__arena sx__arenas[SX__ARENAS];
pthread_mutex_t sx__arenas_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Kernels of aarch64 and others have pages of 16 or 64 KiB. Read once: the geometry of an arena
 * must not change. The caller holds sx__arenas_lock. */
static size_t page_bytes(void)
{
    static size_t known;
    if (known == 0) {
        long bytes = sysconf(_SC_PAGESIZE);
        known = bytes > 0 ? (size_t)bytes : (size_t)4096;
    }
    return known;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t seats_of(const struct sx__geometry *geometry)
{
    return geometry->thread_rows + geometry->process_rows;
}

static size_t skew_of(size_t arena)
{
    return arena * SKEW_BYTES % SKEW_BYTES_MAX;
}

static struct sx__geometry lay_out(const struct sx_registry_options *options, size_t arena)
{
    const size_t page = page_bytes();
    struct sx__geometry geometry = {
        .thread_rows = options->thread_rows,
        .process_rows = options->shared ? SX__RULES_ROW + 1 : 1,
        .row_bytes = round_up(options->row_bytes, 64),
        .page_bytes = page,
    };
    const size_t seats = geometry.thread_rows + geometry.process_rows;
    geometry.header_bytes = sizeof(struct sx_registry) + seats * sizeof(struct sx__seat);
    geometry.directory_bytes =
        round_up(geometry.header_bytes + SKEW_BYTES_MAX + options->directory_bytes, page);
    geometry.rows_offset = geometry.directory_bytes + skew_of(arena);
    /* Two pages more: a row may begin and end within a page, and no two rows may share a page. */
    geometry.row_stride = round_up(geometry.row_bytes, page) + 2 * page + SKEW_BYTES;
    const size_t rows = geometry.process_rows + 1 + geometry.thread_rows;
    geometry.total_bytes = round_up(geometry.rows_offset + rows * geometry.row_stride, page);
    return geometry;
}

static void close_file(int *file)
{
    if (*file >= 0) {
        (void)close(*file);
        *file = -1;
    }
}

static void *map_shared(size_t bytes, int *file)
{
    void *memory = MAP_FAILED;
    if (!sx__file_may_have(bytes)) {
        return MAP_FAILED;
    }
    *file = memfd_create("sextant", MFD_CLOEXEC);
    if (*file < 0) {
        return MAP_FAILED;
    }
    if (ftruncate(*file, (off_t)bytes) == 0) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *file, 0);
    }
    if (memory == MAP_FAILED) {
        close_file(file);
    }
    return memory;
}

/* *file receives the descriptor behind a shared mapping, or -1 for a private one. */
static void *map(size_t bytes, bool shared, int *file)
{
    *file = -1;
    void *memory = shared ? map_shared(bytes, file)
                          : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    /* A huge page would make the first cell of a thread row cost 2 MiB. Only advice: failure is
     * fine. */
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    return memory;
}

/* Halves both sizes, down to their floors. Returns false if both are at their floors. */
static bool shrink(struct sx_registry_options *options)
{
    size_t row_floor = smaller(options->row_bytes, ROW_FLOOR_BYTES);
    size_t directory_floor = smaller(options->directory_bytes, DIRECTORY_FLOOR_BYTES);
    if (options->row_bytes == row_floor && options->directory_bytes == directory_floor) {
        return false;
    }
    options->row_bytes /= 2;
    options->directory_bytes /= 2;
    if (options->row_bytes < row_floor) {
        options->row_bytes = row_floor;
    }
    if (options->directory_bytes < directory_floor) {
        options->directory_bytes = directory_floor;
    }
    return true;
}

/* Maps what the options ask for, or else the largest half, quarter … of it that fits. After
 * shrinking it takes half of what fits, because the program needs address space as well. */
static void *map_what_fits(struct sx__geometry *geometry, int *file,
                           const struct sx_registry_options *wanted, size_t arena)
{
    struct sx_registry_options options = *wanted;
    bool shrunk = false;
    void *memory = NULL;

    for (;;) {
        *geometry = lay_out(&options, arena);
        memory = map(geometry->total_bytes, options.shared, file);
        if (memory != NULL || !shrink(&options)) {
            break;
        }
        shrunk = true;
    }
    if (memory != NULL && shrunk && shrink(&options)) {
        (void)munmap(memory, geometry->total_bytes);
        close_file(file);
        *geometry = lay_out(&options, arena);
        memory = map(geometry->total_bytes, options.shared, file);
    }
    return memory;
}

/* All parts of the arena in one mapping. */
static struct sx_registry *reserve(int *file, const struct sx_registry_options *options,
                                   size_t arena)
{
    struct sx__geometry geometry;
    struct sx_registry *registry = map_what_fits(&geometry, file, options, arena);
    if (registry != NULL) {
        registry->geometry = geometry;
        registry->mapped = (struct sx__mapped){
            .directory_bytes = geometry.directory_bytes,
            .process_row_bytes = geometry.row_bytes,
            .thread_row_bytes = geometry.row_bytes,
            .thread_rows = geometry.thread_rows,
        };
    }
    return registry;
}

static int initialise_seats(struct sx_registry *registry)
{
    size_t count = seats_of(&registry->geometry);
    for (size_t i = 0; i < count; i++) {
        if (sx__lock_init(&registry->seats[i].mutex, registry->shared) != SX_OK) {
            return SX_ENOMEM;
        }
    }
    const int status = registry->mapped.is_named ? sx__lock_init(&registry->growth, true) : SX_OK;
    return status == SX_OK ? sx__lock_init(&registry->lock, registry->shared) : status;
}

/* Early in a boot, or under a seccomp filter, getrandom fails. Then addresses, which are
 * randomised, must do. */
static void choose_hash_key(struct sx_registry *registry)
{
    uint64_t *key = registry->hash_key;
    if (getrandom(key, sizeof registry->hash_key, GRND_NONBLOCK) !=
        (ssize_t)sizeof registry->hash_key) {
        key[0] = (uint64_t)(uintptr_t)registry;
        key[1] = (uint64_t)(uintptr_t)&key ^ (uint64_t)(uintptr_t)&sx__arenas << 32;
    }
}

static void unmap(struct sx_registry *registry)
{
    if (registry->mapped.grows) {
        sx__growth_end(registry);
    } else {
        (void)munmap(registry, registry->geometry.total_bytes);
    }
}

static struct sx__arena arena_of(struct sx_registry *registry, int file)
{
    struct sx__arena arena = {.registry = registry, .state = SX__ARENA_IDLE, .file = file};
    struct stat status;
    if (file >= 0 && fstat(file, &status) == 0) {
        arena.device = status.st_dev;
        arena.inode = status.st_ino;
    }
    return arena;
}

static int map_new(struct sx__arena **arena, const struct sx_registry_options *options)
{
    struct sx_registry *registry = NULL;
    size_t index = 0;
    int file = -1;
    while (index < SX__ARENAS && sx__arenas[index].state != SX__ARENA_NONE) {
        index++;
    }
    if (index == SX__ARENAS) {
        return SX_EREGISTRIES;
    }
    if (!options->shared) {
        const struct sx__geometry geometry = lay_out(options, index);
        registry = sx__growth_begin(&geometry);
    }
    if (registry == NULL) {
        registry = reserve(&file, options, index);
    }
    if (registry == NULL) {
        return SX_ENOMEM;
    }
    registry->arena = (uint32_t)index;
    registry->shared = options->shared;
    if (initialise_seats(registry) != SX_OK) {
        unmap(registry);
        close_file(&file);
        return SX_ENOMEM;
    }
    *arena = &sx__arenas[index];
    **arena = arena_of(registry, file);
    return SX_OK;
}

static bool fits(const struct sx__arena *arena, const struct sx_registry_options *options)
{
    if (arena->state != SX__ARENA_IDLE || arena->inherited || !options->shared) {
        return false;
    }
    const struct sx__geometry *geometry = &arena->registry->geometry;
    const struct sx__geometry wanted = lay_out(options, 0);
    return geometry->thread_rows >= wanted.thread_rows && geometry->row_bytes >= wanted.row_bytes &&
           geometry->directory_bytes >= wanted.directory_bytes;
}

static struct sx__arena *find_idle(const struct sx_registry_options *options)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        if (fits(&sx__arenas[i], options)) {
            return &sx__arenas[i];
        }
    }
    return NULL;
}

/* The largest one; NULL if there is none. A shared arena whose seats are held is not unmapped, so
 * where no other fits any more, a smaller one must do. */
static struct sx__arena *find_smaller(const struct sx_registry_options *options)
{
    struct sx__arena *best = NULL;
    for (size_t i = 0; i < SX__ARENAS && options->shared; i++) {
        struct sx__arena *arena = &sx__arenas[i];
        if (arena->state == SX__ARENA_IDLE && !arena->inherited &&
            (best == NULL ||
             arena->registry->geometry.total_bytes > best->registry->geometry.total_bytes)) {
            best = arena;
        }
    }
    return best;
}

/* Rows whose seat no thread holds count as never used: their cells are zero again. */
static void lower_claimed(struct sx_registry *registry)
{
    while (registry->thread_rows_claimed > 0) {
        pthread_mutex_t *mutex = &registry->seats[registry->thread_rows_claimed - 1].mutex;
        enum sx__lock_result result = sx__lock_try(mutex);
        if (result == SX__LOCK_BUSY) {
            break;
        }
        if (result == SX__LOCK_INHERITED) {
            sx__lock_mend(mutex);
        }
        sx__lock_release(mutex);
        registry->thread_rows_claimed--;
    }
}

/* A reused arena may be larger than the options ask for; the limits are those of the options. */
static void initialise_registry(struct sx_registry *registry,
                                const struct sx_registry_options *options)
{
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t start = geometry->header_bytes + skew_of(registry->arena);
    size_t row_bytes = smaller(geometry->row_bytes, options->row_bytes);

    lower_claimed(registry);
    registry->directory_used = start;
    registry->directory_limit =
        smaller(geometry->directory_bytes, start + options->directory_bytes);
    /* The first cache line of a row stays free, so that 0 can mean that there is no cell. */
    registry->thread_cells_used = 8;
    registry->process_cells_used = 8;
    registry->cells_limit = (uint32_t)(row_bytes / SX__CELL_BYTES);
    choose_hash_key(registry);
    registry->first_family = 0;
    registry->last_family = 0;
    registry->retired = (struct sx__retired_list){0};
    memset(registry->free_records, 0, sizeof registry->free_records);
    memset(registry->free_cells, 0, sizeof registry->free_cells);
    registry->free_lanes = 0;
    registry->free_exemplars = 0;
    registry->spare_exemplars = 0;
    registry->families_removed = 0;
    registry->links = 0;
    registry->has_unwanted_families = false;
    registry->has_idle_families = false;
    registry->has_self_metrics = false;
    registry->has_left_rules = false;
    registry->has_live_all = false;
    registry->keepings = 0;
    registry->processes_without_gauges = 0;
    registry->epoch = 1;
    registry->counted_phase = 0;
    registry->counted_step = 0;
    registry->counted_target = 0;
    registry->counted_safe = 0;
    registry->fork_ns = 0;
    registry->needs_fences = registry->shared || !sx__memory_barrier_prepare();
}

/* ---- for named_arena.c ---- */

struct sx__geometry sx__arena_lay_out(const struct sx_registry_options *options, size_t arena)
{
    return lay_out(options, arena);
}

int sx__arena_initialise(struct sx_registry *registry, const struct sx_registry_options *options)
{
    const int status = initialise_seats(registry);
    if (status == SX_OK) {
        initialise_registry(registry, options);
    }
    return status;
}

bool sx__geometry_is_valid(const struct sx__geometry *geometry, size_t arena)
{
    const size_t fixed = geometry->header_bytes + SKEW_BYTES_MAX;
    if (geometry->page_bytes != page_bytes() || geometry->thread_rows > SX__THREAD_ROWS_MAX ||
        geometry->row_bytes > SX__BYTES_MAX || geometry->header_bytes > SX__BYTES_MAX ||
        geometry->directory_bytes > 2 * SX__BYTES_MAX || geometry->directory_bytes < fixed) {
        return false;
    }
    const struct sx_registry_options options = {
        .shared = true,
        .thread_rows = (unsigned)geometry->thread_rows,
        .row_bytes = geometry->row_bytes,
        .directory_bytes = geometry->directory_bytes - fixed,
    };
    const struct sx__geometry right = lay_out(&options, arena);
    return memcmp(&right, geometry, sizeof right) == 0;
}

/* ---- opening and closing ---- */

int sx__arena_open(struct sx_registry **registry, const struct sx_registry_options *options)
{
    struct sx__arena *arena = find_idle(options);
    int status = arena == NULL ? map_new(&arena, options) : SX_OK;
    if (arena == NULL) {
        arena = find_smaller(options);
    }
    if (arena == NULL) {
        return status;
    }
    initialise_registry(arena->registry, options);
    arena->state = SX__ARENA_LIVE;
    *registry = arena->registry;
    return SX_OK;
}

static bool geometries_equal(const struct sx__geometry *a, const struct sx__geometry *b)
{
    return a->thread_rows == b->thread_rows && a->process_rows == b->process_rows &&
           a->row_bytes == b->row_bytes && a->row_stride == b->row_stride &&
           a->header_bytes == b->header_bytes && a->directory_bytes == b->directory_bytes &&
           a->rows_offset == b->rows_offset && a->total_bytes == b->total_bytes &&
           a->page_bytes == b->page_bytes;
}

/* Whether an arena of these options has this geometry, or a smaller one for want of addresses. */
static bool is_geometry_of(const struct sx__geometry *geometry,
                           const struct sx_registry_options *wanted, size_t arena)
{
    struct sx_registry_options options = *wanted;
    bool is = false;
    do {
        const struct sx__geometry own = lay_out(&options, arena);
        is = geometries_equal(geometry, &own);
    } while (!is && shrink(&options));
    return is;
}

/* The file may be anything. */
static bool read_header(struct sx_registry *header, int file, const struct sx__layout *layout)
{
    struct stat status;
    return file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
           pread(file, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
           sx__layouts_equal(&header->layout, layout) && header->shared &&
           (uintmax_t)status.st_size == header->geometry.total_bytes;
}

int sx__arena_adopt(struct sx_registry **registry, const struct sx_registry_options *options,
                    int file, const struct sx__layout *layout)
{
    struct sx_registry header;
    if (!read_header(&header, file, layout) || header.arena >= SX__ARENAS ||
        sx__arenas[header.arena].state != SX__ARENA_NONE ||
        !is_geometry_of(&header.geometry, options, header.arena)) {
        return SX_EINVAL;
    }
    struct sx_registry *mapped = mmap(NULL, header.geometry.total_bytes, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_NORESERVE, file, 0);
    if (mapped == MAP_FAILED) {
        return SX_ENOMEM;
    }
    (void)madvise(mapped, header.geometry.total_bytes, MADV_NOHUGEPAGE);
    (void)fcntl(file, F_SETFD, FD_CLOEXEC);
    struct sx__arena *arena = &sx__arenas[header.arena];
    *arena = arena_of(mapped, file);
    arena->state = SX__ARENA_LIVE;
    arena->inherited = true;
    arena->is_taken_over = true;
    *registry = mapped;
    return SX_OK;
}

static bool are_seats_free(struct sx_registry *registry)
{
    const size_t count = seats_of(&registry->geometry);
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_t *mutex = &registry->seats[i].mutex;
        const enum sx__lock_result result = sx__lock_try(mutex);
        if (result == SX__LOCK_BUSY) {
            return false;
        }
        if (result == SX__LOCK_INHERITED) {
            sx__lock_mend(mutex);
        }
        sx__lock_release(mutex);
    }
    return true;
}

static void end(struct sx__arena *arena)
{
    close_file(&arena->file);
    unmap(arena->registry);
    *arena = (struct sx__arena){.state = SX__ARENA_NONE, .file = -1};
}

/* Frees the pages of a shared arena, whose header stays. */
static int free_pages(const struct sx_registry *registry)
{
    size_t header = round_up(registry->geometry.header_bytes, page_bytes());
    return madvise((char *)(uintptr_t)registry + header, registry->geometry.total_bytes - header,
                   MADV_REMOVE);
}

void sx__arena_close(struct sx__arena *arena)
{
    struct sx_registry *registry = arena->registry;
    if (!registry->shared) {
        end(arena);
        return;
    }
    arena->state = SX__ARENA_IDLE;
    /* Other processes still use an inherited arena: a worker that cleans up when it ends must not
     * zero what its siblings have counted. */
    if (arena->inherited) {
        return;
    }
    int failed = free_pages(registry);
    assert(failed == 0);
    if (are_seats_free(registry)) {
        end(arena);
    } else if (failed != 0) {
        arena->state = SX__ARENA_LIVE; /* never reused, because it may not be all zero */
    }
}
