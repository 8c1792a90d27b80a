/* What becomes of methods, codes, handlers and reasons that come from outside. */
#include "measured.h"

#include "page.h"

#include <limits.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <string.h>

static struct measured measured;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
    return 0;
}

static void assert_counted(const char *method, const char *handler, int code, unsigned count)
{
    char line[256];
    snprintf(line, sizeof line, "http_requests_total{method=\"%s\",handler=\"%s\",code=\"%d\"} %u",
             method, handler, code, count);
    measured_assert_line(&measured, line);
}

static void ask(const char *label, const char *method, int code)
{
    measured_request(sx_http_get_handler(measured.http, label), method, code, SX_HTTP_COMPLETE);
}

/* RFC 9110 9.1: "The method token is case-sensitive". */
static void test_a_method_that_no_standard_names_is_other(void **state)
{
    (void)state;
    static const char *const known[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                        "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    static const char *const unknown[] = {NULL,  "",      "get",      "GETS",   "G",
                                          "POS", "PURGE", "PROPFIND", "_OTHER", "\xff\"\n"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ask("h", known[i], 200);
        assert_counted(known[i], "h", 200, 1);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        ask("h", unknown[i], 200);
        assert_counted("_OTHER", "h", 200, (unsigned)i + 1);
    }
    assert_counted("GET", "h", 200, 1);
}

static void test_a_code_outside_of_200_to_599_is_500(void **state)
{
    (void)state;
    static const int good[] = {200, 201, 299, 404, 500, 599};
    static const int bad[] = {199, 600, 100, 1, -1, -200, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ask("h", "GET", good[i]);
        assert_counted("GET", "h", good[i], 1);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask("h", "GET", bad[i]);
        assert_counted("GET", "h", 500, (unsigned)i + 2);
    }
}

/* A server that calls respond with 0 has responded: the second call does not count. */
static void test_code_0_is_a_response_too(void **state)
{
    (void)state;
    struct sx_http_request request;
    sx_http_begin(&request, sx_http_get_handler(measured.http, "h"), "GET", 0);
    sx_http_respond(&request, 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    assert_counted("GET", "h", 500, 1);
    assert_true(page_sum(measured_page(&measured), "http_requests_total") == 1);
}

static void test_without_a_label_the_handler_is_builtin(void **state)
{
    (void)state;
    ask(NULL, "GET", 404);
    assert_counted("GET", "<builtin>", 404, 1);
    assert_ptr_equal(sx_http_get_handler(measured.http, NULL),
                     sx_http_get_handler(measured.http, "<builtin>"));
}

static void test_a_label_has_one_handler(void **state)
{
    (void)state;
    char label[] = "users.get";
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, label);
    label[0] = 'x'; /* it was copied */
    assert_ptr_equal(sx_http_get_handler(measured.http, "users.get"), handler);
    assert_ptr_not_equal(sx_http_get_handler(measured.http, label), handler);
    assert_ptr_not_equal(sx_http_get_handler(measured.http, "users.ge"), handler);
    measured_request(handler, "GET", 200, SX_HTTP_COMPLETE);
    assert_counted("GET", "users.get", 200, 1);
}

static void test_a_label_may_be_any_text(void **state)
{
    (void)state;
    ask("", "GET", 200);
    assert_counted("GET", "", 200, 1);
    ask("a \"b\"\n\\", "GET", 200);
    assert_counted("GET", "a \\\"b\\\"\\n\\\\", 200, 1);
    ask("bad \xff", "GET", 200); /* U+FFFD */
    assert_counted("GET", "bad \xef\xbf\xbd", 200, 1);
    char label[10001];
    memset(label, 'l', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    ask(label, "GET", 200);
    ask(label, "GET", 200);
    assert_true(page_sum(measured_page(&measured), "http_requests_total") == 5);
}

static void test_handlers_beyond_the_limit_are_other(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    measured_init(&measured, (struct sx_http_metrics_options){.handlers_max = 2});
    /* These two do not count. */
    ask(NULL, "GET", 200);
    ask("<other>", "GET", 200);
    ask("a", "GET", 200);
    ask("b", "GET", 200);
    ask("c", "GET", 200);
    ask("d", "GET", 200);
    ask("a", "GET", 200);
    assert_counted("GET", "<builtin>", 200, 1);
    assert_counted("GET", "a", 200, 2);
    assert_counted("GET", "b", 200, 1);
    assert_counted("GET", "<other>", 200, 3);
    assert_ptr_equal(sx_http_get_handler(measured.http, "c"),
                     sx_http_get_handler(measured.http, "<other>"));
}

/* More than the table has chains at first, and each is found again. */
static void test_there_are_1000_handlers_by_default(void **state)
{
    (void)state;
    struct sx_http_handler *handlers[1000];
    char label[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(label, sizeof label, "h%d", i);
        handlers[i] = sx_http_get_handler(measured.http, label);
        assert_non_null(handlers[i]);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(label, sizeof label, "h%d", i);
        assert_ptr_equal(sx_http_get_handler(measured.http, label), handlers[i]);
        assert_true(i == 0 || handlers[i] != handlers[i - 1]);
    }
    struct sx_http_handler *other = sx_http_get_handler(measured.http, "<other>");
    assert_ptr_equal(sx_http_get_handler(measured.http, "one more"), other);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_not_equal(handlers[i], other);
    }
}

/* More series than a family has by default. */
static void test_each_handler_has_each_method(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET",   "POST",    "HEAD",    "PUT",   "DELETE",
                                          "PATCH", "OPTIONS", "CONNECT", "TRACE", NULL};
    char label[16];
    struct sx_page page = {0};
    struct measured many;
    measured_init(&many, (struct sx_http_metrics_options){0});
    for (int i = 0; i < 1001; i++) {
        snprintf(label, sizeof label, "h%d", i);
        for (int k = 0; k < 10; k++) {
            struct sx_http_handler *handler = sx_http_get_handler(many.http, label);
            assert_int_equal(sx_http_declare(handler, methods[k]), SX_OK);
        }
    }
    assert_int_equal(sx_page_render(&page, many.registry, SX_FORMAT_TEXT), SX_OK);
    assert_non_null(strstr(page.data, "{method=\"TRACE\",handler=\"h999\"} 0\n"));
    assert_non_null(strstr(page.data, "{method=\"TRACE\",handler=\"<other>\"} 0\n"));
    assert_null(strstr(page.data, SX_OVERFLOW_VALUE));
    sx_page_clean_up(&page);
    measured_clean_up(&many);
}

static void test_a_declared_handler_is_shown_as_0(void **state)
{
    (void)state;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    assert_true(page_sum(measured_page(&measured), "http_requests_inprogress") == 0);
    assert_null(strstr(measured_page(&measured), "handler=\"h\""));
    assert_int_equal(sx_http_declare(handler, "PUT"), SX_OK);
    assert_int_equal(sx_http_declare(handler, "PUT"), SX_OK);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"PUT\",handler=\"h\"} 0");
    measured_assert_line(&measured,
                         "http_request_duration_seconds_count{method=\"PUT\",handler=\"h\"} 0");
    assert_int_equal(sx_http_declare(NULL, "PUT"), SX_EINVAL);
    assert_int_equal(sx_http_declare(handler, NULL), SX_OK);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"_OTHER\",handler=\"h\"} 0");
}

static void test_rejected_requests_are_counted_by_reason(void **state)
{
    (void)state;
    sx_http_reject(measured.http, "malformed");
    sx_http_reject(measured.http, "malformed");
    sx_http_reject(measured.http, "overloaded");
    sx_http_reject(measured.http, NULL);
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"malformed\"} 2");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"overloaded\"} 1");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"other\"} 1");
    const char *page = measured_page(&measured);
    assert_true(page_sum(page, "http_requests_total") == 0);
    assert_true(page_sum(page, "http_requests_aborted_total") == 0);
}

static void test_reasons_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char reason[16];
        snprintf(reason, sizeof reason, "r%d", i);
        sx_http_reject(measured.http, reason);
    }
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"r99\"} 1");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"__overflow__\"} 200");
    assert_true(page_sum(measured_page(&measured), "http_requests_rejected_total") == 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_method_that_no_standard_names_is_other),
        CASE(test_a_code_outside_of_200_to_599_is_500),
        CASE(test_code_0_is_a_response_too),
        CASE(test_without_a_label_the_handler_is_builtin),
        CASE(test_a_label_has_one_handler),
        CASE(test_a_label_may_be_any_text),
        CASE(test_handlers_beyond_the_limit_are_other),
        CASE(test_there_are_1000_handlers_by_default),
        CASE(test_each_handler_has_each_method),
        CASE(test_a_declared_handler_is_shown_as_0),
        CASE(test_rejected_requests_are_counted_by_reason),
        CASE(test_reasons_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
