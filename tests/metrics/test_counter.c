/* Counters count up, exactly, and ignore impossible amounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_counter *counter;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL) ||
           sx_counter_register(&counter, registry,
                               &(struct sx_metric_options){.name = "m", .help = "Help."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void test_a_counter_starts_at_0(void **state)
{
    (void)state;
    assert_true(sx_counter_value(counter) == 0);
}

static void test_increments_and_whole_amounts_add_up(void **state)
{
    (void)state;
    sx_counter_inc(counter);
    sx_counter_inc(counter);
    sx_counter_add(counter, 40);
    assert_true(sx_counter_value(counter) == 42);
}

static void test_fractions_add_up(void **state)
{
    (void)state;
    sx_counter_add(counter, 0.5);
    sx_counter_add(counter, 0.25);
    sx_counter_inc(counter);
    assert_true(sx_counter_value(counter) == 1.75);
}

/* Adding 1 to a double of 2^53 changes nothing; adding two of these integers must. */
static void test_whole_amounts_are_exact_beyond_2_to_the_53(void **state)
{
    (void)state;
    sx_counter_add(counter, 4503599627370496.0);
    sx_counter_add(counter, 4503599627370496.0);
    assert_true(sx_counter_value(counter) == 9007199254740992.0);
    sx_counter_inc(counter);
    sx_counter_inc(counter);
    assert_true(sx_counter_value(counter) == 9007199254740994.0);
}

static void test_amounts_that_no_integer_holds_are_added_too(void **state)
{
    (void)state;
    sx_counter_add(counter, 1e300);
    assert_true(sx_counter_value(counter) == 1e300);
    sx_counter_add(counter, 9007199254740992.0);
    sx_counter_add(counter, DBL_TRUE_MIN);
    assert_true(sx_counter_value(counter) == 1e300);
}

/* Prometheus "Writing client libraries": a counter MUST NOT allow the value to decrease */
static void test_amounts_that_are_no_increase_are_ignored(void **state)
{
    (void)state;
    sx_counter_add(counter, 3);
    sx_counter_add(counter, -1);
    sx_counter_add(counter, -0.0);
    sx_counter_add(counter, 0);
    sx_counter_add(counter, NAN);
    sx_counter_add(counter, INFINITY);
    sx_counter_add(counter, -INFINITY);
    assert_true(sx_counter_value(counter) == 3);
}

#define WHOLE_MAX                                                                  \
    9007199254740991.0 /* 2^53 - 1, the largest amount that is added as an integer \
                        */
#define WHOLE_END 9223372036854775808.0    /* 2^63 */
#define WHOLE_RANGE 18446744073709551616.0 /* 2^64 */

/* Enough of them are beyond 2^64, where the integer used to start again at 0. */
#define WHOLE_ADDS 3000

static void add_beyond_the_end(struct sx_counter *added)
{
    double before = sx_counter_value(added);
    for (int i = 0; i < WHOLE_ADDS; i++) {
        sx_counter_add(added, WHOLE_MAX);
        double now = sx_counter_value(added);
        assert_true(now >= before);
        before = now;
    }
}

static void test_whole_amounts_stay_at_the_end_of_their_range(void **state)
{
    (void)state;
    add_beyond_the_end(counter);
    double end = sx_counter_value(counter);
    assert_true(end > WHOLE_END - WHOLE_MAX && end <= WHOLE_END);
    sx_counter_add(counter, WHOLE_MAX);
    assert_true(sx_counter_value(counter) == end);
    assert_non_null(strstr(page_text(registry), "sextant_updates_ignored_total{family=\"m\"} "));
}

static void test_each_amount_beyond_the_end_is_counted(void **state)
{
    (void)state;
    char line[64];
    for (int i = 0; i < WHOLE_ADDS; i++) {
        sx_counter_add(counter, WHOLE_MAX);
    }
    int fit = (int)(WHOLE_END / WHOLE_MAX);
    (void)snprintf(line, sizeof line, "sextant_updates_ignored_total{family=\"m\"} %d",
                   WHOLE_ADDS - fit);
    page_assert_line(page_text(registry), line);
}

static void *add_beyond_the_end_in_thread(void *added)
{
    add_beyond_the_end(added);
    return NULL;
}

static void add_in_threads(struct sx_counter *added)
{
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_beyond_the_end_in_thread, added), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void test_the_rows_of_several_threads_have_one_end(void **state)
{
    (void)state;
    add_in_threads(counter);
    add_beyond_the_end(counter);
    double end = sx_counter_value(counter);
    assert_true(end > WHOLE_END - WHOLE_MAX && end <= WHOLE_RANGE);
    sx_counter_add(counter, WHOLE_MAX);
    assert_true(sx_counter_value(counter) == end);
    assert_non_null(strstr(page_text(registry), "sextant_updates_ignored_total{family=\"m\"} "));
}

/* One row, which this thread has, so the other threads update the overflow row. */
static void test_the_overflow_row_has_the_same_end(void **state)
{
    (void)state;
    struct sx_registry *small = NULL;
    struct sx_counter *added = NULL;
    assert_int_equal(sx_registry_new(&small, &(struct sx_registry_options){.thread_rows = 1}),
                     SX_OK);
    assert_int_equal(
        sx_counter_register(&added, small, &(struct sx_metric_options){.name = "m", .help = "M."}),
        SX_OK);
    sx_counter_inc(added);
    add_in_threads(added);
    double end = sx_counter_value(added);
    assert_true(end > WHOLE_END - WHOLE_MAX && end <= WHOLE_RANGE);
    assert_non_null(strstr(page_text(small), "sextant_updates_ignored_total{family=\"m\"} "));
    sx_registry_destroy(small);
}

static void *add_the_largest(void *added)
{
    sx_counter_add(added, DBL_MAX);
    sx_counter_add(added, DBL_MAX);
    return NULL;
}

static void test_other_amounts_stay_at_the_largest_double(void **state)
{
    (void)state;
    pthread_t thread;
    (void)add_the_largest(counter);
    sx_counter_add(counter, 1e300);
    assert_true(sx_counter_value(counter) == DBL_MAX);
    page_assert_line(page_text(registry), "sextant_updates_ignored_total{family=\"m\"} 2");
    assert_int_equal(pthread_create(&thread, NULL, add_the_largest, counter), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(sx_counter_value(counter) == DBL_MAX);
    page_assert_line(page_text(registry), "sextant_updates_ignored_total{family=\"m\"} 4");
    page_assert_line(page_text(registry), "m 1.7976931348623157e+308");
}

static void test_a_counter_that_ended_leaves_nothing_to_the_next_series(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    struct sx_metric_options options = {.name = "f", .help = "F.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    struct sx_counter *first = sx_counter_with(family, "first");
    add_beyond_the_end(first);
    assert_int_equal(sx_counter_family_clear(family), 1);
    struct sx_counter *second = sx_counter_with(family, "second");
    assert_true(sx_counter_value(second) == 0);
    sx_counter_add(second, WHOLE_MAX);
    assert_true(sx_counter_value(second) == WHOLE_MAX);
}

static void test_recycled_cells_have_the_whole_range(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    struct sx_metric_options options = {.name = "f", .help = "F.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    assert_non_null(sx_counter_with(family, "first"));
    assert_int_equal(sx_counter_family_clear(family), 1);
    struct sx_counter *second = sx_counter_with(family, "second");
    for (int i = 0; i < 1024; i++) {
        sx_counter_add(second, WHOLE_MAX);
    }
    sx_counter_add(second, 1024);
    assert_true(sx_counter_value(second) == WHOLE_END);
}

static void test_a_source_of_32_bits_may_wrap(void **state)
{
    (void)state;
    uint32_t last = 4294967290u;
    sx_counter_add_wrapping32(counter, &last, 4294967295u);
    assert_true(sx_counter_value(counter) == 5);
    sx_counter_add_wrapping32(counter, &last, 5);
    assert_true(sx_counter_value(counter) == 11);
    assert_int_equal(last, 5);
    sx_counter_add_wrapping32(counter, &last, 5);
    sx_counter_add_wrapping32(counter, &last, 4);
    assert_true(sx_counter_value(counter) == 11 + 4294967295.0);
    sx_counter_add_wrapping32(NULL, &last, 7);
    assert_int_equal(last, 7);
}

static void test_null_is_accepted_everywhere(void **state)
{
    (void)state;
    sx_counter_inc(NULL);
    sx_counter_add(NULL, 1);
    assert_true(sx_counter_value(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_counter_starts_at_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_increments_and_whole_amounts_add_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_fractions_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whole_amounts_are_exact_beyond_2_to_the_53, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_amounts_that_no_integer_holds_are_added_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_amounts_that_are_no_increase_are_ignored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_whole_amounts_stay_at_the_end_of_their_range, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_each_amount_beyond_the_end_is_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_rows_of_several_threads_have_one_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_overflow_row_has_the_same_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_amounts_stay_at_the_largest_double, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_counter_that_ended_leaves_nothing_to_the_next_series,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recycled_cells_have_the_whole_range, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_source_of_32_bits_may_wrap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_null_is_accepted_everywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
