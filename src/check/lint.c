/* lint.c: what is unusual about the families of a page, and its labels.
 *
 * It reads the page again, with the parser. Each piece of a split family counts as a family; the
 * checker reports that it is split. Each finding is reported once for a family.
 */
#include "check.h"
#include "lint_names.h"
#include "sample_suffixes.h"
#include "view.h"

#include <sextant/parse.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SERIES_USUAL 1000
#define CANDIDATES_MAX 32
#define CONSTANT_FROM_SERIES 10 /* fewer may have the same label by chance */

struct lint_family {
    struct sx_str name;
    enum sx_parsed_type type;
    uint32_t line; /* the first; 0: there is no family */
    bool has_help;
    size_t series;
    bool camel_told, label_told, timestamp_told;
};

struct linting {
    struct sx__check *check;
    bool openmetrics;
    struct lint_family family;
    /* Labels that all series so far have. */
    struct sx_parsed_label candidates[CANDIDATES_MAX];
    size_t candidate_count;
    size_t series;
    uint32_t first_line;
};

/* Reports a finding about the family, with what to do about it. */
SX_PRINTF(5, 6)
static void report_finding(struct linting *lint, uint32_t line, enum sx__rule rule,
                           const char *suggestion, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sx__suggestion_at(lint->check, line, rule, suggestion, "`%s` %s",
                      sx__quote(lint->family.name).text, text);
}

static bool has_buckets(enum sx_parsed_type type)
{
    return type == SX_PARSED_HISTOGRAM || type == SX_PARSED_GAUGEHISTOGRAM;
}

/* ---- names ---- */

static void lint_words(struct linting *lint)
{
    const struct lint_family *family = &lint->family;
    struct sx__lint_unit unit = sx__lint_unit(family->name);
    char suggestion[64];
    if (unit.word.size > 0) {
        snprintf(suggestion, sizeof suggestion, "use the base unit `%s`", unit.base);
        report_finding(lint, family->line, SX__RULE_LINT_UNIT, suggestion, "has the unit `%s`",
                       sx__quote(unit.word).text);
    }
    struct sx_str word = sx__lint_abbreviation(family->name);
    if (word.size > 0) {
        report_finding(lint, family->line, SX__RULE_LINT_ABBREVIATION,
                       "write the base unit in full", "has the abbreviated unit `%s`",
                       sx__quote(word).text);
    }
    word = sx__lint_percent(family->name);
    if (word.size > 0) {
        report_finding(lint, family->line, SX__RULE_LINT_PERCENT,
                       "expose a ratio from 0 to 1 and end the name in `_ratio`",
                       "is a percentage");
    }
    word = sx__lint_type(family->name);
    if (word.size > 0) {
        report_finding(lint, family->line, SX__RULE_LINT_TYPE,
                       "remove it; the type belongs in TYPE", "contains the type `%s`",
                       sx__quote(word).text);
    }
    if (sx__lint_is_camel_case(family->name)) {
        report_finding(lint, family->line, SX__RULE_LINT_CAMEL_CASE, "write it in snake_case",
                       "is in camelCase");
    }
    if (memchr(family->name.data, ':', family->name.size) != NULL) {
        report_finding(lint, family->line, SX__RULE_LINT_COLON,
                       "use an underscore; colons are for recording rules", "has a colon");
    }
}

static void lint_suffixes(struct linting *lint)
{
    static const char *const suffixes[] = {"_bucket", "_count", "_sum"};
    const struct lint_family *family = &lint->family;
    const bool total = sx__view_ends_with(family->name, sx__view("_total"));
    if (family->type == SX_PARSED_UNKNOWN) {
        return;
    }
    if (family->type == SX_PARSED_COUNTER && !total && !lint->openmetrics) {
        report_finding(lint, family->line, SX__RULE_LINT_TOTAL, "add `_total` to its name",
                       "is a counter, but does not end in `_total`");
    } else if (family->type != SX_PARSED_COUNTER && total) {
        report_finding(lint, family->line, SX__RULE_LINT_TOTAL,
                       "remove `_total`, or make it a counter",
                       "ends in `_total`, but is no counter");
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        bool own = has_buckets(family->type) || (family->type == SX_PARSED_SUMMARY && i > 0);
        if (!own && sx__view_ends_with(family->name, sx__view(suffixes[i]))) {
            report_finding(lint, family->line, SX__RULE_LINT_SUFFIX, "choose another name",
                           "ends in `%s`, as the samples of histograms and summaries do",
                           suffixes[i]);
        }
    }
}

static void end_family(struct linting *lint)
{
    const struct lint_family *family = &lint->family;
    if (family->line == 0) {
        return;
    }
    if (!family->has_help) {
        report_finding(lint, family->line, SX__RULE_LINT_HELP, "say in HELP what it measures",
                       "has no HELP");
    }
    if (family->type == SX_PARSED_UNKNOWN) {
        report_finding(lint, family->line, SX__RULE_LINT_UNTYPED, "give it a TYPE", "has no type");
    }
    lint_words(lint);
    lint_suffixes(lint);
    if (family->series > SERIES_USUAL) {
        report_finding(lint, family->line, SX__RULE_LINT_SERIES,
                       "remove the label that has the most values", "has %zu series",
                       family->series);
    }
}

/* ---- labels ---- */

static void lint_sample_labels(struct linting *lint, const struct sx_parsed_line *line)
{
    struct lint_family *family = &lint->family;
    for (size_t i = 0; i < line->label_count; i++) {
        const struct sx_parsed_label *label = &line->labels[i];
        if (!family->camel_told && sx__lint_is_camel_case(label->name)) {
            family->camel_told = true;
            report_finding(lint, (uint32_t)line->number, SX__RULE_LINT_CAMEL_CASE,
                           "write it in snake_case", "has the label `%s` in camelCase",
                           sx__quote(label->name).text);
        }
        bool le = sx__view_is(label->name, "le") && !has_buckets(family->type);
        bool quantile = sx__view_is(label->name, "quantile") && family->type != SX_PARSED_SUMMARY;
        if ((le || quantile) && !family->label_told && family->type != SX_PARSED_UNKNOWN) {
            family->label_told = true;
            report_finding(lint, (uint32_t)line->number, SX__RULE_LINT_LABEL, "rename the label",
                           le ? "has a label `le`, but is no histogram"
                              : "has a label `quantile`, but is no summary");
        }
    }
}

static bool has_pair(const struct sx_parsed_line *line, const struct sx_parsed_label *pair)
{
    for (size_t i = 0; i < line->label_count; i++) {
        const struct sx_parsed_label *label = &line->labels[i];
        if (sx__views_equal(label->name, pair->name) &&
            sx__views_equal(label->value, pair->value)) {
            return true;
        }
    }
    return false;
}

static void note_pairs(struct linting *lint, const struct sx_parsed_line *line)
{
    if (lint->series++ == 0) {
        lint->first_line = (uint32_t)line->number;
        lint->candidate_count =
            line->label_count < CANDIDATES_MAX ? line->label_count : CANDIDATES_MAX;
        if (lint->candidate_count > 0) {
            memcpy(lint->candidates, line->labels,
                   lint->candidate_count * sizeof lint->candidates[0]);
        }
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < lint->candidate_count; i++) {
        if (has_pair(line, &lint->candidates[i])) {
            lint->candidates[kept++] = lint->candidates[i];
        }
    }
    lint->candidate_count = kept;
}

static void report_constant_labels(struct linting *lint)
{
    for (size_t i = 0; i < lint->candidate_count && lint->series >= CONSTANT_FROM_SERIES; i++) {
        sx__suggestion_at(lint->check, lint->first_line, SX__RULE_LINT_CONSTANT_LABEL,
                          "set it as a label of the target in the scrape configuration",
                          "every series has the label `%s` with the same value",
                          sx__quote(lint->candidates[i].name).text);
    }
}

/* ---- lines ---- */

static void enter_lint_family(struct linting *lint, const struct sx_parsed_line *line)
{
    struct lint_family *family = &lint->family;
    if (family->line != 0 && sx__views_equal(family->name, line->name)) {
        return;
    }
    end_family(lint);
    *family = (struct lint_family){.name = line->name, .line = (uint32_t)line->number};
}

/* Whether the sample belongs to the current family by a suffix of its type. */
static bool has_suffix_of_family(const struct linting *lint, struct sx_str name)
{
    const struct lint_family *family = &lint->family;
    const bool owns =
        family->type == SX_PARSED_HISTOGRAM || family->type == SX_PARSED_SUMMARY ||
        (lint->openmetrics && family->type != SX_PARSED_UNKNOWN && family->type != SX_PARSED_GAUGE);
    if (!owns || family->line == 0 || !sx__view_begins_with(name, family->name)) {
        return false;
    }
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        const struct sx__sample_suffix *known = &sx__sample_suffixes[i];
        if ((lint->openmetrics || known->is_in_text) && known->suffix.size > 0 &&
            sx__view_is_joined(name, family->name, known->suffix)) {
            return true;
        }
    }
    return false;
}

/* Only one sample of a histogram or summary series counts. */
static bool counts_as_series(const struct lint_family *family, struct sx_str name)
{
    bool many = has_buckets(family->type) || family->type == SX_PARSED_SUMMARY;
    return !many || sx__view_ends_with(name, sx__view("_count")) ||
           sx__view_ends_with(name, sx__view("_gcount"));
}

static void lint_sample(struct linting *lint, const struct sx_parsed_line *line)
{
    if (!has_suffix_of_family(lint, line->name)) {
        enter_lint_family(lint, line);
    }
    struct lint_family *family = &lint->family;
    family->series += counts_as_series(family, line->name);
    lint_sample_labels(lint, line);
    note_pairs(lint, line);
    if (line->timestamp.text.size > 0 && !family->timestamp_told) {
        family->timestamp_told = true;
        report_finding(lint, (uint32_t)line->number, SX__RULE_LINT_TIMESTAMP,
                       "leave it out, unless the value was measured elsewhere", "has a timestamp");
    }
}

static void lint_line(struct linting *lint, const struct sx_parsed_line *line)
{
    if (line->kind == SX_PARSED_SAMPLE) {
        lint_sample(lint, line);
    } else if (line->kind != SX_PARSED_EOF) {
        enter_lint_family(lint, line);
        if (line->kind == SX_PARSED_TYPE) {
            lint->family.type = line->type;
        } else if (line->kind == SX_PARSED_HELP) {
            lint->family.has_help = line->text.size > 0;
        }
    }
}

void sx__lint(struct sx__check *check, enum sx_format format)
{
    const struct sx_parser_options options = {.format = format,
                                              .utf8_names = check->utf8_names,
                                              .line_max = SIZE_MAX,
                                              .labels_max = SIZE_MAX};
    struct sx_parser *parser = sx_parser_new(&options);
    struct linting lint = {.check = check, .openmetrics = format == SX_FORMAT_OPENMETRICS};
    struct sx_str rest = check->page;
    struct sx_parsed_line line;
    int status = parser == NULL ? SX_ENOMEM : SX_EPROTO;
    while ((status == 1 || status == SX_EPROTO) && !check->stopped) {
        status = sx_parser_next(parser, &line, &rest, true);
        if (status == 1) {
            lint_line(&lint, &line);
        }
    }
    if (status == SX_ENOMEM) {
        sx__check_out_of_memory(check);
    }
    end_family(&lint);
    report_constant_labels(&lint);
    sx_parser_destroy(parser);
}
