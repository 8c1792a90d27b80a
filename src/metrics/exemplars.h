/* exemplars.h: an exemplar for a counter and for each bucket of a histogram: the labels, such as a
 * trace id, of an observation that was counted there. The newest one is kept.
 *
 * A record has one exemplar. A slot, one for a counter and for each bucket, refers to its record.
 * A thread writes an exemplar into a spare record of its own, and exchanges that for the record of
 * the slot, which becomes its spare. So threads never wait for each other, and a thread that is
 * killed blocks nobody: at most the registry loses the use of one record.
 *
 * A reader may read a record just when a thread has taken it out of its slot and writes another
 * exemplar into it. So a record has a version, which is odd while it is written (a seqlock), and
 * contains the number of the slot that it was written for. Records are never freed, only kept in a
 * list of the registry for reuse, so a late reader still finds a valid version there.
 *
 * All of it lies in the directory, so processes share exemplars as they share the directory. Slots
 * are made at the first exemplar of a series, records at the first of a slot.
 */
#ifndef SX_METRICS_EXEMPLARS_H
#define SX_METRICS_EXEMPLARS_H

#include "cells.h"
#include "records.h"

#define SX__EXEMPLAR_CODE_POINTS_MAX \
    128u /* in all names and values; OpenMetrics 1.0, "Exemplars" */
/* A code point has 4 bytes at most. Each label has a word of sizes, and its name and its value may
 * each fill a word only partly. */
#define SX__EXEMPLAR_WORDS_MAX (SX__EXEMPLAR_CODE_POINTS_MAX * 4 / 8 + SX_LABELS_MAX * 3)

/* Slots of a histogram that has native buckets only. Each is for some of the powers of two. */
#define SX__NATIVE_EXEMPLARS 8u

/* An exemplar, as it is written and read. */
struct sx__exemplar {
    uint64_t slot; /* which slot it is for; private to exemplars.c */
    double value;
    int64_t timestamp_ms; /* since 1970; 0: not known */
    uint64_t size;        /* of the labels, in words */
    uint64_t words[SX__EXEMPLAR_WORDS_MAX];
};

/* What an exemplar is made of. */
struct sx__exemplar_source {
    double value;
    int64_t timestamp_ms;
    const struct sx_label *labels;
    size_t count;
};

/** How many slots a series has: 1 for a counter, and for a histogram as many as buckets, or
 * SX__NATIVE_EXEMPLARS if it has native buckets only. */
uint32_t sx__exemplar_slots(const struct sx__family *family);

/** The slot of a value in a histogram that has native buckets only. */
static inline uint32_t sx__native_exemplar_slot(double value)
{
    return (uint32_t)(sx__bits_of(value) >> 52) % SX__NATIVE_EXEMPLARS;
}

/** Reads the exemplar of a slot. Returns false if there is none, or if other threads replaced it
 * during every attempt.
 *
 * Read the exemplars of a series before its numbers, and call sx__reading_refresh in between. Then
 * the numbers count each observation whose exemplar was read. The value lies within the bucket of
 * the slot. The caller is reading (see epochs.h) or has a handle.
 *
 * @param slot  less than sx__exemplar_slots
 */
bool sx__exemplar_read(struct sx__exemplar *exemplar, const struct sx__series *series,
                       uint32_t slot);

/** Sets an exemplar that is not in a registry.
 *
 * @return   false if the labels are not valid; the exemplar must not be read then
 */
bool sx__exemplar_set(struct sx__exemplar *exemplar, const struct sx__exemplar_source *source);

/** Walks the labels: returns the next one, and moves *at, which begins at 0, behind it. Returns
 * false after the last one. The views are into the exemplar. */
bool sx__exemplar_next_label(const struct sx__exemplar *exemplar, size_t *at, struct sx_str *name,
                             struct sx_str *value);

/** Writes an exemplar with the current time, if the labels are valid.
 *
 * @param rows  the calling thread's sx__thread_rows
 * @return   false if it was dropped: the labels are not valid, the thread has no row, or there is
 *           no memory
 * Threads:  [any] that is reading or has a handle; takes the directory's lock for the first
 *           exemplar of a series, of a slot, and of a thread
 */
bool sx__exemplar_write(struct sx__series *series, uint32_t slot, double value,
                        const struct sx_label *labels, size_t count, char *const *rows);

/** Removes all exemplars of a series. The directory's lock is held.
 *
 * @param are_reached  whether readers and writers may still reach the series; if not, its slots are
 *                     freed, too
 */
void sx__exemplars_clear(struct sx_registry *registry, struct sx__series *series, bool are_reached);

#endif
