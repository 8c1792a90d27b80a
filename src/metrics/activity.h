/* activity.h: when a series last changed, in families with idle_seconds.
 *
 * Updates store no time. A sweep or an iteration compares the value of a series with the value that
 * the last one saw, and stores the time if they differ. Two functions set a mark, because the value
 * may be the same afterwards: an update of a gauge by label values, and giving up a handle. A
 * series that a handle pins counts as changed.
 */
#ifndef SX_METRICS_ACTIVITY_H
#define SX_METRICS_ACTIVITY_H

#include "reading.h"
#include "records.h"

/* What is known of a series. */
struct sx__activity {
    uint64_t seen;       /* a digest of what the series showed at the last look */
    uint64_t changed_ms; /* when a look last saw a change; CLOCK_MONOTONIC */
    uint32_t is_marked;  /* 1: it changed since, whatever it shows */
};

/** Gives a new series its record of activity. Returns false if the directory is full. The
 * directory's lock is held. */
bool sx__activity_make(struct sx_registry *registry, struct sx__series *series);

/** Frees that record. The directory's lock is held. */
void sx__activity_free(struct sx_registry *registry, const struct sx__series *series);

/** Notes that a series changes, though it may show the same. */
static inline void sx__activity_mark(const struct sx__series *series)
{
    if (__builtin_expect(series->activity != 0, 0)) {
        struct sx__activity *activity =
            sx__at(sx__arenas[series->handle.arena].registry, series->activity);
        __atomic_store_n(&activity->is_marked, 1, __ATOMIC_RELAXED);
    }
}

/** Whether a handle pins the series. */
bool sx__series_is_pinned(const struct sx__series *series);

/** Looks whether a series has changed since the last look, and returns for how many milliseconds it
 * has not. The caller is reading. */
uint64_t sx__activity_look(const struct sx__reading *reading, const struct sx__series *series,
                           uint64_t now_ms);

/** The time that it counts in: milliseconds of CLOCK_MONOTONIC. */
uint64_t sx__activity_now_ms(void);

#endif
