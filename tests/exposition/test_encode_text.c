/* The text format: names, values, escapes, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rendered.h"

#include <cmocka.h>
#include <math.h>
#include <string.h>

static int print_violation(void *context, const struct sx_violation *violation)
{
    (void)context;
    print_error("line %zu: %s\n", violation->line, violation->text);
    return 0;
}

static void page_is(const char *expected, size_t size)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    struct sx_str view = {page.data, page.size};
    assert_int_equal(sx_exposition_check(view, NULL, print_violation, NULL), 0);
    if (page.size != size || (size > 0 && memcmp(page.data, expected, size) != 0)) {
        print_error("the page:\n%.*s", (int)page.size, page.data);
        fail();
    }
}

#define PAGE_IS(expected) page_is(expected, sizeof(expected) - 1)

static struct sx_counter *counter(const char *name, const char *help)
{
    struct sx_counter *made = NULL;
    struct sx_metric_options options = {.name = name, .help = help};
    assert_int_equal(sx_counter_register(&made, registry, &options), SX_OK);
    return made;
}

static struct sx_gauge *gauge(const char *name)
{
    struct sx_gauge *made = NULL;
    struct sx_metric_options options = {.name = name, .help = "Help."};
    assert_int_equal(sx_gauge_register(&made, registry, &options), SX_OK);
    return made;
}

static void test_an_empty_registry_is_an_empty_page(void **state)
{
    (void)state;
    PAGE_IS("");
}

/* Prometheus "Writing client libraries": "Metrics with no labels should be exported with a 0" */
static void test_metrics_without_labels_are_exposed_from_birth(void **state)
{
    (void)state;
    (void)counter("c_total", "Help.");
    (void)gauge("g");
    struct sx_histogram *histogram = NULL;
    struct sx_metric_options options = {.name = "h", .help = "Help.", SX_BUCKETS(1)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    PAGE_IS("# HELP c_total Help.\n"
            "# TYPE c_total counter\n"
            "c_total 0\n"
            "# HELP g Help.\n"
            "# TYPE g gauge\n"
            "g 0\n"
            "# HELP h Help.\n"
            "# TYPE h histogram\n"
            "h_bucket{le=\"1\"} 0\n"
            "h_bucket{le=\"+Inf\"} 0\n"
            "h_sum 0\n"
            "h_count 0\n");
}

static void test_a_family_without_series_has_its_head_only(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    struct sx_metric_options options = {.name = "c", .help = "H.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    PAGE_IS("# HELP c H.\n# TYPE c counter\n");
}

/* The example of Prometheus "Exposition formats":
 * http_requests_total{method="post",code="200"} 1027 1395066363000
 * and "Escaping in label values":
 * msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""}
 */
static void test_label_values_are_escaped_as_in_the_specification(void **state)
{
    (void)state;
    struct sx_counter_family *requests = NULL;
    struct sx_metric_options options = {.name = "http_requests_total",
                                        .help = "The total number of HTTP requests.",
                                        .labels = SX_LABELS("method", "code")};
    assert_int_equal(sx_counter_family_register(&requests, registry, &options), SX_OK);
    sx_counter_add(sx_counter_with(requests, "post", "200"), 1027);
    sx_counter_add(sx_counter_with(requests, "post", "400"), 3);
    struct sx_gauge_family *times = NULL;
    options = (struct sx_metric_options){.name = "msdos_file_access_time_seconds",
                                         .help = "Time.",
                                         .labels = SX_LABELS("path", "error")};
    assert_int_equal(sx_gauge_family_register(&times, registry, &options), SX_OK);
    sx_gauge_set(sx_gauge_with(times, "C:\\DIR\\FILE.TXT", "Cannot find file:\n\"FILE.TXT\""),
                 1.458255915e9);
    PAGE_IS("# HELP http_requests_total The total number of HTTP requests.\n"
            "# TYPE http_requests_total counter\n"
            "http_requests_total{method=\"post\",code=\"200\"} 1027\n"
            "http_requests_total{method=\"post\",code=\"400\"} 3\n"
            "# HELP msdos_file_access_time_seconds Time.\n"
            "# TYPE msdos_file_access_time_seconds gauge\n"
            "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\","
            "error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1458255915\n");
}

/* The same page: "A histogram, which has a pretty complex representation in the text format". The
 * values lie in the buckets of the example and add up to its sum. */
static void test_a_histogram_is_written_as_in_the_specification(void **state)
{
    (void)state;
    static const struct {
        int count;
        double value;
    } observations[] = {{24054, 0}, {9390, 0.0625}, {66948, 0.125}, {28997, 0.5},
                        {4599, 1},  {10331, 2},     {1, 4708.125}};
    struct sx_histogram *histogram = NULL;
    struct sx_metric_options options = {.name = "http_request_duration_seconds",
                                        .help = "A histogram of the request duration.",
                                        SX_BUCKETS(.05, .1, .2, .5, 1)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    for (size_t i = 0; i < sizeof observations / sizeof observations[0]; i++) {
        for (int n = 0; n < observations[i].count; n++) {
            sx_histogram_observe(histogram, observations[i].value);
        }
    }
    PAGE_IS("# HELP http_request_duration_seconds A histogram of the request duration.\n"
            "# TYPE http_request_duration_seconds histogram\n"
            "http_request_duration_seconds_bucket{le=\"0.05\"} 24054\n"
            "http_request_duration_seconds_bucket{le=\"0.1\"} 33444\n"
            "http_request_duration_seconds_bucket{le=\"0.2\"} 100392\n"
            "http_request_duration_seconds_bucket{le=\"0.5\"} 129389\n"
            "http_request_duration_seconds_bucket{le=\"1\"} 133988\n"
            "http_request_duration_seconds_bucket{le=\"+Inf\"} 144320\n"
            "http_request_duration_seconds_sum 53423\n"
            "http_request_duration_seconds_count 144320\n");
}

static void test_a_histogram_with_labels_has_le_last(void **state)
{
    (void)state;
    struct sx_histogram_family *family = NULL;
    struct sx_metric_options options = {
        .name = "h", .help = "H.", .labels = SX_LABELS("a", "b"), SX_BUCKETS(-0.5, 1e6)};
    assert_int_equal(sx_histogram_family_register(&family, registry, &options), SX_OK);
    sx_histogram_observe(sx_histogram_with(family, "x", "\""), 0.5);
    sx_histogram_observe(sx_histogram_with(family, "", ""), -1);
    PAGE_IS("# HELP h H.\n"
            "# TYPE h histogram\n"
            "h_bucket{a=\"x\",b=\"\\\"\",le=\"-0.5\"} 0\n"
            "h_bucket{a=\"x\",b=\"\\\"\",le=\"1e+06\"} 1\n"
            "h_bucket{a=\"x\",b=\"\\\"\",le=\"+Inf\"} 1\n"
            "h_sum{a=\"x\",b=\"\\\"\"} 0.5\n"
            "h_count{a=\"x\",b=\"\\\"\"} 1\n"
            "h_bucket{a=\"\",b=\"\",le=\"-0.5\"} 1\n"
            "h_bucket{a=\"\",b=\"\",le=\"1e+06\"} 1\n"
            "h_bucket{a=\"\",b=\"\",le=\"+Inf\"} 1\n"
            "h_sum{a=\"\",b=\"\"} -1\n"
            "h_count{a=\"\",b=\"\"} 1\n");
}

/* "HELP lines may contain any sequence of UTF-8 characters (after the metric name), but the
 * backslash and the line feed characters have to be escaped as \\ and \n, respectively." */
static void test_help_escapes_backslash_and_line_feed_only(void **state)
{
    (void)state;
    (void)counter("c_total", "A \"quoted\" \\ and\nbroken\tline \xC3\xA4.");
    PAGE_IS("# HELP c_total A \"quoted\" \\\\ and\\nbroken\tline \xC3\xA4.\n"
            "# TYPE c_total counter\n"
            "c_total 0\n");
}

/* "label_value can be any sequence of UTF-8 characters": control bytes stand as they are, and both
 * Prometheus and Python's parser read them back; what is not UTF-8 would spoil the whole page. */
static void test_control_bytes_pass_and_ill_formed_ones_are_replaced(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    struct sx_counter *made = NULL;
    struct sx_metric_options options = {.name = "c", .help = "H.", .labels = SX_LABELS("a")};
    static const struct sx_str values[] = {{"\r\t\x01\0z", 5}, {"a\xC3(\xFF", 4}};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    assert_int_equal(sx_counter_family_get(&made, family, &values[0], 1), SX_OK);
    assert_int_equal(sx_counter_family_get(&made, family, &values[1], 1), SX_OK);
    PAGE_IS("# HELP c H.\n"
            "# TYPE c counter\n"
            "c{a=\"\r\t\x01\0z\"} 0\n"
            "c{a=\"a\xEF\xBF\xBD(\xEF\xBF\xBD\"} 0\n");
}

static void test_gauges_show_every_value_there_is(void **state)
{
    (void)state;
    sx_gauge_set(gauge("a"), NAN);
    sx_gauge_set(gauge("b"), INFINITY);
    sx_gauge_set(gauge("c"), -INFINITY);
    sx_gauge_set(gauge("d"), -0.1);
    sx_gauge_set(gauge("e"), 1e-300);
    PAGE_IS("# HELP a Help.\n# TYPE a gauge\na NaN\n"
            "# HELP b Help.\n# TYPE b gauge\nb +Inf\n"
            "# HELP c Help.\n# TYPE c gauge\nc -Inf\n"
            "# HELP d Help.\n# TYPE d gauge\nd -0.1\n"
            "# HELP e Help.\n# TYPE e gauge\ne 1e-300\n");
}

/* 2^53 + 1 is no double. */
static void test_a_counter_of_whole_amounts_is_exact(void **state)
{
    (void)state;
    struct sx_counter *made = counter("c_total", "Help.");
    sx_counter_add(made, 4503599627370496.0);
    sx_counter_add(made, 4503599627370496.0);
    sx_counter_inc(made);
    PAGE_IS("# HELP c_total Help.\n# TYPE c_total counter\nc_total 9007199254740993\n");
}

static void test_a_counter_with_a_fraction_shows_the_sum(void **state)
{
    (void)state;
    struct sx_counter *made = counter("c_total", "Help.");
    sx_counter_add(made, 3);
    sx_counter_add(made, 0.25);
    PAGE_IS("# HELP c_total Help.\n# TYPE c_total counter\nc_total 3.25\n");
    sx_counter_add(made, 0.75);
    PAGE_IS("# HELP c_total Help.\n# TYPE c_total counter\nc_total 4\n");
}

static void test_families_stand_in_order_of_registration_and_series_of_creation(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    struct sx_metric_options options = {.name = "z", .help = "H.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    (void)gauge("a");
    (void)sx_counter_with(family, "2");
    (void)sx_counter_with(family, "1");
    PAGE_IS("# HELP z H.\n# TYPE z counter\nz{a=\"2\"} 0\nz{a=\"1\"} 0\n"
            "# HELP a Help.\n# TYPE a gauge\na 0\n");
}

static void test_null_is_the_default_registry(void **state)
{
    (void)state;
    struct sx_counter *made = NULL;
    struct sx_metric_options options = {.name = "default_total", .help = "H."};
    assert_int_equal(sx_counter_register(&made, NULL, &options), SX_OK);
    assert_int_equal(sx_page_render(&page, NULL, SX_FORMAT_TEXT), SX_OK);
    static const char expected[] = "# HELP default_total H.\n"
                                   "# TYPE default_total counter\n"
                                   "default_total 0\n";
    assert_int_equal(page.size, sizeof expected - 1);
    assert_memory_equal(page.data, expected, page.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_registry_is_an_empty_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics_without_labels_are_exposed_from_birth, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_family_without_series_has_its_head_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_label_values_are_escaped_as_in_the_specification,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_histogram_is_written_as_in_the_specification, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_histogram_with_labels_has_le_last, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_help_escapes_backslash_and_line_feed_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_control_bytes_pass_and_ill_formed_ones_are_replaced,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gauges_show_every_value_there_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_counter_of_whole_amounts_is_exact, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_counter_with_a_fraction_shows_the_sum, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_families_stand_in_order_of_registration_and_series_of_creation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_null_is_the_default_registry, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
