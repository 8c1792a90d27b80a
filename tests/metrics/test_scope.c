/* SX_TIME_SCOPE and SX_IN_PROGRESS_SCOPE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <time.h>

/* ---- a clock that the test turns ---- */

static bool clock_is_ours;
static long long time_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!clock_is_ours) {
        return __real_clock_gettime(clock, now);
    }
    long long ns = time_ns + (clock == CLOCK_REALTIME ? 1700000000000000000 : 0);
    *now = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    return 0;
}

static struct sx_registry *registry;
static struct sx_histogram *histogram;
static struct sx_gauge *gauge;

static int set_up(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "h", .help = "H."};
    if (sx_registry_new(&registry, NULL) || sx_histogram_register(&histogram, registry, &options)) {
        return -1;
    }
    options.name = "g";
    clock_is_ours = true;
    time_ns = 1000000000;
    return sx_gauge_register(&gauge, registry, &options);
}

static int tear_down(void **state)
{
    (void)state;
    clock_is_ours = false;
    sx_registry_destroy(registry);
    return 0;
}

static int leave_by_return(bool early)
{
    SX_TIME_SCOPE(histogram);
    SX_IN_PROGRESS_SCOPE(gauge);
    assert_true(sx_gauge_value(gauge) == 1);
    if (early) {
        time_ns += 250000000;
        return 1;
    }
    time_ns += 1500000000;
    return 2;
}

static void test_every_way_out_of_a_block_is_timed_in_seconds(void **state)
{
    (void)state;
    assert_int_equal(leave_by_return(true), 1);
    assert_true(sx_histogram_sum(histogram) == 0.25);
    assert_int_equal(leave_by_return(false), 2);
    assert_true(sx_histogram_sum(histogram) == 1.75);
    for (int i = 0; i < 3; i++) {
        SX_TIME_SCOPE(histogram);
        SX_IN_PROGRESS_SCOPE(gauge);
        time_ns += 1000000000;
        if (i == 0) {
            continue;
        }
        if (i == 1) {
            break;
        }
    }
    assert_int_equal(sx_histogram_count(histogram), 4);
    assert_true(sx_histogram_sum(histogram) == 3.75);
    assert_true(sx_gauge_value(gauge) == 0);
}

static void test_scopes_nest(void **state)
{
    (void)state;
    {
        SX_TIME_SCOPE(histogram);
        SX_IN_PROGRESS_SCOPE(gauge);
        {
            SX_TIME_SCOPE(histogram);
            SX_IN_PROGRESS_SCOPE(gauge);
            time_ns += 1000000000;
            assert_true(sx_gauge_value(gauge) == 2);
        }
        assert_true(sx_histogram_sum(histogram) == 1);
        assert_true(sx_gauge_value(gauge) == 1);
        time_ns += 1000000000;
    }
    assert_true(sx_histogram_sum(histogram) == 3);
    assert_true(sx_gauge_value(gauge) == 0);
}

/* Durations are from the monotonic clock, and a negative one is observed as 0. */
static void test_a_clock_that_is_turned_back_gives_0(void **state)
{
    (void)state;
    {
        SX_TIME_SCOPE(histogram);
        time_ns -= 500000000;
    }
    assert_int_equal(sx_histogram_count(histogram), 1);
    assert_true(sx_histogram_sum(histogram) == 0);
}

static void test_null_is_accepted(void **state)
{
    (void)state;
    SX_TIME_SCOPE(NULL);
    SX_IN_PROGRESS_SCOPE(NULL);
    sx_gauge_set_to_current_time(NULL);
    assert_int_equal(sx_histogram_count(histogram), 0);
}

static void test_the_current_time_is_seconds_since_1970(void **state)
{
    (void)state;
    sx_gauge_set_to_current_time(gauge);
    assert_true(sx_gauge_value(gauge) == 1700000001.0);
    clock_is_ours = false;
    sx_gauge_set_to_current_time(gauge);
    double now = (double)time(NULL);
    assert_true(sx_gauge_value(gauge) > now - 60 && sx_gauge_value(gauge) < now + 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_way_out_of_a_block_is_timed_in_seconds), TEST(test_scopes_nest),
        TEST(test_a_clock_that_is_turned_back_gives_0),          TEST(test_null_is_accepted),
        TEST(test_the_current_time_is_seconds_since_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
