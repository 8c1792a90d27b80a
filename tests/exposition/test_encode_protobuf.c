/* Delimited protobuf. The expected bytes are put together by hand, from metrics.proto and the
 * description of the encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/collector.h>
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

static void assert_bytes(const char *expected, size_t size)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_PROTOBUF), SX_OK);
    assert_int_equal(page.size, size);
    assert_memory_equal(page.data, expected, size);
}

static void test_an_empty_registry_is_no_bytes(void **state)
{
    (void)state;
    assert_bytes("", 0);
}

static void test_a_counter_is_a_family_with_its_full_name(void **state)
{
    (void)state;
    static const char expected[] =
        "\x2D" /* the message has 45 bytes */
        "\x0A\x03"
        "c_t" /* name = 1 */
        "\x12\x05"
        "Help."    /* help = 2 */
        "\x18\x00" /* type = 3: COUNTER */
        "\x22\x1D" /* metric = 4 */
        "\x0A\x08" /* label = 1 */
        "\x0A\x01"
        "a" /* name = 1 */
        "\x12\x03"
        "\"\n\\" /* value = 2, not escaped */
        "\x0A\x06"
        "\x0A\x01"
        "b"
        "\x12\x01"
        "y"
        "\x1A\x09"                              /* counter = 3 */
        "\x09\x00\x00\x00\x00\x00\x00\xF8\x3F"; /* value = 1: 1.5, little-endian */
    struct sx_counter_family *family = NULL;
    assert_int_equal(sx_counter_family_register(
                         &family, registry,
                         &(struct sx_metric_options){
                             .name = "c_t", .help = "Help.", .labels = SX_LABELS("a", "b")}),
                     SX_OK);
    sx_counter_add(sx_counter_with(family, "\"\n\\", "y"), 1.5);
    assert_bytes(expected, sizeof expected - 1);
}

static void test_a_histogram_has_cumulative_buckets_up_to_infinity(void **state)
{
    (void)state;
    static const double bounds[] = {2};
    struct sx_histogram *histogram = NULL;
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){
                                               .name = "h", .buckets = bounds, .bucket_count = 1}),
                     SX_OK);
    for (int i = 0; i < 300; i++) {
        sx_histogram_observe(histogram, 1);
    }
    static const char whole[] = "\x31" /* 3 + 2 + 2 + 42 bytes */
                                "\x0A\x01"
                                "h"            /* name = 1 */
                                "\x18\x04"     /* type = 3: HISTOGRAM */
                                "\x22\x2A"     /* metric = 4 */
                                "\x3A\x28"     /* histogram = 7 */
                                "\x08\xAC\x02" /* sample_count = 1: 300, a varint of two bytes */
                                "\x11\x00\x00\x00\x00\x00\xC0\x72\x40" /* sample_sum = 2: 300 */
                                "\x1A\x0C"                             /* bucket = 3 */
                                "\x08\xAC\x02"                         /* cumulative_count = 1 */
                                "\x11\x00\x00\x00\x00\x00\x00\x00\x40" /* upper_bound = 2: 2 */
                                "\x1A\x0C"
                                "\x08\xAC\x02"
                                "\x11\x00\x00\x00\x00\x00\x00\xF0\x7F"; /* +Inf */
    assert_bytes(whole, sizeof whole - 1);
}

/* A size above 127 needs a second byte, for which the message is moved. */
static void test_sizes_may_need_several_bytes(void **state)
{
    (void)state;
    char help[20001];
    struct sx_gauge *gauge = NULL;
    memset(help, 'x', sizeof help - 1);
    help[sizeof help - 1] = '\0';
    assert_int_equal(
        sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "g", .help = help}),
        SX_OK);
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_PROTOBUF), SX_OK);
    /* name 3, help 1 + 3 + 20000, type 2, metric 13 */
    static const char beginning[] = "\xB6\x9C\x01"
                                    "\x0A\x01"
                                    "g"
                                    "\x12\xA0\x9C\x01"
                                    "xxx";
    static const char end[] = "xxx"
                              "\x18\x01"
                              "\x22\x0B"
                              "\x12\x09"
                              "\x09\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_int_equal(page.size, 3 + 3 + 4 + 20000 + 2 + 13);
    assert_memory_equal(page.data, beginning, sizeof beginning - 1);
    assert_memory_equal(page.data + page.size - (sizeof end - 1), end, sizeof end - 1);
}

static int collect_summary(void *context, struct sx_collection *collection)
{
    static const struct sx_quantile quantile = {0.5, 1.25};
    (void)context;
    int status =
        sx_collection_add_family(collection, SX_SUMMARY, &(struct sx_metric_options){.name = "s"});
    if (status == SX_OK) {
        status = sx_collection_add_summary(
            collection, NULL, 0,
            &(struct sx_summary_sample){
                .sum = 6, .observations = 4, .quantiles = &quantile, .quantile_count = 1});
    }
    return status == SX_OK ? sx_collection_set_timestamp(collection, 12) : status;
}

static void test_a_summary_has_quantiles_and_a_metric_its_timestamp(void **state)
{
    (void)state;
    static const char expected[] = "\x2A" /* 3 + 2 + 2 + 35 bytes */
                                   "\x0A\x01"
                                   "s"                                    /* name = 1 */
                                   "\x18\x02"                             /* type = 3: SUMMARY */
                                   "\x22\x23"                             /* metric = 4 */
                                   "\x22\x1F"                             /* summary = 4 */
                                   "\x08\x04"                             /* sample_count = 1 */
                                   "\x11\x00\x00\x00\x00\x00\x00\x18\x40" /* sample_sum = 2: 6 */
                                   "\x1A\x12"                             /* quantile = 3 */
                                   "\x09\x00\x00\x00\x00\x00\x00\xE0\x3F" /* quantile = 1: 0.5 */
                                   "\x11\x00\x00\x00\x00\x00\x00\xF4\x3F" /* value = 2: 1.25 */
                                   "\x30\x0C";                            /* timestamp_ms = 6 */
    assert_int_equal(sx_collector_register(registry, collect_summary, NULL), SX_OK);
    assert_bytes(expected, sizeof expected - 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_empty_registry_is_no_bytes),
        CASE(test_a_counter_is_a_family_with_its_full_name),
        CASE(test_a_histogram_has_cumulative_buckets_up_to_infinity),
        CASE(test_sizes_may_need_several_bytes),
        CASE(test_a_summary_has_quantiles_and_a_metric_its_timestamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
