/* show.c: prints a page as a table. See show.h.
 *
 * A family is a headline, and a line for each series: its labels and its value. For histograms and
 * summaries the line has the count, the mean, and three quantiles with bars, which have one scale
 * for the whole family. A quantile above the last bound is printed as `>` and that bound.
 */
#include "show.h"

#include "shown_family.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_WIDTH_MAX 60
#define BAR_WIDTH 10
#define NUMBER_WIDTH 9

static const double quantiles[] = {0.5, 0.9, 0.99};
#define QUANTILES (sizeof quantiles / sizeof quantiles[0])

static void print_spaces(size_t count)
{
    for (; count > 0; count--) {
        putchar(' ');
    }
}

/* Prints the labels, filled up to the width of the column. */
static void print_labels(const struct shown_series *series, size_t width)
{
    printf("  %s", series->labels);
    print_spaces(series->labels_width < width ? width - series->labels_width : 0);
}

/* Eighths of a character are drawn with block characters, which are U+2588 to U+258F. Returns how
 * many characters wide the bar is. */
static size_t print_bar(double share, bool blocks)
{
    const int eighths = share > 0 ? (int)(share * BAR_WIDTH * 8 + .5) : 0;
    const int full = blocks ? eighths / 8 : (eighths + 4) / 8;
    const int part = blocks ? eighths % 8 : 0;
    for (int i = 0; i < full; i++) {
        fputs(blocks ? "\xE2\x96\x88" : "#", stdout);
    }
    if (part > 0) {
        printf("\xE2\x96%c", (char)(0x90 - part));
    }
    return (size_t)full + (part > 0);
}

/* `mark` stands before the number. */
static void print_number(const char *mark, double value)
{
    char text[64];
    const bool large = value >= 1e4 && value < 1e8;
    snprintf(text, sizeof text, large ? "%s%.0f" : "%s%.4g", mark, value);
    printf(" %*s", NUMBER_WIDTH - 1, isnan(value) ? "-" : text);
}

static size_t widest_labels(const struct shown_family *family)
{
    size_t width = 0;
    for (size_t i = 0; i < family->series_count; i++) {
        size_t own = family->series[i].labels_width;
        width = own > width && own <= LABELS_WIDTH_MAX ? own : width;
    }
    return width;
}

static double largest_quantile(const struct shown_family *family)
{
    double largest = 0;
    for (size_t i = 0; i < family->series_count; i++) {
        for (size_t q = 0; q < QUANTILES; q++) {
            double value = shown_quantile(family, &family->series[i], quantiles[q]);
            largest = isfinite(value) && value > largest ? value : largest;
        }
    }
    return largest;
}

static void print_titles(size_t width)
{
    print_spaces(width + 2);
    printf("%*s%*s", NUMBER_WIDTH + 1, "count", NUMBER_WIDTH, "mean");
    for (size_t q = 0; q < QUANTILES; q++) {
        char title[24];
        snprintf(title, sizeof title, "p%g", quantiles[q] * 100);
        print_spaces(q > 0 ? BAR_WIDTH + 1 : 0);
        printf("%*s", NUMBER_WIDTH, title);
    }
    putchar('\n');
}

static void print_distribution(const struct shown_family *family, const struct shown_series *series,
                               double largest, bool blocks)
{
    const bool mean = series->has_sum && series->has_count && series->count > 0;
    const bool last_bucket =
        !series->has_count && family->type != SX_PARSED_SUMMARY && series->point_count > 0;
    printf("%*.10g", NUMBER_WIDTH + 1,
           last_bucket ? series->points[series->point_count - 1].value : series->count);
    print_number("", mean ? series->sum / series->count : (double)NAN);
    size_t padding = 0;
    for (size_t q = 0; q < QUANTILES; q++) {
        const double value = shown_quantile(family, series, quantiles[q]);
        const double share = largest > 0 && isfinite(value) ? value / largest : 0;
        print_spaces(padding);
        print_number(shown_quantile_is_above(family, series, quantiles[q]) ? ">" : "", value);
        fputs(share > 0 ? " " : "", stdout);
        padding = BAR_WIDTH - print_bar(share, blocks) + !(share > 0);
    }
    putchar('\n');
}

/* Prints count, mean and quantiles of each series. */
static void print_distributions(const struct shown_family *family, bool blocks)
{
    const size_t width = widest_labels(family);
    const double largest = largest_quantile(family);
    print_titles(width);
    for (size_t i = 0; i < family->series_count; i++) {
        print_labels(&family->series[i], width);
        print_distribution(family, &family->series[i], largest, blocks);
    }
}

/* Prints bytes of the page. Returns false if memory is exhausted. */
static bool print_clean(struct sx_str text)
{
    char *clean = malloc(text.size + 1);
    if (clean != NULL) {
        shown_clean(clean, text);
        fputs(clean, stdout);
    }
    free(clean);
    return clean != NULL;
}

static bool print_values(const struct shown_family *family)
{
    const size_t width = widest_labels(family);
    size_t value_width = 0;
    for (size_t i = 0; i < family->series_count; i++) {
        size_t own = family->series[i].value.size;
        value_width = own > value_width ? own : value_width;
    }
    for (size_t i = 0; i < family->series_count; i++) {
        const struct shown_series *series = &family->series[i];
        print_labels(series, width);
        print_spaces((width > 0 ? 2 : 0) + value_width - series->value.size);
        if (!print_clean(series->value)) {
            return false;
        }
        if (series->timestamp.size > 0) {
            printf("  at %.*s", (int)series->timestamp.size, series->timestamp.data);
        }
        putchar('\n');
    }
    return true;
}

/* Of a state set it prints the states that are true; of infos the labels alone. */
static void print_marks(const struct shown_family *family)
{
    for (size_t i = 0; i < family->series_count; i++) {
        const struct shown_series *series = &family->series[i];
        const char *mark = series->is_true ? "[x] " : "[ ] ";
        printf("  %s%s\n", family->type == SX_PARSED_STATESET ? mark : "", series->labels);
    }
}

static bool print_headline(const struct shown_family *family)
{
    bool printed = print_clean(family->name);
    printf("  (%s)", sx_parsed_type_name(family->type));
    if (family->help.size > 0) {
        fputs("  ", stdout);
        char *help = malloc(family->help.size);
        printed = printed && help != NULL;
        if (printed) {
            const size_t size = family->format == SX_FORMAT_OPENMETRICS
                                    ? sx_parsed_unescape(help, family->help)
                                    : sx_parsed_unescape_help(help, family->help);
            printed = print_clean((struct sx_str){help, size});
        }
        free(help);
    }
    putchar('\n');
    return printed;
}

/* Prints a family, and begins another. Returns false if memory is exhausted. */
static bool print_family(struct shown_family *family, bool *first, bool blocks)
{
    bool printed = true;
    if (family->name.size > 0) {
        fputs(*first ? "" : "\n", stdout);
        *first = false;
        printed = print_headline(family);
        if (family->type == SX_PARSED_STATESET || family->type == SX_PARSED_INFO) {
            print_marks(family);
        } else if (family->type == SX_PARSED_UNKNOWN || family->type == SX_PARSED_GAUGE ||
                   family->type == SX_PARSED_COUNTER) {
            printed = print_values(family) && printed;
        } else if (family->series_count > 0) {
            print_distributions(family, blocks);
        }
    }
    shown_family_clear(family);
    return printed;
}

/* Returns false if memory is exhausted. */
static bool show_line(struct shown_family *family, const struct sx_parsed_line *line, bool *first,
                      bool blocks)
{
    if (line->kind == SX_PARSED_EOF) {
        return true;
    }
    if (!shown_family_has(family, line)) {
        if (!print_family(family, first, blocks)) {
            return false;
        }
        family->name = line->name;
    }
    if (line->kind == SX_PARSED_HELP) {
        family->help = line->text;
    } else if (line->kind == SX_PARSED_TYPE) {
        family->type = line->type;
    } else if (line->kind == SX_PARSED_SAMPLE) {
        return shown_family_add(family, line);
    }
    return true;
}

int show_page(struct sx_str page, enum sx_format format, bool blocks)
{
    const struct sx_parser_options options = {
        .format = format, .utf8_names = true, .line_max = SIZE_MAX, .labels_max = SIZE_MAX};
    struct sx_parser *parser = sx_parser_new(&options);
    struct shown_family family = {.format = format, .type = SX_PARSED_UNKNOWN};
    struct sx_parsed_line line;
    bool first = true, good = parser != NULL, readable = true;
    while (good) {
        int status = sx_parser_next(parser, &line, &page, true);
        if (status == 0) {
            break;
        }
        if (status == SX_EPROTO) {
            readable = false;
            fprintf(stderr, "sextant: line %zu: %s\n", line.number, line.wrong);
        }
        good = status == SX_EPROTO || (status == 1 && show_line(&family, &line, &first, blocks));
    }
    good = print_family(&family, &first, blocks) && good;
    free(family.series);
    sx_parser_destroy(parser);
    if (!good) {
        fprintf(stderr, "sextant: %s\n", sx_status_text(SX_ENOMEM));
        return 2;
    }
    return readable ? 0 : 1;
}
