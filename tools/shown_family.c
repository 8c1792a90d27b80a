/* shown_family.c: collects the series of a family. See shown_family.h. */
#include "shown_family.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEARCHED 1000

static bool is_type_of_groups(enum sx_parsed_type type)
{
    return type == SX_PARSED_HISTOGRAM || type == SX_PARSED_SUMMARY ||
           type == SX_PARSED_GAUGEHISTOGRAM;
}

/* Returns what follows the family's name; NULL: it has another name. */
static const char *suffix_of(const struct shown_family *family, struct sx_str name, size_t *size)
{
    if (name.size < family->name.size ||
        memcmp(name.data, family->name.data, family->name.size) != 0) {
        return NULL;
    }
    *size = name.size - family->name.size;
    return name.data + family->name.size;
}

static bool is_suffix(const char *suffix, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(suffix, wanted, size) == 0;
}

bool shown_family_has(const struct shown_family *family, const struct sx_parsed_line *line)
{
    static const char *const suffixes[] = {"_bucket", "_sum",   "_count",   "_gsum",
                                           "_gcount", "_total", "_created", "_info"};
    size_t size = 0;
    const char *suffix = family->name.size == 0 ? NULL : suffix_of(family, line->name, &size);
    if (suffix == NULL || size == 0) {
        return suffix != NULL;
    }
    const bool own = is_type_of_groups(family->type) || family->type == SX_PARSED_COUNTER ||
                     family->type == SX_PARSED_INFO;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (own && line->kind == SX_PARSED_SAMPLE && is_suffix(suffix, size, suffixes[i])) {
            return true;
        }
    }
    return false;
}

size_t shown_clean(char *clean, struct sx_str text)
{
    size_t size = 0, width = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        unsigned char next = i + 1 < text.size ? (unsigned char)text.data[i + 1] : 0;
        if (c == 0xC2 && next < 0xA0) { /* U+0080 to U+009F are control characters, too */
            c = '?';
            i++;
        }
        clean[size++] = c < ' ' || c == 0x7F ? '?' : (char)c;
        width += (c & 0xC0) != 0x80;
    }
    clean[size] = '\0';
    return width;
}

static bool is_left_out(const struct shown_family *family, struct sx_str name)
{
    const bool histogram =
        family->type == SX_PARSED_HISTOGRAM || family->type == SX_PARSED_GAUGEHISTOGRAM;
    return (histogram && name.size == 2 && memcmp(name.data, "le", 2) == 0) ||
           (family->type == SX_PARSED_SUMMARY && name.size == 8 &&
            memcmp(name.data, "quantile", 8) == 0);
}

static bool needs_quotes(struct sx_str value)
{
    return value.size == 0 || memchr(value.data, ' ', value.size) != NULL;
}

/* Writes the labels as `name=value name=value`, values with blanks in quotes. The caller frees the
 * text. */
static char *write_labels(const struct shown_family *family, const struct sx_parsed_line *line,
                          size_t *width)
{
    size_t size = 1;
    for (size_t i = 0; i < line->label_count; i++) {
        size += line->labels[i].name.size + line->labels[i].value.size + 5;
    }
    char *text = malloc(size), *at = text;
    *width = 0;
    for (size_t i = 0; text != NULL && i < line->label_count; i++) {
        const struct sx_parsed_label *label = &line->labels[i];
        if (is_left_out(family, label->name)) {
            continue;
        }
        if (at > text) {
            *at++ = ' ';
            (*width)++;
        }
        *width += shown_clean(at, label->name) + 1;
        at += strlen(at);
        const bool quotes = needs_quotes(label->value);
        *at++ = '=';
        *at = '"';
        at += quotes;
        *width += shown_clean(at, label->value) + (quotes ? 2 : 0);
        at += strlen(at);
        *at = '"';
        at += quotes;
    }
    if (text != NULL) {
        *at = '\0';
    }
    return text;
}

/* Makes room for an item more. Returns NULL if memory is exhausted. */
static void *reserve(void *items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity) {
        return items;
    }
    size_t larger = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = larger > SIZE_MAX / item_size ? NULL : realloc(items, larger * item_size);
    *capacity = grown == NULL ? *capacity : larger;
    return grown;
}

/* Finds the series of a histogram or summary. NULL: there is none yet. */
static struct shown_series *find_series(const struct shown_family *family, const char *labels)
{
    for (size_t back = 1; back <= family->series_count && back <= SEARCHED; back++) {
        struct shown_series *series = &family->series[family->series_count - back];
        if (is_type_of_groups(family->type) && strcmp(series->labels, labels) == 0) {
            return series;
        }
    }
    return NULL;
}

/* Finds or makes the series of a sample. Returns NULL if memory is exhausted. */
static struct shown_series *series_of(struct shown_family *family,
                                      const struct sx_parsed_line *line)
{
    size_t width;
    char *labels = write_labels(family, line, &width);
    if (labels == NULL) {
        return NULL;
    }
    struct shown_series *found = find_series(family, labels);
    if (found != NULL) {
        free(labels);
        return found;
    }
    struct shown_series *series =
        reserve(family->series, &family->series_capacity, family->series_count, sizeof *series);
    if (series == NULL) {
        free(labels);
        return NULL;
    }
    family->series = series;
    series[family->series_count] = (struct shown_series){.labels = labels, .labels_width = width};
    return &series[family->series_count++];
}

static bool add_point(struct shown_series *series, const struct sx_parsed_line *line,
                      const char *label)
{
    for (size_t i = 0; i < line->label_count; i++) {
        struct sx_str name = line->labels[i].name, text = line->labels[i].value;
        char number[64];
        if (name.size != strlen(label) || memcmp(name.data, label, name.size) != 0 ||
            text.size >= sizeof number) {
            continue;
        }
        struct shown_point *points =
            reserve(series->points, &series->point_capacity, series->point_count, sizeof *points);
        if (points == NULL) {
            return false;
        }
        memcpy(number, text.data, text.size);
        number[text.size] = '\0';
        series->points = points;
        points[series->point_count++] =
            (struct shown_point){strtod(number, NULL), line->value.value};
    }
    return true;
}

bool shown_family_add(struct shown_family *family, const struct sx_parsed_line *line)
{
    size_t size = 0;
    const char *suffix = suffix_of(family, line->name, &size);
    if (suffix != NULL && is_suffix(suffix, size, "_created")) {
        return true;
    }
    struct shown_series *series = series_of(family, line);
    if (series == NULL || suffix == NULL) {
        return series != NULL;
    }
    if (!is_type_of_groups(family->type)) {
        series->value = line->value.text;
        series->timestamp = line->timestamp.text;
        series->is_true = line->value.value > 0;
    } else if (is_suffix(suffix, size, "_sum") || is_suffix(suffix, size, "_gsum")) {
        series->has_sum = true;
        series->sum = line->value.value;
    } else if (is_suffix(suffix, size, "_count") || is_suffix(suffix, size, "_gcount")) {
        series->has_count = true;
        series->count = line->value.value;
    } else {
        return add_point(series, line, family->type == SX_PARSED_SUMMARY ? "quantile" : "le");
    }
    return true;
}

void shown_family_clear(struct shown_family *family)
{
    for (size_t i = 0; i < family->series_count; i++) {
        free(family->series[i].labels);
        free(family->series[i].points);
    }
    family->series_count = 0;
    family->name = family->help = (struct sx_str){NULL, 0};
    family->type = SX_PARSED_UNKNOWN;
}

static double quantile_of_buckets(const struct shown_series *series, double quantile)
{
    const size_t count = series->point_count;
    const double total = count == 0 ? 0 : series->points[count - 1].value;
    if (count < 2 || !(total > 0)) {
        return (double)NAN;
    }
    size_t i = 0;
    while (i < count - 1 && series->points[i].value < quantile * total) {
        i++;
    }
    const double upper = series->points[i].at;
    if (i == count - 1) {
        return series->points[i - 1].at; /* above the last bound; the bucket +Inf has no end */
    }
    if (i == 0 && upper <= 0) {
        return upper;
    }
    const double lower = i == 0 ? 0 : series->points[i - 1].at;
    const double below = i == 0 ? 0 : series->points[i - 1].value;
    const double in_bucket = series->points[i].value - below;
    return in_bucket > 0 ? lower + (upper - lower) * (quantile * total - below) / in_bucket : upper;
}

bool shown_quantile_is_above(const struct shown_family *family, const struct shown_series *series,
                             double quantile)
{
    const size_t count = series->point_count;
    return family->type != SX_PARSED_SUMMARY && count >= 2 &&
           series->points[count - 2].value < quantile * series->points[count - 1].value;
}

double shown_quantile(const struct shown_family *family, const struct shown_series *series,
                      double quantile)
{
    if (family->type != SX_PARSED_SUMMARY) {
        return quantile_of_buckets(series, quantile);
    }
    for (size_t i = 0; i < series->point_count; i++) {
        if (fabs(series->points[i].at - quantile) < 1e-9) {
            return series->points[i].value;
        }
    }
    return (double)NAN;
}
