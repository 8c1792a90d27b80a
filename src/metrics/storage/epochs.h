/* epochs.h: what is removed is not used again while a thread may be reading it.
 *
 * A registry counts its removals: its epoch. A thread that reads records without the directory's
 * lock, or updates cells whose series it has just found, writes the epoch into the seat of its
 * thread row before, and 0 after. A removed record is free once every thread that was reading when
 * it was removed has ended its reading. Nobody waits for that: the record stays in a list
 * meanwhile; see retired.h. A thread without a row counts itself in the row of its process instead.
 *
 * Order in memory. The reader stores its epoch and then reads; the reclaiming thread takes a record
 * out, increments the epoch, and then reads the seats. One of the two must see the store of the
 * other, so each needs a full memory barrier between its store and its loads. Where the kernel
 * offers it, the reclaiming thread executes both (membarrier), and the readers' store is relaxed.
 * Else a fence follows it. When the reader has finished, its store of 0 is a release: a reclaiming
 * thread that sees it, or a later epoch of the same seat, also sees that all reading was done. That
 * holds on ppc64, too: lwsync is before the store of 0 and so before any later one.
 */
#ifndef SX_METRICS_EPOCHS_H
#define SX_METRICS_EPOCHS_H

#include "memory_barrier.h"
#include "thread_rows.h"

/* A thread that is reading. */
struct sx__reader {
    char *const *rows;     /* the thread's sx__thread_rows */
    struct sx__seat *seat; /* to be left; NULL: a caller is reading already, or it is counted */
    unsigned counted;      /* 0: it is not counted; else its phase + 1 */
};

/** Begins to read, as a thread without a row. */
struct sx__reader sx__epoch_enter_counted(struct sx_registry *registry);
void sx__epoch_leave_counted(struct sx_registry *registry, unsigned counted);

/** Begins to read. What the thread finds stays until sx__epoch_leave.
 *
 * Threads:  [any]; may be nested. The thread must not call fork() before it has finished.
 */
static inline struct sx__reader sx__epoch_enter(struct sx_registry *registry)
{
    const uint32_t arena = registry->arena;
    struct sx__reader reader = {.rows = sx__thread_rows};
    if (__builtin_expect(reader.rows[arena] == NULL, 0)) {
        if (sx__thread_row_claim(arena) == NULL) {
            return sx__epoch_enter_counted(registry);
        }
        reader.rows = sx__thread_rows;
    }
    struct sx__seat *seat = ((const struct sx__thread *)(const void *)reader.rows)->seats[arena];
    if (__atomic_load_n(&seat->epoch, __ATOMIC_RELAXED) != 0) {
        return reader;
    }
    const uint64_t now = __atomic_load_n(&registry->epoch, __ATOMIC_ACQUIRE);
    if (registry->needs_fences) {
        (void)__atomic_exchange_n(&seat->epoch, now, __ATOMIC_SEQ_CST);
        sx__fence_after_exchange();
    } else {
        __atomic_store_n(&seat->epoch, now, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    reader.seat = seat;
    return reader;
}

/** Ends the reading that sx__epoch_enter began, in the same thread. */
static inline void sx__epoch_leave(struct sx_registry *registry, struct sx__reader reader)
{
    if (__builtin_expect(reader.seat != NULL, 1)) {
        __atomic_store_n(&reader.seat->epoch, 0, __ATOMIC_RELEASE);
    } else if (reader.counted != 0) {
        sx__epoch_leave_counted(registry, reader.counted);
    }
}

/** Ends the epoch and returns it, for a record that no reader can find any more. The directory's
 * lock is held. */
static inline uint64_t sx__epoch_end(struct sx_registry *registry)
{
    return __atomic_fetch_add(&registry->epoch, 1, __ATOMIC_SEQ_CST);
}

/** Returns the oldest epoch in which a thread may be reading: what was removed in an earlier one is
 * free. UINT64_MAX: no thread is reading. 0: nothing is free, as far as is known. The directory's
 * lock is held. */
uint64_t sx__epoch_oldest(struct sx_registry *registry);

#endif
