/* arena.h: the one mapping of a registry.
 *
 *   header | directory | process rows (gauges) | overflow row | thread rows (counters, histograms)
 *
 * A row holds one cell of 8 bytes for each number of the registry; a number has the same offset in
 * every row. A private arena has one process row. A shared one has SX__PROCESSES of them, and one
 * more that processes beyond these update together. A counter's value is the sum over the thread
 * rows and the overflow row, a gauge's the sum over the rows of the live processes.
 *
 * Everything refers to everything by offset, so that processes that fork after the arena was made
 * see the same thing. Fields that threads read without the directory's lock are read and written
 * with the __atomic builtins, as in the inlined counter of the public header.
 *
 * Lock order: the table of arenas, then a directory, then the list of collectors. A seat is only
 * ever tried, never waited for.
 */
#ifndef SX_METRICS_ARENA_H
#define SX_METRICS_ARENA_H

#include <sextant/metrics.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "an arena needs 64-bit address space");
_Static_assert(sizeof(double) == 8, "a cell holds a double");

#define SX__CELL_BYTES 8
#define SX__PROCESSES 64 /* processes of a shared arena that have gauges of their own */
#define SX__THREAD_ROWS_DEFAULT 64
#define SX__THREAD_ROWS_MAX 1024

/* Whether a seat's row counts; only process seats use it. */
enum sx__seat_state {
    SX__SEAT_NEW,  /* nobody sat here, the row is all zero */
    SX__SEAT_LIVE, /* the row belongs to a process */
    SX__SEAT_LEFT, /* the process has ended, the row is to be zeroed */
};

/* The right to a row: a thread sits on a thread row row, a process on a process row. Whoever holds
 * the mutex owns the row. Each has a cache line of its own, since threads try them as they start.
 */
struct sx__seat {
    _Alignas(64) pthread_mutex_t mutex;
    uint32_t state;
    int32_t orphan_of; /* pid, where the thread that sat for a process ended before the process */
};

struct sx__geometry {
    size_t thread_rows;
    size_t process_rows;
    size_t row_bytes;       /* what cells may use of a row */
    size_t row_stride;      /* from one row to the next */
    size_t directory_bytes; /* with the header */
    size_t rows_offset;     /* of the first row in the mapping */
    size_t total_bytes;
};

/* The header of the mapping. Seats and thread_rows_claimed outlive the registry: a thread of the
 * former registry still sits, and goes on sitting, on a thread row of the next one. */
struct sx_registry {
    struct sx__geometry geometry;
    uint32_t arena;
    bool shared;
    uint64_t hash_key[2]; /* random, so that no client can choose label values that collide */

    pthread_mutex_t lock;  /* of the directory; guards all that follows up to thread_rows_claimed */
    size_t directory_used; /* bytes from the start of the mapping */
    size_t directory_limit;
    uint32_t thread_cells_used;
    uint32_t gauge_cells_used;
    uint32_t cells_limit;
    uint32_t first_family; /* refs; see directory.h */
    uint32_t last_family;

    _Alignas(64) uint32_t thread_rows_claimed; /* no thread row from here on was ever used */
    _Alignas(64) struct sx__seat seats[];      /* of the thread rows, then of the processes */
};

enum sx__arena_state { SX__ARENA_NONE, SX__ARENA_LIVE, SX__ARENA_IDLE };

/* What this process knows of an arena. Never unmapped: a thread may look at its thread row at any
 * time.
 */
struct sx__arena {
    struct sx_registry *registry;
    enum sx__arena_state state;
    bool inherited; /* shared, and made by a process that we were forked from */
    int file;       /* behind a shared one, to ask which pages were written to; else -1 */
    dev_t device;   /* what the file must still be */
    ino_t inode;
};

extern struct sx__arena sx__arenas[SX__ARENAS];
extern pthread_mutex_t
    sx__arenas_lock; /* guards the table; held while a registry is made or ended */

/** Finds or maps an arena of at least this size and initialises its registry's header.
 *
 * @param options  with no field zero
 * Errors:   SX_ENOMEM
 * Threads:  the caller holds sx__arenas_lock
 */
int sx__arena_open(struct sx_registry **registry, const struct sx_registry_options *options);

/** Gives the arena's pages back and keeps its addresses. The caller holds sx__arenas_lock. */
void sx__arena_close(struct sx__arena *arena);

static inline char *sx__row(const struct sx_registry *registry, size_t index)
{
    const struct sx__geometry *geometry = &registry->geometry;
    return (char *)(uintptr_t)registry + geometry->rows_offset + index * geometry->row_stride;
}

static inline char *sx__overflow_row(const struct sx_registry *registry)
{
    return sx__row(registry, registry->geometry.process_rows);
}

static inline char *sx__thread_row_at(const struct sx_registry *registry, size_t index)
{
    return sx__row(registry, registry->geometry.process_rows + 1 + index);
}

static inline struct sx__seat *sx__process_seat(struct sx_registry *registry, size_t process)
{
    return &registry->seats[registry->geometry.thread_rows + process];
}

/** The cell of a row. */
static inline uint64_t *sx__cell(const char *row, uint32_t cell)
{
    return (uint64_t *)(void *)(uintptr_t)row + cell;
}

#endif
