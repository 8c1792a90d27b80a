/* OpenMetrics text 1.0.0. The expected pages are written by hand, from the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/exposition.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};
    page = (struct sx_page){0};
    return sx_registry_new(&registry, &small) == SX_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static void assert_page(const char *expected)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_OPENMETRICS), SX_OK);
    assert_string_equal(page.data, expected);
    assert_int_equal(page.size, strlen(expected));
}

/* "Overall Structure": "MetricFamilies … The last line MUST be `# EOF`" */
static void test_a_page_ends_with_eof_even_if_it_is_empty(void **state)
{
    (void)state;
    assert_page("# EOF\n");
    assert_int_equal(sx_page_render_registries(&page, NULL, 0, SX_FORMAT_OPENMETRICS), SX_OK);
    assert_string_equal(page.data, "# EOF\n");
}

/* "Counter": "The Total sample … MUST have the suffix `_total`", and the family does not. */
static void test_a_counter_has_its_suffix_in_samples_only(void **state)
{
    (void)state;
    struct sx_counter *with = NULL, *without = NULL;
    struct sx_counter_family *labelled = NULL;
    assert_int_equal(
        sx_counter_register(&with, registry,
                            &(struct sx_metric_options){.name = "with_total", .help = "With."}),
        SX_OK);
    assert_int_equal(
        sx_counter_register(&without, registry, &(struct sx_metric_options){.name = "without"}),
        SX_OK);
    assert_int_equal(
        sx_counter_family_register(
            &labelled, registry,
            &(struct sx_metric_options){.name = "labelled", .labels = SX_LABELS("a", "b")}),
        SX_OK);
    sx_counter_add(with, 1.5);
    sx_counter_inc(without);
    sx_counter_inc_with(labelled, "x", "\"");
    assert_page("# TYPE with counter\n"
                "# HELP with With.\n"
                "with_total 1.5\n"
                "# TYPE without counter\n"
                "without_total 1\n"
                "# TYPE labelled counter\n"
                "labelled_total{a=\"x\",b=\"\\\"\"} 1\n"
                "# EOF\n");
}

/* ABNF: "escaped-string": in HELP the double quote is escaped, too. */
static void test_help_escapes_the_quote(void **state)
{
    (void)state;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(
        sx_gauge_register(&gauge, registry,
                          &(struct sx_metric_options){.name = "g", .help = "a \"b\" \\ c\nd"}),
        SX_OK);
    sx_gauge_set(gauge, -0.5);
    assert_page("# TYPE g gauge\n"
                "# HELP g a \\\"b\\\" \\\\ c\\nd\n"
                "g -0.5\n"
                "# EOF\n");
}

/* "Considerations: Canonical Numbers": "0.0 … 1.0 … 100000.0 1e+06" */
static void test_bounds_are_canonical_numbers(void **state)
{
    (void)state;
    static const double bounds[] = {0, 1e-5, 0.001, 1, 2.5, 100000, 1e6, 1e10};
    struct sx_histogram *histogram = NULL;
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){
                                               .name = "h", .buckets = bounds, .bucket_count = 8}),
                     SX_OK);
    sx_histogram_observe(histogram, 2);
    assert_page("# TYPE h histogram\n"
                "h_bucket{le=\"0.0\"} 0\n"
                "h_bucket{le=\"1e-05\"} 0\n"
                "h_bucket{le=\"0.001\"} 0\n"
                "h_bucket{le=\"1.0\"} 0\n"
                "h_bucket{le=\"2.5\"} 1\n"
                "h_bucket{le=\"100000.0\"} 1\n"
                "h_bucket{le=\"1e+06\"} 1\n"
                "h_bucket{le=\"1e+10\"} 1\n"
                "h_bucket{le=\"+Inf\"} 1\n"
                "h_sum 2\n"
                "h_count 1\n"
                "# EOF\n");
}

/* "Histogram": "If … the MetricPoint contains Buckets with negative thresholds, Sum MUST NOT be
 * present", and Count is only where Sum is. */
static void test_a_histogram_with_a_negative_bound_has_no_sum(void **state)
{
    (void)state;
    static const double bounds[] = {-1, 1};
    struct sx_histogram_family *family = NULL;
    assert_int_equal(
        sx_histogram_family_register(
            &family, registry,
            &(struct sx_metric_options){
                .name = "h", .labels = SX_LABELS("a"), .buckets = bounds, .bucket_count = 2}),
        SX_OK);
    sx_histogram_observe(sx_histogram_with(family, "x"), 0);
    assert_page("# TYPE h histogram\n"
                "h_bucket{a=\"x\",le=\"-1.0\"} 0\n"
                "h_bucket{a=\"x\",le=\"1.0\"} 1\n"
                "h_bucket{a=\"x\",le=\"+Inf\"} 1\n"
                "# EOF\n");
}

static void test_families_of_several_registries_are_joined(void **state)
{
    (void)state;
    static const struct sx_label constant = {"r", {"2", 1}};
    struct sx_registry *second = NULL;
    struct sx_counter *counter = NULL;
    assert_int_equal(
        sx_registry_new(&second, &(struct sx_registry_options){.constant_labels = &constant,
                                                               .constant_label_count = 1}),
        SX_OK);
    const struct sx_metric_options options = {.name = "c", .help = "Help."};
    assert_int_equal(sx_counter_register(&counter, registry, &options), SX_OK);
    assert_int_equal(sx_counter_register(&counter, second, &options), SX_OK);
    struct sx_registry *both[] = {registry, second};
    assert_int_equal(sx_page_render_registries(&page, both, 2, SX_FORMAT_OPENMETRICS), SX_OK);
    assert_string_equal(page.data, "# TYPE c counter\n"
                                   "# HELP c Help.\n"
                                   "c_total 0\n"
                                   "c_total{r=\"2\"} 0\n"
                                   "# EOF\n");
    sx_registry_destroy(second);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_page_ends_with_eof_even_if_it_is_empty),
        CASE(test_a_counter_has_its_suffix_in_samples_only),
        CASE(test_help_escapes_the_quote),
        CASE(test_bounds_are_canonical_numbers),
        CASE(test_a_histogram_with_a_negative_bound_has_no_sum),
        CASE(test_families_of_several_registries_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
