/* Two threads make the same handler or series at the same time, and one loses. To have it happen
 * each time, the other thread's calls are made within the allocation of the first. */
#include "measured.h"

#include "page.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
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
static int has_added; /* until then, a thread that yields waits */

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.handlers_max = OTHERS + 1,
                                                              .duration_has_code = true});
    first = NULL;
    has_added = 1; /* yielding returns at once */
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

static void test_handlers_that_others_add_to_the_chain_are_kept(void **state)
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

/* ---- the last place ---- */

static int has_yielded;
static pthread_t late;
static struct sx_http_handler *late_found;

static bool is_set(const int *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0;
}

/* Until the first thread has added its handler, so that one call is enough. */
int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
    __atomic_store_n(&has_yielded, 1, __ATOMIC_RELEASE);
    while (!is_set(&has_added)) {
        (void)__real_sched_yield();
    }
    return 0;
}

static void *find_late(void *label)
{
    late_found = sx_http_get_handler(measured.http, label);
    __atomic_store_n(&has_yielded, 1, __ATOMIC_RELEASE);
    return NULL;
}

static const char *late_label;

/* The first thread has taken the last place, and has added nothing yet. */
static void find_in_another_thread(void)
{
    assert_int_equal(pthread_create(&late, NULL, find_late, (void *)(uintptr_t)late_label), 0);
    while (!is_set(&has_yielded)) {
        (void)__real_sched_yield();
    }
}

static void begin_late_search(const char *label)
{
    has_yielded = has_added = 0;
    late_found = NULL;
    late_label = label;
    meanwhile = find_in_another_thread;
}

static void end_late_search(void)
{
    __atomic_store_n(&has_added, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(late, NULL), 0);
}

static void test_a_label_that_another_thread_adds_at_the_last_place_is_found(void **state)
{
    (void)state;
    make_other_handlers();
    begin_late_search("h");
    make_handler();
    end_late_search();
    assert_non_null(first);
    assert_ptr_equal(late_found, first);
    assert_ptr_not_equal(first, sx_http_get_handler(measured.http, "<other>"));
}

static void find_h_and_search_late(void)
{
    meanwhile = find_in_another_thread;
    make_handler();
}

/* Two threads have taken the last two places for the same label, and one gives its place back. */
static void test_a_place_that_another_thread_gives_back_is_used(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    measured_init(&measured, (struct sx_http_metrics_options){.handlers_max = 2});
    begin_late_search("late");
    meanwhile = find_h_and_search_late;
    assert_non_null(sx_http_get_handler(measured.http, "h"));
    end_late_search();
    assert_ptr_not_equal(late_found, sx_http_get_handler(measured.http, "<other>"));
    assert_ptr_equal(late_found, sx_http_get_handler(measured.http, "late"));
}

/* As in a child that was forked while another thread of its parent was about to add a handler. */
static void test_a_place_that_is_never_used_is_not_waited_for_without_end(void **state)
{
    (void)state;
    make_other_handlers();
    meanwhile = make_handler;
    assert_ptr_equal(sx_http_get_handler(measured.http, "never added before"),
                     sx_http_get_handler(measured.http, "never added before"));
    assert_ptr_equal(first, sx_http_get_handler(measured.http, "<other>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_handler_of_the_faster_thread_is_used),
        CASE(test_handlers_that_others_add_to_the_chain_are_kept),
        CASE(test_the_faster_one_is_found_behind_others),
        CASE(test_the_series_of_the_faster_thread_are_used),
        CASE(test_the_series_of_a_code_of_the_faster_thread_are_used),
        CASE(test_a_label_that_another_thread_adds_at_the_last_place_is_found),
        CASE(test_a_place_that_another_thread_gives_back_is_used),
        CASE(test_a_place_that_is_never_used_is_not_waited_for_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
