/* The rules that hand-written exporters often break: one test for each, on the pages that we write.
 * Quotes are from Prometheus' "Exposition formats" (EF) and "Writing client libraries" (WCL). The
 * checker must find no violation in any of these pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What would ask the locale must not be called while a page is rendered; wrapped at link time. */
static bool rendering;
static int locale_asked;

int __wrap_snprintf(char *at, size_t size, const char *format, ...) SX_PRINTF(3, 4);
int __wrap_snprintf(char *at, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    locale_asked += rendering;
    int written = vsnprintf(at, size, format, arguments);
    va_end(arguments);
    return written;
}

double __real_strtod(const char *text, char **end);
double __wrap_strtod(const char *text, char **end);
double __wrap_strtod(const char *text, char **end)
{
    locale_asked += rendering;
    return __real_strtod(text, end);
}

static struct sx_registry *registry;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 256 << 10};
    page = (struct sx_page){0};
    return sx_registry_new(&registry, &small);
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static int print_violation(void *context, const struct sx_violation *violation)
{
    (void)context;
    print_error("line %zu: %s\n", violation->line, violation->text);
    return 0;
}

static void render(void)
{
    rendering = true;
    int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
    rendering = false;
    assert_int_equal(status, SX_OK);
    struct sx_str view = {page.data, page.size};
    assert_int_equal(sx_exposition_check(view, NULL, print_violation, NULL), 0);
}

/* How often the text, which may begin and end in line feeds, stands in the page. */
static int count(const char *text)
{
    int found = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i + size <= page.size; i++) {
        found += memcmp(page.data + i, text, size) == 0;
    }
    return found;
}

static void page_is(const char *expected)
{
    render();
    size_t size = strlen(expected);
    if (page.size != size || (size > 0 && memcmp(page.data, expected, size) != 0)) {
        print_error("the page:\n%.*s", (int)page.size, page.data);
        fail();
    }
}

static struct sx_counter *counter(const char *name, const char *help)
{
    struct sx_counter *made = NULL;
    const struct sx_metric_options options = {.name = name, .help = help};
    assert_int_equal(sx_counter_register(&made, registry, &options), SX_OK);
    return made;
}

static struct sx_gauge *gauge(const char *name)
{
    struct sx_gauge *made = NULL;
    const struct sx_metric_options options = {.name = name, .help = "H."};
    assert_int_equal(sx_gauge_register(&made, registry, &options), SX_OK);
    return made;
}

static struct sx_gauge_family *gauges(const char *name)
{
    struct sx_gauge_family *made = NULL;
    const struct sx_metric_options options = {.name = name, .help = "H.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_OK);
    return made;
}

/* ---- the page ---- */

/* EF: "HELP lines may contain any sequence of UTF-8 characters (after the metric name), but the
 * backslash and the line feed characters have to be escaped as \\ and \n, respectively." */
static void test_quotes_are_not_escaped_in_help(void **state)
{
    (void)state;
    (void)counter("c_total", "a \"b\" \\ c\nd \\n");
    page_is("# HELP c_total a \"b\" \\\\ c\\nd \\\\n\n# TYPE c_total counter\nc_total 0\n");
}

/* EF: "the backslash (\), double-quote ("), and line feed (\n) characters have to be escaped as \\,
 * \", and \n, respectively." */
static void test_label_values_need_three_escapes(void **state)
{
    (void)state;
    sx_gauge_set(sx_gauge_with(gauges("g"), "\"\\\n\\n\\\""), 1);
    render();
    assert_int_equal(count("\ng{a=\"\\\"\\\\\\n\\\\n\\\\\\\"\"} 1\n"), 1);
}

static void test_no_other_character_is_escaped(void **state)
{
    (void)state;
    sx_gauge_set(sx_gauge_with(gauges("g"), "\t\r\x01\x7F'{}=,# \xE2\x80\xA8"), 1);
    render();
    assert_int_equal(count("\ng{a=\"\t\r\x01\x7F'{}=,# \xE2\x80\xA8\"} 1\n"), 1);
}

static void test_one_value_that_is_not_utf8_spoils_the_page(void **state)
{
    (void)state;
    sx_gauge_set(sx_gauge_with(gauges("g"), "\xFF|\xC0\xAF|\xED\xA0\x80"), 1);
    render();
    assert_int_equal(count("\xFF"), 0);
    assert_int_equal(count("\ng{a=\"\xEF\xBF\xBD|"), 1);
}

/* EF: "Only one HELP line may exist for any given metric name." and "Only one TYPE line may exist
 * for a given metric name"; "before the first sample is reported for that metric name" */
static void test_help_and_type_stand_once_and_first(void **state)
{
    (void)state;
    (void)counter("c_total", "H.");
    (void)counter("c_total", "H.");
    struct sx_gauge_family *family = gauges("g");
    sx_gauge_set(sx_gauge_with(family, "1"), 1);
    sx_gauge_set(sx_gauge_with(family, "2"), 2);
    page_is("# HELP c_total H.\n# TYPE c_total counter\nc_total 0\n"
            "# HELP g H.\n# TYPE g gauge\ng{a=\"1\"} 1\ng{a=\"2\"} 2\n");
}

/* EF: "All lines for a given metric must be provided as one single group" */
static void test_series_made_in_turns_stay_with_their_family(void **state)
{
    (void)state;
    struct sx_gauge_family *one = gauges("one"), *two = gauges("two");
    for (const char *value = "abc"; *value != '\0'; value++) {
        const char text[] = {*value, '\0'};
        sx_gauge_set(sx_gauge_with(one, text), 1);
        sx_gauge_set(sx_gauge_with(two, text), 2);
    }
    page_is("# HELP one H.\n# TYPE one gauge\none{a=\"a\"} 1\none{a=\"b\"} 1\none{a=\"c\"} 1\n"
            "# HELP two H.\n# TYPE two gauge\ntwo{a=\"a\"} 2\ntwo{a=\"b\"} 2\ntwo{a=\"c\"} 2\n");
}

/* EF: "Each line must have a unique combination of a metric name and labels." */
static void test_values_that_become_equal_are_one_series(void **state)
{
    (void)state;
    struct sx_gauge_family *family = gauges("g");
    sx_gauge_set(sx_gauge_with(family, "\xFF"), 1);
    sx_gauge_set(sx_gauge_with(family, "\xFE"), 2);
    sx_gauge_set(sx_gauge_with(family, "\xEF\xBF\xBD"), 3);
    page_is("# HELP g H.\n# TYPE g gauge\ng{a=\"\xEF\xBF\xBD\"} 3\n");
}

static void test_type_takes_the_whole_name(void **state)
{
    (void)state;
    (void)counter("jobs_total", "H.");
    render();
    assert_int_equal(count("# TYPE jobs_total counter\njobs_total 0\n"), 1);
}

/* EF: "The last line must end with a line feed character." */
static void test_the_last_line_ends_in_a_line_feed(void **state)
{
    (void)state;
    (void)gauge("g");
    render();
    assert_int_equal(page.data[page.size - 1], '\n');
}

static void test_no_timestamps_no_blank_lines_no_openmetrics(void **state)
{
    (void)state;
    (void)counter("c_total", "H.");
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", .help = "H."};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    render();
    assert_int_equal(
        count("\n\n") + count("\r") + count("  ") + count(" \n") + count(",}") + count("\t"), 0);
    assert_int_equal(count("# EOF") + count("# UNIT") + count("_created"), 0);
    for (size_t i = 0; i < page.size;) {
        const char *line = page.data + i;
        const char *end = memchr(line, '\n', page.size - i);
        int blanks = 0;
        for (const char *at = line; at < end; at++) {
            blanks += *at == ' ';
        }
        assert_true(*line == '#' || blanks == 1);
        i += (size_t)(end - line) + 1;
    }
}

/* EF: "In addition to standard numerical values, NaN, +Inf, and -Inf are valid values" */
static void test_what_is_no_number_has_one_spelling(void **state)
{
    (void)state;
    struct sx_gauge *made = gauge("g");
    static const struct {
        double value;
        const char *line;
    } cases[] = {{NAN, "\ng NaN\n"},
                 {-NAN, "\ng NaN\n"},
                 {INFINITY, "\ng +Inf\n"},
                 {-INFINITY, "\ng -Inf\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sx_gauge_set(made, cases[i].value);
        render();
        assert_int_equal(count(cases[i].line), 1);
    }
}

/* A program that sets its locale must not get `0,5`. That no function which knows of locales is
 * called shows it on machines that have only the C locale. */
static void test_the_locale_does_not_decide_on_the_point(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", .help = "H.", SX_BUCKETS(0.25, 1e9)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    sx_histogram_observe(histogram, 0.5);
    sx_gauge_set(gauge("g"), 1.5e-9);
    sx_counter_add(counter("c_total", "H."), 2.5);
    locale_asked = 0;
    render();
    assert_int_equal(locale_asked, 0);
    assert_int_equal(count("le=\"0.25\"") + count("\nh_sum 0.5\n") + count("\nc_total 2.5\n"), 3);
}

static void test_a_value_reads_back_as_the_same_double(void **state)
{
    (void)state;
    static const double values[] = {
        0.1, 1.0 / 3, 1e21, 123456789.123456789, 5e-324, 1e-5, 1.7976931348623157e308, 1e22};
    struct sx_gauge *made = gauge("g");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[64];
        sx_gauge_set(made, values[i]);
        render();
        const char *at = page.data + page.size - 2;
        while (*at != ' ') {
            at--;
        }
        size_t size = (size_t)(page.data + page.size - at) - 2;
        assert_true(size < sizeof text);
        memcpy(text, at + 1, size);
        text[size] = '\0';
        double read = strtod(text, NULL);
        assert_memory_equal(&read, &values[i], sizeof read);
    }
}

/* A bound is a string to Prometheus: as Go's strconv writes it, format 'g', and as it always was.
 */
static void test_bounds_are_spelled_as_other_clients_do(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {
        .name = "h", .help = "H.", SX_BUCKETS(1e-5, 0.0001, 0.1, 1, 2.5, 10, 100000, 1e6, 1.5e7)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    render();
    static const char *const bounds[] = {"1e-05", "0.0001", "0.1",   "1",       "2.5",
                                         "10",    "100000", "1e+06", "1.5e+07", "+Inf"};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "\nh_bucket{le=\"%s\"} 0\n", bounds[i]);
        assert_int_equal(count(line), 1);
    }
    assert_int_equal(count("le="), 10);
}

/* ---- what stands behind it ---- */

/* WCL: "A Counter [...] MUST NOT allow the value to decrease"; "Counters MUST start at 0." */
static void test_a_counter_does_not_fall(void **state)
{
    (void)state;
    struct sx_counter *made = counter("c_total", "H.");
    sx_counter_add(made, 2);
    sx_counter_add(made, -1);
    sx_counter_add(made, -INFINITY);
    sx_counter_add(made, NAN);
    render();
    assert_int_equal(count("\nc_total 2\n"), 1);
}

/* WCL: "Metrics with no labels MUST be exported by default"; those with labels when they are first
 * asked for, be it without an update */
static void test_what_has_not_happened_yet_is_a_zero(void **state)
{
    (void)state;
    struct sx_gauge_family *family = gauges("g");
    (void)counter("c_total", "H.");
    render();
    assert_int_equal(count("\nc_total 0\n"), 1);
    assert_int_equal(count("g{"), 0);
    (void)sx_gauge_with(family, "x");
    render();
    assert_int_equal(count("\ng{a=\"x\"} 0\n"), 1);
}

static void test_a_wrong_number_of_label_values_is_an_error(void **state)
{
    (void)state;
    struct sx_gauge *made = NULL;
    const struct sx_str values[] = {{"1", 1}, {"2", 1}};
    assert_int_equal(sx_gauge_family_get(&made, gauges("g"), values, 2), SX_EVALUES);
    render();
    assert_int_equal(count("g{"), 0);
}

static int register_gauge(const char *name, const char *help, const char *label)
{
    struct sx_gauge_family *made = NULL;
    const struct sx_metric_options options = {
        .name = name, .help = help, .labels = SX_LABELS(label)};
    return sx_gauge_family_register(&made, registry, &options);
}

static void test_names_that_would_spoil_the_page_are_refused(void **state)
{
    (void)state;
    struct sx_histogram_family *histograms = NULL;
    const struct sx_metric_options histogram = {
        .name = "h", .help = "H.", .labels = SX_LABELS("le")};
    assert_int_equal(register_gauge("a-b", "H.", "l"), SX_ENAME);
    assert_int_equal(register_gauge("1a", "H.", "l"), SX_ENAME);
    assert_int_equal(register_gauge("a\xC3\xA4", "H.", "l"), SX_ENAME);
    assert_int_equal(register_gauge("", "H.", "l"), SX_ENAME);
    assert_int_equal(register_gauge("a", "H.", "a.b"), SX_ELABEL);
    assert_int_equal(register_gauge("a", "H.", "a:b"), SX_ELABEL);
    assert_int_equal(register_gauge("a", "H.", "__name__"), SX_ELABEL);
    assert_int_equal(register_gauge("a", "\xFF", "l"), SX_EHELP);
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &histogram), SX_ELABEL);
    page_is("");
}

static void test_a_gauge_cannot_take_the_name_of_a_histograms_sample(void **state)
{
    (void)state;
    static const char *const names[] = {"h_bucket", "h_sum", "h_count"};
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", .help = "H."};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(register_gauge(names[i], "H.", "l"), SX_ECLASH);
    }
    render();
}

/* An empty label is an absent one to Prometheus: in one family no series lacks a label, so none can
 * be the same as one that has it empty. */
static void test_an_empty_label_value_makes_no_duplicate(void **state)
{
    (void)state;
    struct sx_gauge_family *family = gauges("g");
    sx_gauge_set(sx_gauge_with(family, ""), 1);
    sx_gauge_set(sx_gauge_with(family, "x"), 2);
    page_is("# HELP g H.\n# TYPE g gauge\ng{a=\"\"} 1\ng{a=\"x\"} 2\n");
}

static void test_infinity_as_a_bound_is_there_once(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", .help = "H.", SX_BUCKETS(1, INFINITY)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    render();
    assert_int_equal(count("\nh_bucket{le=\"+Inf\"} 0\n"), 1);
    assert_int_equal(count("le="), 2);
}

static void test_bounds_that_do_not_increase_are_refused(void **state)
{
    (void)state;
    static const double bounds[][2] = {{1, 1}, {2, 1}, {1, NAN}, {-INFINITY, 1}};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct sx_histogram *histogram = NULL;
        const struct sx_metric_options options = {
            .name = "h", .help = "H.", .buckets = bounds[i], .bucket_count = 2};
        assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_EBUCKETS);
    }
    page_is("");
}

/* EF: "The bucket with label value {le="+Inf"} must exist. Its value must be identical to the value
 * of x_count."; NaN belongs to no bucket, and would be the sum for ever. */
static void test_nan_does_not_poison_a_histogram(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", .help = "H.", SX_BUCKETS(1)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
    sx_histogram_observe(histogram, NAN);
    sx_histogram_observe(histogram, 1);
    sx_histogram_observe(histogram, INFINITY);
    render();
    assert_int_equal(
        count("\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum +Inf\nh_count 2\n"), 1);
    assert_int_equal(count("\nsextant_updates_ignored_total{family=\"h\"} 1\n"), 1);
}

static void test_a_series_that_comes_again_starts_at_zero(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    const struct sx_str value = {"x", 1};
    const struct sx_metric_options options = {
        .name = "c_total", .help = "H.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    sx_counter_add(sx_counter_with(family, "x"), 5);
    assert_int_equal(sx_counter_family_remove(family, &value, 1), 1);
    render();
    assert_int_equal(count("c_total{"), 0);
    sx_counter_inc(sx_counter_with(family, "x"));
    render();
    assert_int_equal(count("\nc_total{a=\"x\"} 1\n"), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_quotes_are_not_escaped_in_help),
        CASE(test_label_values_need_three_escapes),
        CASE(test_no_other_character_is_escaped),
        CASE(test_one_value_that_is_not_utf8_spoils_the_page),
        CASE(test_help_and_type_stand_once_and_first),
        CASE(test_series_made_in_turns_stay_with_their_family),
        CASE(test_values_that_become_equal_are_one_series),
        CASE(test_type_takes_the_whole_name),
        CASE(test_the_last_line_ends_in_a_line_feed),
        CASE(test_no_timestamps_no_blank_lines_no_openmetrics),
        CASE(test_what_is_no_number_has_one_spelling),
        CASE(test_the_locale_does_not_decide_on_the_point),
        CASE(test_a_value_reads_back_as_the_same_double),
        CASE(test_bounds_are_spelled_as_other_clients_do),
        CASE(test_a_counter_does_not_fall),
        CASE(test_what_has_not_happened_yet_is_a_zero),
        CASE(test_a_wrong_number_of_label_values_is_an_error),
        CASE(test_names_that_would_spoil_the_page_are_refused),
        CASE(test_a_gauge_cannot_take_the_name_of_a_histograms_sample),
        CASE(test_an_empty_label_value_makes_no_duplicate),
        CASE(test_infinity_as_a_bound_is_there_once),
        CASE(test_bounds_that_do_not_increase_are_refused),
        CASE(test_nan_does_not_poison_a_histogram),
        CASE(test_a_series_that_comes_again_starts_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
