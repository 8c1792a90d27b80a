/* written_names.h: the names that formats write for a family, in a form that is fast to compare.
 *
 * A format may write `x_count` for the histogram `x`, or `y_total` for the counter `y`. Such a name
 * is a stem and a suffix of a fixed list, or a stem alone. No suffix of the list ends with another,
 * so each name can be split in one way only. All names of a family have one or two stems.
 *
 * Source: OpenMetrics 1.0, "MetricFamily", name: names that could collide through suffixes
 */
#ifndef SX_METRICS_WRITTEN_NAMES_H
#define SX_METRICS_WRITTEN_NAMES_H

#include <sextant/metrics.h>
#include <stdbool.h>
#include <stddef.h>

#define SX__STEMS_MAX 2

/* The names of a family that share a stem. */
struct sx__written_names {
    struct sx_str stem; /* a part of the family's name, borrowed; may be empty */
    unsigned suffixes;  /* a set: one bit for each suffix */
};

/** Returns the suffix that names of the type usually have: `_total`, `_info` or none. In
 * OpenMetrics the samples have it, and the family has not. */
struct sx_str sx__own_suffix(enum sx_metric_type type);

/** Returns the name without that suffix; a name that is nothing else keeps it. */
struct sx_str sx__name_without_own_suffix(struct sx_str name, enum sx_metric_type type);

/** Splits all names that a format may write for a family.
 *
 * @return  how many stems there are: 1 or 2
 */
size_t sx__written_names_of(struct sx__written_names names[SX__STEMS_MAX], struct sx_str name,
                            enum sx_metric_type type);

/** Whether the two sets have a name in common. */
bool sx__written_names_meet(const struct sx__written_names *a, const struct sx__written_names *b);

/** Whether a format may write the same sample name for both families. `a` may equal `b`. */
bool sx__written_names_clash(struct sx_str a, enum sx_metric_type type_a, struct sx_str b,
                             enum sx_metric_type type_b);

#endif
