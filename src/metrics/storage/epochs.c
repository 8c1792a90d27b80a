/* epochs.c: which threads are reading.
 *
 * Readers without a thread row are counted, and some may be counted at every moment, so nobody
 * waits until there is none. They are counted in one of two phases instead, as in sleepable RCU.
 * The phase is changed when no reader of the other phase is left. Once all readers of the former
 * phase have finished, too, so has every reader from before the change.
 */
#include "epochs.h"

#include "lock.h"
#include "memory_barrier.h"
#include "process_rows.h"

static uint64_t *own_readers(const struct sx_registry *registry, uint32_t phase)
{
    return sx__cell(sx__process_row_of(registry->arena), SX__READERS_CELL + phase);
}

struct sx__reader sx__epoch_enter_counted(struct sx_registry *registry)
{
    const uint32_t phase = __atomic_load_n(&registry->counted_phase, __ATOMIC_SEQ_CST) & 1;
    (void)__atomic_fetch_add(own_readers(registry, phase), 1, __ATOMIC_SEQ_CST);
    sx__fence_after_exchange();
    return (struct sx__reader){.rows = sx__thread_rows, .counted = phase + 1};
}

void sx__epoch_leave_counted(struct sx_registry *registry, unsigned counted)
{
    (void)__atomic_fetch_sub(own_readers(registry, counted - 1), 1, __ATOMIC_RELEASE);
}

static bool has_counted_readers(struct sx_registry *registry, uint32_t phase)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i) &&
            __atomic_load_n(sx__cell(sx__row(registry, i), SX__READERS_CELL + phase),
                            __ATOMIC_SEQ_CST) != 0 &&
            sx__process_row_lives(registry, i)) {
            return true;
        }
    }
    return false;
}

/* What counted_step says is next. */
enum { WAIT_FOR_NOTHING, CHANGE_PHASE, FINISH };

/* The epoch before which no counted reader began that is still reading. */
static uint64_t oldest_counted(struct sx_registry *registry)
{
    if (!has_counted_readers(registry, 0) && !has_counted_readers(registry, 1)) {
        registry->counted_step = WAIT_FOR_NOTHING;
        return UINT64_MAX;
    }
    if (registry->counted_step == WAIT_FOR_NOTHING) {
        registry->counted_target = __atomic_load_n(&registry->epoch, __ATOMIC_SEQ_CST);
        registry->counted_step = CHANGE_PHASE;
    }
    const uint32_t other = (registry->counted_phase & 1) ^ 1;
    if (!has_counted_readers(registry, other)) {
        if (registry->counted_step == CHANGE_PHASE) {
            __atomic_store_n(&registry->counted_phase, other, __ATOMIC_SEQ_CST);
            registry->counted_step = FINISH;
        } else {
            registry->counted_safe = registry->counted_target;
            registry->counted_step = WAIT_FOR_NOTHING;
        }
    }
    return registry->counted_safe;
}

/* The epoch of a seat, or UINT64_MAX if its thread is not reading, or was killed. */
static uint64_t epoch_of(struct sx_registry *registry, struct sx__seat *seat)
{
    const uint64_t epoch = __atomic_load_n(&seat->epoch, __ATOMIC_ACQUIRE);
    if (epoch == 0) {
        return UINT64_MAX;
    }
    if (!registry->shared) {
        return epoch; /* no thread is killed without its process */
    }
    const enum sx__lock_result result = sx__lock_try(&seat->mutex);
    if (result == SX__LOCK_BUSY) {
        return epoch;
    }
    if (result == SX__LOCK_INHERITED) {
        sx__lock_mend(&seat->mutex);
    }
    __atomic_store_n(&seat->epoch, 0, __ATOMIC_RELEASE);
    sx__lock_release(&seat->mutex);
    return UINT64_MAX;
}

uint64_t sx__epoch_oldest(struct sx_registry *registry)
{
    if (!registry->needs_fences && !sx__memory_barrier()) {
        return 0;
    }
    sx__fence_after_exchange(); /* the increment of the epoch */
    /* A thread that claims a row after this fence cannot find a record that was removed before. */
    uint64_t oldest = oldest_counted(registry);
    const uint32_t claimed = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < claimed; i++) {
        const uint64_t epoch = epoch_of(registry, &registry->seats[i]);
        oldest = epoch < oldest ? epoch : oldest;
    }
    return oldest;
}
