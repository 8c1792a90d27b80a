/* epochs.h: what is removed is not used again while a thread may be reading it.
 *
 * A registry counts its removals: its epoch. A thread that reads records without the directory's
 * lock, or updates cells whose series it has just found, writes the epoch into the seat of its
 * thread row before, and 0 after. A removed record is free once every thread that was reading when
 * it was removed has ended its reading. Nobody waits for that: the record stays in a list
 * meanwhile; see retired.h. A thread without a row counts itself in the row of its process instead.
 *
 * The store into the seat must be visible before the thread reads. Where the kernel offers it, the
 * reclaiming thread executes the memory barrier for all others, so that readers need none.
 */
#ifndef SX_METRICS_EPOCHS_H
#define SX_METRICS_EPOCHS_H

#include "thread_rows.h"

/* What sx__epoch_leave has to undo. */
enum sx__epoch_entry {
    SX__EPOCH_NESTED, /* nothing: a caller is reading already */
    SX__EPOCH_SEAT,
    SX__EPOCH_COUNTED, /* in phase 0 */
    SX__EPOCH_COUNTED_1,
};

/** Counts a reader without a thread row. */
enum sx__epoch_entry sx__epoch_enter_counted(struct sx_registry *registry);
void sx__epoch_leave_counted(struct sx_registry *registry, enum sx__epoch_entry entry);

/** Begins to read. What the thread finds stays until sx__epoch_leave.
 *
 * Threads:  [any]; may be nested
 */
static inline enum sx__epoch_entry sx__epoch_enter(struct sx_registry *registry)
{
    struct sx__seat *seat = sx__thread_seat(registry->arena);
    if (__builtin_expect(seat == NULL, 0)) {
        return sx__epoch_enter_counted(registry);
    }
    if (__atomic_load_n(&seat->epoch, __ATOMIC_RELAXED) != 0) {
        return SX__EPOCH_NESTED;
    }
    const uint64_t now = __atomic_load_n(&registry->epoch, __ATOMIC_ACQUIRE);
    if (registry->needs_fences) {
        (void)__atomic_exchange_n(&seat->epoch, now, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n(&seat->epoch, now, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    return SX__EPOCH_SEAT;
}

/** Ends the reading that sx__epoch_enter began, in the same thread. */
static inline void sx__epoch_leave(struct sx_registry *registry, enum sx__epoch_entry entry)
{
    if (__builtin_expect(entry >= SX__EPOCH_COUNTED, 0)) {
        sx__epoch_leave_counted(registry, entry);
    } else if (entry == SX__EPOCH_SEAT) {
        /* In a child that was forked while it was reading, the thread has no row. */
        char *const *rows = sx__thread_rows;
        if (rows[registry->arena] != NULL) {
            __atomic_store_n(
                &((const struct sx__thread *)(const void *)rows)->seats[registry->arena]->epoch, 0,
                __ATOMIC_RELEASE);
        }
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
