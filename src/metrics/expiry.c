/* expiry.c: sweeps. */
#include "expiry.h"

#include "activity.h"
#include "retired.h"
#include "series.h"

static bool is_idle(const struct sx__reading *reading, const struct sx__family *family,
                    const struct sx__series *series, uint64_t now_ms)
{
    return sx__activity_look(reading, series, now_ms) >= family->idle_ms;
}

/* Removes the series unless it is removed already, or was changed or pinned while this thread
 * waited for the lock. A thread that pins a series checks afterwards whether it is removed. So this
 * function first marks the series as leaving, then checks the pins. If there is a pin, it takes the
 * mark back. A thread that looks up the series meanwhile waits for the lock and finds it again. */
static bool remove_idle(struct sx_registry *registry, struct sx__family *family,
                        struct sx__series *series, uint64_t now_ms)
{
    struct sx__reading fresh; /* with the rows that threads have claimed since the sweep began */
    sx__directory_lock(registry);
    sx__reading_of_thread_rows(&fresh, registry);
    sx__reading_of_process_rows(&fresh, registry);
    bool is_removed = !sx__series_is_removed(series) && is_idle(&fresh, family, series, now_ms);
    if (is_removed) {
        __atomic_store_n(&series->retired.removed, SX__SERIES_LEAVES, __ATOMIC_SEQ_CST);
        if (sx__series_is_pinned(series)) {
            __atomic_store_n(&series->retired.removed, 0, __ATOMIC_SEQ_CST);
            is_removed = false;
        } else {
            sx__series_retire(registry, family, series);
        }
    }
    sx__directory_unlock(registry);
    return is_removed;
}

/* Whether it is time for a sweep, which this thread then makes. */
static bool takes_turn(struct sx__family *family, uint64_t now_ms)
{
    uint64_t next = __atomic_load_n(&family->next_sweep_ms, __ATOMIC_RELAXED);
    return now_ms >= next &&
           __atomic_compare_exchange_n(&family->next_sweep_ms, &next, now_ms + family->idle_ms / 8,
                                       false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static unsigned sweep(const struct sx__reading *reading, struct sx__family *family, uint64_t now_ms)
{
    struct sx_registry *registry = reading->registry;
    unsigned removed = 0;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        if (sx__ref(registry, series) != __atomic_load_n(&family->overflow, __ATOMIC_RELAXED) &&
            is_idle(reading, family, series, now_ms)) {
            removed +=
                remove_idle(registry, family, sx__at(registry, sx__ref(registry, series)), now_ms);
        }
    }
    return removed;
}

unsigned sx__family_expire(struct sx__family *family)
{
    struct sx__reading reading;
    if (family->idle_ms == 0) {
        return 0;
    }
    const uint64_t now_ms = sx__activity_now_ms();
    if (!takes_turn(family, now_ms)) {
        return 0;
    }
    sx__reading_begin(&reading, sx__arenas[family->arena].registry);
    const unsigned removed = sweep(&reading, family, now_ms);
    sx__reading_end(&reading);
    return removed;
}

/* Begins to read only if a family is to be swept, as that may take long. */
static unsigned sweep_all(struct sx_registry *registry, bool now)
{
    struct sx__reading reading;
    bool is_reading = false;
    unsigned removed = 0;
    const uint64_t now_ms = sx__activity_now_ms();
    const struct sx__family *next = sx__family_at(registry, &registry->first_family);
    for (; next != NULL; next = sx__family_at(registry, &next->next)) {
        struct sx__family *family = sx__at(registry, sx__ref(registry, next));
        if (family->idle_ms > 0 && (takes_turn(family, now_ms) || now)) {
            if (!is_reading) {
                sx__reading_begin(&reading, registry);
                is_reading = true;
            }
            removed += sweep(&reading, family, now_ms);
        }
    }
    if (is_reading) {
        sx__reading_end(&reading);
    }
    return removed;
}

unsigned sx__registry_expire(struct sx_registry *registry, bool now)
{
    if (!__atomic_load_n(&registry->has_idle_families, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    const struct sx__reader reader = sx__epoch_enter(registry);
    const unsigned removed = sweep_all(registry, now);
    sx__epoch_leave(registry, reader);
    if (removed > 0) {
        sx__directory_lock(registry);
        (void)sx__retired_reclaim_all(registry);
        sx__directory_unlock(registry);
    }
    return removed;
}

int sx_registry_expire(struct sx_registry *registry)
{
    if (registry == NULL) {
        registry = sx_registry_default();
    }
    return registry == NULL ? SX_ENOMEM : (int)sx__registry_expire(registry, true);
}
