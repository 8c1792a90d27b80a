/* A thread that makes a handler or series loses to one that makes the same meanwhile. To have it
 * happen each time, the other thread's calls are made within the allocation of the first. */
#include "measured.h"

#include "page.h"

#include <stdio.h>
#include <stdlib.h>

static void (*meanwhile)(void); /* is called within the next calloc */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    void (*run)(void) = meanwhile;
    meanwhile = NULL;
    if (run != NULL) {
        run();
    }
    return __real_calloc(count, size);
}

enum { OTHERS = 100 };

static struct measured measured;
static struct sx_http_handler *first;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.handlers_max = OTHERS + 1,
                                                              .duration_has_code = true});
    first = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_null(meanwhile);
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
    return 0;
}

static void assert_counted(unsigned count)
{
    char line[128];
    snprintf(line, sizeof line, "http_requests_total{method=\"GET\",handler=\"h\",code=\"200\"} %u",
             count);
    measured_assert_line(&measured, line);
}

static void make_handler(void)
{
    first = sx_http_get_handler(measured.http, "h");
}

/* In all chains. */
static void make_other_handlers(void)
{
    for (int i = 0; i < OTHERS; i++) {
        char label[16];
        snprintf(label, sizeof label, "other%d", i);
        assert_non_null(sx_http_get_handler(measured.http, label));
    }
}

static void make_all_handlers(void)
{
    make_handler();
    make_other_handlers();
}

static void ask(void)
{
    measured_request(sx_http_get_handler(measured.http, "h"), "GET", 200, SX_HTTP_COMPLETE);
}

static void test_the_handler_of_the_faster_thread_is_used(void **state)
{
    (void)state;
    meanwhile = make_handler;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    assert_non_null(first);
    assert_ptr_equal(handler, first);
    assert_ptr_equal(sx_http_get_handler(measured.http, "h"), first);
    make_other_handlers(); /* the lost one does not count: there is room for all */
    assert_ptr_not_equal(sx_http_get_handler(measured.http, "other99"),
                         sx_http_get_handler(measured.http, "<other>"));
    ask();
    assert_counted(1);
}

static void test_handlers_with_other_labels_are_no_hindrance(void **state)
{
    (void)state;
    meanwhile = make_other_handlers;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    assert_non_null(handler);
    assert_ptr_equal(sx_http_get_handler(measured.http, "h"), handler);
    assert_ptr_not_equal(handler, sx_http_get_handler(measured.http, "<other>"));
    for (int i = 0; i < OTHERS; i++) {
        char label[16];
        snprintf(label, sizeof label, "other%d", i);
        assert_ptr_not_equal(sx_http_get_handler(measured.http, label),
                             sx_http_get_handler(measured.http, "<other>"));
    }
    ask();
    assert_counted(1);
}

static void test_the_faster_one_is_found_behind_others(void **state)
{
    (void)state;
    meanwhile = make_all_handlers;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    assert_non_null(first);
    assert_ptr_equal(handler, first);
}

static void test_the_series_of_the_faster_thread_are_used(void **state)
{
    (void)state;
    struct sx_http_request request;
    make_handler();
    meanwhile = ask; /* it makes the series of the method, and those of the code */
    sx_http_begin(&request, first, "GET", 0);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"h\"} 1");
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    assert_counted(2);
}

static void test_the_series_of_a_code_of_the_faster_thread_are_used(void **state)
{
    (void)state;
    struct sx_http_request request;
    make_handler();
    sx_http_begin(&request, first, "GET", 0);
    meanwhile = ask;
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
    assert_counted(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_handler_of_the_faster_thread_is_used),
        CASE(test_handlers_with_other_labels_are_no_hindrance),
        CASE(test_the_faster_one_is_found_behind_others),
        CASE(test_the_series_of_the_faster_thread_are_used),
        CASE(test_the_series_of_a_code_of_the_faster_thread_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
