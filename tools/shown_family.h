/* shown_family.h: a family of a page with its series, as `sextant show` prints it.
 *
 * The samples of a histogram or summary that differ only in `le` or `quantile` are one series, if
 * less than 1,000 other series lie between them.
 */
#ifndef SEXTANT_TOOLS_SHOWN_FAMILY_H
#define SEXTANT_TOOLS_SHOWN_FAMILY_H

#include <sextant/parse.h>
#include <stdbool.h>

/* A bucket with its bound, or a quantile with its value. */
struct shown_point {
    double at, value;
};

struct shown_series {
    char *labels;                   /* `queue=mail state=done`, in the order of the page */
    size_t labels_width;            /* in characters */
    struct sx_str value, timestamp; /* of a single value; borrow from the page */
    bool is_true;                   /* of a state */
    struct shown_point *points;
    size_t point_count, point_capacity;
    bool has_sum, has_count;
    double sum, count;
};

struct shown_family {
    enum sx_format format;
    struct sx_str name, help; /* borrow from the page; the help still has its escapes */
    enum sx_parsed_type type;
    struct shown_series *series;
    size_t series_count, series_capacity;
};

/** Whether a sample or line of this name belongs to the family. */
bool shown_family_has(const struct shown_family *family, const struct sx_parsed_line *line);

/** Adds a sample. Returns false if memory is exhausted. */
bool shown_family_add(struct shown_family *family, const struct sx_parsed_line *line);

/** Frees the series and begins another family. */
void shown_family_clear(struct shown_family *family);

/** Returns the quantile of a histogram, as histogram_quantile of PromQL does, or of a summary that
 * has it. NaN: unknown. */
double shown_quantile(const struct shown_family *family, const struct shown_series *series,
                      double quantile);

/** Whether the quantile of a histogram is above its last bound, which is then what shown_quantile
 * returns. */
bool shown_quantile_is_above(const struct shown_family *family, const struct shown_series *series,
                             double quantile);

/** Writes bytes of the page without control characters. Returns their number of characters.
 *
 * @param clean  has room for text.size + 1 bytes; ends with NUL
 */
size_t shown_clean(char *clean, struct sx_str text);

#endif
