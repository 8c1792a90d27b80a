/* check_series.c: comparing samples: duplicates, histograms, summaries. */
#include "check.h"
#include "sample_suffixes.h"
#include "view.h"

/* A histogram or a summary; samples of other families have no roles. */
static bool is_grouped(const struct sx__check_family *family)
{
    return family->type == SX_PARSED_HISTOGRAM || family->type == SX_PARSED_SUMMARY;
}

static bool is_bound(enum sx__sample_role role)
{
    return role == SX__SAMPLE_BUCKET || role == SX__SAMPLE_QUANTILE;
}

static const char *bound_label(const struct sx__check_family *family)
{
    return family->type == SX_PARSED_HISTOGRAM ? "le" : "quantile";
}

/* Splits an earlier sample. A name in quotes stands behind a quote, no other name does. */
static void split_earlier(const struct sx__check *check, const struct sx__check_series *series,
                          struct sx_str *name, struct sx_str *labels)
{
    const char *at = check->page.data + series->offset;
    const bool is_quoted = series->offset > 0 && at[-1] == '"';
    sx__sample_split(name, labels, (struct sx_str){at, check->page.size - series->offset},
                     is_quoted);
}

static struct sx__check_series place_of(const struct sx__check *check, const struct sx__line *line)
{
    return (struct sx__check_series){(uint32_t)(line->name.data - check->page.data), check->line};
}

/* ---- bounds ---- */

/* Reads `le` or `quantile`. Returns false if it is missing, not a number, or NaN. */
static bool find_bound(double *bound, struct sx_str *text, struct sx_str labels, const char *label)
{
    struct sx__number number;
    if (!sx__labels_find(text, labels, label) || sx__number_read(&number, *text) != NULL ||
        number.kind == SX__NUMBER_NAN) {
        return false;
    }
    *bound = sx__number_to_double(&number);
    return true;
}

/* ---- each series once ---- */

/* What makes a sample a series of its own, besides its name. */
struct identity {
    uint64_t labels;         /* sum of hashes of the labels that are compared as text */
    const char *bound_label; /* NULL: all labels are compared as text */
    double bound;
    struct sx_str bound_text;
};

/* A bucket is identified by its bound as a double, so that `1` and `1.0` are the same bucket. */
static struct identity identify(const struct sx__check *check, const struct sx__line *line,
                                const char *bound_label, const struct sx__label_sums *sums)
{
    struct identity identity = {.labels = sums->pairs};
    if (bound_label != NULL &&
        find_bound(&identity.bound, &identity.bound_text, line->labels, bound_label)) {
        identity.bound_label = bound_label;
        identity.labels = sums->others + sx__hash_double(check, SX__HASH_START, identity.bound);
    }
    return identity;
}

/* On success, `bound` is the text of the bound that the earlier series has. */
static bool is_same_series(struct sx__check *check, const struct sx__check_series *seen,
                           const struct sx__line *line, const struct identity *identity,
                           struct sx_str *bound)
{
    struct sx_str name, labels;
    double number = 0;
    split_earlier(check, seen, &name, &labels);
    return sx__views_equal(name, line->name) &&
           (identity->bound_label == NULL ||
            (find_bound(&number, bound, labels, identity->bound_label) &&
             number == identity->bound)) &&
           sx__label_sets_equal(check, labels, line->labels, identity->bound_label);
}

static void report_duplicate(struct sx__check *check, const struct sx__line *line,
                             const struct identity *identity, uint32_t seen, struct sx_str bound)
{
    struct sx__quote name = sx__quote(line->name);
    if (identity->bound_label == NULL || sx__views_equal(bound, identity->bound_text)) {
        sx__violation(check, SX__RULE_DUPLICATE, "this series of `%s` is already on line %u",
                      name.text, seen);
    } else {
        sx__violation(
            check, SX__RULE_DUPLICATE,
            "this series of `%s` is already on line %u, where its %s is `%s`: the same number",
            name.text, seen, identity->bound_label, sx__quote(bound).text);
    }
}

/* Returns true if the series is new. */
static bool check_duplicate(struct sx__check *check, const struct sx__line *line,
                            const struct identity *identity)
{
    uint32_t hash =
        sx__hash_fold(check, sx__hash(check, SX__HASH_START, line->name) + identity->labels);
    size_t cursor = 0;
    uint32_t number;
    while ((number = sx__index_next(&check->series_index, hash, &cursor)) != 0) {
        const struct sx__check_series *seen = &check->series[number - 1];
        struct sx_str bound = identity->bound_text;
        if (is_same_series(check, seen, line, identity, &bound)) {
            report_duplicate(check, line, identity, seen->line, bound);
            return false;
        }
    }
    struct sx__check_series *series = sx__array_reserve(check->series, &check->series_capacity,
                                                        check->series_count, sizeof *series);
    if (series != NULL) {
        check->series = series;
    }
    if (series == NULL ||
        sx__index_add(&check->series_index, hash, (uint32_t)check->series_count + 1) != SX_OK) {
        sx__check_out_of_memory(check);
        return false;
    }
    series[check->series_count++] = place_of(check, line);
    return true;
}

/* ---- histograms and summaries ---- */

static bool is_of_group(struct sx__check *check, const struct sx__check_group *group,
                        uint32_t family, const struct sx__line *line)
{
    struct sx_str name, labels;
    split_earlier(check, &group->first, &name, &labels);
    return group->family == family &&
           sx__label_sets_equal(check, labels, line->labels,
                                bound_label(&check->families[family - 1]));
}

/* Finds or makes the group of a sample. Returns NULL if memory is exhausted. */
static struct sx__check_group *group_of(struct sx__check *check, const struct sx__line *line,
                                        uint32_t family, uint64_t others)
{
    uint32_t hash = sx__hash_fold(check, others + family);
    size_t cursor = 0;
    uint32_t number;
    while ((number = sx__index_next(&check->group_index, hash, &cursor)) != 0) {
        if (is_of_group(check, &check->groups[number - 1], family, line)) {
            return &check->groups[number - 1];
        }
    }
    struct sx__check_group *groups = sx__array_reserve(check->groups, &check->group_capacity,
                                                       check->group_count, sizeof *groups);
    if (groups != NULL) {
        check->groups = groups;
    }
    if (groups == NULL ||
        sx__index_add(&check->group_index, hash, (uint32_t)check->group_count + 1) != SX_OK) {
        sx__check_out_of_memory(check);
        return NULL;
    }
    groups[check->group_count] =
        (struct sx__check_group){.first = place_of(check, line), .family = family};
    return &groups[check->group_count++];
}

static void check_count(struct sx__check *check, const struct sx__line *line)
{
    struct sx__quote name = sx__quote(line->name);
    const struct sx__number *count = &line->value;
    if (count->kind == SX__NUMBER_UNKNOWN) {
        return;
    }
    if (count->kind != SX__NUMBER_FINITE || count->negative) {
        sx__violation(check, SX__RULE_NOT_A_COUNT, "the value of `%s` is %s", name.text,
                      count->negative ? "negative" : "not finite");
    } else if (!sx__number_is_whole(count)) {
        sx__violation(check, SX__RULE_FRACTIONAL_COUNT, "the value of `%s` is not a whole number",
                      name.text);
    }
}

/* Some clients write the bound 1, others 1.0; for Prometheus 2 these are two series. */
static void check_bound_spelling(struct sx__check *check, struct sx__check_family *family,
                                 struct sx_str bound)
{
    bool point = false, zeros = true, plain = bound.size > 0;
    for (size_t i = 0; i < bound.size; i++) {
        char c = bound.data[i];
        plain = plain && ((c >= '0' && c <= '9') || c == '-');
        zeros = zeros && (!point || c == '0');
        point = point || c == '.';
    }
    if (!plain && !(point && zeros)) {
        return;
    }
    uint32_t *line = plain ? &family->plain_line : &family->point_line;
    uint32_t other = plain ? family->point_line : family->plain_line;
    if (*line == 0) {
        *line = check->line;
        if (other != 0) {
            sx__violation(
                check, SX__RULE_BOUND_SPELLING,
                "whole bounds of `%s` are written with `.0` on line %u and without on line %u",
                sx__quote(family->name).text, plain ? other : check->line,
                plain ? check->line : other);
        }
    }
}

/* Returns why the bound is wrong, to complete a sentence after "is", or NULL. */
static const char *explain_bound(const struct sx__check_family *family,
                                 const struct sx__number *number)
{
    if (number->kind == SX__NUMBER_NAN) {
        return "not a bound";
    }
    if (family->type == SX_PARSED_HISTOGRAM) {
        return NULL;
    }
    double quantile = sx__number_to_double(number);
    return quantile < 0 || quantile > 1 ? "not from 0 to 1" : NULL;
}

/* Returns false if the bound cannot be compared with others. */
static bool read_bound(struct sx__number *number, struct sx__check *check,
                       struct sx__check_family *family, const struct sx__line *line)
{
    const char *label = bound_label(family);
    struct sx_str bound;
    if (!sx__labels_find(&bound, line->labels, label)) {
        sx__violation(check, SX__RULE_BOUND, "`%s` has no label `%s`", sx__quote(line->name).text,
                      label);
        return false;
    }
    const char *wrong = sx__number_read(number, bound);
    wrong = wrong == NULL ? explain_bound(family, number) : wrong;
    if (wrong != NULL) {
        sx__violation(check, SX__RULE_BOUND, "the %s `%s` is %s", label, sx__quote(bound).text,
                      wrong);
        return false;
    }
    if (number->misspelled && !number->negative) {
        sx__violation(check, SX__RULE_BOUND, "the le `%s` is not `+Inf`, as the format has it",
                      sx__quote(bound).text);
    } else {
        sx__check_spelling(check, number, bound);
    }
    check_bound_spelling(check, family, bound);
    return true;
}

static bool is_comparable(const struct sx__number *number)
{
    return number->kind == SX__NUMBER_FINITE || number->kind == SX__NUMBER_INFINITE;
}

/* Compares with the previous bound of the same group. Returns false if that is not smaller. An
 * equal bound was reported as a duplicate. */
static bool check_bound_order(struct sx__check *check, const struct sx__check_group *group,
                              double bound, const char *label)
{
    bool ordered = !group->has_bound || group->bound < bound;
    if (!ordered) {
        sx__violation(check, SX__RULE_BOUND_ORDER, "this %s is smaller than the one before it",
                      label);
    }
    return ordered;
}

static void check_bucket(struct sx__check *check, struct sx__check_group *group,
                         const struct sx__line *line, const struct sx__number *bound, bool ordered)
{
    check_count(check, line);
    if (ordered && is_comparable(&line->value) && is_comparable(&group->bucket) &&
        sx__number_compare(&line->value, &group->bucket) < 0) {
        sx__violation(
            check, SX__RULE_NOT_CUMULATIVE,
            "this bucket has fewer observations than the one before it; buckets are cumulative");
    }
    group->bucket = line->value;
    if (bound->kind == SX__NUMBER_INFINITE && !bound->negative) {
        group->infinite = line->value;
        group->has_infinite = true;
    }
}

static void check_bound(struct sx__check *check, struct sx__check_group *group,
                        const struct sx__line *line)
{
    struct sx__check_family *family = &check->families[group->family - 1];
    struct sx__number number;
    if (!read_bound(&number, check, family, line)) {
        return;
    }
    double bound = sx__number_to_double(&number);
    bool ordered = check_bound_order(check, group, bound, bound_label(family));
    if (family->type == SX_PARSED_HISTOGRAM) {
        check_bucket(check, group, line, &number, ordered);
    }
    group->bound = bound;
    group->has_bound = true;
}

static void check_member(struct sx__check *check, const struct sx__line *line, uint32_t number,
                         enum sx__sample_role role, uint64_t others)
{
    const struct sx__check_family *family = &check->families[number - 1];
    struct sx_str bound;
    if (!is_bound(role) && sx__labels_find(&bound, line->labels, bound_label(family))) {
        sx__violation(check, SX__RULE_BOUND, "`%s` must not have a label `%s`",
                      sx__quote(line->name).text, bound_label(family));
    }
    struct sx__check_group *group = group_of(check, line, number, others);
    if (group == NULL) {
        return;
    }
    if (is_bound(role)) {
        check_bound(check, group, line);
    } else if (role == SX__SAMPLE_SUM) {
        group->has_sum = true;
    } else {
        check_count(check, line);
        group->has_count = true;
        group->count = line->value;
        group->count_line = check->line;
    }
}

/* ---- any sample ---- */

static void check_counter(struct sx__check *check, const struct sx__line *line)
{
    if (line->value.kind == SX__NUMBER_NAN || line->value.negative) {
        sx__violation(check, SX__RULE_COUNTER, "the counter `%s` is %s", sx__quote(line->name).text,
                      line->value.negative ? "negative" : "NaN");
    }
}

void sx__check_sample(struct sx__check *check, const struct sx__line *line, uint32_t number)
{
    struct sx__check_family *family = &check->families[number - 1];
    const bool grouped = is_grouped(family);
    const enum sx__sample_role role = sx__sample_role(family->type, family->name, line->name);
    if (grouped && role == SX__SAMPLE_NONE) {
        sx__violation(check, SX__RULE_SAMPLE_NAME,
                      "`%s` is a histogram: its samples must be _bucket, _sum and _count",
                      sx__quote(family->name).text);
        return;
    }
    struct sx__label_sums sums =
        sx__labels_sum(check, line->labels, grouped ? bound_label(family) : NULL);
    struct identity identity =
        identify(check, line, is_bound(role) ? bound_label(family) : NULL, &sums);
    sx__check_label_names(check, &family->first_sample, family->name, sums.names);
    if (!check_duplicate(check, line, &identity)) {
        return;
    }
    if (grouped) {
        check_member(check, line, number, role, sums.others);
    } else if (family->type == SX_PARSED_COUNTER) {
        check_counter(check, line);
    }
}

/* ---- the end of the page ---- */

static void check_histogram(struct sx__check *check, const struct sx__check_group *group,
                            const char *name)
{
    uint32_t line = group->first.line;
    if (!group->has_infinite) {
        sx__violation_at(check, line, SX__RULE_NO_INF,
                         "the histogram `%s` has no bucket le=\"+Inf\"", name);
    } else if (group->has_count && is_comparable(&group->count) &&
               is_comparable(&group->infinite) &&
               sx__number_compare(&group->count, &group->infinite) != 0) {
        sx__violation_at(check, group->count_line, SX__RULE_COUNT_DIFFERS,
                         "`%s_count` differs from the bucket le=\"+Inf\"", name);
    }
    if (!group->has_sum) {
        sx__violation_at(check, line, SX__RULE_NO_SUM, "the histogram `%s` has no `%s_sum`", name,
                         name);
    }
    if (!group->has_count) {
        sx__violation_at(check, line, SX__RULE_NO_COUNT, "the histogram `%s` has no `%s_count`",
                         name, name);
    }
}

static void check_summary(struct sx__check *check, const struct sx__check_group *group,
                          const char *name)
{
    if (!group->has_sum || !group->has_count) {
        sx__violation_at(check, group->first.line, SX__RULE_QUANTILES_ONLY,
                         "the summary `%s` has no `_%s`%s", name, group->has_sum ? "count" : "sum",
                         group->has_sum || group->has_count ? "" : " and no `_count`");
    }
}

void sx__check_groups(struct sx__check *check)
{
    for (size_t i = 0; i < check->group_count && !check->stopped; i++) {
        const struct sx__check_group *group = &check->groups[i];
        const struct sx__check_family *family = &check->families[group->family - 1];
        struct sx__quote name = sx__quote(family->name);
        if (family->type == SX_PARSED_HISTOGRAM) {
            check_histogram(check, group, name.text);
        } else {
            check_summary(check, group, name.text);
        }
    }
}
