/* desc.h: the description of a metric family (desc), checked; and whether two families can be on
 * one page. */
#ifndef SX_METRICS_DESC_H
#define SX_METRICS_DESC_H

#include "records.h"

struct sx__desc {
    enum sx_metric_type type;
    struct sx_str name;
    struct sx_str help;
    const char *const *labels;
    size_t label_count;
    const double *bounds; /* without a final +Inf */
    size_t bound_count;
    uint32_t max_series;
    enum sx__source source;
};

/** Checks a caller's options, in the order of the errors below, and borrows from them.
 *
 * @param labelled  whether the family must have labels, or must not
 * Errors:   SX_EINVAL (no options), SX_ENAME, SX_EHELP, SX_ELABEL, SX_EINVAL (labels or buckets
 *           that must not be there, or must), SX_EBUCKETS
 */
int sx__desc_read(struct sx__desc *desc, enum sx_metric_type type, bool labelled,
                  const struct sx_metric_options *options);

/** Whether the family was registered with an equal desc. */
bool sx__desc_equals(const struct sx__desc *desc, const struct sx__family *family);

/** Whether some format would write a sample, or a family, of the same name for both.
 *
 * Source:   OpenMetrics 1.0, "MetricFamily", name: names that could collide through suffixes
 */
bool sx__desc_clashes(const struct sx__desc *desc, const struct sx__family *family);

/** Whether the two could be on one page: SX_OK, SX_EEXIST (one name), or SX_ECLASH. */
int sx__desc_compare(const struct sx__desc *desc, const struct sx__family *family);

/** As sx__desc_compare, of two families. */
int sx__family_compare(const struct sx__family *a, const struct sx__family *b);

/* How many suffixes a type has at most. */
#define SX__SAMPLE_NAMES_MAX 5u

/** Returns the suffixes that make a type's sample names from its base, ended by NULL. "" is one. */
const char *const *sx__desc_suffixes(enum sx_metric_type type);

/** Returns what the sample names of a family begin with: its name, without a counter's _total. */
struct sx_str sx__desc_base(struct sx_str name, enum sx_metric_type type);

#endif
