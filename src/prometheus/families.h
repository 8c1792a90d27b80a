/* families.h: the metric families of the component: what they are called and labelled, and which
 * there are by its options. */
#ifndef SX_FAMILIES_H
#define SX_FAMILIES_H

#include <sextant/prometheus.h>

#define SX__LABELS_MOST 4

/* Where the value of a label comes from. */
enum sx__label_source {
    SX__LABEL_SOURCE_METHOD,
    SX__LABEL_SOURCE_HANDLER,
    SX__LABEL_SOURCE_CODE,
    SX__LABEL_SOURCE_SCHEME,
    SX__LABEL_SOURCE_PHASE
};

/* The order of a family's label values. */
struct sx__labels {
    size_t count;
    enum sx__label_source sources[SX__LABELS_MOST];
};

/* A family that the options leave out is NULL. */
struct sx__families {
    struct sx_histogram_family *durations;
    struct sx__labels duration_labels;
    bool duration_has_code;
    struct sx_counter_family *requests;
    struct sx__labels request_labels;
    struct sx_gauge_family *in_progress;
    struct sx__labels in_progress_labels;
    struct sx_histogram_family *request_sizes, *response_sizes, *first_bytes;
    struct sx__labels handler_labels; /* of these three */
    struct sx_counter_family *aborted;
    struct sx__labels aborted_labels;
    struct sx_counter *rejected[SX_REASONS];
};

/* Registers the families. Errors: those of the register functions; *name is then the metric that
 * failed. */
int sx__families_register(struct sx__families *families, struct sx_registry *registry,
                          const struct sx_prometheus_options *options, const char **name);

#endif
