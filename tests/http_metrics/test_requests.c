/* What one request adds to the page, for each of its outcomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <sextant/http_metrics.h>
#include <stdio.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_http_metrics *http;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL) < 0 ||
                   sx_http_metrics_create(
                       &http, &(struct sx_http_metrics_options){.registry = registry}) < 0
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_http_metrics_destroy(http);
    sx_registry_destroy(registry);
    return 0;
}

static void begin(struct sx_http_request *request, const char *method)
{
    memset(request, 0xa5, sizeof *request); /* begin needs no prepared memory */
    sx_http_begin(request, sx_http_get_handler(http, "users.get"), method, 0);
}

static void test_a_complete_request(void **state)
{
    (void)state;
    struct sx_http_request request;
    begin(&request, "GET");
    const char *page = page_text(registry);
    page_assert_line(page, "http_requests_inprogress{method=\"GET\",handler=\"users.get\"} 1");
    assert_true(page_sum(page, "http_requests_total") == 0);
    sx_http_respond(&request, 200);
    page = page_text(registry);
    page_assert_line(page,
                     "http_requests_total{method=\"GET\",handler=\"users.get\",code=\"200\"} 1");
    page_assert_line(page, "http_requests_inprogress{method=\"GET\",handler=\"users.get\"} 1");
    assert_true(page_sum(page, "http_request_duration_seconds_count") == 0);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    page = page_text(registry);
    page_assert_line(page,
                     "http_request_duration_seconds_count{method=\"GET\",handler=\"users.get\"} 1");
    page_assert_line(page, "http_requests_inprogress{method=\"GET\",handler=\"users.get\"} 0");
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_true(page_sum(page, "http_requests_aborted_total") == 0);
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
    double aborted = 0;
    unsigned phases[2] = {0, 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sx_http_request request;
        begin(&request, "GET");
        if (cases[i].code != 0) {
            sx_http_respond(&request, cases[i].code);
            answered++;
        }
        sx_http_end(&request, cases[i].outcome, NULL);
        if (cases[i].phase != NULL) {
            aborted++;
            phases[strcmp(cases[i].phase, "request") == 0 ? 0 : 1]++;
        }
        const char *page = page_text(registry);
        assert_true(page_sum(page, "http_requests_total") == answered);
        assert_true(page_sum(page, "http_request_duration_seconds_count") == answered);
        assert_true(page_sum(page, "http_requests_aborted_total") == aborted);
        assert_true(page_sum(page, "http_requests_inprogress") == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "http_requests_aborted_total{method=\"GET\",handler=\"users.get\",phase=\"%s\"} "
                 "%u",
                 i == 0 ? "request" : "response", phases[i]);
        page_assert_line(page_text(registry), line);
    }
}

static void test_respond_and_end_count_once(void **state)
{
    (void)state;
    struct sx_http_request request;
    begin(&request, "GET");
    for (int i = 0; i < 3; i++) {
        sx_http_respond(&request, 200 + i);
    }
    for (int i = 0; i < 3; i++) {
        sx_http_end(&request, SX_HTTP_RESPONSE_ABORTED, NULL);
        sx_http_respond(&request, 404);
    }
    const char *page = page_text(registry);
    page_assert_line(page,
                     "http_requests_total{method=\"GET\",handler=\"users.get\",code=\"200\"} 1");
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_true(page_sum(page, "http_request_duration_seconds_count") == 1);
    assert_true(page_sum(page, "http_requests_aborted_total") == 1);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
}

static void test_the_memory_of_a_request_can_be_used_again(void **state)
{
    (void)state;
    struct sx_http_request request;
    for (int i = 0; i < 5; i++) {
        sx_http_begin(&request, sx_http_get_handler(http, "users.get"), "GET", 0);
        sx_http_respond(&request, 200);
        sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    }
    const char *page = page_text(registry);
    assert_true(page_sum(page, "http_requests_total") == 5);
    assert_true(page_sum(page, "http_request_duration_seconds_count") == 5);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_complete_request),
        CASE(test_each_outcome_with_and_without_a_response),
        CASE(test_respond_and_end_count_once),
        CASE(test_the_memory_of_a_request_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
