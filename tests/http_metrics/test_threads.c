/* Threads that need the same handler, method and code for the first time, at the same time. */
#include "measured.h"

#include "page.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 200, REQUESTS = 2000 };

static struct measured measured;
static pthread_barrier_t together;
static struct sx_http_handler *found[THREADS];
static _Atomic unsigned different;

static void run_threads(void *run(void *))
{
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&together);
}

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){.handlers_max = ROUNDS});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
    return 0;
}

static void *make_the_same(void *number)
{
    for (int round = 0; round < ROUNDS; round++) {
        char label[32];
        snprintf(label, sizeof label, "h%d", round);
        pthread_barrier_wait(&together);
        struct sx_http_handler *handler = sx_http_get_handler(measured.http, label);
        found[(uintptr_t)number] = handler;
        measured_request(handler, "GET", 200, SX_HTTP_COMPLETE);
        pthread_barrier_wait(&together);
        for (size_t i = 0; i < THREADS; i++) {
            different += found[i] != handler ? 1 : 0;
        }
        pthread_barrier_wait(&together);
    }
    return NULL;
}

static void test_a_label_has_one_handler_whatever_thread_makes_it(void **state)
{
    (void)state;
    different = 0;
    run_threads(make_the_same);
    const char *page = measured_page(&measured);
    assert_true(page_sum(page, "http_requests_total") == THREADS * ROUNDS);
    page_assert_line(page, "http_requests_total{method=\"GET\",handler=\"h0\",code=\"200\"} 4");
    assert_true(different == 0);
}

static void *ask_all(void *number)
{
    static const char *const methods[] = {"GET", "POST", "PURGE"};
    const size_t first = (uintptr_t)number;
    pthread_barrier_wait(&together);
    for (size_t i = 0; i < REQUESTS; i++) {
        char label[32];
        snprintf(label, sizeof label, "h%zu", (first + i) % 500);
        struct sx_http_request request;
        sx_http_begin(&request, sx_http_get_handler(measured.http, label), methods[i % 3], 0);
        if (i % 7 != 0) {
            sx_http_respond(&request, 200 + (int)(i % 50));
        }
        sx_http_end(&request, i % 5 == 0 ? SX_HTTP_RESPONSE_ABORTED : SX_HTTP_COMPLETE, NULL);
    }
    return NULL;
}

static void test_every_request_is_counted_also_beyond_the_limit(void **state)
{
    (void)state;
    unsigned answered = 0;
    unsigned aborted = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        answered += i % 7 != 0 ? 1 : 0;
        aborted += i % 7 == 0 || i % 5 == 0 ? 1 : 0;
    }
    run_threads(ask_all);
    const char *page = measured_page(&measured);
    assert_true(page_sum(page, "http_requests_total") == THREADS * answered);
    assert_true(page_sum(page, "http_requests_aborted_total") == THREADS * aborted);
    unsigned handlers = 0;
    for (unsigned i = 0; i < 500; i++) {
        char label[32];
        snprintf(label, sizeof label, "h%u", i);
        handlers += sx_http_get_handler(measured.http, label) !=
                            sx_http_get_handler(measured.http, "<other>")
                        ? 1
                        : 0;
    }
    assert_int_equal(handlers, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_label_has_one_handler_whatever_thread_makes_it),
        CASE(test_every_request_is_counted_also_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
