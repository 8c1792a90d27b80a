/* check.h: what the parts of the checker share.
 *
 * check.c goes through the lines, check_line.c reads a line of text 0.0.4, check_labels.c labels.
 * check_rules.h is the table of rules, sample_suffixes.c that of the names that samples have.
 * check_families.c and check_series.c compare the line with the lines before it. If a line can
 * still be read after a violation, the check of the line continues. Nothing is reported twice for
 * the same reason.
 */
#ifndef SX_CHECK_H
#define SX_CHECK_H

#include "check_index.h"
#include "check_number.h"
#include "check_rules.h"
#include "quote.h"

#include <sextant/exposition.h>
#include <sextant/parse.h>
#include <stdbool.h>
#include <stdint.h>

#define SX__CHECK_LABELS_USUAL 64 /* of one sample; more are advice */

enum sx__rule {
#define SX__RULE_ENUM(rule, name, severity, text) rule,
    SX__RULES(SX__RULE_ENUM)
#undef SX__RULE_ENUM
        SX__RULE_COUNT
};

/* With the first sample of a family the others are compared. */
struct sx__first_sample {
    uint32_t line;        /* 0: none so far */
    uint64_t label_names; /* see sx__label_sums */
    bool told;            /* that another sample has other names */
};

struct sx__check_family {
    struct sx_str name;
    uint32_t help_line, type_line; /* the first such line; 0: none so far */
    struct sx__first_sample first_sample;
    enum sx_parsed_type type;
    uint32_t plain_line; /* where a bound was written like `1`, and where one like `1.0`; 0: none */
    uint32_t point_line;
};

struct sx__label {
    struct sx_str name;  /* empty: no more labels, only the `}` */
    struct sx_str value; /* still escaped; each value can be escaped in one way only */
    bool is_quoted;      /* the name, which is still escaped */
};

struct sx__label_array {
    struct sx__label *items;
    size_t capacity;
};

/* A sample of an earlier line. */
struct sx__check_series {
    uint32_t offset; /* of its name in the page */
    uint32_t line;
};

/* One histogram or summary: the samples of a family that differ only in `le` or `quantile`. */
struct sx__check_group {
    struct sx__check_series first;
    uint32_t family; /* number, from 1 */
    bool has_sum, has_count, has_infinite;
    bool has_bound;
    double bound;             /* of the last bucket or quantile */
    struct sx__number bucket; /* its value */
    struct sx__number infinite, count;
    uint32_t count_line;
};

struct sx__check {
    struct sx_str page;
    uint64_t hash_key; /* random */
    uint32_t line;     /* the one being read, from 1 */
    sx_violation_fn *report;
    void *context;
    size_t violations, violations_max;
    bool stopped; /* by the callback, by violations_max, or because memory is exhausted */
    bool carriage_return_told, reserved_label_told;
    bool left_out[SX__RULE_COUNT];
    bool utf8_names; /* names may be in quotes */
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

    struct sx__label_array labels, other_labels; /* of the samples being compared; kept for reuse */
};

/** Stops the check because memory is exhausted. */
void sx__check_out_of_memory(struct sx__check *check);

/** Reports a violation of the line that is being read. */
void sx__violation(struct sx__check *check, enum sx__rule rule, const char *format, ...)
    SX_PRINTF(3, 4);
/** Reports a violation of another line. */
void sx__violation_at(struct sx__check *check, uint32_t line, enum sx__rule rule,
                      const char *format, ...) SX_PRINTF(4, 5);

/** Reports a violation of another line, and what to do about it. */
void sx__suggestion_at(struct sx__check *check, uint32_t line, enum sx__rule rule,
                       const char *suggestion, const char *format, ...) SX_PRINTF(5, 6);

/* ---- the page ---- */

/** Checks a page of OpenMetrics 1.0. */
void sx__check_openmetrics(struct sx__check *check);

/** Reports what is unusual about names, HELP, units and labels, in either format. */
void sx__lint(struct sx__check *check, enum sx_format format);

/* ---- labels ---- */

/** Reads the next label after a `{`, or the `}`, and removes it from the text. Returns NULL or the
 *  error. Quoted names are read in any case. */
const char *sx__label_take(struct sx__label *label, struct sx_str *rest);

/** Reads a quoted metric name after a `{`, and the comma behind it. Returns NULL or the error. */
const char *sx__quoted_metric_take(struct sx_str *name, struct sx_str *rest);

/** Reads up to and including the next quote that is not escaped. Returns false if there is none. */
bool sx__quoted_take(struct sx_str *text, struct sx_str *rest);

/** Sums of hashes of labels, which do not depend on their order. In `pairs` a label with an empty
 *  value counts as absent, as in Prometheus. */
struct sx__label_sums {
    uint64_t pairs;  /* all, by name and value */
    uint64_t others; /* the same without the label `except` */
    uint64_t names;  /* the names without the label `except` */
};
/** Adds a label. `is_excepted`: it is the label `except`. */
void sx__label_sums_add(struct sx__label_sums *sums, const struct sx__check *check,
                        struct sx_str name, struct sx_str value, bool is_excepted);
struct sx__label_sums sx__labels_sum(const struct sx__check *check, struct sx_str labels,
                                     const char *except);

/** Makes room for the label after the `count` existing ones. Returns false if memory is exhausted;
 * the check is then stopped. */
bool sx__labels_reserve(struct sx__check *check, struct sx__label_array *labels, size_t count);

/** Reports that a sample has unusually many labels. */
void sx__check_label_count(struct sx__check *check, size_t count);

/** Sorts labels, and reports names that are given twice. */
void sx__check_label_twice(struct sx__check *check, struct sx__label *labels, size_t count);

/** Notes the label names of a sample, and reports if they differ from those of the first sample.
 *
 * @param names  see sx__label_sums
 */
void sx__check_label_names(struct sx__check *check, struct sx__first_sample *first,
                           struct sx_str family, uint64_t names);

/** Whether two samples have the same labels in any order, except the label `except` (NULL: none).
 * Returns false and stops the check if memory is exhausted. */
bool sx__label_sets_equal(struct sx__check *check, struct sx_str a, struct sx_str b,
                          const char *except);

/** Finds the value of a label. Returns false if the label is not there. */
bool sx__labels_find(struct sx_str *value, struct sx_str labels, const char *name);

/* ---- one line ---- */

enum sx__line_kind {
    SX__LINE_NOTHING = 0, /* blank, a comment, or not readable */
    SX__LINE_HELP,
    SX__LINE_TYPE,
    SX__LINE_SAMPLE,
};

struct sx__line {
    enum sx__line_kind kind;
    struct sx_str name;
    enum sx_parsed_type type; /* of TYPE */
    struct sx_str labels;     /* after the `{`, up to and including the `}`; empty: none */
    struct sx__number value;
};

/** Reads a line without its line feed, and reports violations that the line itself shows. */
void sx__line_read(struct sx__line *line, struct sx__check *check, struct sx_str text);

/** Reports an infinity or NaN that is not spelled as usual. */
void sx__check_spelling(struct sx__check *check, const struct sx__number *number,
                        struct sx_str text);

/** Splits a sample that was read before into its name and labels.
 *
 * @param text       the page from the name on
 * @param is_quoted  the name is in quotes
 */
void sx__sample_split(struct sx_str *name, struct sx_str *labels, struct sx_str text,
                      bool is_quoted);

/* ---- a line and the lines before it ---- */

#define SX__HASH_START UINT64_C(14695981039346656037)
/** Continues a hash with more bytes. It is keyed: the author of a page cannot choose names or
 * labels that collide, which would make the check quadratic. */
uint64_t sx__hash(const struct sx__check *check, uint64_t hash, struct sx_str bytes);
/** Continues a hash with a number. Zeros are the same, whatever their sign. */
uint64_t sx__hash_double(const struct sx__check *check, uint64_t hash, double number);
/** Mixes the bits of a hash, so that hashes can be added. */
uint64_t sx__hash_mix(uint64_t hash);
/** Mixes a hash down to 32 bits. */
uint32_t sx__hash_fold(const struct sx__check *check, uint64_t hash);

/** Checks a HELP or TYPE line. */
void sx__check_head(struct sx__check *check, const struct sx__line *line);

/** Finds or makes the family of a sample. Returns its number from 1, or 0 if memory is exhausted.
 */
uint32_t sx__check_family_of_sample(struct sx__check *check, struct sx_str name);

/** Notes a line of family `number`, and reports if lines of another family split the group. */
void sx__check_enter(struct sx__check *check, uint32_t number);

/** Checks a sample against its family. */
void sx__check_sample(struct sx__check *check, const struct sx__line *line, uint32_t number);

/** Reports what histograms and summaries lack, at the end of the page. */
void sx__check_groups(struct sx__check *check);

#endif
