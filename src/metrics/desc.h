/* desc.h: the description of a metric family (desc), checked; and whether two families can be on
 * one page. */
#ifndef SX_METRICS_DESC_H
#define SX_METRICS_DESC_H

#include "constants.h"
#include "records.h"

/* The label that gauges of SX_MODE_LIVE_ALL have on the page besides their own. Its value is the
 * number of the process's row. */
#define SX__PROCESS_LABEL "process"

struct sx__desc {
    enum sx_metric_type type;
    struct sx_str name;
    struct sx_str legacy; /* the name as sx__family_legacy_name; set by sx__desc_place */
    struct sx_str help;
    struct sx_str unit;
    const char *const *labels;
    const char *state_label[2]; /* `labels` of a state set */
    size_t label_count;
    const double *bounds; /* without a final +Inf */
    size_t bound_count;
    uint32_t native_max; /* 0: no native buckets */
    int32_t native_schema;
    double zero_threshold; /* of native buckets */
    const double *quantiles;
    size_t quantile_count;
    uint64_t window_ms; /* of quantiles */
    enum sx_multiprocess_mode multiprocess_mode;
    uint32_t max_series;
    uint64_t idle_ms;
    enum sx__source source;
    bool utf8_names; /* names may have any characters */
};

/** Checks a caller's options, in the order of the errors below, and borrows from them.
 *
 * @param labelled  whether the family must have labels, or must not
 * Errors:   SX_EINVAL (no options), SX_ENAME, SX_EHELP, SX_EUNIT, SX_ELABEL, SX_EINVAL (labels,
 * buckets or idle_seconds that are forbidden or missing), SX_EBUCKETS
 */
int sx__desc_read(struct sx__desc *desc, enum sx_metric_type type, bool labelled,
                  const struct sx_metric_options *options);

/** Puts the registry's prefix before the name of a desc that was read, and checks its labels
 * against the constant labels.
 *
 * @param full  give it to sx__full_name_clean_up after the last use of `desc`, also on failure
 *
 * Errors:   SX_ELABEL, SX_ENOMEM
 */
int sx__desc_place(struct sx__desc *desc, struct sx__full_name *full,
                   const struct sx_registry *registry);

/** Checks the name prefix and the constant labels of a registry.
 *
 * Errors:   SX_ENAME, SX_ELABEL, SX_EINVAL (too many labels, a value that is not UTF-8, NULL)
 */
int sx__desc_check_constants(const struct sx_registry_options *options);

/** Whether a caller passed one of the types. */
bool sx__is_metric_type(enum sx_metric_type type);

/** Whether metrics of the type can have a unit. */
bool sx__has_unit(enum sx_metric_type type);

/** Whether a metric may have this name.
 *
 * @param name  NULL is none
 * @param utf8  any UTF-8; otherwise only legacy characters
 */
bool sx__metric_name_is_valid(const char *name, bool utf8);

/** Returns why labels[index] is refused, as text to print after the label ("is given twice"), or
 * NULL if it is valid.
 *
 * @param labels  labels[index] is compared with the labels before it
 * @param utf8    names may have any characters
 */
const char *sx__label_fault(enum sx_metric_type type, const char *const *labels, size_t index,
                            bool utf8);

/** Returns what is wrong with the options of native buckets, as text to print behind a colon, or
 * NULL if they are valid. */
const char *sx__native_fault(const struct sx_native_options *options);

/** Returns what is wrong with the options of quantiles, as sx__native_fault. */
const char *sx__quantiles_fault(const struct sx_metric_options *options);

/** Returns what is wrong with the multiprocess mode of a metric, as sx__native_fault. */
const char *sx__multiprocess_fault(enum sx_metric_type type,
                                   const struct sx_metric_options *options);

/** Returns the index of the first bound that is not finite, or not larger than the one before it;
 *  `count` if there is none. */
size_t sx__bounds_fault(const double *bounds, size_t count);

/** Whether the family was registered with an equal desc. */
bool sx__desc_equals(const struct sx__desc *desc, const struct sx__family *family);

/** Whether some format would write a sample, or a family, of the same name for both.
 *
 * Source:   OpenMetrics 1.0, "MetricFamily", name: names that could collide through suffixes
 */
bool sx__desc_clashes(const struct sx__desc *desc, const struct sx__family *family);

#endif
