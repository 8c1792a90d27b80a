/* The options: names, buckets, what is measured, and what cannot be registered. */
#include "measured.h"

#include "page.h"

#include <string.h>

static struct measured measured;

static int set_up(void **state)
{
    (void)state;
    measured = (struct measured){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    return 0;
}

static bool has_family(const char *name)
{
    char type[128] = "# TYPE ";
    strcat(type, name);
    strcat(type, " ");
    return strstr(measured_page(&measured), type) != NULL;
}

static void test_by_default_there_are_five_families(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){0});
    measured_request(sx_http_get_handler(measured.http, "h"), "GET", 200, SX_HTTP_COMPLETE);
    measured_request(sx_http_get_handler(measured.http, "h"), "GET", 0, SX_HTTP_COMPLETE);
    sx_http_reject(measured.http, "malformed");
    static const char *const there[] = {"http_requests_total", "http_request_duration_seconds",
                                        "http_requests_inprogress", "http_requests_aborted_total",
                                        "http_requests_rejected_total"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        assert_true(has_family(there[i]));
    }
    assert_false(has_family("http_request_body_bytes"));
    assert_false(has_family("http_response_body_bytes"));
    assert_false(has_family("http_response_first_byte_seconds"));
}

static void test_without_options_it_uses_the_default_registry(void **state)
{
    (void)state;
    struct sx_http_metrics *http = NULL;
    assert_int_equal(sx_http_metrics_new(&http, NULL), SX_OK);
    measured_request(sx_http_get_handler(http, "h"), "GET", 200, SX_HTTP_COMPLETE);
    sx_http_metrics_destroy(http);
    page_assert_line(page_text(NULL),
                     "http_requests_total{method=\"GET\",handler=\"h\",code=\"200\"} 1");
}

static void test_the_buckets_of_the_caller(void **state)
{
    (void)state;
    double buckets[] = {.1, .5};
    measured_init(&measured, (struct sx_http_metrics_options){.buckets = buckets,
                                                              .bucket_count = 2,
                                                              .measure_first_byte = true});
    buckets[0] = 0; /* they were copied */
    struct sx_http_request request;
    sx_http_begin(&request, sx_http_get_handler(measured.http, "h"), "GET", 1);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, &(struct sx_http_sizes){.ended_ns = 200000001});
    measured_assert_line(
        &measured,
        "http_request_duration_seconds_bucket{method=\"GET\",handler=\"h\",le=\"0.1\"} 0");
    measured_assert_line(
        &measured,
        "http_request_duration_seconds_bucket{method=\"GET\",handler=\"h\",le=\"0.5\"} 1");
    measured_assert_line(
        &measured,
        "http_response_first_byte_seconds_bucket{method=\"GET\",handler=\"h\",le=\"+Inf\"} 1");
    assert_null(strstr(measured_page(&measured), "le=\"0.25\""));
}

static void test_the_duration_may_have_the_code(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.duration_has_code = true});
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    measured_request(handler, "GET", 200, SX_HTTP_COMPLETE);
    measured_request(handler, "GET", 404, SX_HTTP_RESPONSE_ABORTED);
    measured_assert_line(
        &measured,
        "http_request_duration_seconds_count{method=\"GET\",handler=\"h\",code=\"200\"} 1");
    measured_assert_line(
        &measured,
        "http_request_duration_seconds_count{method=\"GET\",handler=\"h\",code=\"404\"} 1");
    measured_assert_balanced(&measured);
}

/* OpenTelemetry "Semantic conventions for HTTP metrics", written as Prometheus writes them. */
static void test_the_names_of_opentelemetry(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.names = SX_NAMES_OPENTELEMETRY,
                                                              .measure_body_sizes = true,
                                                              .measure_first_byte = true});
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "/users/{id}");
    struct sx_http_request open_request;
    sx_http_begin_scheme(&open_request, handler, "GET", "https", 0);
    measured_assert_line(
        &measured,
        "http_server_active_requests{http_request_method=\"GET\",url_scheme=\"https\"} 1");
    sx_http_respond(&open_request, 200);
    sx_http_end(&open_request, SX_HTTP_COMPLETE, NULL);
    measured_assert_line(
        &measured,
        "http_server_active_requests{http_request_method=\"GET\",url_scheme=\"https\"} 0");
    measured_assert_line(&measured, "http_server_request_duration_seconds_count{http_request_"
                                    "method=\"GET\",http_route=\"/users/{id}\",http_response_"
                                    "status_code=\"200\",url_scheme=\"https\"} 1");
    measured_request(handler, "GET", 503, SX_HTTP_RESPONSE_ABORTED);
    measured_assert_line(&measured, "http_server_request_duration_seconds_count{http_request_"
                                    "method=\"GET\",http_route=\"/users/{id}\",http_response_"
                                    "status_code=\"503\",url_scheme=\"http\"} 1");
    measured_assert_line(&measured,
                         "http_server_requests_aborted_total{http_request_method=\"GET\",http_"
                         "route=\"/users/{id}\",phase=\"response\"} 1");
    measured_assert_line(&measured,
                         "http_server_response_body_size_bytes_count{http_request_method=\"GET\","
                         "http_route=\"/users/{id}\"} 2");
    assert_true(has_family("http_server_request_body_size_bytes"));
    assert_true(has_family("http_server_response_first_byte_seconds"));
    sx_http_reject(measured.http, "malformed");
    measured_assert_line(&measured, "http_server_requests_rejected_total{reason=\"malformed\"} 1");
    assert_null(strstr(measured_page(&measured), "http_requests_"));
}

/* Anything but "https" is http, so a scheme that a client sends cannot make series. */
static void test_there_are_two_schemes(void **state)
{
    (void)state;
    static const char *const schemes[] = {"http", "https", NULL, "", "HTTPS", "httpsx", "ftp"};
    measured_init(&measured, (struct sx_http_metrics_options){.names = SX_NAMES_OPENTELEMETRY});
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct sx_http_request request;
        sx_http_begin_scheme(&request, sx_http_get_handler(measured.http, "h"), "GET", schemes[i],
                             0);
        sx_http_respond(&request, 200);
        sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    }
#define DURATION(scheme)                                                           \
    "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_" \
    "route=\"h\",http_response_status_code=\"200\",url_scheme=\"" scheme "\"} "
    measured_assert_line(&measured, DURATION("http") "6");
    measured_assert_line(&measured, DURATION("https") "1");
}

static void test_reasons_may_be_shown_from_the_start(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){
                                 .reasons = SX_LABELS("malformed", "overloaded")});
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"malformed\"} 0");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"overloaded\"} 0");
    sx_http_reject(measured.http, "overloaded");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"overloaded\"} 1");
}

/* ---- what cannot be registered ---- */

static void test_invalid_arguments(void **state)
{
    (void)state;
    struct sx_http_metrics *http = NULL;
    assert_int_equal(sx_http_metrics_new(NULL, NULL), SX_EINVAL);
    assert_int_equal(
        sx_http_metrics_new(&http, &(struct sx_http_metrics_options){.handlers_max = 1000001}),
        SX_EINVAL);
    assert_null(http);
}

static void assert_fails(struct sx_http_metrics_options options, int status, const char *name)
{
    struct sx_http_metrics *http = NULL;
    const char *failed = "untouched";
    options.registry = measured.registry;
    assert_int_equal(sx_http_metrics_new(&http, &options), status);
    options.failed = &failed;
    assert_int_equal(sx_http_metrics_new(&http, &options), status);
    assert_string_equal(failed, name);
    assert_null(http);
}

/* What has another type or other labels cannot be shared. The families that could be registered
 * leave the page again. */
static void test_the_metric_that_cannot_be_registered_is_named(void **state)
{
    (void)state;
    static const char *const names[] = {
        "http_request_duration_seconds",    "http_requests_total",
        "http_requests_inprogress",         "http_requests_aborted_total",
        "http_request_body_bytes",          "http_response_body_bytes",
        "http_response_first_byte_seconds", "http_requests_rejected_total",
    };
    const struct sx_http_metrics_options options = {.measure_body_sizes = true,
                                                    .measure_first_byte = true};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sx_gauge_family *taken = NULL;
        assert_int_equal(sx_registry_new(&measured.registry, NULL), SX_OK);
        assert_int_equal(sx_gauge_family_register(&taken, measured.registry,
                                                  &(struct sx_metric_options){
                                                      .name = names[i],
                                                      .help = "Taken.",
                                                      .labels = SX_LABELS("color"),
                                                  }),
                         SX_OK);
        assert_fails(options, SX_EEXIST, names[i]);
        assert_int_equal(sx_gauge_family_unregister(taken), 1);
        assert_int_equal(page_count_lines(measured_page(&measured)), 0);
        struct measured again = {0};
        struct sx_http_metrics_options good = options;
        good.registry = measured.registry;
        measured_init(&again, good);
        measured_clean_up(&again);
        measured_clean_up(&measured);
    }
}

static void test_bad_buckets_are_refused(void **state)
{
    (void)state;
    static const double falling[] = {2, 1};
    assert_int_equal(sx_registry_new(&measured.registry, NULL), SX_OK);
    assert_fails((struct sx_http_metrics_options){.buckets = falling, .bucket_count = 2},
                 SX_EBUCKETS, "http_request_duration_seconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_by_default_there_are_five_families),
        CASE(test_without_options_it_uses_the_default_registry),
        CASE(test_the_buckets_of_the_caller),
        CASE(test_the_duration_may_have_the_code),
        CASE(test_the_names_of_opentelemetry),
        CASE(test_there_are_two_schemes),
        CASE(test_reasons_may_be_shown_from_the_start),
        CASE(test_invalid_arguments),
        CASE(test_the_metric_that_cannot_be_registered_is_named),
        CASE(test_bad_buckets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
