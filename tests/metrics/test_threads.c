/* Sums are exact for any number of threads that start and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>

/* Few thread rows, so that most threads of a test go without. */
#define THREAD_ROWS 4
#define THREADS 16
#define UPDATES 20000

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_gauge *gauge;
static struct sx_histogram *histogram;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, &(struct sx_registry_options){.thread_rows = THREAD_ROWS}) ||
           sx_counter_register(&counter, registry,
                               &(struct sx_metric_options){.name = "c_total", .help = "C."}) ||
           sx_gauge_register(&gauge, registry,
                             &(struct sx_metric_options){.name = "g", .help = "G."}) ||
           sx_histogram_register(&histogram, registry,
                                 &(struct sx_metric_options){.name = "h", .help = "H."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void run_threads(pthread_t *threads, size_t count, void *run(void *))
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i), 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static pthread_barrier_t together;

static void *update_everything(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    for (int i = 0; i < UPDATES; i++) {
        sx_counter_inc(counter);
        sx_counter_add(counter, 2);
        sx_counter_add(counter, 0.5);
        sx_gauge_inc(gauge);
        sx_gauge_add(gauge, -2);
        sx_histogram_observe(histogram, i % 4);
    }
    pthread_barrier_wait(&together);
    return NULL;
}

static void test_sums_are_exact_with_more_threads_than_rows(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    run_threads(threads, THREADS, update_everything);
    pthread_barrier_destroy(&together);
    double updates = (double)THREADS * UPDATES;
    assert_true(sx_counter_value(counter) == 3.5 * updates);
    assert_true(sx_gauge_value(gauge) == -updates);
    assert_int_equal(sx_histogram_count(histogram), THREADS * UPDATES);
    assert_true(sx_histogram_sum(histogram) == 1.5 * updates);
}

static void *update_once(void *unused)
{
    (void)unused;
    sx_counter_inc(counter);
    sx_histogram_observe(histogram, 1);
    return NULL;
}

static void test_a_row_is_handed_on_with_its_values(void **state)
{
    (void)state;
    enum { ROUNDS = 200 };
    pthread_t threads[THREAD_ROWS * 2];
    for (int i = 0; i < ROUNDS; i++) {
        run_threads(threads, THREAD_ROWS * 2, update_once);
    }
    assert_true(sx_counter_value(counter) == ROUNDS * THREAD_ROWS * 2);
    assert_int_equal(sx_histogram_count(histogram), ROUNDS * THREAD_ROWS * 2);
    assert_in_range(registry->thread_rows_claimed, 1, THREAD_ROWS);
}

static void test_one_thread_after_the_other_uses_one_row(void **state)
{
    (void)state;
    pthread_t thread;
    for (int i = 0; i < 100; i++) {
        run_threads(&thread, 1, update_once);
    }
    assert_int_equal(registry->thread_rows_claimed, 1);
    assert_true(sx_counter_value(counter) == 100);
}

static void *up_or_down(void *index)
{
    for (int i = 0; i < UPDATES; i++) {
        if ((uintptr_t)index % 2 == 0) {
            sx_gauge_inc(gauge);
        } else {
            sx_gauge_dec(gauge);
        }
    }
    return NULL;
}

static void test_a_gauge_is_exact_with_ups_and_downs_on_different_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    run_threads(threads, THREADS, up_or_down);
    assert_true(sx_gauge_value(gauge) == 0);
}

/* ---- updates after the thread row was given up ---- */

#define LATE_ROUNDS 3

static pthread_key_t late_key;

/* Runs again and again, so that it runs after the library's destructor, whatever their order. */
static void update_late(void *rounds)
{
    uintptr_t left = (uintptr_t)rounds;
    sx_counter_inc(counter);
    if (left <
        LATE_ROUNDS) { /* the library's destructor has run, and the thread row may be another's */
        assert_null(sx__thread_rows[registry->arena]);
    }
    sx_counter_add(counter, 0.5);
    sx_gauge_inc(gauge);
    sx_histogram_observe(histogram, 1);
    if (left > 1) {
        (void)pthread_setspecific(late_key, (void *)(left - 1));
    }
}

static void *end_late(void *unused)
{
    (void)unused;
    sx_counter_inc(counter);
    (void)pthread_setspecific(late_key, (void *)(uintptr_t)LATE_ROUNDS);
    return NULL;
}

static void test_updates_after_the_row_was_released_are_counted(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    assert_int_equal(pthread_key_create(&late_key, update_late), 0);
    run_threads(threads, THREADS, end_late);
    assert_int_equal(pthread_key_delete(late_key), 0);
    assert_true(sx_counter_value(counter) == THREADS + 1.5 * LATE_ROUNDS * THREADS);
    assert_true(sx_gauge_value(gauge) == LATE_ROUNDS * THREADS);
    assert_int_equal(sx_histogram_count(histogram), LATE_ROUNDS * THREADS);
    /* All thread rows are free again: the next threads get them. */
    run_threads(threads, 1, update_once);
    assert_in_range(registry->thread_rows_claimed, 1, THREAD_ROWS);
    for (uint32_t i = 0; i < THREAD_ROWS; i++) {
        assert_int_equal(pthread_mutex_trylock(&registry->seats[i].mutex), 0);
        assert_int_equal(pthread_mutex_unlock(&registry->seats[i].mutex), 0);
    }
}

/* ---- a thread that had to go without gets a thread row later ---- */

static void *hold_a_row(void *unused)
{
    (void)unused;
    sx_counter_inc(counter);
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
    return NULL;
}

static pthread_barrier_t freed;

static void *wait_for_a_row(void *unused)
{
    (void)unused;
    sx_counter_inc(counter);
    assert_null(sx__thread_rows[registry->arena]);
    pthread_barrier_wait(&freed);
    pthread_barrier_wait(&freed);
    int updates = 1;
    while (sx__thread_rows[registry->arena] == NULL && updates < 100000) {
        sx_counter_inc(counter);
        updates++;
    }
    return (void *)(uintptr_t)updates;
}

static void test_a_thread_without_a_row_tries_again_now_and_then(void **state)
{
    (void)state;
    pthread_t holders[THREAD_ROWS];
    pthread_t waiter;
    void *updates = NULL;
    assert_int_equal(pthread_barrier_init(&together, NULL, THREAD_ROWS + 1), 0);
    assert_int_equal(pthread_barrier_init(&freed, NULL, 2), 0);
    for (size_t i = 0; i < THREAD_ROWS; i++) {
        assert_int_equal(pthread_create(&holders[i], NULL, hold_a_row, NULL), 0);
    }
    pthread_barrier_wait(&together);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_a_row, NULL), 0);
    pthread_barrier_wait(&freed);
    pthread_barrier_wait(&together);
    for (size_t i = 0; i < THREAD_ROWS; i++) {
        assert_int_equal(pthread_join(holders[i], NULL), 0);
    }
    pthread_barrier_wait(&freed);
    assert_int_equal(pthread_join(waiter, &updates), 0);
    assert_in_range((uintptr_t)updates, 1000, 10000);
    assert_true(sx_counter_value(counter) == THREAD_ROWS + (double)(uintptr_t)updates);
    pthread_barrier_destroy(&together);
    pthread_barrier_destroy(&freed);
}

/* ---- scrapes, updates and registrations at the same time ---- */

#define WRITERS 6
#define LABELS 300

static struct sx_counter_family *family;
static int writers_left;

static void *make_and_update(void *index)
{
    char text[24];
    for (unsigned i = 0; i < LABELS * 10; i++) {
        snprintf(text, sizeof text, "%u", i % LABELS);
        sx_counter_inc(sx_counter_with(family, text));
        sx_counter_inc(counter);
        sx_counter_add(counter, 0.5);
        sx_histogram_observe(histogram, i % 12);
        if (i % 30 == 0) {
            struct sx_gauge *made = NULL;
            snprintf(text, sizeof text, "g%u_%u", (unsigned)(uintptr_t)index, i / 30 % 10);
            struct sx_metric_options options = {.name = text, .help = "G."};
            assert_int_equal(sx_gauge_register(&made, registry, &options), SX_OK);
            sx_gauge_inc(made);
        }
    }
    __atomic_fetch_sub(&writers_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void test_no_counter_goes_backwards_under_scrapes(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    struct sx_page page = {0};
    struct sx_metric_options options = {
        .name = "f_total", .help = "F.", .labels = SX_LABELS("label")};
    double count = 0;
    double first = 0;
    uint64_t observed = 0;
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    struct sx_counter *zero = sx_counter_with(family, "0");
    writers_left = WRITERS;
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_update, (void *)i), 0);
    }
    while (__atomic_load_n(&writers_left, __ATOMIC_ACQUIRE) > 0) {
        double count_now = sx_counter_value(counter);
        double first_now = sx_counter_value(zero);
        uint64_t observed_now = sx_histogram_count(histogram);
        assert_true(count_now >= count && first_now >= first && observed_now >= observed);
        count = count_now;
        first = first_now;
        observed = observed_now;
        assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
        assert_int_equal(page.data[page.size - 1], '\n');
    }
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    sx_page_clean_up(&page);
    char text[24];
    for (unsigned i = 0; i < LABELS; i++) {
        snprintf(text, sizeof text, "%u", i);
        assert_true(sx_counter_value(sx_counter_with(family, text)) == WRITERS * 10);
    }
    assert_true(sx_counter_value(counter) == WRITERS * LABELS * 15.0);
    assert_int_equal(sx_histogram_count(histogram), WRITERS * LABELS * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums_are_exact_with_more_threads_than_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_row_is_handed_on_with_its_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_thread_after_the_other_uses_one_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_gauge_is_exact_with_ups_and_downs_on_different_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_updates_after_the_row_was_released_are_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_thread_without_a_row_tries_again_now_and_then,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_counter_goes_backwards_under_scrapes, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
