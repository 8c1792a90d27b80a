/* The series of a family are looked at one after the other, and metrics are reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "activity.h"
#include "page.h"

#include <cmocka.h>
#include <sextant/iteration.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_counter_family *counters;
static struct sx_gauge_family *gauges;
static struct sx_histogram_family *histograms;

static int set_up(void **state)
{
    (void)state;
    struct sx_metric_options options = {
        .name = "c_total", .help = "C.", .labels = SX_LABELS("a", "b"), .max_series = 3};
    if (sx_registry_new(&registry, NULL) != SX_OK ||
        sx_counter_family_register(&counters, registry, &options) != SX_OK) {
        return -1;
    }
    options.name = "g";
    options.idle_seconds = 60;
    if (sx_gauge_family_register(&gauges, registry, &options) != SX_OK) {
        return -1;
    }
    options.idle_seconds = 0;
    const struct sx_metric_options histogram = {
        .name = "h", .help = "H.", .labels = SX_LABELS("a"), SX_BUCKETS(1, 2)};
    return sx_histogram_family_register(&histograms, registry, &histogram);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static char text[1024];

static int write_series(void *limit, const struct sx_series *series)
{
    size_t used = strlen(text);
    for (size_t i = 0; i < series->value_count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s ",
                                 (int)series->values[i].size, series->values[i].data);
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "%g%s", series->value,
                             series->is_overflow ? " overflow" : "");
    for (size_t i = 0; i < series->bucket_count; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " %u", (unsigned)series->buckets[i]);
    }
    (void)snprintf(text + used, sizeof text - used, "\n");
    int *left = limit;
    return left != NULL && --*left == 0 ? 17 : 0;
}

static void test_each_series_comes_with_its_labels_and_value(void **state)
{
    (void)state;
    text[0] = '\0';
    assert_int_equal(sx_counter_family_each(counters, write_series, NULL), 0);
    assert_string_equal(text, "");
    sx_counter_add_with(counters, 1, "x", "");
    sx_counter_add_with(counters, 2.5, "\"y\"", "line\nfeed");
    sx_counter_add_with(counters, 3, "z", "1");
    sx_counter_add_with(counters, 4, "beyond", "the limit");
    assert_int_equal(sx_counter_family_each(counters, write_series, NULL), 0);
    assert_string_equal(text, "x  1\n\"y\" line\nfeed 2.5\nz 1 3\n__overflow__ __overflow__ 4 "
                              "overflow\n");
    text[0] = '\0';
    sx_gauge_set_with(gauges, -2, "x", "y");
    assert_int_equal(sx_gauge_family_each(gauges, write_series, NULL), 0);
    sx_histogram_observe_with(histograms, 1.5, "x");
    sx_histogram_observe_with(histograms, 3, "x");
    sx_histogram_observe_with(histograms, 3, "x");
    assert_int_equal(sx_histogram_family_each(histograms, write_series, NULL), 0);
    assert_string_equal(text, "x y -2\nx 7.5 0 1 2\n");
}

static void test_the_function_may_end_it(void **state)
{
    (void)state;
    int limit = 2;
    text[0] = '\0';
    sx_counter_inc_with(counters, "a", "");
    sx_counter_inc_with(counters, "b", "");
    sx_counter_inc_with(counters, "c", "");
    assert_int_equal(sx_counter_family_each(counters, write_series, &limit), 17);
    assert_string_equal(text, "a  1\nb  1\n");
    assert_int_equal(sx_counter_family_each(NULL, write_series, NULL), SX_EINVAL);
    assert_int_equal(sx_counter_family_each(counters, NULL, NULL), SX_EINVAL);
}

static int remove_it(void *unused, const struct sx_series *series)
{
    (void)unused;
    return sx_counter_family_remove(counters, series->values, series->value_count) == 1 ? 0 : 1;
}

static void test_the_function_may_remove_series(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        char value[16];
        for (int i = 0; i < 3; i++) {
            snprintf(value, sizeof value, "%d", round * i + i);
            sx_counter_inc_with(counters, value, "x");
        }
        assert_int_equal(sx_counter_family_each(counters, remove_it, NULL), 0);
        assert_null(strstr(page_text(registry), "c_total{"));
    }
}

static int update_the_next(void *number, const struct sx_series *series)
{
    int *seen = number;
    if (*seen == 0) {
        sx_counter_add_with(counters, 5, "b", ""); /* beside the first one in memory */
    } else {
        assert_true(series->value == 6);
    }
    ++*seen;
    return 0;
}

static void test_what_the_function_updates_is_seen(void **state)
{
    (void)state;
    int seen = 0;
    sx_counter_inc_with(counters, "a", "");
    sx_counter_inc_with(counters, "b", "");
    assert_int_equal(sx_counter_family_each(counters, update_the_next, &seen), 0);
    assert_int_equal(seen, 2);
}

static int read_unchanged(void *seconds, const struct sx_series *series)
{
    *(double *)seconds = series->unchanged_seconds;
    return 0;
}

static void test_the_last_change_is_known_where_series_expire(void **state)
{
    (void)state;
    double seconds = 1;
    sx_counter_inc_with(counters, "x", "");
    assert_int_equal(sx_counter_family_each(counters, read_unchanged, &seconds), 0);
    assert_true(seconds < 0);
    sx_gauge_set_with(gauges, 1, "x", "");
    assert_int_equal(sx_gauge_family_each(gauges, read_unchanged, &seconds), 0);
    assert_true(seconds == 0);
    const struct sx__family *family = (const void *)gauges;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    struct sx__activity *activity = sx__at(registry, series->activity);
    activity->changed_ms -= 30000; /* as if it had been half a minute ago */
    assert_int_equal(sx_gauge_family_each(gauges, read_unchanged, &seconds), 0);
    assert_true(seconds >= 30 && seconds < 60);
    sx_gauge_set_with(gauges, 1, "x", "");
    assert_int_equal(sx_gauge_family_each(gauges, read_unchanged, &seconds), 0);
    assert_true(seconds == 0);
}

static void test_a_reset_metric_starts_at_0(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options c = {.name = "plain_total", .help = "C."};
    const struct sx_metric_options h = {.name = "h_plain", .help = "H.", SX_BUCKETS(1)};
    assert_int_equal(sx_counter_register(&counter, registry, &c), SX_OK);
    assert_int_equal(sx_histogram_register(&histogram, registry, &h), SX_OK);
    sx_counter_add(counter, 1e12 + .5);
    sx_counter_inc(counter);
    sx_histogram_observe(histogram, 1e300);
    sx_counter_reset(counter);
    sx_histogram_reset(histogram);
    assert_true(sx_counter_value(counter) == 0);
    assert_non_null(
        strstr(page_text(registry), "\nh_plain_bucket{le=\"+Inf\"} 0\nh_plain_sum 0\n"));
    sx_counter_add(counter, .1);
    sx_histogram_observe(histogram, .1);
    assert_true(sx_counter_value(counter) == .1);
    assert_true(sx_histogram_sum(histogram) == .1);
    sx_counter_reset(NULL);
    sx_histogram_reset(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_series_comes_with_its_labels_and_value),
        TEST(test_the_function_may_end_it),
        TEST(test_the_function_may_remove_series),
        TEST(test_what_the_function_updates_is_seen),
        TEST(test_the_last_change_is_known_where_series_expire),
        TEST(test_a_reset_metric_starts_at_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
