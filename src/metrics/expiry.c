/* expiry.c: sweeps. */
#include "expiry.h"

#include "cells.h"
#include "clock.h"
#include "pins.h"
#include "retired.h"
#include "series.h"
#include "series_values.h"

static uint64_t now_in_ms(void)
{
    return sx__clock_now_ns() / 1000000;
}

static struct sx__activity *activity_of(const struct sx__series *series)
{
    return sx__at(sx__arenas[series->handle.arena].registry, series->activity);
}

bool sx__activity_make(struct sx_registry *registry, struct sx__series *series)
{
    struct sx__activity *activity = sx__directory_allocate(registry, sizeof *activity);
    if (activity != NULL) {
        *activity = (struct sx__activity){.changed_ms = now_in_ms()};
        series->activity = sx__ref(registry, activity);
    }
    return activity != NULL;
}

void sx__activity_free(struct sx_registry *registry, const struct sx__series *series)
{
    if (series->activity != 0) {
        sx__directory_free(registry, sx__at(registry, series->activity),
                           sizeof(struct sx__activity));
    }
}

/* ---- has it changed? ---- */

static uint64_t add_to_digest(uint64_t digest, uint64_t number)
{
    return (digest ^ number) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t digest_counter(const struct sx__reading *reading, const struct sx__series *series)
{
    struct sx__counter_value value = {0};
    (void)sx__read_counter(reading, series, &value);
    return add_to_digest(add_to_digest(0, value.whole), sx__bits_of(value.number));
}

static uint64_t digest_histogram(const struct sx__reading *reading, const struct sx__series *series,
                                 uint32_t bound_count)
{
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    double sum = 0;
    uint64_t count = 0;
    if (sx__read_histogram(reading, series, bound_count, buckets, &sum)) {
        for (uint32_t i = 0; i <= bound_count; i++) {
            count += buckets[i];
        }
    }
    return add_to_digest(add_to_digest(0, count), sx__bits_of(sum));
}

static uint64_t digest_of(const struct sx__reading *reading, const struct sx__series *series)
{
    double value = 0;
    const struct sx__family *family = sx__series_family(series);
    switch (family->type) {
    case SX_COUNTER:
        return digest_counter(reading, series);
    case SX_HISTOGRAM:
        return digest_histogram(reading, series, family->bound_count);
    default:
        (void)sx__read_gauge(reading, series, &value);
        return add_to_digest(0, sx__bits_of(value));
    }
}

static bool is_pinned(const struct sx__series *series)
{
    const uint32_t pin = __atomic_load_n(&sx__series_cells(series)->pin, __ATOMIC_SEQ_CST);
    return pin != 0 && sx__is_pinned(sx__arenas[series->handle.arena].registry, pin);
}

uint64_t sx__activity_look(const struct sx__reading *reading, const struct sx__series *series,
                           uint64_t now_ms)
{
    struct sx__activity *activity = activity_of(series);
    const uint64_t digest = digest_of(reading, series);
    const bool was_marked = __atomic_exchange_n(&activity->is_marked, 0, __ATOMIC_RELAXED) != 0;
    if (was_marked || digest != __atomic_load_n(&activity->seen, __ATOMIC_RELAXED) ||
        is_pinned(series)) {
        __atomic_store_n(&activity->seen, digest, __ATOMIC_RELAXED);
        __atomic_store_n(&activity->changed_ms, now_ms, __ATOMIC_RELAXED);
    }
    const uint64_t changed_ms = __atomic_load_n(&activity->changed_ms, __ATOMIC_RELAXED);
    return now_ms > changed_ms ? now_ms - changed_ms : 0;
}

/* ---- sweeps ---- */

/* Removes the series unless it is removed already, or was pinned meanwhile. A thread that pins it
 * looks afterwards whether it is removed, so it is marked as removed first. If it was pinned before
 * that, it stays: whoever looked it up in between waits for the lock and finds it again. */
static bool remove_idle(struct sx_registry *registry, struct sx__family *family,
                        struct sx__series *series)
{
    sx__directory_lock(registry);
    bool is_removed = !sx__series_is_removed(series);
    if (is_removed) {
        __atomic_store_n(&series->removed, 1, __ATOMIC_SEQ_CST);
        if (is_pinned(series)) {
            __atomic_store_n(&series->removed, 0, __ATOMIC_SEQ_CST);
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

static unsigned sweep(struct sx_registry *registry, struct sx__family *family, uint64_t now_ms)
{
    struct sx__reading reading;
    unsigned removed = 0;
    sx__reading_begin(&reading, registry);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        if (sx__ref(registry, series) != __atomic_load_n(&family->overflow, __ATOMIC_RELAXED) &&
            sx__activity_look(&reading, series, now_ms) >= family->idle_ms) {
            removed += remove_idle(registry, family, sx__at(registry, sx__ref(registry, series)));
        }
    }
    sx__reading_end(&reading);
    return removed;
}

unsigned sx__family_expire(struct sx__family *family, bool now)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    const uint64_t now_ms = now_in_ms();
    if (family->idle_ms == 0 || !(takes_turn(family, now_ms) || now)) {
        return 0;
    }
    return sweep(registry, family, now_ms);
}

unsigned sx__registry_expire(struct sx_registry *registry, bool now)
{
    unsigned removed = 0;
    if (!__atomic_load_n(&registry->has_idle_families, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    const struct sx__reader reader = sx__epoch_enter(registry);
    const struct sx__family *family = sx__family_at(registry, &registry->first_family);
    for (; family != NULL; family = sx__family_at(registry, &family->next)) {
        removed += sx__family_expire(sx__at(registry, sx__ref(registry, family)), now);
    }
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
