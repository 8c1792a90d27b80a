/* expiry.h: removing series that have not changed for their family's idle_seconds.
 *
 * Updates write no time. A sweep compares what each series of such a family shows with what it
 * showed at the last sweep, and writes down when it saw a change. A gauge that is set to the value
 * that it had is marked as changed by whoever sets it. A series that a handle pins counts as
 * changed.
 *
 * No thread runs in the background: scrapes sweep, look-ups that meet the limit of the family, and
 * sx_registry_expire. A series that is updated by label values while it expires keeps the update,
 * so the update is gone with it, as if it had come just before.
 */
#ifndef SX_METRICS_EXPIRY_H
#define SX_METRICS_EXPIRY_H

#include "reading.h"
#include "records.h"

/* What sweeps know of a series in a family with idle_seconds. */
struct sx__activity {
    uint64_t seen;       /* a digest of what the series showed at the last sweep */
    uint64_t changed_ms; /* when a sweep last saw a change; CLOCK_MONOTONIC */
    uint32_t is_marked;  /* 1: it changed since, whatever it shows */
    uint32_t reserved;
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

/** Looks whether a series has changed since the last look, and returns for how many milliseconds it
 * has not. The caller is reading. */
uint64_t sx__activity_look(const struct sx__reading *reading, const struct sx__series *series,
                           uint64_t now_ms);

/** Removes the idle series of a family.
 *
 * @param now  false: do nothing if the last sweep was less than an eighth of idle_seconds ago
 * @return   how many were removed
 * Threads:  [any]; takes the directory's lock for each removal
 */
unsigned sx__family_expire(struct sx__family *family, bool now);

/** The same for all families of the registry. */
unsigned sx__registry_expire(struct sx_registry *registry, bool now);

#endif
