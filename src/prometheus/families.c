/* families.c: the names and labels of the metric families. See families.h. */
#include "families.h"

#include <string.h>

/* ---- names ---- */

struct names {
    const char *duration, *requests, *in_progress, *aborted, *rejected;
    const char *request_size, *response_size, *first_byte;
    const char *labels[5]; /* by enum sx__label_source */
};

static const struct names prometheus = {
    .duration = "http_request_duration_seconds",
    .requests = "http_requests_total",
    .in_progress = "http_requests_inprogress",
    .aborted = "http_requests_aborted_total",
    .rejected = "http_requests_rejected_total",
    .request_size = "http_request_body_bytes",
    .response_size = "http_response_body_bytes",
    .first_byte = "http_response_first_byte_seconds",
    .labels = {"method", "handler", "code", "scheme", "phase"},
};

static const struct names opentelemetry = {
    .duration = "http_server_request_duration_seconds",
    .in_progress = "http_server_active_requests",
    .aborted = "http_server_requests_aborted_total",
    .rejected = "http_server_requests_rejected_total",
    .request_size = "http_server_request_body_size_bytes",
    .response_size = "http_server_response_body_size_bytes",
    .first_byte = "http_server_response_first_byte_seconds",
    .labels = {"http_request_method", "http_route", "http_response_status_code", "url_scheme",
               "phase"},
};

static const double size_buckets[] = {256, 1024, 4096, 16384, 65536, 262144, 1048576, 16777216};

/* ---- registration ---- */

struct registration {
    struct sx_registry *registry;
    const struct names *names;
    const char *failed;
    const char *label_names[SX__LABELS_MOST + 1];
};

#define LABELS(...)                                                       \
    ((struct sx__labels){sizeof((enum sx__label_source[]){__VA_ARGS__}) / \
                             sizeof(enum sx__label_source),               \
                         {__VA_ARGS__}})

static struct sx_metric_options define(struct registration *registration, const char *name,
                                       const char *help, const struct sx__labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        registration->label_names[i] = registration->names->labels[labels->sources[i]];
    }
    registration->label_names[labels->count] = NULL;
    registration->failed = name;
    return (struct sx_metric_options){
        .name = name, .help = help, .labels = registration->label_names};
}

static int register_main(struct registration *registration, struct sx__families *families,
                         const struct sx_prometheus_options *options)
{
    struct sx_metric_options definition =
        define(registration, registration->names->duration,
               "Time from the first byte of a request to the last byte of its response.",
               &families->duration_labels);
    definition.buckets = options->buckets;
    definition.bucket_count = options->bucket_count;
    int status =
        sx_histogram_family_register(&families->durations, registration->registry, &definition);
    if (status == SX_OK && registration->names->requests != NULL) {
        definition = define(registration, registration->names->requests, "Requests answered.",
                            &families->request_labels);
        status =
            sx_counter_family_register(&families->requests, registration->registry, &definition);
    }
    if (status == SX_OK) {
        definition = define(registration, registration->names->in_progress, "Requests in progress.",
                            &families->in_progress_labels);
        status =
            sx_gauge_family_register(&families->in_progress, registration->registry, &definition);
    }
    if (status == SX_OK) {
        definition = define(registration, registration->names->aborted,
                            "Requests that died before their response, or half-way through it.",
                            &families->aborted_labels);
        status =
            sx_counter_family_register(&families->aborted, registration->registry, &definition);
    }
    return status;
}

static int register_size(struct registration *registration, struct sx__families *families,
                         struct sx_histogram_family **family, const char *name, const char *help)
{
    struct sx_metric_options definition =
        define(registration, name, help, &families->handler_labels);
    definition.buckets = size_buckets;
    definition.bucket_count = sizeof size_buckets / sizeof *size_buckets;
    return sx_histogram_family_register(family, registration->registry, &definition);
}

static int register_optional(struct registration *registration, struct sx__families *families,
                             const struct sx_prometheus_options *options)
{
    int status = SX_OK;
    if (options->measure_body_sizes) {
        status = register_size(registration, families, &families->request_sizes,
                               registration->names->request_size, "Size of request bodies.");
        if (status == SX_OK) {
            status = register_size(registration, families, &families->response_sizes,
                                   registration->names->response_size,
                                   "Size of response bodies, as far as they were sent.");
        }
    }
    if (status == SX_OK && options->measure_first_byte) {
        struct sx_metric_options definition =
            define(registration, registration->names->first_byte,
                   "Time from the first byte of a request until its response begins to be sent.",
                   &families->handler_labels);
        definition.buckets = options->buckets;
        definition.bucket_count = options->bucket_count;
        status = sx_histogram_family_register(&families->first_bytes, registration->registry,
                                              &definition);
    }
    return status;
}

static int register_rejected(struct registration *registration, struct sx__families *families)
{
    struct sx_counter_family *family = NULL;
    registration->failed = registration->names->rejected;
    const struct sx_metric_options definition = {
        .name = registration->names->rejected,
        .help = "Requests turned away before they were routed.",
        .labels = SX_LABELS("reason"),
    };
    int status = sx_counter_family_register(&family, registration->registry, &definition);
    for (int reason = 0; reason < SX_REASONS && status == SX_OK; reason++) {
        const char *text = sx_reason_name((enum sx_reason)reason);
        const struct sx_str value = {text, strlen(text)};
        status = sx_counter_family_get(&families->rejected[reason], family, &value, 1);
    }
    return status;
}

int sx__families_register(struct sx__families *families, struct sx_registry *registry,
                          const struct sx_prometheus_options *options, const char **name)
{
    bool otel = options->names == SX_NAMES_OPENTELEMETRY;
    struct registration registration = {.registry = registry,
                                        .names = otel ? &opentelemetry : &prometheus};
    families->duration_has_code = otel || options->duration_has_code;
    families->duration_labels =
        otel ? LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER, SX__LABEL_SOURCE_CODE,
                      SX__LABEL_SOURCE_SCHEME)
        : options->duration_has_code
            ? LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER, SX__LABEL_SOURCE_CODE)
            : LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER);
    families->request_labels =
        LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER, SX__LABEL_SOURCE_CODE);
    families->in_progress_labels = otel ? LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_SCHEME)
                                        : LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER);
    families->handler_labels = LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER);
    families->aborted_labels =
        LABELS(SX__LABEL_SOURCE_METHOD, SX__LABEL_SOURCE_HANDLER, SX__LABEL_SOURCE_PHASE);
    int status = register_main(&registration, families, options);
    if (status == SX_OK) {
        status = register_optional(&registration, families, options);
    }
    if (status == SX_OK) {
        status = register_rejected(&registration, families);
    }
    *name = registration.failed;
    return status;
}
