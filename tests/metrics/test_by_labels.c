/* Updates by label values, without a handle. */
#include <sextant/metrics.h>

#include "page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sx_registry *registry;
static struct sx_counter_family *counters;
static struct sx_gauge_family *gauges;
static struct sx_histogram_family *histograms;

static int set_up(void **state)
{
    (void)state;
    struct sx_metric_options options = {.help = "A test.", .labels = SX_LABELS("a", "b")};
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    options.name = "c_total";
    assert_int_equal(sx_counter_family_register(&counters, registry, &options), SX_OK);
    options.name = "g";
    assert_int_equal(sx_gauge_family_register(&gauges, registry, &options), SX_OK);
    options.name = "h";
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &options), SX_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static const struct sx_str values[2] = {{"x", 1}, {"yz", 1}};

static struct sx_counter *counter(void)
{
    return sx_counter_with(counters, "x", "y");
}

static void test_every_update_reaches_the_series_of_its_handle(void **state)
{
    (void)state;
    static const char *const strings[] = {"x", "y"};
    assert_int_equal(sx_counter_family_add(counters, values, 2, 1), SX_OK);
    assert_int_equal(sx_counter_family_add_strings(counters, strings, 2, 2.5), SX_OK);
    assert_int_equal(sx_counter_add_with(counters, 4, "x", "y"), SX_OK);
    assert_int_equal(sx_counter_inc_with(counters, "x", "y"), SX_OK);
    assert_true(sx_counter_value(counter()) == 8.5);

    struct sx_gauge *gauge = sx_gauge_with(gauges, "x", "y");
    assert_int_equal(sx_gauge_family_set(gauges, values, 2, 3), SX_OK);
    assert_int_equal(sx_gauge_family_add(gauges, values, 2, -1), SX_OK);
    assert_true(sx_gauge_value(gauge) == 2);
    assert_int_equal(sx_gauge_family_set_strings(gauges, strings, 2, 7), SX_OK);
    assert_int_equal(sx_gauge_family_add_strings(gauges, strings, 2, 1), SX_OK);
    assert_true(sx_gauge_value(gauge) == 8);
    assert_int_equal(sx_gauge_set_with(gauges, 1, "x", "y"), SX_OK);
    assert_int_equal(sx_gauge_add_with(gauges, 4, "x", "y"), SX_OK);
    assert_true(sx_gauge_value(gauge) == 5);

    struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "y");
    assert_int_equal(sx_histogram_family_observe(histograms, values, 2, 1), SX_OK);
    assert_int_equal(sx_histogram_family_observe_strings(histograms, strings, 2, 2), SX_OK);
    assert_int_equal(sx_histogram_observe_with(histograms, 4, "x", "y"), SX_OK);
    assert_int_equal(sx_histogram_count(histogram), 3);
    assert_true(sx_histogram_sum(histogram) == 7);
}

static void test_null_is_the_empty_value(void **state)
{
    (void)state;
    const char *unknown = NULL;
    assert_int_equal(sx_counter_inc_with(counters, "x", unknown), SX_OK);
    assert_int_equal(sx_counter_inc_with(counters, "x", ""), SX_OK);
    assert_int_equal(sx_counter_family_add(counters, (struct sx_str[]){{"x", 1}, {NULL, 0}}, 2, 1),
                     SX_OK);
    assert_non_null(sx_counter_with(counters, "x", unknown));
    page_assert_line(page_text(registry), "c_total{a=\"x\",b=\"\"} 3");
}

static void test_what_is_wrong_is_said_and_counts_nothing(void **state)
{
    (void)state;
    const char *const strings[SX_LABELS_MAX + 1] = {"x", "y"};
    assert_int_equal(sx_counter_family_add(counters, values, 1, 1), SX_EVALUES);
    assert_int_equal(sx_counter_family_add(counters, NULL, 2, 1), SX_EINVAL);
    assert_int_equal(sx_counter_family_add(NULL, values, 2, 1), SX_EINVAL);
    assert_int_equal(sx_counter_family_add_strings(counters, strings, SX_LABELS_MAX + 1, 1),
                     SX_EVALUES);
    assert_int_equal(sx_counter_family_add_strings(counters, strings, 1, 1), SX_EVALUES);
    assert_int_equal(sx_counter_family_add_strings(counters, NULL, 2, 1), SX_EINVAL);
    assert_int_equal(sx_counter_family_add_strings(NULL, strings, 2, 1), SX_EINVAL);
    assert_int_equal(sx_gauge_family_set(NULL, values, 2, 1), SX_EINVAL);
    assert_int_equal(sx_gauge_family_add_strings(gauges, strings, 3, 1), SX_EVALUES);
    assert_int_equal(sx_histogram_family_observe(histograms, values, 3, 1), SX_EVALUES);
    assert_int_equal(sx_histogram_family_observe_strings(NULL, strings, 2, 1), SX_EINVAL);
    assert_null(sx_counter_with(counters, "x"));
    const char *page = page_text(registry);
    assert_null(strstr(page, "c_total{"));
    assert_null(strstr(page, "g{"));
    assert_null(strstr(page, "h_count{"));
}

static void test_impossible_amounts_are_ignored_and_counted(void **state)
{
    (void)state;
    assert_int_equal(sx_counter_add_with(counters, -1, "x", "y"), SX_OK);
    assert_int_equal(sx_histogram_observe_with(histograms, (double)NAN, "x", "y"), SX_OK);
    const char *page = page_text(registry);
    page_assert_line(page, "c_total{a=\"x\",b=\"y\"} 0");
    page_assert_line(page, "h_count{a=\"x\",b=\"y\"} 0");
    page_assert_line(page, "sextant_updates_ignored_total{family=\"c_total\"} 1");
    page_assert_line(page, "sextant_updates_ignored_total{family=\"h\"} 1");
}

static void test_beyond_the_limit_the_overflow_series_gets_the_update(void **state)
{
    (void)state;
    struct sx_counter_family *few = NULL;
    assert_int_equal(sx_counter_family_register(&few, registry,
                                                &(struct sx_metric_options){
                                                    .name = "few_total",
                                                    .help = "A test.",
                                                    .labels = SX_LABELS("a"),
                                                    .max_series = 1,
                                                }),
                     SX_OK);
    for (int i = 0; i < 3; i++) {
        const char *const letters[] = {"a", "b", "c"};
        assert_int_equal(sx_counter_inc_with(few, letters[i]), SX_OK);
    }
    const char *page = page_text(registry);
    page_assert_line(page, "few_total{a=\"a\"} 1");
    page_assert_line(page, "few_total{a=\"__overflow__\"} 2");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_update_reaches_the_series_of_its_handle),
        CASE(test_null_is_the_empty_value),
        CASE(test_what_is_wrong_is_said_and_counts_nothing),
        CASE(test_impossible_amounts_are_ignored_and_counted),
        CASE(test_beyond_the_limit_the_overflow_series_gets_the_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
