/* The rules of the text format 0.0.4 and of client libraries that implementers often break: one
 * test for each rule that concerns registration and values. The other rules are tested where the
 * code is: numbers in text/test_format_number.c, pages in exposition/test_encode_text.c, what a
 * reader must refuse in check/test_violations.c.
 *
 * Sources: Prometheus "Exposition formats", Text-based format; "Writing client libraries" */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char *render(void)
{
    return page_text(registry);
}

#define assert_page_has(line) assert_non_null(strstr(render(), line))
#define assert_page_lacks(line) assert_null(strstr(render(), line))

#define HELPED(text, ...) (&(struct sx_metric_options){.help = text, __VA_ARGS__})
#define OPTIONS(...) HELPED("Help.", __VA_ARGS__)

static struct sx_counter *counter(const char *name)
{
    struct sx_counter *made = NULL;
    assert_int_equal(sx_counter_register(&made, registry, OPTIONS(.name = name)), SX_OK);
    return made;
}

static struct sx_gauge *gauge(const char *name)
{
    struct sx_gauge *made = NULL;
    assert_int_equal(sx_gauge_register(&made, registry, OPTIONS(.name = name)), SX_OK);
    return made;
}

static struct sx_counter_family *counters(const char *name)
{
    struct sx_counter_family *made = NULL;
    assert_int_equal(sx_counter_family_register(
                         &made, registry, OPTIONS(.name = name, .labels = SX_LABELS("a", "b"))),
                     SX_OK);
    return made;
}

/* ---- the text format ---- */

/* "the backslash and the line feed characters are escaped as \\ and \n", and nothing else is: \"
 * in a HELP is an error. */
static void test_quotes_in_help_are_not_escaped(void **state)
{
    (void)state;
    struct sx_gauge *made = NULL;
    assert_int_equal(sx_gauge_register(&made, registry, HELPED("a \"b\" \\ c\nd", .name = "g")),
                     SX_OK);
    assert_page_has("# HELP g a \"b\" \\\\ c\\nd\n");
}

/* "label_value can be any sequence of UTF-8 characters, but the backslash, double-quote, and line
 * feed characters have to be escaped": a carriage return and a tab pass as they are. */
static void test_label_values_need_three_escapes(void **state)
{
    (void)state;
    struct sx_counter_family *family = counters("c_total");
    assert_non_null(sx_counter_with(family, "\r\t\x01", "\\\"\n"));
    assert_page_has("\nc_total{a=\"\r\t\x01\",b=\"\\\\\\\"\\n\"} 0\n");
}

/* Ill-formed UTF-8 in one label value costs the whole page. */
static void test_label_values_become_valid_utf8(void **state)
{
    (void)state;
    struct sx_counter_family *family = counters("c_total");
    assert_non_null(sx_counter_with(family, "\xC3(", "\xED\xA0\x80"));
    assert_page_has("c_total{a=\"\xEF\xBF\xBD(\",b=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"} 0\n");
    struct sx_gauge *made = NULL;
    assert_int_equal(sx_gauge_register(&made, registry, HELPED("\xFF", .name = "g")), SX_EHELP);
}

/* "All lines for a given metric must be provided as one single group", with "only one TYPE line",
 * "before the first sample"; "each line must have a unique combination of a metric name and
 * labels".
 */
static void test_each_family_is_one_group(void **state)
{
    (void)state;
    struct sx_counter_family *first = counters("first_total");
    struct sx_counter_family *second = counters("second_total");
    for (int i = 0; i < 2; i++) {
        (void)sx_counter_with(first, "1", "");
        (void)sx_counter_with(second, "1", "");
        (void)sx_counter_with(first, "2", "");
        (void)counters("first_total");
    }
    assert_string_equal(render(), "# HELP first_total Help.\n# TYPE first_total counter\n"
                                  "first_total{a=\"1\",b=\"\"} 0\nfirst_total{a=\"2\",b=\"\"} 0\n"
                                  "# HELP second_total Help.\n# TYPE second_total counter\n"
                                  "second_total{a=\"1\",b=\"\"} 0\n");
}

/* In 0.0.4 the TYPE line has the name of the samples; without _total it would be OpenMetrics'. */
static void test_the_type_line_has_the_name_of_the_samples(void **state)
{
    (void)state;
    (void)counter("c_total");
    assert_page_has("# TYPE c_total counter\nc_total 0\n");
}

/* "The last line must end with a line feed character." And no line has a third field, which would
 * be a time stamp. */
static void test_the_last_line_ends_with_a_line_feed(void **state)
{
    (void)state;
    (void)counters("empty_total");
    (void)gauge("g");
    const char *text = render();
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_null(strstr(text, "\n\n"));
    assert_page_has("\ng 0\n");
}

/* "NaN, +Inf, and -Inf are valid values" by these very names. */
static void test_nan_and_infinities_have_one_spelling(void **state)
{
    (void)state;
    sx_gauge_set(gauge("nan"), -NAN);
    sx_gauge_set(gauge("plus"), INFINITY);
    sx_gauge_set(gauge("minus"), -INFINITY);
    assert_page_has("\nnan NaN\n");
    assert_page_has("\nplus +Inf\n");
    assert_page_has("\nminus -Inf\n");
}

/* What was set is what is shown: a float has two zeros. */
static void test_negative_zero_is_shown(void **state)
{
    (void)state;
    struct sx_gauge *made = gauge("g");
    sx_gauge_set(made, -0.0);
    assert_page_has("\ng -0\n");
    sx_gauge_set(made, 0.0);
    assert_page_has("\ng 0\n");
}

/* A locale with commas, installed or else made for the moment; false where neither can be had. */
static bool set_locale_with_commas(void)
{
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    char directory[] = "/tmp/sextant-locale-XXXXXX";
    char command[256];
    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++) {
        if (setlocale(LC_ALL, commas[i]) != NULL) {
            return true;
        }
    }
    if (mkdtemp(directory) == NULL) {
        return false;
    }
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>&1", directory);
    bool set = system(command) == 0 && setenv("LOCPATH", directory, 1) == 0 &&
               setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) == 0 && set;
}

/* A program that calls setlocale() must not write commas into its numbers. */
static void test_the_locale_does_not_change_numbers(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    char comma[8];
    if (!set_locale_with_commas()) {
        print_message("skipping: there is no locale with a decimal comma here\n");
        skip();
    }
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    if (strcmp(comma, "0,5") != 0) {
        print_message("skipping: the C library writes no commas in any locale, as musl\n");
        skip();
    }
    sx_gauge_set(gauge("g"), 1234567.25);
    assert_int_equal(
        sx_histogram_register(&histogram, registry, OPTIONS(.name = "h", SX_BUCKETS(0.5))), SX_OK);
    sx_histogram_observe(histogram, 0.25);
    assert_page_has("\ng 1234567.25\n");
    assert_page_has("\nh_bucket{le=\"0.5\"} 1\n");
    assert_page_has("\nh_sum 0.25\n");
    assert_non_null(setlocale(LC_ALL, "C"));
}

/* A bound is a string to Prometheus: "1" and "1.0", or "1e+06" and "1000000", are two series. They
 * are written as Go's strconv writes them with 'g' and -1, which is where the others come from. */
static void test_bounds_are_spelled_as_other_clients_do(void **state)
{
    (void)state;
    static const char *const expected[] = {"-1.5", "0",      "1e-05", "0.0001",      "0.1",
                                           "1",    "100000", "1e+06", "1.23456e+07", "+Inf"};
    struct sx_histogram *histogram = NULL;
    char line[64];
    assert_int_equal(
        sx_histogram_register(&histogram, registry,
                              OPTIONS(.name = "h", SX_BUCKETS(-1.5, -0.0, 0.00001, 0.0001, 0.1, 1,
                                                              100000, 1000000, 12345600))),
        SX_OK);
    const char *text = render();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        snprintf(line, sizeof line, "\nh_bucket{le=\"%s\"} 0\n", expected[i]);
        assert_non_null(strstr(text, line));
    }
    assert_page_lacks("le=\"1.0\"");
}

/* "The bucket with le="+Inf" must exist", its value "identical to" _count; buckets are cumulative.
 */
static void test_the_inf_bucket_equals_the_count(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    assert_int_equal(
        sx_histogram_register(&histogram, registry, OPTIONS(.name = "h", SX_BUCKETS(1, 2))), SX_OK);
    sx_histogram_observe(histogram, 2);
    sx_histogram_observe(histogram, 1);
    sx_histogram_observe(histogram, INFINITY);
    assert_string_equal(render(), "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n"
                                  "h_bucket{le=\"2\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum +Inf\n"
                                  "h_count 3\n");
}

/* ---- client libraries ---- */

/* "inc(double v): Increment the counter by the given amount. MUST check that v >= 0", and "Counters
 * MUST start at 0". */
static void test_counters_do_not_go_down(void **state)
{
    (void)state;
    struct sx_counter *made = counter("c_total");
    assert_true(sx_counter_value(made) == 0);
    sx_counter_add(made, 2);
    sx_counter_add(made, -1);
    sx_counter_add(made, -0.5);
    sx_counter_add(made, NAN);
    sx_counter_add(made, -INFINITY);
    sx_counter_add(made, INFINITY);
    assert_true(sx_counter_value(made) == 2);
}

/* "There MUST be a default CollectorRegistry", and one can do without it. */
static void test_there_are_registries_besides_the_default_one(void **state)
{
    (void)state;
    struct sx_gauge *made = NULL;
    assert_int_equal(sx_gauge_register(&made, NULL, OPTIONS(.name = "in_default")), SX_OK);
    (void)gauge("in_own");
    assert_page_has("in_own 0\n");
    assert_page_lacks("in_default");
}

/* "Only one HELP line may exist for any given metric name": there may be none. A program that was
 * written for another library may have metrics without a text. */
static void test_a_metric_without_help_has_no_help_line(void **state)
{
    (void)state;
    struct sx_gauge *made = NULL;
    struct sx_gauge *same = NULL;
    assert_int_equal(sx_gauge_register(&made, registry, HELPED(NULL, .name = "g")), SX_OK);
    assert_int_equal(sx_gauge_register(&same, registry, HELPED("", .name = "g")), SX_OK);
    assert_ptr_equal(made, same);
    assert_page_has("# TYPE g gauge\ng 0\n");
    assert_page_lacks("# HELP g");
}

/* "Metrics with no labels ... SHOULD be exposed as 0 from birth"; those with labels must not be
 * there before somebody asked for them. */
static void test_metrics_without_labels_are_exposed_at_once(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    struct sx_counter_family *family = counters("labelled_total");
    (void)counter("c_total");
    (void)gauge("g");
    assert_int_equal(
        sx_histogram_register(&histogram, registry, OPTIONS(.name = "h", SX_BUCKETS(1))), SX_OK);
    assert_page_has("\nc_total 0\n");
    assert_page_has("\ng 0\n");
    assert_page_has("\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n");
    assert_page_lacks("labelled_total{");
    (void)sx_counter_with(family, "x", "y");
    assert_page_has("\nlabelled_total{a=\"x\",b=\"y\"} 0\n");
}

/* A wrong number of values is an error to be handled, not the end of the program. */
static void test_a_wrong_number_of_label_values_is_an_error(void **state)
{
    (void)state;
    struct sx_counter *made = NULL;
    struct sx_counter_family *family = counters("c_total");
    const struct sx_str value = {"x", 1};
    assert_int_equal(sx_counter_family_get(&made, family, &value, 1), SX_EVALUES);
    assert_null(made);
    sx_counter_inc(sx_counter_with(family, "x"));
    assert_page_lacks("c_total{");
}

/* Two ways to spell one set of values are one series; two sets that look alike are two. */
static void test_each_series_is_there_once(void **state)
{
    (void)state;
    struct sx_counter_family *family = counters("c_total");
    const struct sx_str values[] = {{"xyz", 1}, {"", 0}};
    const struct sx_str same[] = {{"x", 1}, {NULL, 0}};
    struct sx_counter *first = NULL;
    struct sx_counter *second = NULL;
    assert_int_equal(sx_counter_family_get(&first, family, values, 2), SX_OK);
    assert_int_equal(sx_counter_family_get(&second, family, same, 2), SX_OK);
    assert_ptr_equal(first, second);
    assert_ptr_equal(first, sx_counter_with(family, "x", ""));
    assert_ptr_not_equal(first, sx_counter_with(family, "", "x"));
}

/* An empty label value is to Prometheus as if the label were not there: were `x` allowed beside
 * `x{a=""}`, they would be one series twice. */
static void test_label_names_cannot_differ_within_a_family(void **state)
{
    (void)state;
    struct sx_counter *made = NULL;
    struct sx_counter_family *family = counters("x_total");
    assert_int_equal(sx_counter_register(&made, registry, OPTIONS(.name = "x_total")), SX_EEXIST);
    (void)sx_counter_with(family, "", "");
    assert_page_has("\nx_total{a=\"\",b=\"\"} 0\n");
}

/* Names: [a-zA-Z_:][a-zA-Z0-9_:]*, labels without the colon; __ is reserved, le a histogram's. */
static void test_malformed_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad_names[] = {"", "1st", "a-b", "a b", "a.b", "\xC3\xA4", "a{", NULL};
    static const char *const bad_labels[] = {"", "1st", "a:b", "a-b", "__a", "\xC3\xA4", NULL};
    struct sx_gauge *made = NULL;
    struct sx_gauge_family *family = NULL;
    struct sx_histogram_family *histograms = NULL;
    for (size_t i = 0; bad_names[i] != NULL; i++) {
        assert_int_equal(sx_gauge_register(&made, registry, OPTIONS(.name = bad_names[i])),
                         SX_ENAME);
    }
    for (size_t i = 0; bad_labels[i] != NULL; i++) {
        assert_int_equal(
            sx_gauge_family_register(&family, registry,
                                     OPTIONS(.name = "g", .labels = SX_LABELS(bad_labels[i]))),
            SX_ELABEL);
    }
    assert_int_equal(sx_histogram_family_register(&histograms, registry,
                                                  OPTIONS(.name = "h", .labels = SX_LABELS("le"))),
                     SX_ELABEL);
    assert_int_equal(sx_gauge_family_register(&family, registry,
                                              OPTIONS(.name = ":a_1:", .labels = SX_LABELS("le"))),
                     SX_OK);
}

/* "Buckets … MUST NOT be changed", are strictly increasing and no NaN; +Inf is implied. */
static void test_buckets_that_do_not_increase_are_refused(void **state)
{
    (void)state;
    struct sx_histogram *first = NULL;
    struct sx_histogram *second = NULL;
    double nan_bounds[] = {1, NAN};
    double bounds[] = {1, 2, INFINITY};
    assert_int_equal(sx_histogram_register(
                         &first, registry,
                         &(struct sx_metric_options){
                             .name = "h", .help = "Help.", .buckets = bounds, .bucket_count = 3}),
                     SX_OK);
    bounds[1] = 1.5;
    sx_histogram_observe(first, 1.75);
    assert_page_has("\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum");
    assert_int_equal(
        sx_histogram_register(&second, registry, OPTIONS(.name = "h", SX_BUCKETS(1, 3))),
        SX_EEXIST);
    assert_int_equal(
        sx_histogram_register(&second, registry, OPTIONS(.name = "h", SX_BUCKETS(1, 2))), SX_OK);
    assert_ptr_equal(first, second);
    assert_int_equal(
        sx_histogram_register(&second, registry, OPTIONS(.name = "d", SX_BUCKETS(1, 1))),
        SX_EBUCKETS);
    struct sx_metric_options options = {
        .name = "n", .help = "Help.", .buckets = nan_bounds, .bucket_count = 2};
    assert_int_equal(sx_histogram_register(&second, registry, &options), SX_EBUCKETS);
}

/* One NaN must not make the sum NaN for ever, nor be counted in a bucket it is not in; nor may it
 * go unseen. */
static void test_nan_does_not_poison_a_histogram(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    assert_int_equal(
        sx_histogram_register(&histogram, registry, OPTIONS(.name = "h", SX_BUCKETS(1))), SX_OK);
    sx_histogram_observe(histogram, NAN);
    sx_histogram_observe(histogram, 0.5);
    sx_histogram_observe(histogram, -2);
    assert_page_has("\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_sum -1.5\nh_count 2\n");
    assert_page_has("\nsextant_updates_ignored_total{family=\"h\"} 1\n");
}

/* Names that collide through the suffixes of samples would give one series two meanings. */
static void test_suffixes_that_clash_are_refused(void **state)
{
    (void)state;
    static const char *const taken[] = {"h_bucket", "h_sum", "h_count", "c", "h_created"};
    struct sx_histogram *histogram = NULL;
    struct sx_gauge *made = NULL;
    assert_int_equal(sx_histogram_register(&histogram, registry, OPTIONS(.name = "h")), SX_OK);
    (void)counter("c_total");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_int_equal(sx_gauge_register(&made, registry, OPTIONS(.name = taken[i])), SX_ECLASH);
    }
    (void)gauge("h_counts");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_quotes_in_help_are_not_escaped),
        TEST(test_label_values_need_three_escapes),
        TEST(test_label_values_become_valid_utf8),
        TEST(test_each_family_is_one_group),
        TEST(test_the_type_line_has_the_name_of_the_samples),
        TEST(test_the_last_line_ends_with_a_line_feed),
        TEST(test_nan_and_infinities_have_one_spelling),
        TEST(test_negative_zero_is_shown),
        TEST(test_the_locale_does_not_change_numbers),
        TEST(test_bounds_are_spelled_as_other_clients_do),
        TEST(test_the_inf_bucket_equals_the_count),
        TEST(test_counters_do_not_go_down),
        TEST(test_there_are_registries_besides_the_default_one),
        TEST(test_a_metric_without_help_has_no_help_line),
        TEST(test_metrics_without_labels_are_exposed_at_once),
        TEST(test_a_wrong_number_of_label_values_is_an_error),
        TEST(test_each_series_is_there_once),
        TEST(test_label_names_cannot_differ_within_a_family),
        TEST(test_malformed_names_are_refused),
        TEST(test_buckets_that_do_not_increase_are_refused),
        TEST(test_nan_does_not_poison_a_histogram),
        TEST(test_suffixes_that_clash_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
