/* write_family.h: a family of a registry, and passing its series to a format. */
#ifndef SX_EXPOSITION_WRITE_FAMILY_H
#define SX_EXPOSITION_WRITE_FAMILY_H

#include "collection.h"
#include "format.h"
#include "series_set.h"

/* A family of one registry on a page. */
struct sx__page_family {
    const struct sx__family *family;
    struct sx__reading *reading;                  /* of its registry */
    const struct sx__collected_family *collected; /* its samples; NULL: its values are in cells */
};

/** Writes a family that only one registry has. Errors: SX_ENOMEM. */
int sx__write_family(struct sx__writer *writer, const struct sx__page_family *from);

/** Writes the series of a family between `begin` and `end` of the format.
 *
 * @param known     the series that the family has so far; those that it has already are left out;
 *                  NULL: all are new
 * @param repeated  receives how many were left out; may be NULL if `known` is
 * Errors:   SX_ENOMEM
 */
int sx__write_series(struct sx__writer *writer, const struct sx__page_family *from,
                     struct sx__series_set *known, size_t *repeated);

#endif
