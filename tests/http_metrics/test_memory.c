/* Every allocation fails once, in turn, and the registry is full: no request is counted by half,
 * and nothing leaks. */
#include "measured.h"

#include "failing_allocation.h"
#include "page.h"

#include <stdio.h>
#include <string.h>

static struct measured measured;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.measure_body_sizes = true,
                                                              .measure_first_byte = true});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    return 0;
}

static void ask(const char *label, const char *method, int code)
{
    measured_request(sx_http_get_handler(measured.http, label), method, code, SX_HTTP_COMPLETE);
}

static void test_every_failing_allocation_of_a_creation_is_an_error(void **state)
{
    (void)state;
    const struct sx_http_metrics_options options = {.registry = measured.registry};
    const long before = allocations_live();
    int failures = 0;
    int status = SX_ENOMEM;
    while (status != SX_OK) {
        struct sx_http_metrics *http = NULL;
        fail_one_allocation(failures);
        status = sx_http_metrics_new(&http, &options);
        const bool failed = end_failing_allocations();
        if (failed) {
            assert_int_equal(status, SX_ENOMEM);
            assert_null(http);
            failures++;
        }
        sx_http_metrics_destroy(http);
        assert_int_equal(allocations_live(), before);
        assert_true(failures < 100);
    }
    assert_true(failures >= 4); /* the metrics, the table, two handlers */
}

/* The handler, the series of its method, the series of its code: whichever is missing. */
static void test_every_failing_allocation_of_a_request_is_survived(void **state)
{
    (void)state;
    int failures = 0;
    for (bool failed = true; failed; failures++) {
        char label[64];
        snprintf(label, sizeof label, "h%d", failures);
        fail_one_allocation(failures);
        ask(label, "GET", 200);
        failed = end_failing_allocations();
        measured_assert_balanced(&measured);
        ask(label, "GET", 200);
        measured_assert_balanced(&measured);
        snprintf(label, sizeof label, "handler=\"h%d\",code=\"200\"} %d\n", failures,
                 failed ? 1 : 2);
        assert_non_null(strstr(measured_page(&measured), label));
        assert_true(failures < 100);
    }
    assert_true(failures > 3);
}

static void test_without_memory_nothing_is_in_progress_for_ever(void **state)
{
    (void)state;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    struct sx_http_request without, with;
    fail_all_allocations(0);
    assert_null(sx_http_get_handler(measured.http, "another"));
    assert_int_equal(sx_http_declare(handler, "GET"), SX_ENOMEM);
    sx_http_begin(&without, handler, "GET", 0);
    end_failing_allocations();
    /* Now there is memory: the other one is in progress, until it ends. */
    sx_http_begin(&with, handler, "GET", 0);
    sx_http_respond(&without, 200);
    sx_http_end(&without, SX_HTTP_COMPLETE, NULL);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"h\"} 1");
    sx_http_respond(&with, 200);
    sx_http_end(&with, SX_HTTP_COMPLETE, NULL);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"h\"} 0");
    measured_assert_line(&measured,
                         "http_requests_total{method=\"GET\",handler=\"h\",code=\"200\"} 1");
    measured_assert_balanced(&measured);
}

static void test_a_response_without_memory_has_no_duration(void **state)
{
    (void)state;
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    struct sx_http_request request;
    sx_http_begin(&request, handler, "GET", 0);
    fail_all_allocations(0);
    sx_http_respond(&request, 200);
    end_failing_allocations();
    ask("h", "GET", 200); /* makes the series of the code */
    sx_http_end(&request, SX_HTTP_RESPONSE_ABORTED, NULL);
    measured_assert_line(&measured,
                         "http_requests_total{method=\"GET\",handler=\"h\",code=\"200\"} 1");
    measured_assert_line(
        &measured,
        "http_requests_aborted_total{method=\"GET\",handler=\"h\",phase=\"response\"} 1");
    measured_assert_balanced(&measured);
    assert_true(page_sum(measured_page(&measured), "http_response_first_byte_seconds_count") == 1);
    assert_true(page_sum(measured_page(&measured), "http_request_body_bytes_count") == 1);
}

/* Series beyond the room share the overflow series, whose gauge goes back to 0 as well. */
static void test_a_full_registry_keeps_the_balance(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    assert_int_equal(
        sx_registry_new(&registry, &(struct sx_registry_options){.row_bytes = 1 << 15,
                                                                 .directory_bytes = 1 << 16}),
        SX_OK);
    struct measured small;
    measured_init(&small, (struct sx_http_metrics_options){.registry = registry});
    small.registry = registry;
    enum { COUNT = 2000, OPEN = 100 };
    static struct sx_http_request requests[OPEN];
    for (int i = 0; i < COUNT; i++) {
        char label[64];
        snprintf(label, sizeof label, "a handler with a long name, number %d", i);
        struct sx_http_request *request = &requests[i % OPEN];
        sx_http_end(request, SX_HTTP_COMPLETE, NULL);
        sx_http_begin(request, sx_http_get_handler(small.http, label), "GET", 0);
        sx_http_respond(request, 200 + i % 100);
    }
    assert_true(page_sum(measured_page(&small), "http_requests_inprogress") == OPEN);
    for (int i = 0; i < OPEN; i++) {
        sx_http_end(&requests[i], SX_HTTP_COMPLETE, NULL);
    }
    const char *page = measured_page(&small);
    assert_non_null(strstr(page, "http_requests_total{method=\"__overflow__\""));
    assert_true(page_sum(page, "http_requests_total") == COUNT);
    measured_assert_balanced(&small);
    measured_clean_up(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_failing_allocation_of_a_creation_is_an_error),
        CASE(test_every_failing_allocation_of_a_request_is_survived),
        CASE(test_without_memory_nothing_is_in_progress_for_ever),
        CASE(test_a_response_without_memory_has_no_duration),
        CASE(test_a_full_registry_keeps_the_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
