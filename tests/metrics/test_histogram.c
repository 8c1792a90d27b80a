/* Histograms put each observation into the right bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "series_values.h"

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sextant/metrics.h>
#include <stdlib.h>

static struct sx_registry *registry;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static struct sx_histogram *make(const char *name, const double *bounds, size_t count)
{
    struct sx_histogram *histogram = NULL;
    struct sx_metric_options options = {
        .name = name, .help = "Help.", .buckets = bounds, .bucket_count = count};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    return histogram;
}

/* Not cumulative. */
static uint64_t bucket(const struct sx_histogram *histogram, size_t index)
{
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    struct sx__reading reading;
    const struct sx__series *series = (const void *)histogram;
    sx__reading_of_thread_rows(&reading, registry);
    double sum;
    assert_true(sx__read_histogram(&reading, series, sx__series_family(series)->bound_count,
                                   buckets, &sum));
    return buckets[index];
}

static const double one_two[] = {1, 2};

static void test_a_histogram_starts_empty(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", NULL, 0);
    assert_int_equal(sx_histogram_count(histogram), 0);
    assert_true(sx_histogram_sum(histogram) == 0);
}

static void test_observations_are_counted_and_summed(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", NULL, 0);
    sx_histogram_observe(histogram, 0.25);
    sx_histogram_observe(histogram, 100);
    sx_histogram_observe(histogram, -1);
    assert_int_equal(sx_histogram_count(histogram), 3);
    assert_true(sx_histogram_sum(histogram) == 99.25);
}

/* OpenMetrics: buckets "MUST have an upper bound ("le")", which is inclusive */
static void test_a_value_equal_to_a_bound_is_in_its_bucket(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, 1);
    assert_int_equal(bucket(histogram, 0), 1);
    sx_histogram_observe(histogram, nextafter(1, 2));
    assert_int_equal(bucket(histogram, 1), 1);
    sx_histogram_observe(histogram, 2);
    assert_int_equal(bucket(histogram, 1), 2);
    sx_histogram_observe(histogram, nextafter(2, 3));
    assert_int_equal(bucket(histogram, 2), 1);
}

static void test_infinities_are_in_the_outermost_buckets(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, INFINITY);
    assert_int_equal(bucket(histogram, 2), 1);
    assert_true(sx_histogram_sum(histogram) == INFINITY);
    sx_histogram_observe(histogram, -INFINITY);
    assert_int_equal(bucket(histogram, 0), 1);
    assert_int_equal(sx_histogram_count(histogram), 2);
}

static void test_the_sum_of_both_infinities_is_the_positive_one(void **state)
{
    (void)state;
    static const double orders[][3] = {
        {INFINITY, -INFINITY, 1}, {-INFINITY, INFINITY, 1}, {-INFINITY, 1, INFINITY}};
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        struct sx_histogram *histogram = make(names[i], one_two, 2);
        for (size_t j = 0; j < 3; j++) {
            sx_histogram_observe(histogram, orders[i][j]);
        }
        assert_true(sx_histogram_sum(histogram) == INFINITY);
        assert_int_equal(sx_histogram_count(histogram), 3);
    }
}

static void test_the_sum_of_negative_infinities_is_negative(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, -INFINITY);
    sx_histogram_observe(histogram, -INFINITY);
    sx_histogram_observe(histogram, 1e300);
    assert_true(sx_histogram_sum(histogram) == -INFINITY);
}

/* The largest doubles have an infinite sum, too. */
static void test_a_sum_beyond_the_largest_double_is_not_nan_either(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, DBL_MAX);
    sx_histogram_observe(histogram, DBL_MAX);
    sx_histogram_observe(histogram, -INFINITY);
    assert_true(sx_histogram_sum(histogram) == INFINITY);
}

static void *observe_negative_infinity(void *histogram)
{
    sx_histogram_observe(histogram, -INFINITY);
    return NULL;
}

static void test_infinities_of_two_threads_have_a_sum(void **state)
{
    (void)state;
    pthread_t thread;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, INFINITY);
    assert_int_equal(pthread_create(&thread, NULL, observe_negative_infinity, histogram), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sx_histogram_count(histogram), 2);
    assert_true(sx_histogram_sum(histogram) == INFINITY);
}

/* The only thread row is the main thread's, so the other thread updates the overflow row. */
static void *observe_in_the_overflow_row(void *histogram)
{
    sx_histogram_observe(histogram, NAN);
    sx_histogram_observe(histogram, -INFINITY);
    sx_histogram_observe(histogram, INFINITY);
    return NULL;
}

static void test_infinities_in_the_overflow_row_have_a_sum(void **state)
{
    (void)state;
    pthread_t thread;
    struct sx_registry *small = NULL;
    struct sx_counter *counter = NULL;
    struct sx_histogram *histogram = NULL;
    assert_int_equal(sx_registry_new(&small, &(struct sx_registry_options){.thread_rows = 1}),
                     SX_OK);
    assert_int_equal(sx_counter_register(&counter, small,
                                         &(struct sx_metric_options){.name = "c", .help = "C."}),
                     SX_OK);
    assert_int_equal(sx_histogram_register(&histogram, small,
                                           &(struct sx_metric_options){.name = "h", .help = "H."}),
                     SX_OK);
    sx_counter_inc(counter);
    assert_int_equal(pthread_create(&thread, NULL, observe_in_the_overflow_row, histogram), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sx_histogram_count(histogram), 2);
    assert_true(sx_histogram_sum(histogram) == INFINITY);
    sx_registry_destroy(small);
}

static void test_not_a_number_is_ignored(void **state)
{
    (void)state;
    struct sx_histogram *histogram = make("h", one_two, 2);
    sx_histogram_observe(histogram, NAN);
    assert_int_equal(sx_histogram_count(histogram), 0);
    assert_true(sx_histogram_sum(histogram) == 0);
}

static void test_without_bounds_everything_is_in_one_bucket(void **state)
{
    (void)state;
    static const double infinite[] = {INFINITY};
    struct sx_histogram *histogram = make("h", infinite, 1);
    sx_histogram_observe(histogram, -5);
    sx_histogram_observe(histogram, 5);
    assert_int_equal(bucket(histogram, 0), 2);
}

static void test_every_number_of_bounds_finds_the_bucket_that_a_plain_search_finds(void **state)
{
    (void)state;
    double bounds[SX_BUCKETS_MAX];
    for (size_t i = 0; i < SX_BUCKETS_MAX; i++) {
        bounds[i] = (double)i - 7.5;
    }
    for (size_t count = 1; count <= SX_BUCKETS_MAX; count += count < 40 ? 1 : 27) {
        char name[] = {'h', (char)('a' + count % 26), (char)('a' + count / 26), '\0'};
        struct sx_histogram *histogram = make(name, bounds, count);
        for (size_t i = 0; i <= count; i++) {
            double value = i < count ? bounds[i] : bounds[count - 1] + 0.25;
            sx_histogram_observe(histogram, value);
            assert_int_equal(bucket(histogram, i), 1);
        }
        assert_int_equal(sx_histogram_count(histogram), count + 1);
    }
}

static void test_the_histograms_of_a_family_are_apart(void **state)
{
    (void)state;
    struct sx_histogram_family *family = NULL;
    struct sx_metric_options options = {.name = "f", .help = "F.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_histogram_family_register(&family, registry, &options), SX_OK);
    sx_histogram_observe(sx_histogram_with(family, "x"), 1);
    sx_histogram_observe(sx_histogram_with(family, "y"), 2);
    sx_histogram_observe(sx_histogram_with(family, "y"), 2);
    assert_int_equal(sx_histogram_count(sx_histogram_with(family, "x")), 1);
    assert_true(sx_histogram_sum(sx_histogram_with(family, "y")) == 4);
}

static void test_null_is_accepted_everywhere(void **state)
{
    (void)state;
    sx_histogram_observe(NULL, 1);
    assert_int_equal(sx_histogram_count(NULL), 0);
    assert_true(sx_histogram_sum(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_histogram_starts_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_observations_are_counted_and_summed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_value_equal_to_a_bound_is_in_its_bucket, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_infinities_are_in_the_outermost_buckets, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_sum_of_both_infinities_is_the_positive_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_sum_of_negative_infinities_is_negative, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_sum_beyond_the_largest_double_is_not_nan_either,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_infinities_of_two_threads_have_a_sum, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_infinities_in_the_overflow_row_have_a_sum, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_number_is_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_bounds_everything_is_in_one_bucket, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_every_number_of_bounds_finds_the_bucket_that_a_plain_search_finds, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_the_histograms_of_a_family_are_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_null_is_accepted_everywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
