/* http_families.c: the names and labels of the metric families. See http_families.h. */
#include "http_families.h"

#define REASONS_MOST 100

/* ---- names ---- */

struct http_names {
    const char *duration, *requests, *in_progress, *aborted, *rejected;
    const char *request_size, *response_size, *first_byte;
    const char *labels[5]; /* by enum sx__http_source */
};

static const struct http_names prometheus_names = {
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

static const struct http_names opentelemetry_names = {
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

static const struct sx_metric_options duration_defaults = {SX_BUCKETS_DEFAULT};
static const double body_size_buckets[] = {256,   1024,   4096,    16384,
                                           65536, 262144, 1048576, 16777216};

/* ---- registration ---- */

struct http_registration {
    struct sx_registry *registry;
    const struct http_names *names;
    const char *failed;
    const char *label_names[SX__HTTP_LABELS_MOST + 1];
};

#define HTTP_LABELS(...)                                                      \
    ((struct sx__http_labels){sizeof((enum sx__http_source[]){__VA_ARGS__}) / \
                                  sizeof(enum sx__http_source),               \
                              {__VA_ARGS__}})

static struct sx_metric_options define_family(struct http_registration *registration,
                                              const char *name, const char *help,
                                              const struct sx__http_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        registration->label_names[i] = registration->names->labels[labels->sources[i]];
    }
    registration->label_names[labels->count] = NULL;
    registration->failed = name;
    /* Handlers, methods and codes limit the series. */
    return (struct sx_metric_options){
        .name = name, .help = help, .labels = registration->label_names, .max_series = SIZE_MAX};
}

/* Classic buckets for all scrapers, and native ones for those that understand them. */
static void set_duration_buckets(struct sx_metric_options *definition,
                                 const struct sx_http_metrics_options *options)
{
    const double growth_factor = options->native_growth_factor;
    const bool is_default = options->buckets == NULL;
    definition->buckets = is_default ? duration_defaults.buckets : options->buckets;
    definition->bucket_count = is_default ? duration_defaults.bucket_count : options->bucket_count;
    if (growth_factor != 1) {
        definition->native.growth_factor = growth_factor == 0 ? 1.1 : growth_factor;
    }
}

static int register_always(struct http_registration *registration,
                           struct sx__http_families *families,
                           const struct sx_http_metrics_options *options)
{
    struct sx_metric_options definition =
        define_family(registration, registration->names->duration,
                      "Time from the first byte of a request to the last byte of its response.",
                      &families->duration_labels);
    set_duration_buckets(&definition, options);
    int status =
        sx_histogram_family_register(&families->durations, registration->registry, &definition);
    if (status == SX_OK && registration->names->requests != NULL) {
        definition = define_family(registration, registration->names->requests,
                                   "Requests answered.", &families->request_labels);
        status =
            sx_counter_family_register(&families->requests, registration->registry, &definition);
    }
    if (status == SX_OK) {
        definition = define_family(registration, registration->names->in_progress,
                                   "Requests in progress.", &families->in_progress_labels);
        status =
            sx_gauge_family_register(&families->in_progress, registration->registry, &definition);
    }
    if (status == SX_OK) {
        definition = define_family(registration, registration->names->aborted,
                                   "Requests that ended before or during their response.",
                                   &families->aborted_labels);
        status =
            sx_counter_family_register(&families->aborted, registration->registry, &definition);
    }
    return status;
}

static int register_body_size(struct http_registration *registration,
                              struct sx__http_families *families,
                              struct sx_histogram_family **family, const char *name,
                              const char *help)
{
    struct sx_metric_options definition =
        define_family(registration, name, help, &families->handler_labels);
    definition.buckets = body_size_buckets;
    definition.bucket_count = sizeof body_size_buckets / sizeof *body_size_buckets;
    return sx_histogram_family_register(family, registration->registry, &definition);
}

static int register_on_request(struct http_registration *registration,
                               struct sx__http_families *families,
                               const struct sx_http_metrics_options *options)
{
    int status = SX_OK;
    if (options->measure_body_sizes) {
        status = register_body_size(registration, families, &families->request_sizes,
                                    registration->names->request_size, "Size of request bodies.");
    }
    if (status == SX_OK && options->measure_body_sizes) {
        status = register_body_size(registration, families, &families->response_sizes,
                                    registration->names->response_size,
                                    "Size of response bodies, as far as they were sent.");
    }
    if (status == SX_OK && options->measure_first_byte) {
        struct sx_metric_options definition = define_family(
            registration, registration->names->first_byte,
            "Time from the first byte of a request until its response begins to be sent.",
            &families->handler_labels);
        set_duration_buckets(&definition, options);
        status = sx_histogram_family_register(&families->first_bytes, registration->registry,
                                              &definition);
    }
    return status;
}

static int register_rejected(struct http_registration *registration,
                             struct sx__http_families *families, const char *const *reasons)
{
    registration->failed = registration->names->rejected;
    const struct sx_metric_options definition = {
        .name = registration->names->rejected,
        .help = "Requests rejected before they were routed.",
        .labels = SX_LABELS("reason"),
        .max_series = REASONS_MOST,
    };
    int status =
        sx_counter_family_register(&families->rejected, registration->registry, &definition);
    for (; status == SX_OK && reasons != NULL && *reasons != NULL; reasons++) {
        status = sx_counter_family_add_strings(families->rejected, reasons, 1, 0);
    }
    return status;
}

static void set_labels(struct sx__http_families *families,
                       const struct sx_http_metrics_options *options)
{
    const bool otel = options->names == SX_NAMES_OPENTELEMETRY;
    families->duration_has_code = otel || options->duration_has_code;
    families->have_scheme = otel;
    families->handler_labels = HTTP_LABELS(SX__HTTP_SOURCE_METHOD, SX__HTTP_SOURCE_HANDLER);
    families->request_labels =
        HTTP_LABELS(SX__HTTP_SOURCE_METHOD, SX__HTTP_SOURCE_HANDLER, SX__HTTP_SOURCE_CODE);
    families->aborted_labels =
        HTTP_LABELS(SX__HTTP_SOURCE_METHOD, SX__HTTP_SOURCE_HANDLER, SX__HTTP_SOURCE_PHASE);
    families->in_progress_labels = otel
                                       ? HTTP_LABELS(SX__HTTP_SOURCE_METHOD, SX__HTTP_SOURCE_SCHEME)
                                       : families->handler_labels;
    families->duration_labels = otel ? HTTP_LABELS(SX__HTTP_SOURCE_METHOD, SX__HTTP_SOURCE_HANDLER,
                                                   SX__HTTP_SOURCE_CODE, SX__HTTP_SOURCE_SCHEME)
                                : options->duration_has_code ? families->request_labels
                                                             : families->handler_labels;
}

int sx__http_families_register(struct sx__http_families *families,
                               const struct sx_http_metrics_options *options, const char **failed)
{
    struct http_registration registration = {
        .registry = options->registry,
        .names =
            options->names == SX_NAMES_OPENTELEMETRY ? &opentelemetry_names : &prometheus_names,
    };
    *families = (struct sx__http_families){.are_shared = sx_registry_is_shared(options->registry)};
    set_labels(families, options);
    int status = register_always(&registration, families, options);
    if (status == SX_OK) {
        status = register_on_request(&registration, families, options);
    }
    if (status == SX_OK) {
        status = register_rejected(&registration, families, options->reasons);
    }
    if (status < 0) {
        sx__http_families_unregister(families);
        *failed = registration.failed;
    }
    return status;
}

/* The functions accept NULL. */
void sx__http_families_unregister(struct sx__http_families *families)
{
    (void)sx_histogram_family_unregister(families->durations);
    (void)sx_counter_family_unregister(families->requests);
    (void)sx_gauge_family_unregister(families->in_progress);
    (void)sx_counter_family_unregister(families->aborted);
    (void)sx_histogram_family_unregister(families->request_sizes);
    (void)sx_histogram_family_unregister(families->response_sizes);
    (void)sx_histogram_family_unregister(families->first_bytes);
    (void)sx_counter_family_unregister(families->rejected);
}
