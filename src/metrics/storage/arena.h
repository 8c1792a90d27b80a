/* arena.h: where the memory of a registry is.
 *
 *   header | directory | process rows (gauges) | overflow row | thread rows (counters, histograms)
 *
 * These parts lie one after the other, each with the addresses that its limit needs. A shared arena
 * is one mapping. A private arena has nothing but the addresses at first; each part is mapped from
 * its start as far as it is in use, and further when it grows. See growth.h. An arena with a name
 * is shared, too, and gets memory in the same way as a private one; see named_arena.h.
 *
 * A row holds one cell of 8 bytes for each number of the registry; a number has the same offset in
 * every row. A private arena has one process row. A shared arena has SX__PROCESSES of them, one
 * more for the pins of all further processes, whose gauges do not count, and two that no process
 * owns (left_values.h). The value of a counter is the sum over the thread rows and the overflow
 * row. The value of a gauge is the sum over the rows of the live processes, unless its family has
 * another mode (multiprocess.h), and in a private registry also of what increments.h counts.
 *
 * All references are offsets, so a forked process can map the arena anywhere. Fields that threads
 * read without the directory's lock are accessed with the __atomic builtins, as in the inlined
 * counter of the public header.
 *
 * Lock order: the table of arenas, then a directory, then one of these: the list of shows, that of
 * collectors, the index of families, the list of threads, growth. Only fork() takes several of
 * them, in this order. Seats are taken with trylock only.
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
#define SX__KEPT_ROW (SX__PROCESSES + 1) /* see left_values.h */
#define SX__RULES_ROW (SX__PROCESSES + 2)
#define SX__THREAD_ROWS_DEFAULT 64
#define SX__THREAD_ROWS_MAX 1024
#define SX__BYTES_MAX ((size_t)16 << 30) /* of a row: cells and refs are numbered in 32 bits */
#define SX__ROW_WORDS (SX__THREAD_ROWS_MAX / 64)

/* Whether the row of a process seat counts. Seats of thread rows do not use it. */
enum sx__seat_state {
    SX__SEAT_NEW,  /* never taken; the row is all zero */
    SX__SEAT_LIVE, /* the row belongs to a process */
    SX__SEAT_LEFT, /* the process has ended; the next owner zeroes the row */
    SX__SEAT_KEPT, /* and what it left has been kept */
};

/* The ownership of a row: the thread or process that holds the mutex owns the row. Each seat has a
 * cache line of its own (no false sharing), because starting threads try many of them. */
struct sx__seat {
    _Alignas(64) pthread_mutex_t mutex;
    uint32_t state;
    int32_t orphan_of; /* processes: the pid, if the thread that took the seat ended before its
                          process */
    uint64_t epoch;    /* thread rows: of the thread that is reading; 0: it is not; see epochs.h */
};

struct sx__geometry {
    size_t thread_rows;
    size_t process_rows;
    size_t row_bytes;       /* what cells may use of a row */
    size_t row_stride;      /* from one row to the next; no two rows have a page in common */
    size_t header_bytes;    /* with the seats */
    size_t directory_bytes; /* with the header; a multiple of page_bytes */
    size_t rows_offset;     /* of the first row, from the start of the header */
    size_t total_bytes;
    size_t page_bytes;
};

/* How much of each part has memory behind it, counted from the start of the part; see growth.h. */
struct sx__mapped {
    bool grows;             /* false: all parts are one mapping, and have all they can have */
    bool is_named;          /* one mapping, of whose file each part gets memory as it grows */
    size_t directory_bytes; /* with the header */
    size_t process_row_bytes;
    size_t thread_row_bytes; /* of the overflow row, and of each thread row that is mapped */
    size_t thread_rows;      /* thread rows from this one on are not mapped */
    size_t process_rows;     /* of a registry with a name: rows of processes from this one on have
                                no memory, except those from SX__PROCESSES on */
};

#define SX__RECORD_SIZES 132
#define SX__CELL_KINDS (SX_BUCKETS_MAX + 4) /* see series_cells.h */

/* What was removed and may still be in use, oldest first. Refs; 0: none. */
struct sx__retired_list {
    uint32_t first;
    uint32_t last;
    uint32_t count;
    uint32_t since_reclaim; /* how many were added since the last attempt to reclaim some */
};

/* What must be the same in all programs that have the registry. */
struct sx__layout {
    uint32_t format; /* SX__LAYOUT_FORMAT */
    uint32_t byte_order;
    uint32_t pointer_bytes;
    uint32_t page_bytes;
    uint32_t mutex_bytes;
    uint32_t header_bytes;
    uint32_t seat_bytes;
    uint32_t family_bytes; /* of records, which the layer above knows */
    uint32_t series_bytes;
    uint32_t process_rows;
    char libc[64]; /* which one, and its version: it defines the mutexes */
};

/* Add 1 when what lies in an arena changes its meaning and not its size. */
#define SX__LAYOUT_FORMAT 1u

/* The header of an arena. In a shared arena, what follows thread_rows_claimed outlives the
 * registry: a thread that has a row of a destroyed registry keeps it in the next one that uses the
 * arena. */
struct sx_registry {
    struct sx__layout layout; /* of a shared arena */
    struct sx__geometry geometry;
    struct sx__mapped mapped;
    uint32_t arena;
    bool shared;
    bool has_created;     /* series have the time when they were made; see series_record.h */
    uint32_t constants;   /* ref of the name prefix and constant labels; 0: none; see constants.h */
    uint64_t hash_key[2]; /* random, against label values that a client chose to collide */

    pthread_mutex_t lock; /* of the directory; guards the fields from here to thread_rows_claimed */
    size_t directory_used; /* bytes from the start of the header */
    size_t directory_limit;
    uint32_t thread_cells_used;
    uint32_t process_cells_used; /* of gauges and pins */
    uint32_t cells_limit;
    uint32_t first_family; /* refs; see directory.h */
    uint32_t last_family;
    struct sx__retired_list retired;         /* see retired.h */
    uint32_t free_records[SX__RECORD_SIZES]; /* refs, one list for each size */
    uint32_t free_cells[SX__CELL_KINDS];     /* refs, one list for each kind */
    uint32_t free_lanes;      /* refs, the list of those of native histograms; see native.h */
    uint32_t free_exemplars;  /* ref, the list of their records; see exemplars.h */
    uint32_t spare_exemplars; /* the cell of a thread row with the ref of its record; 0: none yet */
    uint32_t families_removed; /* so far */
    uint64_t links;            /* how many families and series were linked; see sx__will_link */
    bool has_unwanted_families;
    bool has_idle_families;            /* with idle_seconds, whether they still exist or not */
    bool has_self_metrics;             /* that are not 0 */
    bool has_left_rules;               /* see left_values.h */
    uint64_t processes_without_gauges; /* how many there have been */
    pthread_mutex_t growth;            /* of a registry with a name: guards `mapped`; taken last */

    _Alignas(64) uint64_t epoch; /* incremented by each removal */
    uint64_t cells_returned;     /* how often cells of a series were set to 0 for another one */
    bool needs_fences;           /* of readers; see epochs.h */
    uint32_t counted_phase;      /* of readers without a row; see epochs.c */
    uint32_t counted_step;
    uint64_t counted_target;
    uint64_t counted_safe;
    int64_t fork_ns; /* when a process that has handles last called fork(); 0: never */

    bool has_live_all; /* families of SX_MODE_LIVE_ALL; see each_process.h */
    uint64_t keepings; /* odd while values are moved to SX__KEPT_ROW; see left_values.h */

    uint64_t folds; /* odd while amounts are moved from row to row; see row_folding.h */

    _Alignas(64) uint32_t thread_rows_claimed; /* thread rows from this one on were never used */
    uint64_t
        counting_rows[SX__ROW_WORDS];  /* a bit for each thread row that may have whole amounts */
    uint64_t idle_rows[SX__ROW_WORDS]; /* and for each one that nobody claimed for some time */
    _Alignas(64) struct sx__seat seats[]; /* of the thread rows, then of the processes */
};

enum sx__arena_state { SX__ARENA_NONE, SX__ARENA_LIVE, SX__ARENA_IDLE };

/* What this process knows of an arena. It is unmapped with its registry. A shared one is not while
 * a thread holds a seat, because the kernel's list of the robust mutexes that the thread holds
 * leads through it; the next shared registry uses it again. */
struct sx__arena {
    struct sx_registry *registry;
    enum sx__arena_state state;
    bool inherited;     /* shared, and made by a process that this one was forked from, or by the
                           program before this one; or named */
    bool is_named;      /* other programs may have it, too; see named_arena.h */
    bool is_taken_over; /* by this process or one that it was forked from; see takeover.h */
    bool has_clashed;   /* if so: a metric differs from the one of its name that is there */
    int file;           /* behind a shared arena, to find its resident pages; else -1 */
    dev_t device;       /* what `file` must still refer to */
    ino_t inode;
    size_t mapped_bytes; /* of one with a name */
};

extern struct sx__arena sx__arenas[SX__ARENAS];
extern pthread_mutex_t
    sx__arenas_lock; /* guards the table; held while a registry is made or ended */

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

static inline uint64_t sx__row_bit(size_t thread_row)
{
    return UINT64_C(1) << thread_row % 64;
}

/** Whether a thread row has its bit in counting_rows or idle_rows. */
static inline bool sx__row_is_in(const uint64_t *rows, size_t thread_row)
{
    return (__atomic_load_n(&rows[thread_row / 64], __ATOMIC_ACQUIRE) & sx__row_bit(thread_row)) !=
           0;
}

/* Two cells of a process row: how many threads without a thread row are reading, by the phase in
 * which they began; see epochs.c. */
#define SX__READERS_CELL 1u

/** The cell of a row. */
static inline uint64_t *sx__cell(const char *row, uint32_t cell)
{
    return (uint64_t *)(void *)(uintptr_t)row + cell;
}

#endif
