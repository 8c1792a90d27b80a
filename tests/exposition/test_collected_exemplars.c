/* Exemplars that collectors add, in each format. The expected pages are written by hand, from
 * OpenMetrics 1.0 and metrics.proto. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rendered.h"

#include <cmocka.h>
#include <math.h>
#include <sextant/collector.h>
#include <string.h>

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})
#define DROPPED "sextant_collector_exemplars_dropped_total"

static void use(sx_collect_fn *collect)
{
    assert_int_equal(sx_collector_register(registry, collect, NULL), SX_OK);
}

static const char *render(enum sx_format format)
{
    assert_int_equal(sx_page_render(&page, registry, format), SX_OK);
    return page.data;
}

static void assert_openmetrics(const char *expected)
{
    const struct sx_check_options options = {.format = SX_FORMAT_OPENMETRICS};
    assert_string_equal(render(SX_FORMAT_OPENMETRICS), expected);
    assert_int_equal(
        sx_exposition_check((struct sx_str){page.data, page.size}, &options, NULL, NULL), 0);
}

static void assert_has_bytes(const char *bytes, size_t size)
{
    assert_non_null(memmem(page.data, page.size, bytes, size));
}

#define ASSERT_HAS_BYTES(literal) assert_has_bytes(literal, sizeof(literal) - 1)

static const struct sx_label trace = {"trace_id", {"a\"b", 3}};

/* ---- what is shown ---- */

static int collect_counters(void *context, struct sx_collection *collection)
{
    const struct sx_str x = {"x", 1}, y = {"y", 1};
    const struct sx_label both[] = {{"trace_id", {"b", 1}}, {"span_id", {"", 0}}};
    (void)context;
    (void)sx_collection_add_family(collection, SX_COUNTER,
                                   OPTIONS(.name = "c", .labels = SX_LABELS("l")));
    (void)sx_collection_add_sample(collection, &x, 1, 7);
    (void)sx_collection_add_exemplar(collection, 1, NULL, 0, 1);
    assert_int_equal(sx_collection_add_exemplar(collection, 2.5, &trace, 1, 1700000000123), SX_OK);
    (void)sx_collection_add_sample(collection, &y, 1, 8);
    (void)sx_collection_add_exemplar(collection, 3, both, 2, 0);
    (void)sx_collection_add_family(collection, SX_COUNTER, OPTIONS(.name = "d"));
    (void)sx_collection_add_sample(collection, NULL, 0, 9);
    (void)sx_collection_set_timestamp(collection, 5);
    (void)sx_collection_add_exemplar(collection, 4, NULL, 0, 0);
    return 0;
}

static void test_counters_have_the_exemplar_that_was_added_last(void **state)
{
    (void)state;
    use(collect_counters);
    assert_openmetrics("# TYPE c counter\n"
                       "c_total{l=\"x\"} 7 # {trace_id=\"a\\\"b\"} 2.5 1700000000.123\n"
                       "c_total{l=\"y\"} 8 # {trace_id=\"b\",span_id=\"\"} 3\n"
                       "# TYPE d counter\n"
                       "d_total 9 0.005 # {} 4\n"
                       "# EOF\n");
    (void)render(SX_FORMAT_PROTOBUF);
    /* Counter.exemplar: label, value, timestamp of 1700000000 s and 123000000 ns */
    ASSERT_HAS_BYTES("\x12\x27"
                     "\x0A\x0F\x0A\x08trace_id\x12\x03"
                     "a\"b"
                     "\x11\x00\x00\x00\x00\x00\x00\x04\x40"
                     "\x1A\x0B\x08\x80\xE2\xCF\xAA\x06\x10\xC0\xA9\xD3\x3A");
    /* without a timestamp */
    ASSERT_HAS_BYTES("\x12\x25"
                     "\x0A\x0D\x0A\x08trace_id\x12\x01"
                     "b"
                     "\x0A\x0B\x0A\x07span_id\x12\x00"
                     "\x11\x00\x00\x00\x00\x00\x00\x08\x40");
}

static void test_text_has_no_exemplars(void **state)
{
    (void)state;
    use(collect_counters);
    assert_string_equal(render(SX_FORMAT_TEXT), "# TYPE c counter\nc{l=\"x\"} 7\nc{l=\"y\"} 8\n"
                                                "# TYPE d counter\nd 9 5\n");
    assert_string_equal(render(SX_FORMAT_TEXT_1_0_0),
                        "# TYPE c counter\nc{l=\"x\"} 7\nc{l=\"y\"} 8\n"
                        "# TYPE d counter\nd 9 5\n");
}

static int collect_histograms(void *context, struct sx_collection *collection)
{
    static const enum sx_metric_type types[] = {SX_HISTOGRAM, SX_GAUGE_HISTOGRAM};
    (void)context;
    for (size_t i = 0; i < 2; i++) {
        (void)sx_collection_add_family(collection, types[i],
                                       OPTIONS(.name = i == 0 ? "h" : "g", SX_BUCKETS(1, 2, 3)));
        (void)sx_collection_add_histogram(collection, NULL, 0, (const uint64_t[]){4, 1, 0, 1}, 9);
        (void)sx_collection_add_exemplar(collection, -.5, &trace, 1, 1000);
        (void)sx_collection_add_exemplar(collection, 1, NULL, 0, 2000); /* of the same bucket */
        (void)sx_collection_add_exemplar(collection, 2, NULL, 0, 3000);
        (void)sx_collection_add_exemplar(collection, (double)INFINITY, NULL, 0, 4000);
    }
    return 0;
}

static void test_an_exemplar_belongs_to_the_bucket_of_its_value(void **state)
{
    (void)state;
    use(collect_histograms);
    assert_openmetrics("# TYPE h histogram\n"
                       "h_bucket{le=\"1.0\"} 4 # {} 1 2.000\n"
                       "h_bucket{le=\"2.0\"} 5 # {} 2 3.000\n"
                       "h_bucket{le=\"3.0\"} 5\n"
                       "h_bucket{le=\"+Inf\"} 6 # {} +Inf 4.000\n"
                       "h_sum 9\n"
                       "h_count 6\n"
                       "# TYPE g gaugehistogram\n"
                       "g_bucket{le=\"1.0\"} 4 # {} 1 2.000\n"
                       "g_bucket{le=\"2.0\"} 5 # {} 2 3.000\n"
                       "g_bucket{le=\"3.0\"} 5\n"
                       "g_bucket{le=\"+Inf\"} 6 # {} +Inf 4.000\n"
                       "g_gsum 9\n"
                       "g_gcount 6\n"
                       "# EOF\n");
    (void)render(SX_FORMAT_PROTOBUF);
    /* Bucket: cumulative_count 5, upper_bound 2, exemplar of value 2 at 3 s */
    ASSERT_HAS_BYTES("\x1A\x1C\x08\x05\x11\x00\x00\x00\x00\x00\x00\x00\x40"
                     "\x1A\x0F\x11\x00\x00\x00\x00\x00\x00\x00\x40\x1A\x04\x08\x03\x10\x00");
}

static int collect_native(void *context, struct sx_collection *collection)
{
    static const struct sx_native_bucket buckets[] = {{0, 1}, {1, 1}};
    const struct sx_native_sample sample = {
        .schema = 0, .positive = buckets, .positive_count = 2, .sum = 3};
    (void)context;
    (void)sx_collection_add_family(collection, SX_HISTOGRAM,
                                   OPTIONS(.name = "n", .native = {.growth_factor = 2}));
    (void)sx_collection_add_native_histogram(collection, NULL, 0, &sample);
    (void)sx_collection_add_exemplar(collection, 2, NULL, 0, 2000);
    (void)sx_collection_add_exemplar(collection, 1, NULL, 0, 1000);
    return 0;
}

static void test_a_native_histogram_has_several(void **state)
{
    (void)state;
    use(collect_native);
    assert_openmetrics("# TYPE n histogram\n"
                       "n_bucket{le=\"+Inf\"} 2 # {} 2 2.000\n" /* the newest */
                       "n_sum 3\n"
                       "n_count 2\n"
                       "# EOF\n");
    (void)render(SX_FORMAT_PROTOBUF);
    /* Histogram.exemplars: field 16 */
    ASSERT_HAS_BYTES("\x82\x01\x0F\x11\x00\x00\x00\x00\x00\x00\x00\x40\x1A\x04\x08\x02\x10\x00");
    ASSERT_HAS_BYTES("\x82\x01\x0F\x11\x00\x00\x00\x00\x00\x00\xF0\x3F\x1A\x04\x08\x01\x10\x00");
}

/* ---- what is dropped ---- */

/* U+20AC has three bytes. With the name `n` there are 127 code points left. */
static char euros[3 * 128 + 1];

static void fill_euros(void)
{
    for (size_t i = 0; i < 128; i++) {
        memcpy(euros + 3 * i, "\xE2\x82\xAC", 3);
    }
}

static int collect_longest(void *context, struct sx_collection *collection)
{
    struct sx_label label = {"n", {euros, 3 * 127}};
    (void)context;
    (void)sx_collection_add_family(collection, SX_COUNTER, OPTIONS(.name = "c"));
    (void)sx_collection_add_sample(collection, NULL, 0, 1);
    (void)sx_collection_add_exemplar(collection, 1, &label, 1, 0);
    label.value.size += 3;
    (void)sx_collection_add_exemplar(collection, 1, &label, 1, 0);
    return 0;
}

static void test_labels_have_128_code_points_at_most(void **state)
{
    (void)state;
    char expected[600] = "c_total 1 # {n=\"";
    fill_euros();
    memcpy(expected + strlen(expected), euros, 3 * 127);
    strcat(expected, "\"} 1\n");
    use(collect_longest);
    assert_non_null(strstr(render(SX_FORMAT_OPENMETRICS), expected));
    assert_non_null(strstr(page.data, "\n" DROPPED "{family=\"c\"} 1\n"));
    assert_non_null(strstr(render(SX_FORMAT_TEXT), "\n" DROPPED "{family=\"c\"} 2\n"));
}

struct dropped {
    double value;
    struct sx_label labels[2];
    size_t count;
    int64_t timestamp_ms;
};

static const struct dropped of_counters[] = {
    {0, {{.name = NULL}}, 0, 1},
    {-1, {{.name = NULL}}, 0, 1},
    {(double)NAN, {{.name = NULL}}, 0, 1},
    {(double)INFINITY, {{.name = NULL}}, 0, 1},
    {1, {{.name = NULL}}, 0, -1},
    {1, {{.name = NULL}}, 1, 1},
    {1, {{"0", {"x", 1}}}, 1, 1},
    {1, {{"__a", {"x", 1}}}, 1, 1},
    {1, {{"a", {"\xFF", 1}}}, 1, 1},
    {1, {{"a", {NULL, 1}}}, 1, 1},
    {1, {{"a", {"x", 1}}, {"a", {"y", 1}}}, 2, 1},
    {1, {{"a", {"x", 1}}}, SX_LABELS_MAX + 1, 1},
};

static const struct dropped of_histograms[] = {
    {(double)NAN, {{.name = NULL}}, 0, 1},
    {1.5, {{.name = NULL}}, 0, 1}, /* the bucket has counted nothing */
    {1, {{"0", {"x", 1}}}, 1, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static void add_dropped(struct sx_collection *collection, const struct dropped *dropped,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sx_collection_add_exemplar(collection, dropped[i].value, dropped[i].labels,
                                                    dropped[i].count, dropped[i].timestamp_ms),
                         SX_OK);
    }
}

static int collect_dropped(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)sx_collection_add_family(collection, SX_COUNTER, OPTIONS(.name = "c"));
    (void)sx_collection_add_sample(collection, NULL, 0, 1);
    add_dropped(collection, of_counters, COUNT_OF(of_counters));
    (void)sx_collection_add_family(collection, SX_HISTOGRAM,
                                   OPTIONS(.name = "h", SX_BUCKETS(1, 2)));
    (void)sx_collection_add_histogram(collection, NULL, 0, (const uint64_t[]){1, 0, 1}, 4);
    add_dropped(collection, of_histograms, COUNT_OF(of_histograms));
    return 0;
}

static void test_an_exemplar_that_is_not_valid_is_dropped_and_counted(void **state)
{
    (void)state;
    use(collect_dropped);
    (void)render(SX_FORMAT_OPENMETRICS);
    assert_non_null(strstr(page.data, "\nc_total 1\n"));
    assert_non_null(strstr(page.data, "\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"2.0\"} 1\n"
                                      "h_bucket{le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(page.data, "\n" DROPPED "{family=\"c\"} 12\n"));
    assert_non_null(strstr(page.data, "\n" DROPPED "{family=\"h\"} 3\n"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counters_have_the_exemplar_that_was_added_last),
        TEST(test_text_has_no_exemplars),
        TEST(test_an_exemplar_belongs_to_the_bucket_of_its_value),
        TEST(test_a_native_histogram_has_several),
        TEST(test_labels_have_128_code_points_at_most),
        TEST(test_an_exemplar_that_is_not_valid_is_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
