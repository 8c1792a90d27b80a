/* What one request adds to the page, for each of its outcomes. */
#include "measured.h"

#include "page.h"

#include <stdio.h>
#include <string.h>

static struct measured measured;
static struct sx_http_handler *handler;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){
                                 .measure_body_sizes = true,
                                 .measure_first_byte = true,
                             });
    handler = sx_http_get_handler(measured.http, "users.get");
    assert_non_null(handler);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
    return 0;
}

#define SERIES(name) name "{method=\"GET\",handler=\"users.get\"}"
#define CODE(code) "http_requests_total{method=\"GET\",handler=\"users.get\",code=\"" code "\"}"

static void test_each_step_of_a_request_is_on_the_page(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 0);
    measured_assert_line(&measured, SERIES("http_requests_inprogress") " 1");
    assert_true(page_sum(measured_page(&measured), "http_requests_total") == 0);
    sx_http_respond(&request, 200);
    measured_assert_line(&measured, SERIES("http_requests_inprogress") " 1");
    measured_assert_line(&measured, CODE("200") " 1");
    measured_assert_line(&measured, SERIES("http_request_duration_seconds_count") " 0");
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    measured_assert_line(&measured, SERIES("http_requests_inprogress") " 0");
    measured_assert_line(&measured, CODE("200") " 1");
    measured_assert_line(&measured, SERIES("http_request_duration_seconds_count") " 1");
    assert_true(page_sum(measured_page(&measured), "http_requests_aborted_total") == 0);
}

/* Whatever the server says of the end, an abort without a response is one of the request. */
static void test_each_outcome_with_and_without_a_response(void **state)
{
    (void)state;
    static const struct {
        enum sx_http_outcome outcome;
        int code;
        const char *phase; /* NULL: no abort */
    } cases[] = {
        {SX_HTTP_COMPLETE, 200, NULL},
        {SX_HTTP_COMPLETE, 0, "request"},
        {SX_HTTP_REQUEST_ABORTED, 0, "request"},
        {SX_HTTP_REQUEST_ABORTED, 200, "request"},
        {SX_HTTP_RESPONSE_ABORTED, 0, "request"},
        {SX_HTTP_RESPONSE_ABORTED, 200, "response"},
        {(enum sx_http_outcome)7, 200, "request"},
    };
    double answered = 0;
    unsigned phases[2] = {0, 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        measured_request(handler, "GET", cases[i].code, cases[i].outcome);
        answered += cases[i].code != 0 ? 1 : 0;
        if (cases[i].phase != NULL) {
            phases[strcmp(cases[i].phase, "request") == 0 ? 0 : 1]++;
        }
        const char *page = measured_page(&measured);
        assert_true(page_sum(page, "http_requests_inprogress") == 0);
        assert_true(page_sum(page, "http_requests_total") == answered);
        assert_true(page_sum(page, "http_request_duration_seconds_count") == answered);
        assert_true(page_sum(page, "http_requests_aborted_total") == phases[0] + phases[1]);
    }
    for (size_t i = 0; i < 2; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "http_requests_aborted_total{method=\"GET\",handler=\"users.get\",phase=\"%s\"} "
                 "%u",
                 i == 0 ? "request" : "response", phases[i]);
        measured_assert_line(&measured, line);
    }
}

static void test_respond_and_end_count_once(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 0);
    for (int i = 0; i < 3; i++) {
        sx_http_respond(&request, 200 + i);
    }
    for (int i = 0; i < 3; i++) {
        sx_http_end(&request, SX_HTTP_RESPONSE_ABORTED, NULL);
        sx_http_respond(&request, 404);
    }
    const char *page = measured_page(&measured);
    page_assert_line(page, CODE("200") " 1");
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_true(page_sum(page, "http_request_duration_seconds_count") == 1);
    assert_true(page_sum(page, "http_requests_aborted_total") == 1);
    assert_true(page_sum(page, "http_response_first_byte_seconds_count") == 1);
}

static void test_the_memory_of_a_request_can_be_used_again(void **state)
{
    (void)state;
    struct sx_http_request request;
    for (int i = 0; i < 5; i++) {
        sx_http_begin(&request, handler, "GET", 0);
        sx_http_respond(&request, 200);
        sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    }
    measured_assert_line(&measured, CODE("200") " 5");
    measured_assert_line(&measured, SERIES("http_request_duration_seconds_count") " 5");
}

/* A connection's record is zeroed when it is made, and may end before its first request. */
static void test_a_zeroed_request_is_not_measured(void **state)
{
    (void)state;
    struct sx_http_request request = {0};
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_RESPONSE_ABORTED, NULL);
    sx_http_begin(&request, NULL, "GET", 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    const char *page = measured_page(&measured);
    assert_true(page_sum(page, "http_requests_total") == 0);
    assert_true(page_sum(page, "http_requests_aborted_total") == 0);
}

/* ---- times ---- */

#define SECOND 1000000000u

static double sum_of(const char *name)
{
    return page_sum(measured_page(&measured), name);
}

static void assert_near(double value, double expected)
{
    assert_true(value > expected - 1e-6 && value < expected + 1e-6);
}

static void test_the_duration_is_between_the_times_of_the_caller(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 5 * (uint64_t)SECOND);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE,
                &(struct sx_http_sizes){.ended_ns = 5 * (uint64_t)SECOND + SECOND / 4});
    assert_near(sum_of("http_request_duration_seconds_sum"), .25);
    measured_assert_line(&measured,
                         "http_request_duration_seconds_bucket{method=\"GET\",handler=\"users."
                         "get\",le=\"0.1\"} 0");
    measured_assert_line(&measured,
                         "http_request_duration_seconds_bucket{method=\"GET\",handler=\"users."
                         "get\",le=\"0.25\"} 1");
}

/* A negative observation would make the sum fall, which rate() takes for a restart. */
static void test_a_clock_that_runs_backwards_is_a_duration_of_0(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", UINT64_MAX);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, &(struct sx_http_sizes){.ended_ns = 7});
    assert_true(sum_of("http_request_duration_seconds_sum") == 0);
    assert_true(sum_of("http_response_first_byte_seconds_sum") == 0);
    measured_assert_line(&measured, SERIES("http_request_duration_seconds_count") " 1");
}

/* If the caller has no times, the library takes them: the first byte comes between the begin and
 * the end. */
static void test_times_that_are_0_are_read_from_the_clock(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, &(struct sx_http_sizes){.request_body_bytes = 1});
    const double first_byte = sum_of("http_response_first_byte_seconds_sum");
    const double duration = sum_of("http_request_duration_seconds_sum");
    assert_true(first_byte > 0);
    assert_true(duration >= first_byte);
    assert_true(duration < 60);
}

/* ---- sizes ---- */

static void test_the_sizes_of_the_bodies_are_observed(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_RESPONSE_ABORTED,
                &(struct sx_http_sizes){.request_body_bytes = 300, .response_body_bytes = 5000});
    measured_request(handler, "GET", 204, SX_HTTP_COMPLETE); /* no sizes: empty bodies */
    measured_assert_line(&measured, SERIES("http_request_body_bytes_sum") " 300");
    measured_assert_line(&measured, SERIES("http_request_body_bytes_count") " 2");
    measured_assert_line(&measured, SERIES("http_response_body_bytes_sum") " 5000");
    measured_assert_line(&measured, SERIES("http_response_body_bytes_count") " 2");
    measured_request(handler, "GET", 0, SX_HTTP_REQUEST_ABORTED);
    measured_assert_line(&measured, SERIES("http_request_body_bytes_count") " 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_step_of_a_request_is_on_the_page),
        CASE(test_each_outcome_with_and_without_a_response),
        CASE(test_respond_and_end_count_once),
        CASE(test_the_memory_of_a_request_can_be_used_again),
        CASE(test_a_zeroed_request_is_not_measured),
        CASE(test_the_duration_is_between_the_times_of_the_caller),
        CASE(test_a_clock_that_runs_backwards_is_a_duration_of_0),
        CASE(test_times_that_are_0_are_read_from_the_clock),
        CASE(test_the_sizes_of_the_bodies_are_observed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
