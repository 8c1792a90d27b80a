/* series_record.h: writing, appending and freeing the record of a series.
 *
 * Threads:  all functions need the directory's lock, unless they say otherwise.
 */
#ifndef SX_METRICS_SERIES_RECORD_H
#define SX_METRICS_SERIES_RECORD_H

#include "peek.h"
#include "records.h"

/** Writes the record of a series and gives it cells, without publishing it. Returns NULL if
 *  the registry is full.
 *
 * @param values  well-formed, as many as the family has labels
 */
struct sx__series *sx__series_write(struct sx_registry *registry, struct sx__family *family,
                                    const struct sx_str *values, uint32_t hash);

/** When the series was made or reset, in milliseconds since 1970; 0: it is not known, because the
 * registry has no created timestamps. [any] that is reading or has a handle. */
int64_t sx__series_created_ms(const struct sx__series *series);

/** Sets that to the current time, if the registry has created timestamps. */
void sx__series_set_created(struct sx__series *series);

/** Appends a series to the family's chain, which makes it exist. */
void sx__series_append(struct sx_registry *registry, struct sx__family *family,
                       struct sx__series *series);

/** Frees a series that nobody can reach, with its cells. */
void sx__series_free(struct sx_registry *registry, struct sx__series *series);

/** As sx__series_free, for many series: one `peeking` serves for all. Nobody could reach them when
 * it began. */
void sx__series_reclaim(struct sx__peeking *peeking, struct sx__series *series);

#endif
