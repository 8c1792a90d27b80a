/* OpenMetrics text 1.0.0. The expected pages are written by hand, from the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
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

static int add_summary(struct sx_collection *collection)
{
    static const struct sx_quantile quantiles[] = {{0.5, 1.25}, {1, 3}};
    const struct sx_str value = {"v", 1};
    int status = sx_collection_add_family(collection, SX_SUMMARY,
                                          &(struct sx_metric_options){.name = "s_seconds",
                                                                      .unit = "seconds",
                                                                      .labels = SX_LABELS("l")});
    if (status == SX_OK) {
        status = sx_collection_add_summary(
            collection, &value, 1,
            &(struct sx_summary_sample){
                .sum = 6, .observations = 4, .quantiles = quantiles, .quantile_count = 2});
    }
    return status == SX_OK ? sx_collection_set_timestamp(collection, 1700000000005) : status;
}

static int add_gauge_histogram(struct sx_collection *collection)
{
    static const double bounds[] = {-1, 2};
    static const uint64_t buckets[] = {1, 2, 3};
    int status = sx_collection_add_family(
        collection, SX_GAUGE_HISTOGRAM,
        &(struct sx_metric_options){.name = "queue", .buckets = bounds, .bucket_count = 2});
    return status == SX_OK ? sx_collection_add_histogram(collection, NULL, 0, buckets, 7) : status;
}

static int add_others(struct sx_collection *collection)
{
    const struct sx_str version = {"1.2", 3};
    int status = sx_collection_add_family(
        collection, SX_INFO,
        &(struct sx_metric_options){.name = "build_info", .labels = SX_LABELS("version")});
    if (status == SX_OK) {
        status = sx_collection_add_info(collection, &version, 1);
    }
    if (status == SX_OK) {
        status = sx_collection_add_family(collection, SX_STATE_SET,
                                          &(struct sx_metric_options){.name = "mode"});
    }
    if (status == SX_OK) {
        status = sx_collection_add_state(collection, (struct sx_str){"on", 2}, true);
    }
    if (status == SX_OK) {
        status = sx_collection_add_family(collection, SX_UNTYPED,
                                          &(struct sx_metric_options){.name = "what"});
    }
    if (status == SX_OK) {
        status = sx_collection_add_sample(collection, NULL, 0, 2.5);
    }
    return status == SX_OK ? sx_collection_set_timestamp(collection, 12) : status;
}

static int collect_all_types(void *context, struct sx_collection *collection)
{
    (void)context;
    int status = add_summary(collection);
    if (status == SX_OK) {
        status = add_gauge_histogram(collection);
    }
    return status == SX_OK ? add_others(collection) : status;
}

/* "MetricFamily types"; "Timestamps": in seconds; "Info": no unit; "StateSet": "the label name …
 * the same as the MetricFamily name" */
static void test_collectors_may_have_all_types(void **state)
{
    (void)state;
    assert_int_equal(sx_collector_register(registry, collect_all_types, NULL), SX_OK);
    assert_page("# TYPE s_seconds summary\n"
                "# UNIT s_seconds seconds\n"
                "s_seconds{l=\"v\",quantile=\"0.5\"} 1.25 1700000000.005\n"
                "s_seconds{l=\"v\",quantile=\"1.0\"} 3 1700000000.005\n"
                "s_seconds_sum{l=\"v\"} 6 1700000000.005\n"
                "s_seconds_count{l=\"v\"} 4 1700000000.005\n"
                "# TYPE queue gaugehistogram\n"
                "queue_bucket{le=\"-1.0\"} 1\n"
                "queue_bucket{le=\"2.0\"} 3\n"
                "queue_bucket{le=\"+Inf\"} 6\n"
                "queue_gsum 7\n"
                "queue_gcount 6\n"
                "# TYPE build info\n"
                "build_info{version=\"1.2\"} 1\n"
                "# TYPE mode stateset\n"
                "mode{mode=\"on\"} 1\n"
                "# TYPE what unknown\n"
                "what 2.5 0.012\n"
                "# EOF\n");
}

/* "Created": "the timestamp … in seconds"; behind the other samples of the same labels */
static void test_created_timestamps_are_samples(void **state)
{
    (void)state;
    struct sx_registry *dated = NULL;
    struct sx_counter *counter = NULL;
    struct sx_summary *summary = NULL;
    char expected[512];
    assert_int_equal(
        sx_registry_new(&dated, &(struct sx_registry_options){.created_timestamps = true}), SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, dated, &(struct sx_metric_options){.name = "c_total"}),
        SX_OK);
    assert_int_equal(sx_summary_register(&summary, dated, &(struct sx_metric_options){.name = "s"}),
                     SX_OK);
    assert_int_equal(sx_page_render(&page, dated, SX_FORMAT_OPENMETRICS), SX_OK);
    /* The times are those of the page; that they are right: tests/metrics/test_created.c. */
    const char *first = strstr(page.data, "c_created ");
    const char *second = strstr(page.data, "s_created ");
    assert_non_null(first);
    assert_non_null(second);
    const double first_seconds = strtod(first + 10, NULL);
    const double second_seconds = strtod(second + 10, NULL);
    snprintf(expected, sizeof expected,
             "# TYPE c counter\nc_total 0\nc_created %.3f\n"
             "# TYPE s summary\ns_sum 0\ns_count 0\ns_created %.3f\n# EOF\n",
             first_seconds, second_seconds);
    assert_string_equal(page.data, expected);
    assert_true(first_seconds > 1.6e9);
    sx_registry_destroy(dated);
}

static void assert_escaped(struct sx_registry *of, enum sx_escaping escaping, const char *expected)
{
    const struct sx_page_options options = {.format = SX_FORMAT_OPENMETRICS, .escaping = escaping};
    assert_int_equal(sx_page_render_options(&page, &of, 1, &options), SX_OK);
    assert_string_equal(page.data, expected);
}

/* "Unit": "MUST be … the suffix of the MetricFamily name", which escaping may have changed. */
static void test_a_unit_that_escaping_takes_from_the_name_is_left_out(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_counter_register(
                         &counter, registry,
                         &(struct sx_metric_options){.name = "sent_bytes_total", .unit = "bytes"}),
                     SX_OK);
    assert_int_equal(
        sx_gauge_register(
            &gauge, registry,
            &(struct sx_metric_options){.name = "a.b_bytes", .unit = "bytes", .utf8_names = true}),
        SX_OK);
    assert_escaped(registry, SX_ESCAPING_UNDERSCORES,
                   "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\nsent_bytes_total 0\n"
                   "# TYPE a_b_bytes gauge\n# UNIT a_b_bytes bytes\na_b_bytes 0\n# EOF\n");
    assert_escaped(registry, SX_ESCAPING_ALLOW_UTF_8,
                   "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\nsent_bytes_total 0\n"
                   "# TYPE \"a.b_bytes\" gauge\n# UNIT \"a.b_bytes\" bytes\n{\"a.b_bytes\"} 0\n"
                   "# EOF\n");
    assert_escaped(registry, SX_ESCAPING_DOTS,
                   "# TYPE sent__bytes_ counter\nsent__bytes__total 0\n"
                   "# TYPE a_dot_b__bytes gauge\n# UNIT a_dot_b__bytes bytes\n"
                   "a_dot_b__bytes 0\n# EOF\n");
    assert_escaped(registry, SX_ESCAPING_VALUES,
                   "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\nsent_bytes_total 0\n"
                   "# TYPE U__a_2e_b__bytes gauge\n# UNIT U__a_2e_b__bytes bytes\n"
                   "U__a_2e_b__bytes 0\n# EOF\n");
}

static void test_a_created_timestamp_stays_in_its_family(void **state)
{
    (void)state;
    struct sx_registry *dated = NULL;
    struct sx_counter *counter = NULL;
    const struct sx_page_options options = {.format = SX_FORMAT_OPENMETRICS,
                                            .escaping = SX_ESCAPING_DOTS};
    assert_int_equal(
        sx_registry_new(&dated, &(struct sx_registry_options){.created_timestamps = true}), SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, dated, &(struct sx_metric_options){.name = "a_b_total"}),
        SX_OK);
    assert_int_equal(sx_page_render_options(&page, &dated, 1, &options), SX_OK);
    assert_non_null(strstr(page.data, "# TYPE a__b_ counter\na__b__total 0\na__b__created "));
    sx_registry_destroy(dated);
}

/* "Histogram", "Summary": sums and quantiles must not be negative. */
static void test_negative_sums_are_left_out(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    struct sx_histogram *native = NULL;
    struct sx_summary *summary = NULL;
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){.name = "h", SX_BUCKETS(1)}),
                     SX_OK);
    assert_int_equal(sx_histogram_register(&native, registry,
                                           &(struct sx_metric_options){
                                               .name = "n", .native = {.growth_factor = 1.5}}),
                     SX_OK);
    assert_int_equal(
        sx_summary_register(&summary, registry, &(struct sx_metric_options){.name = "s"}), SX_OK);
    sx_histogram_observe(histogram, -5);
    sx_histogram_observe(native, -5);
    sx_summary_observe(summary, -5);
    assert_page("# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                "# TYPE n histogram\nn_bucket{le=\"+Inf\"} 1\n"
                "# TYPE s summary\ns_count 1\n# EOF\n");
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_non_null(strstr(page.data, "h_sum -5\n"));
    assert_non_null(strstr(page.data, "n_sum -5\n"));
    assert_non_null(strstr(page.data, "s_sum -5\n"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static int note_rule(void *context, const struct sx_violation *violation)
{
    int *noted = context;
    assert_string_equal(violation->rule, "reserved");
    assert_true(violation->advice);
    ++*noted;
    return 0;
}

/* "Label": "Label names beginning with underscores are RESERVED", "Name": the same. Prometheus'
 * data model allows both, and so does the registry. */
static void test_names_that_begin_with_an_underscore_are_no_error(void **state)
{
    (void)state;
    struct sx_gauge_family *family = NULL;
    const struct sx_label trace = {"_trace", {"x", 1}};
    struct sx_counter *counter = NULL;
    int noted = 0;
    assert_int_equal(sx_gauge_family_register(&family, registry,
                                              &(struct sx_metric_options){
                                                  .name = "_gauge", .labels = SX_LABELS("_label")}),
                     SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c"}), SX_OK);
    sx_gauge_set_with(family, 1, "x");
    sx_counter_inc_with_exemplar(counter, &trace, 1);
    for (int format = SX_FORMAT_TEXT; format <= SX_FORMAT_OPENMETRICS; format++) {
        struct sx_check_options options = {.format = (enum sx_format)format, .no_advice = true};
        assert_int_equal(sx_page_render(&page, registry, options.format), SX_OK);
        const struct sx_str view = {page.data, page.size};
        assert_non_null(strstr(page.data, "\n_gauge{_label=\"x\"} 1\n"));
        assert_int_equal(sx_exposition_check(view, &options, NULL, NULL), 0);
        options.no_advice = false;
        const int expected = format == SX_FORMAT_OPENMETRICS ? 3 : 0;
        assert_int_equal(sx_exposition_check(view, &options, note_rule, &noted), expected);
    }
    assert_int_equal(noted, 3);
    assert_non_null(strstr(page.data, "c_total 1 # {_trace=\"x\"} 1 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_page_ends_with_eof_even_if_it_is_empty),
        CASE(test_a_counter_has_its_suffix_in_samples_only),
        CASE(test_help_escapes_the_quote),
        CASE(test_bounds_are_canonical_numbers),
        CASE(test_a_histogram_with_a_negative_bound_has_no_sum),
        CASE(test_families_of_several_registries_are_joined),
        CASE(test_collectors_may_have_all_types),
        CASE(test_created_timestamps_are_samples),
        CASE(test_a_unit_that_escaping_takes_from_the_name_is_left_out),
        CASE(test_a_created_timestamp_stays_in_its_family),
        CASE(test_negative_sums_are_left_out),
        CASE(test_names_that_begin_with_an_underscore_are_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
