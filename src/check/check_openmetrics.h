/* check_openmetrics.h: what the parts of the checker of OpenMetrics share.
 *
 * check_openmetrics.c goes through the lines of the parser, openmetrics_families.c decides to which
 * family a line belongs, openmetrics_samples.c checks a sample, openmetrics_points.c the samples of
 * a metric together. Reports, indexes and hashes are those of check.h.
 *
 * A metric is a family and a set of labels, without `le`, `quantile` or the label of a state. A
 * point is a metric and a timestamp. The samples of a point follow each other, so the checker keeps
 * one point. Names and labels are compared by hashes of 64 bits, whose key the author of the page
 * does not know.
 */
#ifndef SX_CHECK_OPENMETRICS_H
#define SX_CHECK_OPENMETRICS_H

#include "check.h"
#include "sample_suffixes.h"

#include <sextant/parse.h>

struct sx__om_family {
    struct sx_str name;
    enum sx_parsed_type type;
    struct sx_str unit;
    uint32_t first_line, help_line, type_line, unit_line; /* 0: none so far */
    struct sx__first_sample first_sample;
};

/* A name that a family has, or that its samples may have. */
struct sx__om_claim {
    uint64_t hash;
    uint32_t family; /* number, from 1 */
};

/* The samples of a metric at one time. */
struct sx__om_point {
    uint32_t family; /* number; 0: there is no point */
    uint64_t metric; /* hash */
    bool has_timestamp;
    double timestamp;
    uint32_t line; /* of its first sample */
    bool has_total, has_created, has_sum, has_count, has_infinite, has_bound, has_negative_bound;
    double total, created, sum, bound;
    uint32_t total_line, sum_line, count_line;
    struct sx__number bucket, infinite, count;
    bool had_total, had_created; /* of the point before, of the same metric */
    double total_before, created_before;
};

struct sx__om {
    struct sx__check *check;
    struct sx__om_family *families;
    size_t family_count, family_capacity;
    struct sx__om_claim *claims;
    size_t claim_count, claim_capacity;
    struct sx__index claim_index;
    uint64_t *seen; /* hashes of series and of metrics */
    size_t seen_count, seen_capacity;
    struct sx__index seen_index;
    uint32_t current; /* family; 0: none yet */
    struct sx__om_point point;
};

/** Checks a line HELP, TYPE or UNIT. */
void sx__om_metadata(struct sx__om *om, const struct sx_parsed_line *line);

/** Finds or makes the family of a sample. Returns its number, or 0 if memory is exhausted. */
uint32_t sx__om_family_of_sample(struct sx__om *om, struct sx_str name);

/** Returns what a sample of this name is to the family. */
enum sx__sample_role sx__om_role(const struct sx__om_family *family, struct sx_str name);

/** Notes the hash of a series or metric. Returns false if it was noted before, or if memory is
 * exhausted. */
bool sx__om_note(struct sx__om *om, uint64_t hash);

/** Checks a sample of family `number`. */
void sx__om_sample(struct sx__om *om, const struct sx_parsed_line *line, uint32_t number);

/** Checks the labels of a sample or of an exemplar, and returns their hashes; see
 * sx__labels_sum. */
struct sx__label_sums sx__om_labels(struct sx__om *om, const struct sx_parsed_label *labels,
                                    size_t count, struct sx_str except);

/** Enters the point of a sample; begins a new one if it differs. `metric` is the hash of its
 * labels. */
void sx__om_enter_point(struct sx__om *om, const struct sx_parsed_line *line, uint32_t family,
                        uint64_t metric);

/** Checks what a point lacks, and ends it. */
void sx__om_end_point(struct sx__om *om);

#endif
