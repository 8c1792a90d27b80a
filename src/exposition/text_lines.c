/* text_lines.c: the lines of samples. See text_lines.h. Runs in the thread that scrapes.
 *
 * Only the lines of a histogram are always composed of pieces, because all its buckets have the
 * same labels.
 *
 * Source: Prometheus "Exposition formats", Text-based format; OpenMetrics 1.0, "Text format"
 */
#include "text_lines.h"

#include "constants.h"
#include "label_escape.h"
#include "page.h"
#include "pieces.h"
#include "written_labels.h"

/* ` NUMBER\n`, as a double or as an integer */
#define NUMBER_SIZE_MAX (SX__DOUBLE_SIZE_MAX + 2)
/* ` TIMESTAMP` */
#define TIMESTAMP_SIZE_MAX (SX__WHOLE_SIZE_MAX + 5)

/* ---- names ---- */

static bool is_quoted(const struct sx__writer *writer, struct sx_str name)
{
    return writer->scheme == SX__NAME_AS_IT_IS && !sx__name_is_legacy(name, SX__NAME_OF_METRIC);
}

/* Writes the name without quotes around it. If `quoted`, escapes what must be escaped within
 * quotes. */
static char *write_bare_name(char *at, const struct sx__writer *writer, struct sx_str name,
                             bool quoted)
{
    return quoted ? sx__label_escape(at, name)
                  : sx__name_escape(at, name, SX__NAME_OF_METRIC, writer->scheme);
}

char *sx__text_name(char *at, const struct sx__writer *writer, struct sx_str name,
                    struct sx_str suffix)
{
    const bool quoted = is_quoted(writer, name);
    if (quoted) {
        *at++ = '"';
    }
    at = write_bare_name(at, writer, name, quoted);
    at = sx__copy_piece(at, suffix);
    if (quoted) {
        *at++ = '"';
    }
    return at;
}

/* ---- labels ---- */

static char *write_labels(char *at, const struct sx__writer *writer, struct sx_str labels)
{
    return writer->lines.copies_labels
               ? sx__copy_piece(at, labels)
               : sx__written_labels_escape(at, writer->family, labels, writer->scheme);
}

/* `name_suffix{labels`, or `{"name_suffix",labels`. The braces stay open. */
static char *open_series(char *at, const struct sx__writer *writer, struct sx_str name,
                         struct sx_str suffix, struct sx_str labels)
{
    if (writer->lines.is_plain) {
        at = sx__copy_piece(at, name);
        at = sx__copy_piece(at, suffix);
        *at++ = '{';
        return sx__copy_piece(at, labels);
    }
    if (writer->lines.is_quoted) {
        *at++ = '{';
    }
    at = sx__text_name(at, writer, name, suffix);
    if (!writer->lines.is_quoted) {
        *at++ = '{';
    } else if (labels.size > 0) {
        *at++ = ',';
    }
    return write_labels(at, writer, labels);
}

/* Ends the labels of a series that open_series began, or removes empty braces. */
static char *close_series(char *at, const struct sx__writer *writer, struct sx_str labels)
{
    if (labels.size == 0 && !writer->lines.is_quoted) {
        at[-1] = ' ';
        return at;
    }
    return sx__copy_piece(at, SX__PIECE("} "));
}

/* At most what open_series and close_series write for the family's name and these labels. */
static size_t series_size_max(const struct sx__writer *writer, struct sx_str labels)
{
    if (writer->lines.is_plain) {
        return writer->lines.name.size + labels.size + 16;
    }
    return sx__name_escaped_size_max(writer->lines.name.size) +
           sx__name_escaped_size_max(labels.size) + 32;
}

/* ---- the bounds of buckets ---- */

static char *write_text_bound(char *at, double bound, bool canonical)
{
    return canonical ? sx__write_canonical_bound(at, bound) : sx__write_bound(at, bound);
}

static void write_bound_pieces(struct sx__writer *writer)
{
    struct sx__bound_pieces *bounds = &writer->lines.bounds;
    const struct sx__family *family = writer->family;
    const bool has_comma = sx__all_labels_count(family) > 0 || writer->lines.is_quoted;
    char *at = bounds->text;
    bounds->longest = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        const char *start = at;
        if (has_comma) {
            *at++ = ',';
        }
        at = sx__copy_piece(at, SX__PIECE("le=\""));
        at = i < family->bound_count
                 ? write_text_bound(at, sx__family_bounds(family)[i], writer->lines.is_openmetrics)
                 : sx__copy_piece(at, SX__PIECE("+Inf"));
        at = sx__copy_piece(at, SX__PIECE("\"} "));
        bounds->pieces[i] = (struct sx_str){start, (size_t)(at - start)};
        if (bounds->pieces[i].size > bounds->longest) {
            bounds->longest = bounds->pieces[i].size;
        }
    }
}

int sx__text_enter(struct sx__writer *writer, struct sx_str base, struct sx_str suffix)
{
    struct sx__text_lines *lines = &writer->lines;
    const struct sx__family *family = writer->family;
    const struct sx_str name = sx__family_name(family);
    const bool stays = sx__name_stays(name, SX__NAME_OF_METRIC, writer->scheme);
    lines->name = name;
    lines->base = base;
    lines->suffix = suffix;
    lines->is_quoted = is_quoted(writer, name);
    lines->copies_labels = sx__written_labels_stay(family, writer->scheme);
    lines->is_copied = lines->copies_labels && suffix.size == 0 && stays;
    lines->is_plain = lines->copies_labels && stays && !lines->is_quoted;
    if (sx__has_buckets(family)) {
        write_bound_pieces(writer);
    }
    return SX_OK;
}

/* ---- samples ---- */

static char *write_value(char *at, const struct sx__counter_value *value)
{
    return value->is_whole ? sx__write_whole(at, value->whole)
                           : sx__write_double(at, value->number);
}

/* Ends a line: ` timestamp`, ` # exemplar`, and the line feed. */
static char *end_line(char *at, const struct sx__writer *writer,
                      const struct sx__series_extra *extra, const struct sx__exemplar *exemplar)
{
    if (extra != NULL && extra->has_timestamp) {
        *at++ = ' ';
        at = writer->lines.is_openmetrics ? sx__text_seconds(at, extra->timestamp_ms)
                                          : sx__write_whole(at, (uint64_t)extra->timestamp_ms);
    }
    if (exemplar != NULL) {
        at = sx__text_exemplar(at, exemplar);
    }
    *at = '\n';
    return at + 1;
}

/* The `_total` of a counter is taken off after escaping, as in the name of its family. */
static char *open_created(char *at, const struct sx__writer *writer, struct sx_str base,
                          struct sx_str labels)
{
    const size_t cut = writer->lines.name.size - base.size;
    if (cut == 0 || writer->scheme == SX__NAME_AS_IT_IS) {
        return open_series(at, writer, base, SX__PIECE("_created"), labels);
    }
    at = sx__text_name(at, writer, writer->lines.name, SX__PIECE("")) - cut;
    at = sx__copy_piece(at, SX__PIECE("_created{"));
    return write_labels(at, writer, labels);
}

/* `name_created{labels} seconds`, if the time is known. */
static char *write_created(char *at, const struct sx__writer *writer, struct sx_str base,
                           struct sx_str labels, const struct sx__series_extra *extra)
{
    if (extra == NULL || extra->created_ms == 0) {
        return at;
    }
    at = open_created(at, writer, base, labels);
    at = close_series(at, writer, labels);
    at = sx__text_seconds(at, extra->created_ms);
    return end_line(at, writer, extra, NULL);
}

/* The lines of a series whose text is not copied, or that has something extra. */
static int compose_number(struct sx__writer *writer, const struct sx__simple_series *number)
{
    const struct sx__series_extra *extra = number->extra;
    const struct sx_str labels = sx__series_labels(writer->family, number->text);
    const size_t line = series_size_max(writer, labels) + NUMBER_SIZE_MAX;
    int status = sx__page_reserve(writer->page,
                                  2 * (line + TIMESTAMP_SIZE_MAX) + SX__TEXT_EXEMPLAR_SIZE_MAX);
    if (status == SX_OK) {
        char *at = sx__page_end(writer->page);
        at = open_series(at, writer, writer->lines.name, writer->lines.suffix, labels);
        at = close_series(at, writer, labels);
        at = write_value(at, &number->value);
        at = end_line(at, writer, extra, extra == NULL ? NULL : extra->exemplar);
        at = write_created(at, writer, writer->lines.base, labels, extra);
        sx__page_set_end(writer->page, at);
    }
    return status;
}

static int compose_numbers(struct sx__writer *writer, const struct sx__simple_series *numbers,
                           size_t count)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        status = compose_number(writer, &numbers[i]);
    }
    return status;
}

int sx__text_numbers(struct sx__writer *writer, const struct sx__simple_series *numbers,
                     size_t count)
{
    if (!writer->lines.is_copied || numbers[0].extra != NULL) {
        return compose_numbers(writer, numbers, count);
    }
    struct sx_page *page = writer->page;
    size_t size = count * NUMBER_SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size += numbers[i].text.size;
    }
    int status = sx__page_reserve(page, size);
    if (status != SX_OK) {
        return status;
    }
    char *at = sx__page_end(page);
    for (size_t i = 0; i < count; i++) {
        at = sx__copy_piece(at, numbers[i].text);
        at = write_value(at, &numbers[i].value);
        *at++ = '\n';
    }
    sx__page_set_end(page, at);
    return SX_OK;
}

/* ---- histograms and summaries ---- */

/* The exemplar of a bucket; NULL: it has none. A histogram that has only native buckets shows the
 * newest of its exemplars at its only bucket, +Inf. */
static const struct sx__exemplar *exemplar_of(const struct sx__writer *writer,
                                              const struct sx__histogram_value *value,
                                              uint32_t bucket)
{
    if (value->exemplar_count == 0) {
        return NULL;
    }
    if (writer->family->bound_count > 0) {
        return value->exemplars[bucket];
    }
    const struct sx__exemplar *newest = NULL;
    for (uint32_t i = 0; i < value->exemplar_count; i++) {
        const struct sx__exemplar *exemplar = value->exemplars[i];
        if (exemplar != NULL && (newest == NULL || exemplar->timestamp_ms > newest->timestamp_ms)) {
            newest = exemplar;
        }
    }
    return newest;
}

/* `name_bucket{labels,le="…"} number` for each bucket, cumulative. *total receives the sum of all.
 * All lines begin as the first does. */
static char *write_buckets(char *at, const struct sx__writer *writer, struct sx_str labels,
                           const struct sx__histogram_value *value, uint64_t *total)
{
    const struct sx__bound_pieces *bounds = &writer->lines.bounds;
    const uint32_t count = writer->family->bound_count;
    const bool has_timestamp = value->extra != NULL && value->extra->has_timestamp;
    const char *first = at;
    at = open_series(at, writer, writer->lines.name, SX__PIECE("_bucket"), labels);
    const struct sx_str beginning = {first, (size_t)(at - first)};
    *total = 0;
    for (uint32_t i = 0; i <= count; i++) {
        if (i > 0) {
            at = sx__copy_piece(at, beginning);
        }
        *total += value->buckets[i];
        at = sx__copy_piece(at, bounds->pieces[i]);
        at = sx__write_whole(at, *total);
        if (value->exemplar_count > 0 || has_timestamp) {
            at = end_line(at, writer, value->extra, exemplar_of(writer, value, i));
        } else {
            *at++ = '\n';
        }
    }
    return at;
}

/* `name{labels,quantile="…"} number` for each quantile. */
static char *write_quantiles(char *at, const struct sx__writer *writer, struct sx_str labels,
                             const struct sx__series_extra *extra)
{
    const bool has_comma = labels.size > 0 || writer->lines.is_quoted;
    for (size_t i = 0; extra != NULL && i < extra->quantile_count; i++) {
        if (writer->lines.is_openmetrics && extra->quantiles[i].value < 0) {
            continue; /* "Quantile values MUST NOT be negative" */
        }
        at = open_series(at, writer, writer->lines.name, SX__PIECE(""), labels);
        at = sx__copy_piece(at, has_comma ? SX__PIECE(",quantile=\"") : SX__PIECE("quantile=\""));
        at = write_text_bound(at, extra->quantiles[i].quantile, writer->lines.is_openmetrics);
        at = sx__copy_piece(at, SX__PIECE("\"} "));
        at = sx__write_double(at, extra->quantiles[i].value);
        at = end_line(at, writer, extra, NULL);
    }
    return at;
}

/* OpenMetrics 1.0: the sum of a histogram or summary is like a counter, so it must not be negative;
 * a histogram with negative bounds has none; that of a gauge histogram is negative only if a bound
 * is. */
static bool has_sum(const struct sx__writer *writer, double sum)
{
    const struct sx__family *family = writer->family;
    const bool has_negative_bound = family->bound_count > 0 && sx__family_bounds(family)[0] < 0;
    if (!writer->lines.is_openmetrics) {
        return true;
    }
    return family->type == SX_GAUGE_HISTOGRAM ? sum >= 0 || has_negative_bound
                                              : sum >= 0 && !has_negative_bound;
}

static char *write_sum_and_count(char *at, const struct sx__writer *writer, struct sx_str labels,
                                 const struct sx__histogram_value *value, uint64_t count)
{
    const bool is_gauge =
        writer->lines.is_openmetrics && writer->family->type == SX_GAUGE_HISTOGRAM;
    const struct sx_str name = writer->lines.name;
    if (has_sum(writer, value->sum)) {
        at = open_series(at, writer, name, is_gauge ? SX__PIECE("_gsum") : SX__PIECE("_sum"),
                         labels);
        at = close_series(at, writer, labels);
        at = sx__write_double(at, value->sum);
        at = end_line(at, writer, value->extra, NULL);
    } else if (writer->family->type != SX_SUMMARY) {
        return at; /* the count of a histogram is only where the sum is */
    }
    at = open_series(at, writer, name, is_gauge ? SX__PIECE("_gcount") : SX__PIECE("_count"),
                     labels);
    at = close_series(at, writer, labels);
    at = sx__write_whole(at, count);
    return end_line(at, writer, value->extra, NULL);
}

static size_t histogram_lines_max(const struct sx__writer *writer,
                                  const struct sx__histogram_value *value)
{
    return (size_t)writer->family->bound_count + 4 +
           (value->extra != NULL ? value->extra->quantile_count : 0);
}

int sx__text_histogram(struct sx__writer *writer, struct sx_str labels,
                       const struct sx__histogram_value *value)
{
    struct sx_page *page = writer->page;
    uint64_t count = value->buckets[0];
    const size_t line = series_size_max(writer, labels) + writer->lines.bounds.longest +
                        SX__BOUND_PIECE_SIZE_MAX + NUMBER_SIZE_MAX + TIMESTAMP_SIZE_MAX +
                        (value->exemplar_count > 0 ? SX__TEXT_EXEMPLAR_SIZE_MAX : 0);
    int status = sx__page_reserve(page, line * histogram_lines_max(writer, value));
    if (status != SX_OK) {
        return status;
    }
    char *at = sx__page_end(page);
    if (writer->family->type == SX_SUMMARY) {
        at = write_quantiles(at, writer, labels, value->extra);
    } else {
        at = write_buckets(at, writer, labels, value, &count);
    }
    at = write_sum_and_count(at, writer, labels, value, count);
    at = write_created(at, writer, writer->lines.name, labels, value->extra);
    sx__page_set_end(page, at);
    return SX_OK;
}
