/* The helpers for tests of users: values, numbers of series, differences, lint. */
#define _GNU_SOURCE /* open_memstream, fmemopen */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_allocation.h"

#include <math.h>
#include <sextant/testing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_gauge *temperature;

/* jobs_total, a gauge, and a histogram with a label. */
static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 256 << 10};
    struct sx_counter_family *jobs;
    struct sx_histogram_family *waits;
    const struct sx_metric_options jobs_options = {
        .name = "jobs_total", .help = "Jobs.", .labels = SX_LABELS("queue", "state")};
    const struct sx_metric_options temperature_options = {.name = "temperature_celsius",
                                                          .help = "Temperature."};
    const struct sx_metric_options waits_options = {
        .name = "wait_seconds", .help = "Waits.", .labels = SX_LABELS("queue"), SX_BUCKETS(0.5, 1)};
    if (sx_registry_new(&registry, &small) != SX_OK ||
        sx_counter_family_register(&jobs, registry, &jobs_options) != SX_OK ||
        sx_gauge_register(&temperature, registry, &temperature_options) != SX_OK ||
        sx_histogram_family_register(&waits, registry, &waits_options) != SX_OK) {
        return -1;
    }
    sx_counter_add_with(jobs, 3, "mail", "done");
    sx_counter_add_with(jobs, 1, "push", "");
    sx_counter_add_with(jobs, 2, "a\"b\\c\nd", "done");
    sx_gauge_set(temperature, -1.5);
    sx_histogram_observe_with(waits, 0.7, "mail");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void assert_value(const char *series, double value)
{
    assert_true(sx_testing_value(registry, series) == value);
}

static void test_a_value_is_found_by_name_and_labels(void **state)
{
    (void)state;
    assert_value("temperature_celsius", -1.5);
    assert_value("jobs_total{queue=\"mail\",state=\"done\"}", 3);
    assert_value("jobs_total{ state=\"done\", queue=\"mail\" }", 3);
    assert_value("jobs_total{queue=\"push\"}", 1);
    assert_value("jobs_total{queue=\"push\",state=\"\"}", 1);
    assert_value("jobs_total{queue=\"a\\\"b\\\\c\\nd\",state=\"done\"}", 2);
    assert_value("wait_seconds_bucket{queue=\"mail\",le=\"0.5\"}", 0);
    assert_value("wait_seconds_bucket{queue=\"mail\",le=\"1.0\"}", 1);
    assert_value("wait_seconds_bucket{queue=\"mail\",le=\"+Inf\"}", 1);
    assert_value("wait_seconds_sum{queue=\"mail\"}", 0.7);
    assert_value("wait_seconds_count{queue=\"mail\"}", 1);
}

static void test_what_is_not_there_is_nan(void **state)
{
    (void)state;
    static const char *const series[] = {"jobs_total",
                                         "jobs_total{queue=\"mail\"}",
                                         "jobs_total{queue=\"mail\",state=\"done\",more=\"1\"}",
                                         "jobs",
                                         "",
                                         "jobs_total{",
                                         "jobs_total 3\nx",
                                         "# HELP jobs_total"};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        assert_true(isnan(sx_testing_value(registry, series[i])));
    }
    assert_true(isnan(sx_testing_value(registry, NULL)));
}

static void test_series_are_counted_by_family(void **state)
{
    (void)state;
    assert_int_equal(sx_testing_count(registry, "jobs_total"), 3);
    assert_int_equal(sx_testing_count(registry, "temperature_celsius"), 1);
    assert_int_equal(sx_testing_count(registry, "wait_seconds"), 1);
    assert_int_equal(sx_testing_count(registry, "wait_seconds_bucket"), 0);
    assert_int_equal(sx_testing_count(registry, "nothing"), 0);
    assert_true(sx_testing_count(registry, NULL) >= 5);
}

/* Compares, and returns what was printed, until the next call. */
static const char *difference(int *count, const char *expected)
{
    static char *text;
    size_t size;
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    *count = sx_testing_compare(registry, out, expected);
    fclose(out);
    assert_int_equal(sx_testing_compare(registry, NULL, expected), *count);
    return text;
}

static void test_a_family_that_agrees_has_no_difference(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "temperature_celsius -1.50",
        "# HELP temperature_celsius Temperature.\n# TYPE temperature_celsius gauge\n"
        "temperature_celsius -1.5\n",
        "jobs_total{state=\"done\",queue=\"a\\\"b\\\\c\\nd\"} 2e0\njobs_total{queue=\"push\"} 1\n"
        "temperature_celsius -15e-1\njobs_total{queue=\"mail\",state=\"done\"} 3\n",
        "# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"0.5\",queue=\"mail\"} 0\n"
        "wait_seconds_bucket{le=\"1\",queue=\"mail\"} 1\n"
        "wait_seconds_bucket{le=\"+Inf\",queue=\"mail\"} 1\nwait_seconds_sum{queue=\"mail\"} 0.7\n"
        "wait_seconds_count{queue=\"mail\"} 1\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int count;
        assert_string_equal(
            difference(&count, texts[i]) == NULL ? "" : difference(&count, texts[i]), "");
        assert_int_equal(count, 0);
    }
    sx_gauge_set(temperature, (double)NAN);
    assert_int_equal(sx_testing_compare(registry, NULL, "temperature_celsius NaN"), 0);
    assert_int_equal(sx_testing_compare(registry, NULL, "temperature_celsius 1"), 1);
}

static void test_a_difference_is_printed_line_by_line(void **state)
{
    (void)state;
    int count;
    const char *text = difference(&count, "# HELP jobs_total Work.\n# TYPE jobs_total counter\n"
                                          "jobs_total{queue=\"mail\",state=\"done\"} 4\n"
                                          "jobs_total{queue=\"push\"} 1\n"
                                          "jobs_total{queue=\"fax\",state=\"done\"} 1\n"
                                          "missing 1\n");
    assert_string_equal(text, "- # HELP jobs_total Work.\n+ # HELP jobs_total Jobs.\n"
                              "  # TYPE jobs_total counter\n"
                              "- jobs_total{queue=\"mail\",state=\"done\"} 4\n"
                              "+ jobs_total{queue=\"mail\",state=\"done\"} 3\n"
                              "  jobs_total{queue=\"push\"} 1\n"
                              "- jobs_total{queue=\"fax\",state=\"done\"} 1\n"
                              "+ jobs_total{queue=\"a\\\"b\\\\c\\nd\",state=\"done\"} 2\n"
                              "- missing 1\n");
    assert_int_equal(count, 5);
}

static void test_expected_text_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    int count;
    assert_string_equal(difference(&count, "jobs_total 1\njobs_total x\n"),
                        "line 2 of the expected text cannot be read\n");
    assert_int_equal(count, SX_EPROTO);
    assert_int_equal(sx_testing_compare(registry, NULL, NULL), SX_EINVAL);
}

static void test_a_registry_is_linted(void **state)
{
    (void)state;
    struct sx_counter *bad;
    const struct sx_metric_options options = {.name = "sent_kb", .help = "Sent."};
    char text[512] = "";
    assert_int_equal(sx_testing_lint(registry, stderr), 0);
    assert_int_equal(sx_counter_register(&bad, registry, &options), SX_OK);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    assert_int_equal(sx_testing_lint(registry, out), 2);
    fclose(out);
    assert_non_null(strstr(text, "`sent_kb` has the abbreviated unit `kb`: write the base unit in "
                                 "full (lint-abbreviation)\n"));
    assert_non_null(strstr(text, ": add `_total` to its name (lint-total)\n"));
    assert_int_equal(sx_testing_lint(registry, NULL), 2);
}

static void test_exhausted_memory_is_an_error(void **state)
{
    (void)state;
    int failed[3] = {0, 0, 0};
    for (int failures = 0; failures < 60; failures++) {
        fail_all_allocations(failures);
        int count = sx_testing_count(registry, "jobs_total");
        failed[0] += end_failing_allocations();
        assert_true(count == 3 || count == SX_ENOMEM);
        fail_all_allocations(failures);
        int differs = sx_testing_compare(registry, NULL, "temperature_celsius -1.5\n");
        failed[1] += end_failing_allocations();
        assert_true(differs == 0 || differs == SX_ENOMEM);
        fail_all_allocations(failures);
        double value = sx_testing_value(registry, "temperature_celsius");
        bool has_failed = end_failing_allocations();
        failed[2] += has_failed;
        assert_true(has_failed ? isnan(value) : value == -1.5);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(failed[i], 5, 59);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_value_is_found_by_name_and_labels),
        TEST(test_what_is_not_there_is_nan),
        TEST(test_series_are_counted_by_family),
        TEST(test_a_family_that_agrees_has_no_difference),
        TEST(test_a_difference_is_printed_line_by_line),
        TEST(test_expected_text_that_cannot_be_read_is_an_error),
        TEST(test_a_registry_is_linted),
        TEST(test_exhausted_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
