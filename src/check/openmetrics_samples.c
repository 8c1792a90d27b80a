/* openmetrics_samples.c: a sample of OpenMetrics.
 *
 * Source: OpenMetrics 1.0, Data model, Metric types
 */
#include "check_openmetrics.h"
#include "format_number.h"
#include "parser.h"
#include "view.h"

#include <math.h>
#include <string.h>

#define EXEMPLAR_CODE_POINTS_MAX 128
#define MILLISECONDS_FROM 1e11 /* seconds: in the year 5138 */

/* ---- labels ---- */

static void check_twice(struct sx__om *om, const struct sx_parsed_label *labels, size_t count)
{
    struct sx__check *check = om->check;
    for (size_t i = 0; i < count; i++) {
        if (!sx__labels_reserve(check, &check->labels, i)) {
            return;
        }
        check->labels.items[i] = (struct sx__label){.name = labels[i].name, .value = {"", 0}};
    }
    sx__check_label_twice(check, check->labels.items, count);
}

static void check_value_escapes(struct sx__om *om, struct sx_str value)
{
    for (size_t i = 0; i + 1 < value.size; i++) {
        if (value.data[i] == '\\') {
            i++;
            if (value.data[i] != '\\' && value.data[i] != 'n' && value.data[i] != '"') {
                sx__violation(om->check, SX__RULE_UNDEFINED_ESCAPE,
                              "a backslash before another character than `\\`, `n` and `\"`");
                return;
            }
        }
    }
}

struct sx__label_sums sx__om_labels(struct sx__om *om, const struct sx_parsed_label *labels,
                                    size_t count, struct sx_str except)
{
    struct sx__label_sums sums = {0, 0, 0};
    if (count > 1) {
        check_twice(om, labels, count);
    }
    for (size_t i = 0; i < count; i++) {
        struct sx_str name = labels[i].name, value = labels[i].value;
        bool excepted = except.size > 0 && sx__views_equal(name, except);
        if (name.data[0] == '_') {
            sx__violation(om->check, SX__RULE_RESERVED,
                          "the label `%s` begins with an underscore, which OpenMetrics reserves",
                          sx__quote(name).text);
        }
        check_value_escapes(om, value);
        sx__label_sums_add(&sums, om->check, name, value, excepted);
    }
    return sums;
}

/* Returns the label of this name; NULL: there is none. */
static const struct sx_parsed_label *find_parsed_label(const struct sx_parsed_line *line,
                                                       struct sx_str name)
{
    for (size_t i = 0; i < line->label_count; i++) {
        if (sx__views_equal(line->labels[i].name, name)) {
            return &line->labels[i];
        }
    }
    return NULL;
}

/* ---- exemplars ---- */

static size_t count_code_points(struct sx_str escaped)
{
    size_t count = 0;
    for (size_t i = 0; i < escaped.size; i++) {
        bool escape = escaped.data[i] == '\\' && i + 1 < escaped.size &&
                      strchr("\\n\"", escaped.data[i + 1]) != NULL;
        i += escape;
        count += (escaped.data[i] & 0xC0) != 0x80;
    }
    return count;
}

static void check_exemplar(struct sx__om *om, const struct sx_parsed_line *line,
                           enum sx__sample_role role)
{
    const struct sx_parsed_exemplar *exemplar = &line->exemplar;
    size_t size = 0;
    sx__om_labels(om, exemplar->labels, exemplar->label_count, (struct sx_str){"", 0});
    for (size_t i = 0; i < exemplar->label_count; i++) {
        size += count_code_points(exemplar->labels[i].name) +
                count_code_points(exemplar->labels[i].value);
    }
    if (size > EXEMPLAR_CODE_POINTS_MAX) {
        sx__violation(om->check, SX__RULE_EXEMPLAR,
                      "the labels of the exemplar have %zu characters, more than 128", size);
    }
    if (role != SX__SAMPLE_TOTAL && role != SX__SAMPLE_BUCKET) {
        sx__violation(om->check, SX__RULE_EXEMPLAR,
                      "only the `_total` of counters and buckets may have an exemplar");
    }
}

/* ---- values ---- */

static const char *usual_spelling(double value)
{
    return isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";
}

static void check_om_spelling(struct sx__om *om, const struct sx_parsed_number *number)
{
    if (isfinite(number->value)) {
        return;
    }
    const char *usual = usual_spelling(number->value);
    if (!sx__view_is(number->text, usual)) {
        sx__violation(om->check, SX__RULE_NUMBER_SPELLING, "`%s` is usually written `%s`",
                      sx__quote(number->text).text, usual);
    }
}

/* Reads a count exactly. */
static struct sx__number read_count(struct sx__om *om, const struct sx_parsed_line *line)
{
    struct sx__number count;
    const char *wrong = sx__number_read(&count, line->value.text);
    if (wrong == NULL) {
        wrong = count.negative                    ? "negative"
                : count.kind != SX__NUMBER_FINITE ? "not finite"
                : !sx__number_is_whole(&count)    ? "not a whole number"
                                                  : NULL;
    }
    if (wrong != NULL) {
        sx__violation(om->check, SX__RULE_NOT_A_COUNT, "the value of `%s` is %s",
                      sx__quote(line->name).text, wrong);
    }
    return count;
}

/* ---- bounds ---- */

static void check_canonical(struct sx__om *om, const char *label, struct sx_str text, double bound)
{
    char canonical[SX__DOUBLE_SIZE_MAX + 1];
    *sx__write_canonical_bound(canonical, bound) = '\0';
    if (!sx__view_is(text, canonical)) {
        sx__violation(om->check, SX__RULE_BOUND_CANONICAL, "the canonical %s of `%s` is `%s`",
                      label, sx__quote(text).text, canonical);
    }
}

/* Reads `le` or `quantile`. Returns false if it cannot be compared with others. */
static bool read_om_bound(double *bound, struct sx__om *om, const struct sx_parsed_line *line,
                          const char *label)
{
    const struct sx_parsed_label *found =
        find_parsed_label(line, (struct sx_str){label, strlen(label)});
    struct sx_parsed_number number;
    if (found == NULL || sx__parse_number(&number, found->value) != NULL || isnan(number.value)) {
        sx__violation(om->check, SX__RULE_BOUND, "`%s` has no label `%s` that is a number",
                      sx__quote(line->name).text, label);
        return false;
    }
    *bound = number.value;
    if (label[0] == 'q' && (number.value < 0 || number.value > 1)) {
        sx__violation(om->check, SX__RULE_BOUND, "the quantile `%s` is not from 0 to 1",
                      sx__quote(found->value).text);
    } else if (isinf(number.value) && number.value > 0 && !sx__view_is(found->value, "+Inf")) {
        sx__violation(om->check, SX__RULE_BOUND,
                      "the le `%s` must be written `+Inf` in OpenMetrics",
                      sx__quote(found->value).text);
    } else {
        check_canonical(om, label, found->value, number.value);
    }
    return true;
}

static void check_om_bucket(struct sx__om *om, const struct sx_parsed_line *line, double bound)
{
    struct sx__om_point *point = &om->point;
    struct sx__number value = read_count(om, line);
    const bool ordered = !point->has_bound || point->bound < bound;
    if (!ordered) {
        sx__violation(om->check, SX__RULE_BOUND_ORDER,
                      "this le is not greater than the one before it");
    } else if (value.kind == SX__NUMBER_FINITE && point->bucket.kind == SX__NUMBER_FINITE &&
               sx__number_compare(&value, &point->bucket) < 0) {
        sx__violation(
            om->check, SX__RULE_NOT_CUMULATIVE,
            "this bucket has fewer observations than the one before it; buckets are cumulative");
    }
    if (line->has_exemplar && !(line->exemplar.value.value <= bound)) {
        sx__violation(om->check, SX__RULE_EXEMPLAR,
                      "the exemplar's value `%s` is above the bucket's le",
                      sx__quote(line->exemplar.value.text).text);
    }
    point->bucket = value;
    point->has_bound = true;
    point->bound = bound;
    point->has_negative_bound = point->has_negative_bound || bound < 0;
    if (isinf(bound) && bound > 0) {
        point->has_infinite = true;
        point->infinite = value;
    }
}

/* ---- the members of a point ---- */

static void note_total(struct sx__om *om, const struct sx_parsed_line *line)
{
    double value = line->value.value;
    om->point.has_total = true;
    om->point.total = value;
    om->point.total_line = om->check->line;
    if (isnan(value) || value < 0) {
        sx__violation(om->check, SX__RULE_COUNTER, "the counter `%s` is %s",
                      sx__quote(line->name).text, value < 0 ? "negative" : "NaN");
    }
}

static void note_created(struct sx__om *om, const struct sx_parsed_line *line)
{
    om->point.has_created = true;
    om->point.created = line->value.value;
    if (!isfinite(line->value.value)) {
        sx__violation(om->check, SX__RULE_CREATED, "`%s` is no timestamp",
                      sx__quote(line->name).text);
    }
}

static void note_sum(struct sx__om *om, const struct sx_parsed_line *line,
                     const struct sx__om_family *family)
{
    double value = line->value.value;
    om->point.has_sum = true;
    om->point.sum = value;
    om->point.sum_line = om->check->line;
    /* Of a histogram the sign depends on the bounds, which are known at the end of the point. */
    if (isnan(value) || (value < 0 && family->type == SX_PARSED_SUMMARY)) {
        sx__violation(om->check, SX__RULE_SUM, "`%s` is %s", sx__quote(line->name).text,
                      value < 0 ? "negative" : "NaN");
    }
}

static void check_state(struct sx__om *om, const struct sx_parsed_line *line,
                        const struct sx__om_family *family)
{
    double value = line->value.value;
    if (find_parsed_label(line, family->name) == NULL) {
        sx__violation(om->check, SX__RULE_STATE,
                      "a state of `%s` needs a label `%s` with the name of the state",
                      sx__quote(family->name).text, sx__quote(family->name).text);
    }
    if (value < 0 || value > 1 || (value > 0 && value < 1) || isnan(value)) {
        sx__violation(om->check, SX__RULE_STATE, "the state is `%s`; it must be 0 or 1",
                      sx__quote(line->value.text).text);
    }
}

static void check_member_value(struct sx__om *om, const struct sx_parsed_line *line,
                               const struct sx__om_family *family, enum sx__sample_role role)
{
    if (role == SX__SAMPLE_TOTAL) {
        note_total(om, line);
    } else if (role == SX__SAMPLE_CREATED) {
        note_created(om, line);
    } else if (role == SX__SAMPLE_SUM) {
        note_sum(om, line, family);
    } else if (role == SX__SAMPLE_COUNT) {
        om->point.has_count = true;
        om->point.count_line = om->check->line;
        om->point.count = read_count(om, line);
    } else if (role == SX__SAMPLE_STATE) {
        check_state(om, line, family);
    } else if (role == SX__SAMPLE_QUANTILE && line->value.value < 0) {
        sx__violation(om->check, SX__RULE_QUANTILE_VALUE, "the value of a quantile is negative");
    } else if (role == SX__SAMPLE_INFO && !(line->value.value >= 1 && line->value.value <= 1)) {
        sx__violation(om->check, SX__RULE_INFO, "the value of `%s` is `%s`; it must be 1",
                      sx__quote(line->name).text, sx__quote(line->value.text).text);
    }
}

/* ---- any sample ---- */

/* The label that distinguishes the samples of a point; empty: none. */
static struct sx_str point_label(const struct sx__om_family *family)
{
    switch (family->type) {
    case SX_PARSED_HISTOGRAM:
    case SX_PARSED_GAUGEHISTOGRAM:
        return (struct sx_str){"le", 2};
    case SX_PARSED_SUMMARY:
        return (struct sx_str){"quantile", 8};
    case SX_PARSED_STATESET:
        return family->name;
    default:
        return (struct sx_str){"", 0};
    }
}

static void check_timestamp_unit(struct sx__om *om, const struct sx_parsed_line *line)
{
    if (line->timestamp.value >= MILLISECONDS_FROM) {
        sx__violation(om->check, SX__RULE_TIMESTAMP_UNIT,
                      "the timestamp `%s` looks like milliseconds; OpenMetrics has seconds",
                      sx__quote(line->timestamp.text).text);
    }
}

/* Returns false if the series is on an earlier line, at the same time. */
static bool check_series_new(struct sx__om *om, const struct sx_parsed_line *line,
                             const struct sx__label_sums *sums, bool has_bound, double bound)
{
    uint64_t hash = sx__hash(om->check, SX__HASH_START, line->name);
    hash += has_bound ? sums->others : sums->pairs;
    hash = has_bound ? sx__hash_double(om->check, hash, bound) : hash;
    hash = line->timestamp.text.size > 0 ? sx__hash_double(om->check, hash, line->timestamp.value)
                                         : hash;
    if (sx__om_note(om, sx__hash_mix(hash)) || om->check->status < 0) {
        return true;
    }
    sx__violation(om->check, SX__RULE_DUPLICATE, "this series of `%s` is on an earlier line, too",
                  sx__quote(line->name).text);
    return false;
}

void sx__om_sample(struct sx__om *om, const struct sx_parsed_line *line, uint32_t number)
{
    struct sx__om_family *family = &om->families[number - 1];
    const enum sx__sample_role role = sx__om_role(family, line->name);
    const struct sx_str label = point_label(family);
    if (role == SX__SAMPLE_NONE) {
        sx__violation(om->check, SX__RULE_SAMPLE_NAME, "`%s` is no sample of the %s `%s`",
                      sx__quote(line->name).text, sx_parsed_type_name(family->type),
                      sx__quote(family->name).text);
        return;
    }
    sx__check_label_count(om->check, line->label_count);
    struct sx__label_sums sums = sx__om_labels(om, line->labels, line->label_count, label);
    sx__check_label_names(om->check, &family->first_sample, family->name, sums.names);
    check_om_spelling(om, &line->value);
    check_timestamp_unit(om, line);
    const bool has_bound = role == SX__SAMPLE_BUCKET || role == SX__SAMPLE_QUANTILE;
    double bound = 0;
    if (has_bound ? !read_om_bound(&bound, om, line, label.data)
                  : role != SX__SAMPLE_STATE && label.size > 0 &&
                        find_parsed_label(line, label) != NULL) {
        if (!has_bound) {
            sx__violation(om->check, SX__RULE_BOUND, "`%s` must not have a label `%s`",
                          sx__quote(line->name).text, label.data);
        }
        return;
    }
    if (!check_series_new(om, line, &sums, has_bound, bound)) {
        return;
    }
    sx__om_enter_point(om, line, number, role == SX__SAMPLE_INFO ? sums.pairs : sums.others);
    if (line->has_exemplar) {
        check_exemplar(om, line, role);
    }
    if (role == SX__SAMPLE_BUCKET) {
        check_om_bucket(om, line, bound);
    } else {
        check_member_value(om, line, family, role);
    }
}
