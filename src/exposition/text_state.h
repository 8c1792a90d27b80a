/* text_state.h: what the text formats prepare for the series of a family; see text_lines.h. */
#ifndef SX_EXPOSITION_TEXT_STATE_H
#define SX_EXPOSITION_TEXT_STATE_H

#include "format_number.h"

#include <sextant/metrics.h>
#include <stdbool.h>

/* `,le="BOUND"} `, where BOUND may end with `.0` */
#define SX__BOUND_PIECE_SIZE_MAX (SX__DOUBLE_SIZE_MAX + 11)

/* The end of the text before the number, for each bucket of a family; the same for all its series.
 */
struct sx__bound_pieces {
    struct sx_str pieces[SX_BUCKETS_MAX + 1];
    char text[(SX_BUCKETS_MAX + 1) * SX__BOUND_PIECE_SIZE_MAX];
    size_t longest;
};

/* How a text format writes the samples of one family. */
struct sx__text_lines {
    bool is_openmetrics;  /* bounds are `1.0` instead of `1`; see has_sum */
    struct sx_str name;   /* of the family, before it is escaped */
    struct sx_str base;   /* the same without `_total`, to which formats append `_created` */
    struct sx_str suffix; /* appended to the name of samples that are one number */
    bool is_copied;       /* the text of each series stays as it is */
    bool copies_labels;   /* its labels do */
    bool is_plain;        /* name and labels stay as they are, and the name has no quotes */
    bool is_quoted;       /* the name is in quotes, within the braces */
    struct sx__bound_pieces bounds;
};

#endif
