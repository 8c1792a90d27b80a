/* Exemplars of requests that are part of a trace, and native buckets of durations, on pages in the
 * formats that have them. */
#define _GNU_SOURCE /* memmem */
#include "measured.h"

#include <sextant/exposition.h>
#include <string.h>

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN_ID "00f067aa0ba902b7"
#define SAMPLED "00-" TRACE_ID "-" SPAN_ID "-01"
#define EXEMPLAR " # {trace_id=\"" TRACE_ID "\",span_id=\"" SPAN_ID "\"} "

static struct measured measured;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    sx_page_clean_up(&page);
    return 0;
}

/* It takes a millisecond, however slow the machine is. */
static void request_with(const char *traceparent)
{
    static const struct sx_http_sizes sizes = {.ended_ns = 2000000};
    struct sx_http_request request;
    memset(&request, 0xa5, sizeof request);
    sx_http_begin(&request, sx_http_get_handler(measured.http, "h"), "GET", 1000000);
    sx_http_set_trace(&request, (struct sx_str){traceparent, strlen(traceparent)});
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, &sizes);
}

static const char *openmetrics(void)
{
    assert_int_equal(sx_page_render(&page, measured.registry, SX_FORMAT_OPENMETRICS), SX_OK);
    return page.data;
}

static size_t count_exemplars(void)
{
    size_t count = 0;
    for (const char *at = openmetrics(); (at = strstr(at, EXEMPLAR)) != NULL; at++) {
        count++;
    }
    return count;
}

static void test_a_sampled_trace_is_an_exemplar(void **state)
{
    (void)state;
    request_with(SAMPLED);
    assert_int_equal(count_exemplars(), 2);
    assert_non_null(strstr(page.data, "http_requests_total{method=\"GET\",handler=\"h\",code="
                                      "\"200\"} 1" EXEMPLAR));
    assert_non_null(strstr(page.data, "http_request_duration_seconds_bucket{method=\"GET\","
                                      "handler=\"h\",le=\"0.005\"} 1" EXEMPLAR));
    request_with(SAMPLED);
    assert_int_equal(count_exemplars(), 2);
}

static void test_others_leave_none(void **state)
{
    (void)state;
    static const char *const headers[] = {"", "00-" TRACE_ID "-" SPAN_ID "-00",
                                          "00-" TRACE_ID "-0000000000000000-01",
                                          SAMPLED "," SAMPLED, "ff-" TRACE_ID "-" SPAN_ID "-01"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        request_with(headers[i]);
        assert_null(strstr(openmetrics(), " # {"));
    }
    measured_request(sx_http_get_handler(measured.http, "h"), "GET", 200, SX_HTTP_COMPLETE);
    assert_null(strstr(openmetrics(), " # {"));
    measured_assert_balanced(&measured);
}

static void test_a_request_that_is_not_measured_has_no_trace(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, NULL, "GET", 0);
    sx_http_set_trace(&request, (struct sx_str){SAMPLED, sizeof SAMPLED - 1});
    sx_http_set_trace(NULL, (struct sx_str){SAMPLED, sizeof SAMPLED - 1});
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    assert_null(strstr(openmetrics(), " # {"));
}

/* The trace of one request is not that of the next one in the same memory. */
static void test_begin_forgets_the_last_trace(void **state)
{
    (void)state;
    struct sx_http_request request = {0};
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    sx_http_begin(&request, handler, "GET", 0);
    sx_http_set_trace(&request, (struct sx_str){SAMPLED, sizeof SAMPLED - 1});
    sx_http_end(&request, SX_HTTP_REQUEST_ABORTED, NULL);
    sx_http_begin(&request, handler, "GET", 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    assert_null(strstr(openmetrics(), " # {"));
}

/* Only a native histogram has a zero threshold: field 6, a double, 2^-128. */
static bool has_native_buckets(void)
{
    static const unsigned char field[] = {0x31, 0, 0, 0, 0, 0, 0, 0xf0, 0x37};
    assert_int_equal(sx_page_render(&page, measured.registry, SX_FORMAT_PROTOBUF), SX_OK);
    return memmem(page.data, page.size, field, sizeof field) != NULL;
}

static void test_durations_have_native_buckets_by_default(void **state)
{
    (void)state;
    request_with("");
    assert_true(has_native_buckets());
    measured_assert_line(&measured, "http_request_duration_seconds_bucket{method=\"GET\","
                                    "handler=\"h\",le=\"0.005\"} 1");
    measured_clean_up(&measured);
    measured_init(&measured, (struct sx_http_metrics_options){.native_growth_factor = 1});
    request_with("");
    assert_false(has_native_buckets());
    struct sx_http_metrics *http = NULL;
    const struct sx_http_metrics_options impossible = {
        .registry = measured.registry, .names = SX_NAMES_OPENTELEMETRY, .native_growth_factor = .5};
    assert_true(sx_http_metrics_new(&http, &impossible) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_sampled_trace_is_an_exemplar),
        CASE(test_others_leave_none),
        CASE(test_a_request_that_is_not_measured_has_no_trace),
        CASE(test_begin_forgets_the_last_trace),
        CASE(test_durations_have_native_buckets_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
