/* text_lines.h: the lines of samples, which the text formats have in common.
 *
 * A series' text was escaped when the series was made. If the format writes the names of a family
 * as they are, the text is copied. Otherwise the line is composed from the text's labels.
 */
#ifndef SX_EXPOSITION_TEXT_LINES_H
#define SX_EXPOSITION_TEXT_LINES_H

#include "format.h"

/** A name as it is in HELP and TYPE lines: escaped as the page's scheme says, or in quotes if it
 * needs them.
 *
 * @param at      has room for sx__name_escaped_size_max() of the name and the suffix, and 2 more
 * @param suffix  appended to the name
 */
char *sx__text_name(char *at, const struct sx__writer *writer, struct sx_str name,
                    struct sx_str suffix);

/** Prepares for the series of writer->family; `is_openmetrics` is set.
 *
 * @param base    the family's name without the suffix that it may have
 * @param suffix  what samples of one number append to the family's name
 */
int sx__text_enter(struct sx__writer *writer, struct sx_str base, struct sx_str suffix);

/** Writes a time in seconds, with three decimals. */
char *sx__text_seconds(char *at, int64_t ms);

/** Writes an exemplar behind a number: ` # {labels} value timestamp`.
 *
 * @param at  has room for SX__TEXT_EXEMPLAR_SIZE_MAX bytes
 */
char *sx__text_exemplar(char *at, const struct sx__exemplar *exemplar);

/* The labels, each escaped, with `="",`; then the rest. */
#define SX__TEXT_EXEMPLAR_SIZE_MAX \
    ((SX__EXEMPLAR_WORDS_MAX * 8) * 2 + SX_LABELS_MAX * 4 + 2 * SX__DOUBLE_SIZE_MAX + 16)

/** As `numbers` and `histogram` of struct sx__format. */
int sx__text_numbers(struct sx__writer *writer, const struct sx__simple_series *numbers,
                     size_t count);
int sx__text_histogram(struct sx__writer *writer, struct sx_str labels,
                       const struct sx__histogram_value *value);

#endif
