/* The amounts of threads that have ended are moved into one row, and no sum ever decreases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "reading.h"
#include "records.h"

#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <string.h>

#define THREADS 16
#define SERIES 50

static struct sx_registry *registry;
static struct sx_counter_family *family;
static struct sx_histogram *histogram;
static struct sx_counter *counters[SERIES];
static struct sx_counter *fractions;
static pthread_barrier_t all_have_added;

static int register_all(void)
{
    char value[16];
    int status = sx_counter_family_register(
        &family, registry,
        &(struct sx_metric_options){.name = "c_total", .help = "Help.", .labels = SX_LABELS("a")});
    for (int i = 0; i < SERIES && status == SX_OK; i++) {
        snprintf(value, sizeof value, "%d", i);
        counters[i] = sx_counter_with(family, value);
    }
    if (status == SX_OK) {
        status = sx_counter_register(
            &fractions, registry, &(struct sx_metric_options){.name = "f_total", .help = "Help."});
    }
    if (status == SX_OK) {
        status = sx_histogram_register(
            &histogram, registry,
            &(struct sx_metric_options){.name = "h", .help = "Help.", SX_BUCKETS(1, 2)});
    }
    return status;
}

static int set_up(void **state)
{
    (void)state;
    int status = sx_registry_new(&registry, NULL);
    return status == SX_OK ? register_all() : status;
}

static int set_up_shared(void **state)
{
    (void)state;
    const struct sx_registry_options options = {
        .shared = true, .row_bytes = 64 << 10, .directory_bytes = 1 << 20};
    if (!has_shared_registries()) {
        return set_up(state); /* the test skips itself */
    }
    int status = sx_registry_new(&registry, &options);
    return status == SX_OK ? register_all() : status;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void *add(void *wait)
{
    for (int i = 0; i < SERIES; i++) {
        sx_counter_add(counters[i], i + 1);
        sx_histogram_observe(histogram, i % 3);
    }
    sx_counter_add(fractions, 0.5);
    if (wait != NULL) {
        (void)pthread_barrier_wait(&all_have_added);
    }
    return NULL;
}

/* Threads that live at the same time, so that each has a row. */
static void add_in_threads(unsigned count)
{
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&all_have_added, NULL, count), 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add, &all_have_added), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&all_have_added), 0);
}

static void scrape(void)
{
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    sx_page_clean_up(&page);
}

static size_t rows_to_read(void)
{
    struct sx__reading reading;
    sx__reading_of_thread_rows(&reading, registry);
    return reading.counting_row_count;
}

static void check_values(unsigned times)
{
    for (int i = 0; i < SERIES; i++) {
        assert_true(sx_counter_value(counters[i]) == (double)times * (i + 1));
    }
    assert_true(sx_counter_value(fractions) == times * .5);
    assert_int_equal(sx_histogram_count(histogram), times * SERIES);
    struct sx_page page = {0};
    char expected[64];
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    snprintf(expected, sizeof expected, "\nc_total{a=\"3\"} %u\n", times * 4);
    assert_non_null(strstr(page.data, expected));
    snprintf(expected, sizeof expected, "\nh_bucket{le=\"1\"} %u\n", times * 34);
    assert_non_null(strstr(page.data, expected));
    snprintf(expected, sizeof expected, "\nh_sum %u\n", times * 49);
    assert_non_null(strstr(page.data, expected));
    sx_page_clean_up(&page);
}

static void test_rows_of_threads_that_ended_are_folded(void **state)
{
    (void)state;
    add_in_threads(THREADS);
    assert_in_range(rows_to_read(), THREADS, THREADS + 2);
    scrape();
    assert_in_range(rows_to_read(), THREADS, THREADS + 2);
    scrape();
    assert_in_range(rows_to_read(), 1, 6);
    check_values(THREADS);
}

static void test_folded_rows_count_again(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 4; round++) {
        add_in_threads(THREADS);
        assert_in_range(rows_to_read(), THREADS, THREADS + 2);
        check_values(round * THREADS);
        scrape();
        scrape();
        assert_in_range(rows_to_read(), 1, 6);
        check_values(round * THREADS);
    }
}

/* Rows that are claimed again before the next scrape would only be moved back and forth. */
static void test_rows_in_use_are_not_folded(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 4; round++) {
        add_in_threads(THREADS);
        scrape();
        assert_in_range(rows_to_read(), THREADS, THREADS + 2);
    }
    check_values(4 * THREADS);
}

static void test_amounts_at_the_end_of_the_range_stay_where_they_are(void **state)
{
    (void)state;
    add_in_threads(THREADS);
    const uint32_t cell = ((const struct sx__series *)(const void *)counters[7])->handle.cell;
    const uint64_t large = UINT64_C(1) << 62;
    *sx__cell(sx__thread_row_at(registry, 12), cell) = large;
    const double value = sx_counter_value(counters[7]);
    for (int i = 0; i < 3; i++) {
        scrape();
        assert_true(sx_counter_value(counters[7]) == value);
    }
    assert_true(*sx__cell(sx__thread_row_at(registry, 12), cell) == large);
    assert_true(sx_counter_value(counters[6]) == THREADS * 7);
}

static void test_shared_registries_are_not_folded(void **state)
{
    (void)state;
    need_shared_registries();
    add_in_threads(THREADS);
    for (int i = 0; i < 4; i++) {
        scrape();
    }
    assert_in_range(rows_to_read(), THREADS, THREADS + 2);
    check_values(THREADS);
}

/* ---- sums while rows are folded ---- */

static int is_done;
static unsigned decreased;

static void *watch(void *unused)
{
    (void)unused;
    double last = 0;
    uint64_t last_count = 0;
    while (!__atomic_load_n(&is_done, __ATOMIC_RELAXED)) {
        const double value = sx_counter_value(counters[SERIES - 1]);
        const uint64_t count = sx_histogram_count(histogram);
        if (value < last || count < last_count || value > 1e9) {
            (void)__atomic_fetch_add(&decreased, 1, __ATOMIC_RELAXED);
        }
        last = value;
        last_count = count;
    }
    return NULL;
}

static void *scrape_in_thread(void *unused)
{
    (void)unused;
    struct sx_page page = {0};
    unsigned long last = 0;
    while (!__atomic_load_n(&is_done, __ATOMIC_RELAXED)) {
        unsigned long value = 0;
        if (sx_page_render(&page, registry, SX_FORMAT_TEXT) != SX_OK ||
            sscanf(strstr(page.data, "a=\"49\"} "), "a=\"49\"} %lu", &value) != 1 || value < last) {
            (void)__atomic_fetch_add(&decreased, 1, __ATOMIC_RELAXED);
        }
        last = value;
    }
    sx_page_clean_up(&page);
    return NULL;
}

static void test_no_sum_decreases_while_rows_are_folded(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    pthread_t watchers[3];
    is_done = 0;
    decreased = 0;
    assert_int_equal(pthread_create(&watchers[0], NULL, watch, NULL), 0);
    assert_int_equal(pthread_create(&watchers[1], NULL, scrape_in_thread, NULL), 0);
    assert_int_equal(pthread_create(&watchers[2], NULL, scrape_in_thread, NULL), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        add_in_threads(THREADS);
        scrape();
        scrape();
    }
    __atomic_store_n(&is_done, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(watchers[i], NULL), 0);
    }
    assert_int_equal(decreased, 0);
    check_values(ROUNDS * THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_of_threads_that_ended_are_folded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_folded_rows_count_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_in_use_are_not_folded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_amounts_at_the_end_of_the_range_stay_where_they_are,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_registries_are_not_folded, set_up_shared,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_sum_decreases_while_rows_are_folded, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
