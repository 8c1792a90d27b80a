/* Bucket bounds: linear, exponential, and the checks of user bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sextant/metrics.h>

static void test_linear_bounds_do_not_drift(void **state)
{
    (void)state;
    static const double expected[] = {0.1, 0.2, 0.1 + 2 * 0.1, 0.4, 0.5};
    double bounds[5];
    assert_int_equal(sx_buckets_linear(bounds, 5, 0.1, 0.1), SX_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_true(bounds[i] == expected[i]);
    }
    assert_int_equal(sx_buckets_linear(bounds, 3, -1, 1), SX_OK);
    assert_true(bounds[0] == -1 && bounds[1] == 0 && bounds[2] == 1);
}

static void test_exponential_bounds_grow_by_the_factor(void **state)
{
    (void)state;
    double bounds[4];
    assert_int_equal(sx_buckets_exponential(bounds, 4, 100, 1.5), SX_OK);
    assert_true(bounds[0] == 100 && bounds[1] == 150 && bounds[2] == 225 && bounds[3] == 337.5);
}

/* bucket_count does not include +Inf, as metrics.h says. */
static void test_infinity_is_not_counted(void **state)
{
    (void)state;
    double bounds[4] = {0, 0, 0, 99};
    assert_int_equal(sx_buckets_linear(bounds, 3, 1, 1), SX_OK);
    assert_true(bounds[2] == 3 && bounds[3] == 99);
}

static void test_one_bound_is_enough(void **state)
{
    (void)state;
    double bound = 0;
    assert_int_equal(sx_buckets_linear(&bound, 1, 5, 0), SX_OK);
    assert_true(bound == 5);
    assert_int_equal(sx_buckets_exponential(&bound, 1, 7, 1), SX_OK);
    assert_true(bound == 7);
}

static void test_bounds_that_no_histogram_takes_are_refused(void **state)
{
    (void)state;
    double bounds[SX_BUCKETS_MAX + 1] = {42};
    assert_int_equal(sx_buckets_linear(NULL, 3, 1, 1), SX_EINVAL);
    assert_int_equal(sx_buckets_linear(bounds, 0, 1, 1), SX_EINVAL);
    assert_int_equal(sx_buckets_linear(bounds, SX_BUCKETS_MAX + 1, 1, 1), SX_EINVAL);
    assert_int_equal(sx_buckets_exponential(NULL, 3, 1, 2), SX_EINVAL);
    assert_int_equal(sx_buckets_exponential(bounds, 0, 1, 2), SX_EINVAL);
    assert_int_equal(sx_buckets_exponential(bounds, SX_BUCKETS_MAX + 1, 1, 2), SX_EINVAL);
    assert_int_equal(sx_buckets_linear(bounds, 3, 1, 0), SX_EBUCKETS);
    assert_int_equal(sx_buckets_linear(bounds, 3, 1, -1), SX_EBUCKETS);
    assert_int_equal(sx_buckets_linear(bounds, 3, NAN, 1), SX_EBUCKETS);
    assert_int_equal(sx_buckets_linear(bounds, 3, 1, INFINITY), SX_EBUCKETS);
    assert_int_equal(sx_buckets_linear(bounds, 3, 1e300, 1), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 3, 0, 2), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 3, -1, 2), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 3, NAN, 2), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 3, 1, 1), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 3, 1, NAN), SX_EBUCKETS);
    assert_int_equal(sx_buckets_exponential(bounds, 200, 1, 1e10), SX_EBUCKETS);
    assert_true(bounds[0] == 42);
}

static void test_a_histogram_takes_what_they_make(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_histogram *histogram = NULL;
    double bounds[SX_BUCKETS_MAX];
    assert_int_equal(sx_buckets_exponential(bounds, SX_BUCKETS_MAX, 1e-9, 1.1), SX_OK);
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    struct sx_metric_options options = {
        .name = "h", .help = "H.", .buckets = bounds, .bucket_count = SX_BUCKETS_MAX};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_bounds_do_not_drift),
        cmocka_unit_test(test_exponential_bounds_grow_by_the_factor),
        cmocka_unit_test(test_infinity_is_not_counted),
        cmocka_unit_test(test_one_bound_is_enough),
        cmocka_unit_test(test_bounds_that_no_histogram_takes_are_refused),
        cmocka_unit_test(test_a_histogram_takes_what_they_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
