/* quoted_labels.h: reads labels from the text of a series, which may have any content. */
#ifndef SX_EXPOSITION_QUOTED_LABELS_H
#define SX_EXPOSITION_QUOTED_LABELS_H

#include <sextant/status.h>

#include <stdbool.h>

/* Where reading is. What is read is written to `out`, which has as much room as the text. */
struct sx__quoted_labels {
    const char *at;
    const char *end;
    char *out;
    const char *name; /* of the label that was read last; ends with NUL */
};

/** Skips what is before the labels in `name{labels} ` and `{"name",labels} `. Returns false if
 * there are no labels. */
bool sx__quoted_labels_skip_name(struct sx__quoted_labels *labels);

/** Reads the next label, `name="value"` or `"name"="value"`, and a comma if one follows. Returns
 * false if there is none. */
bool sx__quoted_labels_next(struct sx__quoted_labels *labels, struct sx_str *value);

#endif
