/* check.h: what the parts of the checker share.
 *
 * check.c goes through the lines, check_line.c reads one, check_labels.c its labels; what a line
 * means beside the others is judged by check_families.c and check_series.c. A violation that a line
 * can be read in spite of does not end the line, and nothing is reported twice for one reason.
 */
#ifndef SX_CHECK_H
#define SX_CHECK_H

#include "check_index.h"
#include "check_number.h"

#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdint.h>

#define SX__CHECK_LABELS_MAX 64 /* of one sample */

/* The short names of what can be wrong; docs/metrics.md explains them to users. */
#define SX__RULES(X)                             \
    X(SX__RULE_LINE_FEED, "line-feed")           \
    X(SX__RULE_UTF8, "utf8")                     \
    X(SX__RULE_METRIC_NAME, "metric-name")       \
    X(SX__RULE_HELP, "help")                     \
    X(SX__RULE_TYPE, "type")                     \
    X(SX__RULE_TYPE_NAME, "type-name")           \
    X(SX__RULE_LATE, "late")                     \
    X(SX__RULE_ESCAPE, "escape")                 \
    X(SX__RULE_LABELS, "labels")                 \
    X(SX__RULE_LABEL_NAME, "label-name")         \
    X(SX__RULE_LABEL_TWICE, "label-twice")       \
    X(SX__RULE_LABEL_NAMES, "label-names")       \
    X(SX__RULE_VALUE, "value")                   \
    X(SX__RULE_TIMESTAMP, "timestamp")           \
    X(SX__RULE_SPLIT, "split")                   \
    X(SX__RULE_CLASH, "clash")                   \
    X(SX__RULE_DUPLICATE, "duplicate")           \
    X(SX__RULE_COUNTER, "counter")               \
    X(SX__RULE_SAMPLE_NAME, "sample-name")       \
    X(SX__RULE_BOUND, "bound")                   \
    X(SX__RULE_BOUND_ORDER, "bound-order")       \
    X(SX__RULE_BOUND_SPELLING, "bound-spelling") \
    X(SX__RULE_NOT_A_COUNT, "not-a-count")       \
    X(SX__RULE_NOT_CUMULATIVE, "not-cumulative") \
    X(SX__RULE_NO_INF, "no-inf")                 \
    X(SX__RULE_NO_SUM, "no-sum")                 \
    X(SX__RULE_NO_COUNT, "no-count")             \
    X(SX__RULE_COUNT_DIFFERS, "count-differs")

enum sx__rule {
#define SX__RULE_ENUM(rule, name) rule,
    SX__RULES(SX__RULE_ENUM)
#undef SX__RULE_ENUM
};

enum sx__check_type {
    SX__CHECK_UNTYPED,
    SX__CHECK_COUNTER,
    SX__CHECK_GAUGE,
    SX__CHECK_HISTOGRAM,
    SX__CHECK_SUMMARY,
};

struct sx__check_family {
    struct sx_str name;
    uint32_t help_line, type_line, sample_line; /* the first such line; 0: none so far */
    enum sx__check_type type;
    uint64_t label_names; /* of its first sample; see sx__label_sums */
    uint32_t plain_line; /* where a bound was written like `1`, and where one like `1.0`; 0: none */
    uint32_t point_line;
};

/* A sample seen before. */
struct sx__check_series {
    uint32_t offset; /* of its name in the page */
    uint32_t line;
};

/* One histogram or summary: the samples of a family that differ in nothing but `le`, `quantile`. */
struct sx__check_group {
    struct sx__check_series first;
    uint32_t family; /* number, from 1 */
    bool has_sum, has_count, has_infinite;
    bool has_bound;
    struct sx__number bound;  /* of the last bucket or quantile */
    struct sx__number bucket; /* its value */
    struct sx__number infinite, count;
    uint32_t count_line;
};

struct sx__check {
    struct sx_str page;
    uint32_t line; /* the one being read, from 1 */
    sx_violation_fn *report;
    void *context;
    size_t violations, violations_max;
    bool stopped; /* by the callback, the number of violations, or for want of memory */
    bool carriage_return_told;
    int status;

    struct sx__check_family *families;
    size_t family_count, family_capacity;
    struct sx__index family_index;
    uint32_t current_family; /* number; 0: none yet */

    struct sx__check_series *series;
    size_t series_count, series_capacity;
    struct sx__index series_index;

    struct sx__check_group *groups;
    size_t group_count, group_capacity;
    struct sx__index group_index;
};

/** Reports a violation of the line that is being read. */
void sx__violation(struct sx__check *check, enum sx__rule rule, const char *format, ...)
    SX_PRINTF(3, 4);
/** Reports a violation of another line. */
void sx__violation_at(struct sx__check *check, uint32_t line, enum sx__rule rule,
                      const char *format, ...) SX_PRINTF(4, 5);

/* How bytes of the page are shown in a violation: cut, and harmless to a terminal. */
#define SX__QUOTE_SIZE 64
struct sx__quote {
    char text[SX__QUOTE_SIZE];
};
struct sx__quote sx__quote(struct sx_str text);

/* ---- labels ---- */

struct sx__label {
    struct sx_str name;  /* empty: there was none more, only the `}` */
    struct sx_str value; /* as it is escaped, for which there is one way only */
};

/** Takes a label off the text behind a `{`, or the `}`. Gives NULL, or what is wrong. */
const char *sx__label_take(struct sx__label *label, struct sx_str *rest);

/** Sums over labels, which do not depend on their order. Labels without a value count as absent in
 *  `pairs`, as they are to Prometheus. */
struct sx__label_sums {
    uint64_t pairs;  /* all, by name and value */
    uint64_t others; /* the same without the label `except` */
    uint64_t names;  /* the names without the label `except` */
};
struct sx__label_sums sx__labels_sum(struct sx_str labels, const char *except);

/** Whether two samples have the same labels, but for the label `except` (NULL: none). */
bool sx__label_sets_equal(struct sx_str a, struct sx_str b, const char *except);

/** The value of a label; false where it is not there. */
bool sx__labels_find(struct sx_str *value, struct sx_str labels, const char *name);

/* ---- one line ---- */

enum sx__line_kind {
    SX__LINE_NOTHING = 0, /* blank, a comment, or too broken to be judged */
    SX__LINE_HELP,
    SX__LINE_TYPE,
    SX__LINE_SAMPLE,
};

struct sx__line {
    enum sx__line_kind kind;
    struct sx_str name;
    enum sx__check_type type; /* of TYPE */
    struct sx_str labels;     /* behind the `{`, up to the `}` and with it; empty: none */
    struct sx__number value;
};

/** Reads a line without its line feed, and reports what is wrong with it alone. */
void sx__line_read(struct sx__line *line, struct sx__check *check, struct sx_str text);

/** Splits a sample that was read before into its name and labels. */
void sx__sample_split(struct sx_str *name, struct sx_str *labels, struct sx_str text);

/* ---- a line among the others ---- */

#define SX__HASH_START UINT64_C(14695981039346656037)
/** FNV-1a of more bytes. */
uint64_t sx__hash(uint64_t hash, struct sx_str bytes);
/** Spreads a hash to 32 bits that are all as good. */
uint32_t sx__hash_fold(uint64_t hash);

/** Judges a HELP or TYPE line. */
void sx__check_head(struct sx__check *check, const struct sx__line *line);

/** Finds the family of a sample; made if it is not there. Number from 1; 0: memory is exhausted. */
uint32_t sx__check_family_of_sample(struct sx__check *check, struct sx_str name);

/** Notes that a line of family `number` was read, and reports where the family was left before. */
void sx__check_enter(struct sx__check *check, uint32_t number);

/** Judges a sample as one of family `number`. */
void sx__check_sample(struct sx__check *check, const struct sx__line *line, uint32_t number);

/** Reports what histograms and summaries lack; at the end of the page. */
void sx__check_groups(struct sx__check *check);

#endif
