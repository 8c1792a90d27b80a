/* registration.c: registering many metrics and checking once, and metrics whose type is known at
 * run time only. Both are made of the register functions of the types. */
#include "explain.h"

#include <sextant/registration.h>

/* ---- of any type ---- */

int sx_metric_register(struct sx_metric *metric, struct sx_registry *registry,
                       enum sx_metric_type type, const struct sx_metric_options *options)
{
    struct sx_metric made = {.type = type};
    int status = SX_EINVAL;
    if (metric == NULL || !sx__is_metric_type(type)) {
        return SX_EINVAL;
    }
    switch (type) {
    case SX_COUNTER:
        status = sx_counter_register(&made.counter, registry, options);
        break;
    case SX_GAUGE:
        status = sx_gauge_register(&made.gauge, registry, options);
        break;
    case SX_HISTOGRAM:
        status = sx_histogram_register(&made.histogram, registry, options);
        break;
    case SX_SUMMARY:
        status = sx_summary_register(&made.summary, registry, options);
        break;
    case SX_UNTYPED:
        status = sx_untyped_register(&made.gauge, registry, options);
        break;
    default: /* they have register functions of their own */
        break;
    }
    if (status == SX_OK) {
        *metric = made;
    }
    return status;
}

int sx_metric_family_register(struct sx_metric_family *family, struct sx_registry *registry,
                              enum sx_metric_type type, const struct sx_metric_options *options)
{
    struct sx_metric_family made = {.type = type};
    int status = SX_EINVAL;
    if (family == NULL || !sx__is_metric_type(type)) {
        return SX_EINVAL;
    }
    switch (type) {
    case SX_COUNTER:
        status = sx_counter_family_register(&made.counters, registry, options);
        break;
    case SX_GAUGE:
        status = sx_gauge_family_register(&made.gauges, registry, options);
        break;
    case SX_HISTOGRAM:
        status = sx_histogram_family_register(&made.histograms, registry, options);
        break;
    case SX_SUMMARY:
        status = sx_summary_family_register(&made.summaries, registry, options);
        break;
    case SX_UNTYPED:
        status = sx_untyped_family_register(&made.gauges, registry, options);
        break;
    default: /* they have register functions of their own */
        break;
    }
    if (status == SX_OK) {
        *family = made;
    }
    return status;
}

int sx_metric_family_get(struct sx_metric *metric, const struct sx_metric_family *family,
                         const struct sx_str *values, size_t count)
{
    if (metric == NULL || family == NULL || !sx__is_metric_type(family->type)) {
        return SX_EINVAL;
    }
    struct sx_metric found = {.type = family->type};
    int status = SX_EINVAL;
    switch (family->type) {
    case SX_COUNTER:
        status = sx_counter_family_get(&found.counter, family->counters, values, count);
        break;
    case SX_GAUGE:
        status = sx_gauge_family_get(&found.gauge, family->gauges, values, count);
        break;
    case SX_HISTOGRAM:
        status = sx_histogram_family_get(&found.histogram, family->histograms, values, count);
        break;
    case SX_SUMMARY:
        status = sx_summary_family_get(&found.summary, family->summaries, values, count);
        break;
    case SX_UNTYPED:
        status = sx_gauge_family_get(&found.gauge, family->gauges, values, count);
        break;
    default: /* they have register functions of their own */
        break;
    }
    if (status == SX_OK) {
        *metric = found;
    }
    return status;
}

/* ---- many ---- */

static void keep_first_failure(struct sx_registration *registration, enum sx_metric_type type,
                               bool labelled, const struct sx_metric_options *options, int status)
{
    if (status == SX_OK || registration->status != SX_OK) {
        return;
    }
    struct sx_registry *registry = registration->registry;
    registry = registry != NULL ? registry : sx_registry_default();
    registration->status = status;
    sx__explain(registration->message, sizeof registration->message, registry, type, labelled,
                options, status);
}

struct sx_metric sx_registration_add(struct sx_registration *registration, enum sx_metric_type type,
                                     const struct sx_metric_options *options)
{
    struct sx_metric metric = {.type = type};
    if (registration != NULL) {
        int status = sx_metric_register(&metric, registration->registry, type, options);
        keep_first_failure(registration, type, false, options, status);
    }
    return metric;
}

struct sx_metric_family sx_registration_add_family(struct sx_registration *registration,
                                                   enum sx_metric_type type,
                                                   const struct sx_metric_options *options)
{
    struct sx_metric_family family = {.type = type};
    if (registration != NULL) {
        int status = sx_metric_family_register(&family, registration->registry, type, options);
        keep_first_failure(registration, type, true, options, status);
    }
    return family;
}
