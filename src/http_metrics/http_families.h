/* http_families.h: the metric families of a server: their names and labels, and which of them the
 * options select. */
#ifndef SX_HTTP_FAMILIES_H
#define SX_HTTP_FAMILIES_H

#include <sextant/http_metrics.h>

#define SX__HTTP_LABELS_MOST 4

/* Where the value of a label comes from. */
enum sx__http_source {
    SX__HTTP_SOURCE_METHOD,
    SX__HTTP_SOURCE_HANDLER,
    SX__HTTP_SOURCE_CODE,
    SX__HTTP_SOURCE_SCHEME,
    SX__HTTP_SOURCE_PHASE
};

/* The order of a family's label values. */
struct sx__http_labels {
    size_t count;
    enum sx__http_source sources[SX__HTTP_LABELS_MOST];
};

/* A family that the options leave out is NULL. */
struct sx__http_families {
    struct sx_histogram_family *durations;
    struct sx__http_labels duration_labels;
    bool duration_has_code;
    bool have_scheme; /* some of them have it as a label */
    struct sx_counter_family *requests;
    struct sx__http_labels request_labels;
    struct sx_gauge_family *in_progress;
    struct sx__http_labels in_progress_labels;
    struct sx_histogram_family *request_sizes, *response_sizes, *first_bytes;
    struct sx__http_labels handler_labels; /* of these three */
    struct sx_counter_family *aborted;
    struct sx__http_labels aborted_labels;
    struct sx_counter_family *rejected;
    bool are_shared; /* by processes, which may be killed in the middle of requests */
};

/* Registers the families. Errors: those of the register functions; *failed is then the metric that
 * failed, and none is registered. */
int sx__http_families_register(struct sx__http_families *families,
                               const struct sx_http_metrics_options *options, const char **failed);
/* Unregisters the families. One that is NULL is skipped. */
void sx__http_families_unregister(struct sx__http_families *families);

#endif
