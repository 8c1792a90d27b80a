/* written_labels.h: labels as the record of a series has them, `a="x","b.c"="y"`, read one by one,
 * and compared as Prometheus compares them: the order of labels does not matter, and a label with
 * an empty value is as none. The library wrote the text, so it is well-formed. */
#ifndef SX_EXPOSITION_WRITTEN_LABELS_H
#define SX_EXPOSITION_WRITTEN_LABELS_H

#include "escape_name.h"
#include "records.h"

#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>

/* One label of a text. */
struct sx__written_label {
    struct sx_str text;  /* `name="value"` */
    struct sx_str name;  /* with its quotes, if it has any */
    struct sx_str value; /* escaped, without the quotes */
};

/** Takes the first label from the text, and the comma behind it. Returns false if there is none. */
bool sx__written_labels_take(struct sx_str *labels, struct sx__written_label *label);

/** The labels in the text of a record, without braces; data is not NULL.
 *
 * @param text  see struct sx__series
 */
struct sx_str sx__series_labels(const struct sx__family *family, struct sx_str text);

/** Whether the scheme leaves the names of all labels of a family as they are. */
bool sx__written_labels_stay(const struct sx__family *family, enum sx__name_scheme scheme);

/** Writes labels with escaped names; returns the end.
 *
 * @param at      has room for sx__name_escaped_size_max(labels.size) bytes
 * @param labels  of a series of the family, without braces
 */
char *sx__written_labels_escape(char *at, const struct sx__family *family, struct sx_str labels,
                                enum sx__name_scheme scheme);

/** A hash that is the same for all texts of the same labels.
 *
 * @param key     two random words
 * @param labels  without braces; may be empty
 */
uint32_t sx__written_labels_hash(const uint64_t *key, struct sx_str labels);

/** Whether two texts are of the same labels. */
bool sx__written_labels_equal(struct sx_str a, struct sx_str b);

#endif
