/* activity.c: looking whether a series has changed. */
#include "activity.h"

#include "cells.h"
#include "clock.h"
#include "directory.h"
#include "pins.h"
#include "series_values.h"

uint64_t sx__activity_now_ms(void)
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
        *activity = (struct sx__activity){.changed_ms = sx__activity_now_ms()};
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
    case SX_SUMMARY:
        return digest_histogram(reading, series, family->bound_count);
    default:
        (void)sx__read_gauge(reading, series, &value);
        return add_to_digest(0, sx__bits_of(value));
    }
}

bool sx__series_is_pinned(const struct sx__series *series)
{
    const uint32_t pin = __atomic_load_n(&sx__series_cells(series)->pin, __ATOMIC_SEQ_CST);
    return pin != 0 && sx__is_pinned(sx__arenas[series->handle.arena].registry, pin);
}

/* Not sx__series_is_pinned, which returns true for some seconds after a fork: a fork changes no
 * series. */
static bool has_pins(const struct sx__series *series)
{
    const uint32_t pin = __atomic_load_n(&sx__series_cells(series)->pin, __ATOMIC_SEQ_CST);
    return pin != 0 && sx__has_pins(sx__arenas[series->handle.arena].registry, pin);
}

uint64_t sx__activity_look(const struct sx__reading *reading, const struct sx__series *series,
                           uint64_t now_ms)
{
    struct sx__activity *activity = activity_of(series);
    const uint64_t digest = digest_of(reading, series);
    /* Read the pins before the mark: releasing a handle sets the mark first, then drops the pin. */
    const bool is_pinned = has_pins(series);
    const bool was_marked = __atomic_exchange_n(&activity->is_marked, 0, __ATOMIC_RELAXED) != 0;
    if (was_marked || digest != __atomic_load_n(&activity->seen, __ATOMIC_RELAXED) || is_pinned) {
        __atomic_store_n(&activity->seen, digest, __ATOMIC_RELAXED);
        __atomic_store_n(&activity->changed_ms, now_ms, __ATOMIC_RELAXED);
    }
    const uint64_t changed_ms = __atomic_load_n(&activity->changed_ms, __ATOMIC_RELAXED);
    return now_ms > changed_ms ? now_ms - changed_ms : 0;
}
