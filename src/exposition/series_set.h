/* series_set.h: the series that a family of several registries has so far, by their labels, as a
 * page shows them: `a.b="1"` in one registry and `a_b="1"` in another are one series where names
 * are escaped with underscores. */
#ifndef SX_EXPOSITION_SERIES_SET_H
#define SX_EXPOSITION_SERIES_SET_H

#include "escape_name.h"
#include "records.h"

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hash table. Initialise it with the key and zeros. */
struct sx__series_set {
    const uint64_t *hash_key;
    struct sx_str *entries; /* data NULL: empty */
    size_t capacity;        /* a power of two, or 0 */
    size_t used;
    struct sx__escaped_labels *escaped; /* the labels that are not borrowed */
};

/** Adds the labels of a series, whose names no scheme changes. They are borrowed; see
 * written_labels.h.
 *
 * @param labels    data must not be NULL
 * @param is_known  set to whether the set has had these labels
 * Errors:   SX_ENOMEM
 */
int sx__series_set_add(struct sx__series_set *set, struct sx_str labels, bool *is_known);

/** The same for labels of a family that has names which the scheme changes. Makes a copy. */
int sx__series_set_add_escaped(struct sx__series_set *set, const struct sx__family *family,
                               struct sx_str labels, enum sx__name_scheme scheme, bool *is_known);

void sx__series_set_clean_up(struct sx__series_set *set);

#endif
