/* registration.h: metrics whose type is known at run time only, and registering many metrics with
 * one check at the end.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_REGISTRATION_H
#define SEXTANT_REGISTRATION_H

#include <sextant/metrics.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics whose type is known at run time only ---- */

/** A metric of any type but info, state set and gauge histogram: the handle of its type, and NULL
 * for the others. An untyped metric is a gauge. Updates accept NULL, so one of the wrong type does
 * nothing. */
struct sx_metric {
    enum sx_metric_type type;
    struct sx_counter *counter;
    struct sx_gauge *gauge;
    struct sx_histogram *histogram;
    struct sx_summary *summary;
};

/** A family of any type, as struct sx_metric. */
struct sx_metric_family {
    enum sx_metric_type type;
    struct sx_counter_family *counters;
    struct sx_gauge_family *gauges;
    struct sx_histogram_family *histograms;
    struct sx_summary_family *summaries;
};

/** Registers a metric without labels, as the register function of its type does.
 *
 * @param metric  receives the handle; untouched on failure
 * Errors:   as sx_counter_register and sx_histogram_register; also SX_EINVAL for other types
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_metric_register(struct sx_metric *metric, struct sx_registry *registry,
                                            enum sx_metric_type type,
                                            const struct sx_metric_options *options);

/** Registers a family with at least one label. Otherwise as sx_metric_register. */
SX_API SX_MUST_CHECK int sx_metric_family_register(struct sx_metric_family *family,
                                                   struct sx_registry *registry,
                                                   enum sx_metric_type type,
                                                   const struct sx_metric_options *options);

/** Finds or makes a metric of the family. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_metric_family_get(struct sx_metric *metric,
                                              const struct sx_metric_family *family,
                                              const struct sx_str *values, size_t count);

/* ---- registering many metrics, and checking once ---- */

/** Keeps the first error of many registrations, and explains it:
 *
 *     struct sx_registration all = {.registry = registry};
 *     requests = sx_registration_add(&all, SX_COUNTER, &requests_options).counter;
 *     sizes = sx_registration_add_family(&all, SX_HISTOGRAM, &sizes_options).histograms;
 *     if (all.status != SX_OK) {
 *         fprintf(stderr, "%s\n", all.message);
 *     }
 *
 * A zeroed struct is ready for use. It needs no clean-up.
 */
struct sx_registration {
    struct sx_registry *registry; /* NULL: the default registry */
    int status;                   /* SX_OK, or the first error */
    char message[256]; /* why: the metric, the error, and which label or bound is wrong or
                          what differs from the metric that has the name; in ASCII, one
                          line without a line feed; "" while status is SX_OK */
    void *reserved[2];
};

/** Registers a metric without labels. The others are registered even after an error, so that a
 * program that goes on has as many metrics as possible.
 *
 * @param registration  NULL: nothing is registered
 * @return   its handle; all handles are NULL if it cannot be registered
 * Errors:   as sx_metric_register; the first one is kept in `registration`
 * Threads:  [any], but calls with the same `registration` only one after the other
 */
SX_API struct sx_metric sx_registration_add(struct sx_registration *registration,
                                            enum sx_metric_type type,
                                            const struct sx_metric_options *options);

/** Registers a family with at least one label. As sx_registration_add. */
SX_API struct sx_metric_family sx_registration_add_family(struct sx_registration *registration,
                                                          enum sx_metric_type type,
                                                          const struct sx_metric_options *options);

#ifdef __cplusplus
}
#endif
#endif
