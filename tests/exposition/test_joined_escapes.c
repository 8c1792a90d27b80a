/* Labels of several registries that are alike only once their names are escaped: each page has each
 * series once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include <cmocka.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <string.h>

static const struct sx_registry_options small = {
    .thread_rows = 2, .row_bytes = 256 << 10, .directory_bytes = 1 << 20};

static struct sx_registry *registries[2];
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    page = (struct sx_page){0};
    return sx_registry_new(&registries[0], &small) == SX_OK &&
                   sx_registry_new(&registries[1], &small) == SX_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registries[0]);
    sx_registry_destroy(registries[1]);
    return 0;
}

static void set_gauge(size_t registry, const char *const *labels, const struct sx_str *values,
                      size_t count, double value)
{
    struct sx_gauge_family *family = NULL;
    const struct sx_metric_options options = {.name = "x", .labels = labels, .utf8_names = true};
    assert_int_equal(sx_gauge_family_register(&family, registries[registry], &options), SX_OK);
    assert_int_equal(sx_gauge_family_set(family, values, count, value), SX_OK);
}

static const struct sx_str one[] = {{"1", 1}}, two[] = {{"2", 1}};

/* What the registries have left out of pages is on them, too, behind what is tested. */
static void assert_page(enum sx_format format, enum sx_escaping escaping, const char *expected)
{
    const struct sx_page_options options = {.format = format, .escaping = escaping};
    const struct sx_check_options strict = {
        .format = format, .no_advice = true, .utf8_names = escaping == SX_ESCAPING_ALLOW_UTF_8};
    assert_int_equal(sx_page_render_options(&page, registries, 2, &options), SX_OK);
    assert_int_equal(
        sx_exposition_check((struct sx_str){page.data, page.size}, &strict, NULL, NULL), 0);
    const char *rest = page.data + strlen(expected);
    if (strncmp(page.data, expected, strlen(expected)) != 0 ||
        (rest[0] != '\0' && strcmp(rest, "# EOF\n") != 0 &&
         strncmp(rest, "# HELP sextant_page_conflicts", 29) != 0 &&
         strncmp(rest, "# TYPE sextant_page_conflicts", 29) != 0)) {
        fail_msg("the page is not\n%s\nbut is\n%s", expected, page.data);
    }
}

#define HEAD "# TYPE x gauge\n"

static void test_a_dot_and_an_underscore_are_one_with_underscores(void **state)
{
    (void)state;
    set_gauge(0, SX_LABELS("a.b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a_b"), one, 1, 20);
    set_gauge(1, SX_LABELS("a_b"), two, 1, 30);
    static const char escaped[] = HEAD "x{a_b=\"1\"} 10\nx{a_b=\"2\"} 30\n";
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES, escaped);
    assert_page(SX_FORMAT_OPENMETRICS, SX_ESCAPING_UNDERSCORES, escaped);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_ALLOW_UTF_8, escaped); /* which has no quotes */
}

static void test_they_differ_in_the_other_schemes(void **state)
{
    (void)state;
    set_gauge(0, SX_LABELS("a.b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a_b"), one, 1, 20);
    assert_page(SX_FORMAT_OPENMETRICS, SX_ESCAPING_ALLOW_UTF_8,
                HEAD "x{\"a.b\"=\"1\"} 10\nx{a_b=\"1\"} 20\n");
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_DOTS, HEAD "x{a_dot_b=\"1\"} 10\nx{a__b=\"1\"} 20\n");
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_VALUES,
                HEAD "x{U__a_2e_b=\"1\"} 10\nx{a_b=\"1\"} 20\n");
}

static void test_a_dash_and_an_underscore_are_one_with_dots(void **state)
{
    (void)state;
    set_gauge(0, SX_LABELS("a_b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a-b"), one, 1, 20);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_DOTS, HEAD "x{a__b=\"1\"} 10\n");
}

static void test_a_name_that_looks_escaped_is_one_with_values(void **state)
{
    (void)state;
    set_gauge(0, SX_LABELS("U__a_2e_b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a.b"), one, 1, 20);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_VALUES, HEAD "x{U__a_2e_b=\"1\"} 10\n");
}

static void test_the_order_and_empty_labels_do_not_matter(void **state)
{
    static const struct sx_str first[] = {{"1", 1}, {"2", 1}, {"", 0}};
    static const struct sx_str same[] = {{"2", 1}, {"1", 1}}, other[] = {{"1", 1}, {"2", 1}};
    (void)state;
    set_gauge(0, SX_LABELS("a.b", "c", "d.e"), first, 3, 10);
    set_gauge(1, SX_LABELS("c", "a_b"), same, 2, 20);
    set_gauge(1, SX_LABELS("c", "a_b"), other, 2, 30);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES,
                HEAD "x{a_b=\"1\",c=\"2\",d_e=\"\"} 10\nx{c=\"1\",a_b=\"2\"} 30\n");
}

static void test_a_histogram_is_shown_once(void **state)
{
    const char *const *const labels[] = {SX_LABELS("a.b"), SX_LABELS("a_b")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sx_histogram_family *family = NULL;
        const struct sx_metric_options options = {
            .name = "h", .labels = labels[i], .utf8_names = true, SX_BUCKETS(1)};
        assert_int_equal(sx_histogram_family_register(&family, registries[i], &options), SX_OK);
        assert_int_equal(sx_histogram_family_observe(family, one, 1, (double)i), SX_OK);
    }
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES,
                "# TYPE h histogram\nh_bucket{a_b=\"1\",le=\"1\"} 1\n"
                "h_bucket{a_b=\"1\",le=\"+Inf\"} 1\nh_sum{a_b=\"1\"} 0\nh_count{a_b=\"1\"} 1\n");
}

/* Metric, field 4 of the family, with LabelPair `a_b="1"` and a Gauge. */
static void test_protobuf_has_it_once(void **state)
{
    static const char label[] = "\x0A\x08\x0A\x03"
                                "a_b"
                                "\x12\x01"
                                "1";
    (void)state;
    size_t found = 0;
    set_gauge(0, SX_LABELS("a.b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a_b"), one, 1, 20);
    assert_int_equal(sx_page_render_registries(&page, registries, 2, SX_FORMAT_PROTOBUF), SX_OK);
    for (size_t i = 0; i + sizeof label - 1 <= page.size; i++) {
        found += memcmp(page.data + i, label, sizeof label - 1) == 0;
    }
    assert_int_equal(found, 1);
}

static void test_what_is_left_out_is_counted(void **state)
{
    (void)state;
    set_gauge(0, SX_LABELS("a.b"), one, 1, 10);
    set_gauge(1, SX_LABELS("a_b"), one, 1, 20);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES, HEAD "x{a_b=\"1\"} 10\n");
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES, HEAD "x{a_b=\"1\"} 10\n");
    assert_non_null(
        strstr(page.data, "\nsextant_page_conflicts_total{family=\"x\",error=\"SX_EEXIST\"} 1\n"));
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    bool has_failed = true;
    set_gauge(0, SX_LABELS("a.b"), one, 1, 10);
    set_gauge(0, SX_LABELS("a.b"), two, 1, 15);
    set_gauge(1, SX_LABELS("a_b"), one, 1, 20);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_UNDERSCORES, HEAD "x{a_b=\"1\"} 10\nx{a_b=\"2\"} 15\n");
    sx_page_clean_up(&page);
    for (long successes = 0; has_failed; successes++) {
        const long live = allocations_live();
        fail_one_allocation(successes);
        const int status = sx_page_render_registries(&page, registries, 2, SX_FORMAT_TEXT);
        has_failed = end_failing_allocations();
        assert_true(status == SX_OK || (status == SX_ENOMEM && has_failed));
        sx_page_clean_up(&page);
        assert_int_equal(allocations_live(), live);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_dot_and_an_underscore_are_one_with_underscores),
        TEST(test_they_differ_in_the_other_schemes),
        TEST(test_a_dash_and_an_underscore_are_one_with_dots),
        TEST(test_a_name_that_looks_escaped_is_one_with_values),
        TEST(test_the_order_and_empty_labels_do_not_matter),
        TEST(test_a_histogram_is_shown_once),
        TEST(test_protobuf_has_it_once),
        TEST(test_what_is_left_out_is_counted),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
