/* Collectors add samples of all types, with quantiles, native buckets, timestamps and exemplars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors.h"
#include "failing_allocation.h"
#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <sextant/collector.h>
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

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})
#define NATIVE .native = {.growth_factor = 2}
#define STR(text) ((struct sx_str){text, sizeof(text) - 1})

static const char *collected(sx_collect_fn *collect)
{
    assert_int_equal(sx_collector_register(registry, collect, NULL), SX_OK);
    return page_text(registry);
}

/* ---- what the page shows ---- */

static int add_summaries(void *context, struct sx_collection *collection)
{
    static const struct sx_quantile quantiles[] = {{0, 1}, {.5, 2.5}, {.99, NAN}, {1, -7}};
    const struct sx_summary_sample with = {
        .sum = 10, .observations = 4, .quantiles = quantiles, .quantile_count = 4};
    const struct sx_summary_sample without = {.sum = -1, .observations = 1};
    (void)context;
    (void)sx_collection_add_family(collection, SX_SUMMARY, OPTIONS(.name = "a"));
    (void)sx_collection_add_summary(collection, NULL, 0, &with);
    (void)sx_collection_add_family(collection, SX_SUMMARY,
                                   OPTIONS(.name = "b", .labels = SX_LABELS("l")));
    (void)sx_collection_add_summary(collection, &STR("x"), 1, &with);
    (void)sx_collection_add_summary(collection, &STR("y"), 1, &without);
    return 0;
}

static void test_summaries_have_quantiles(void **state)
{
    (void)state;
    const char *page = collected(add_summaries);
    assert_non_null(strstr(page, "# TYPE a summary\na{quantile=\"0\"} 1\na{quantile=\"0.5\"} 2.5\n"
                                 "a{quantile=\"0.99\"} NaN\na{quantile=\"1\"} -7\na_sum 10\n"
                                 "a_count 4\n"));
    assert_non_null(strstr(page, "b{l=\"x\",quantile=\"0\"} 1\n"));
    assert_non_null(strstr(page, "b_sum{l=\"x\"} 10\nb_count{l=\"x\"} 4\nb_sum{l=\"y\"} -1\n"));
}

static int add_others(void *context, struct sx_collection *collection)
{
    static const uint64_t buckets[] = {3, 1};
    (void)context;
    (void)sx_collection_add_family(collection, SX_GAUGE_HISTOGRAM,
                                   OPTIONS(.name = "g", SX_BUCKETS(1)));
    (void)sx_collection_add_histogram(collection, NULL, 0, buckets, -2.5);
    (void)sx_collection_add_family(collection, SX_INFO,
                                   OPTIONS(.name = "i_info", .labels = SX_LABELS("l")));
    (void)sx_collection_add_info(collection, &STR("x"), 1);
    (void)sx_collection_add_family(collection, SX_STATE_SET, OPTIONS(.name = "s"));
    (void)sx_collection_add_state(collection, STR("on"), true);
    (void)sx_collection_add_state(collection, STR("off"), false);
    (void)sx_collection_add_family(collection, SX_UNTYPED, OPTIONS(.name = "u"));
    (void)sx_collection_add_sample(collection, NULL, 0, -INFINITY);
    return 0;
}

static void test_all_types_can_be_collected(void **state)
{
    (void)state;
    const char *page = collected(add_others);
    assert_non_null(strstr(page, "# TYPE g histogram\n"));
    page_assert_line(page, "g_bucket{le=\"1\"} 3");
    page_assert_line(page, "g_bucket{le=\"+Inf\"} 4");
    page_assert_line(page, "g_sum -2.5");
    page_assert_line(page, "i_info{l=\"x\"} 1");
    page_assert_line(page, "s{s=\"on\"} 1");
    page_assert_line(page, "s{s=\"off\"} 0");
    page_assert_line(page, "# TYPE u untyped");
    page_assert_line(page, "u -Inf");
}

static int add_timestamps(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)sx_collection_add_family(collection, SX_GAUGE,
                                   OPTIONS(.name = "g", .labels = SX_LABELS("l")));
    (void)sx_collection_add_sample(collection, &STR("x"), 1, 1);
    (void)sx_collection_set_timestamp(collection, 1700000000123);
    (void)sx_collection_add_sample(collection, &STR("y"), 1, 2);
    (void)sx_collection_add_sample(collection, &STR("z"), 1, 3);
    (void)sx_collection_set_timestamp(collection, 5);
    (void)sx_collection_set_timestamp(collection, INT64_MAX);
    (void)sx_collection_add_family(collection, SX_HISTOGRAM, OPTIONS(.name = "h", SX_BUCKETS(1)));
    (void)sx_collection_add_histogram(collection, NULL, 0, (const uint64_t[]){1, 1}, 3);
    (void)sx_collection_set_timestamp(collection, 0);
    (void)sx_collection_add_family(collection, SX_STATE_SET, OPTIONS(.name = "s"));
    (void)sx_collection_add_state(collection, STR("a"), true);
    (void)sx_collection_add_state(collection, STR("b"), false);
    (void)sx_collection_set_timestamp(collection, 6);
    (void)sx_collection_add_state(collection, STR("c"), false);
    return 0;
}

static void test_samples_have_timestamps(void **state)
{
    (void)state;
    const char *page = collected(add_timestamps);
    assert_non_null(strstr(page, "g{l=\"x\"} 1 1700000000123\ng{l=\"y\"} 2\n"
                                 "g{l=\"z\"} 3 9223372036854775807\n"));
    assert_non_null(strstr(page, "h_bucket{le=\"1\"} 1 0\nh_bucket{le=\"+Inf\"} 2 0\nh_sum 3 0\n"
                                 "h_count 2 0\n"));
    assert_non_null(strstr(page, "s{s=\"a\"} 1 6\ns{s=\"b\"} 0 6\ns{s=\"c\"} 0 6\n"));
}

/* ---- native buckets ---- */

static const struct sx_native_bucket positive[] = {{-3, 2}, {0, 0}, {5, 1}};
static const struct sx_native_bucket negative[] = {{1, 4}};

static int add_natives(void *context, struct sx_collection *collection)
{
    const struct sx_native_sample sample = {.schema = 3,
                                            .zero_count = 7,
                                            .positive = positive,
                                            .positive_count = 3,
                                            .negative = negative,
                                            .negative_count = 1,
                                            .sum = 1.5};
    struct sx_native_sample both = sample;
    both.buckets = (const uint64_t[]){10, 4};
    both.zero_threshold = .25;
    (void)context;
    (void)sx_collection_add_family(collection, SX_HISTOGRAM, OPTIONS(.name = "a", NATIVE));
    (void)sx_collection_add_native_histogram(collection, NULL, 0, &sample);
    (void)sx_collection_add_family(collection, SX_HISTOGRAM,
                                   OPTIONS(.name = "b", NATIVE, SX_BUCKETS(1)));
    (void)sx_collection_add_native_histogram(collection, NULL, 0, &both);
    return 0;
}

static void test_histograms_have_native_buckets(void **state)
{
    (void)state;
    struct sx__collections collections;
    const char *page = collected(add_natives);
    page_assert_line(page, "a_bucket{le=\"+Inf\"} 14");
    page_assert_line(page, "a_count 14");
    page_assert_line(page, "b_bucket{le=\"1\"} 10");
    page_assert_line(page, "b_sum 1.5");
    assert_int_equal(sx__collectors_run(&collections, registry, NULL, 0), SX_OK);
    const struct sx__collected_family *family = collections.first->first;
    const struct sx__native_values *native = family->first->extra->native;
    assert_true(sx__has_native(family->family));
    assert_int_equal(native->schema, 3);
    assert_true(native->zero_threshold == 0x1p-128);
    assert_int_equal(native->zero_count, 7);
    assert_int_equal(native->positive.count, 2); /* not the empty one */
    assert_int_equal(native->positive.buckets[1].index, 5);
    assert_int_equal(native->positive.buckets[1].count, 1);
    assert_int_equal(native->negative.count, 1);
    assert_int_equal(native->count, 14);
    assert_true(native->sum == 1.5);
    assert_true(family->next->first->extra->native->zero_threshold == .25);
    sx__collections_clean_up(&collections);
}

/* ---- what is refused ---- */

struct attempt {
    enum sx_metric_type type;
    struct sx_metric_options options;
    int (*add)(struct sx_collection *collection);
    int status;
};

static int as_number(struct sx_collection *collection)
{
    return sx_collection_add_sample(collection, NULL, 0, .5);
}

static int as_histogram(struct sx_collection *collection)
{
    return sx_collection_add_histogram(collection, NULL, 0, (const uint64_t[]){1}, 1);
}

static int as_summary(struct sx_collection *collection)
{
    return sx_collection_add_summary(collection, NULL, 0, &(struct sx_summary_sample){.sum = 1});
}

static int as_nan_summary(struct sx_collection *collection)
{
    return sx_collection_add_summary(collection, NULL, 0, &(struct sx_summary_sample){.sum = NAN});
}

static int as_no_summary(struct sx_collection *collection)
{
    return sx_collection_add_summary(collection, NULL, 0, NULL);
}

static int with_quantiles(struct sx_collection *collection, const struct sx_quantile *quantiles,
                          size_t count)
{
    const struct sx_summary_sample sample = {.quantiles = quantiles, .quantile_count = count};
    return sx_collection_add_summary(collection, NULL, 0, &sample);
}

static int with_falling_quantiles(struct sx_collection *collection)
{
    return with_quantiles(collection, (const struct sx_quantile[]){{.5, 1}, {.5, 1}}, 2);
}

static int with_large_quantile(struct sx_collection *collection)
{
    return with_quantiles(collection, (const struct sx_quantile[]){{1.5, 1}}, 1);
}

static int with_nan_quantile(struct sx_collection *collection)
{
    return with_quantiles(collection, (const struct sx_quantile[]){{NAN, 1}}, 1);
}

static int with_null_quantiles(struct sx_collection *collection)
{
    return with_quantiles(collection, NULL, 1);
}

static int with_many_quantiles(struct sx_collection *collection)
{
    struct sx_quantile quantiles[SX_QUANTILES_MAX + 1];
    for (size_t i = 0; i <= SX_QUANTILES_MAX; i++) {
        quantiles[i] = (struct sx_quantile){(double)i / 100, 1};
    }
    return with_quantiles(collection, quantiles, SX_QUANTILES_MAX + 1);
}

static int as_info(struct sx_collection *collection)
{
    return sx_collection_add_info(collection, NULL, 0);
}

static int as_state(struct sx_collection *collection)
{
    return sx_collection_add_state(collection, STR("x"), true);
}

static int as_state_twice(struct sx_collection *collection)
{
    (void)sx_collection_add_state(collection, STR("x"), true);
    return sx_collection_add_state(collection, STR("x"), false);
}

static int as_native(struct sx_collection *collection)
{
    return sx_collection_add_native_histogram(collection, NULL, 0, &(struct sx_native_sample){0});
}

static int as_fine_native(struct sx_collection *collection)
{
    return sx_collection_add_native_histogram(collection, NULL, 0,
                                              &(struct sx_native_sample){.schema = 9});
}

static int as_nan_native(struct sx_collection *collection)
{
    return sx_collection_add_native_histogram(collection, NULL, 0,
                                              &(struct sx_native_sample){.zero_threshold = NAN});
}

static int as_no_native(struct sx_collection *collection)
{
    return sx_collection_add_native_histogram(collection, NULL, 0, NULL);
}

static int as_unsorted_native(struct sx_collection *collection)
{
    static const struct sx_native_bucket unsorted[] = {{1, 1}, {1, 1}};
    return sx_collection_add_native_histogram(
        collection, NULL, 0, &(struct sx_native_sample){.negative = unsorted, .negative_count = 2});
}

static int as_large_native(struct sx_collection *collection)
{
    return sx_collection_add_native_histogram(
        collection, NULL, 0,
        &(struct sx_native_sample){.positive = positive, .positive_count = SX_NATIVE_SIDE_MAX + 1});
}

static int with_early_timestamp(struct sx_collection *collection)
{
    return sx_collection_set_timestamp(collection, 1);
}

static int with_negative_timestamp(struct sx_collection *collection)
{
    (void)sx_collection_add_sample(collection, NULL, 0, 1);
    return sx_collection_set_timestamp(collection, -1);
}

static int exemplar_of_number(struct sx_collection *collection)
{
    (void)sx_collection_add_sample(collection, NULL, 0, .5);
    return sx_collection_add_exemplar(collection, .5, NULL, 0, 1);
}

static int exemplar_of_histogram(struct sx_collection *collection)
{
    (void)as_histogram(collection);
    return sx_collection_add_exemplar(collection, 1, NULL, 0, 1);
}

static int exemplar_of_summary(struct sx_collection *collection)
{
    (void)as_summary(collection);
    return sx_collection_add_exemplar(collection, 1, NULL, 0, 1);
}

static int exemplar_of_nothing(struct sx_collection *collection)
{
    return sx_collection_add_exemplar(collection, 1, NULL, 0, 1);
}

static const char *const one_label[] = {"l", NULL};

static const struct attempt attempts[] = {
    {SX_GAUGE, {.name = "x"}, as_number, SX_OK},
    {SX_GAUGE, {.name = "x"}, as_histogram, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, as_summary, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, as_info, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, as_state, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, as_native, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, with_early_timestamp, SX_ESTATE},
    {SX_GAUGE, {.name = "x"}, with_negative_timestamp, SX_EINVAL},
    {SX_GAUGE, {.name = "x"}, exemplar_of_number, SX_EINVAL},
    {SX_COUNTER, {.name = "x"}, exemplar_of_number, SX_OK},
    {SX_COUNTER, {.name = "x"}, exemplar_of_nothing, SX_ESTATE},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, exemplar_of_histogram, SX_OK},
    {SX_SUMMARY, {.name = "x"}, exemplar_of_summary, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, as_number, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, as_histogram, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, as_summary, SX_OK},
    {SX_SUMMARY, {.name = "x", SX_QUANTILES(.5)}, NULL, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, as_nan_summary, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, as_no_summary, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, with_falling_quantiles, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, with_large_quantile, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, with_nan_quantile, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, with_null_quantiles, SX_EINVAL},
    {SX_SUMMARY, {.name = "x"}, with_many_quantiles, SX_EINVAL},
    {SX_INFO, {.name = "x_info"}, as_number, SX_EINVAL},
    {SX_INFO, {.name = "x_info"}, as_info, SX_OK},
    {SX_INFO, {.name = "x"}, NULL, SX_ENAME},
    {SX_STATE_SET, {.name = "x"}, as_state, SX_OK},
    {SX_STATE_SET, {.name = "x"}, as_state_twice, SX_EEXIST},
    {SX_STATE_SET, {.name = "x"}, as_number, SX_EVALUES},
    {SX_STATE_SET, {.name = "x", .labels = one_label}, NULL, SX_EINVAL},
    {SX_GAUGE_HISTOGRAM, {.name = "x", NATIVE}, NULL, SX_EINVAL},
    {SX_GAUGE_HISTOGRAM, {.name = "x"}, as_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x"}, as_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_native, SX_OK},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_histogram, SX_OK},
    {SX_HISTOGRAM, {.name = "x", NATIVE, SX_BUCKETS(1)}, as_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_fine_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_nan_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_no_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_unsorted_native, SX_EINVAL},
    {SX_HISTOGRAM, {.name = "x", NATIVE}, as_large_native, SX_EINVAL},
    {(enum sx_metric_type)(SX_GAUGE_HISTOGRAM + 1), {.name = "x"}, NULL, SX_EINVAL},
};

static int try(void *context, struct sx_collection *collection)
{
    const struct attempt *attempt = context;
    int status = sx_collection_add_family(collection, attempt->type, &attempt->options);
    if (attempt->add != NULL) {
        assert_int_equal(status, SX_OK);
        status = attempt->add(collection);
    }
    if (status != attempt->status) {
        fail_msg("attempt %d: %d instead of %d", (int)(attempt - attempts), status,
                 attempt->status);
    }
    return 0;
}

static void test_samples_that_do_not_fit_the_family_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        void *context = (void *)(uintptr_t)&attempts[i];
        assert_int_equal(sx_collector_register(registry, try, context), SX_OK);
        const char *page = page_text(registry);
        assert_true((strstr(page, "# TYPE x") != NULL) == (attempts[i].status == SX_OK));
        assert_int_equal(sx_collector_unregister(registry, try, context), 1);
    }
}

static int add_before_a_family(void *context, struct sx_collection *collection)
{
    static int (*const adding[])(struct sx_collection * collection) = {
        as_info,      as_summary,           as_native,          as_state,
        as_histogram, with_early_timestamp, exemplar_of_nothing};
    unsigned *number = context;
    assert_int_equal(adding[*number](collection), SX_ESTATE);
    ++*number;
    return 0;
}

static void test_a_family_comes_first(void **state)
{
    (void)state;
    unsigned number = 0;
    assert_int_equal(sx_collector_register(registry, add_before_a_family, &number), SX_OK);
    while (number < 7) {
        (void)page_text(registry);
    }
    assert_int_equal(sx_collection_add_info(NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(as_summary(NULL), SX_EINVAL);
    assert_int_equal(as_native(NULL), SX_EINVAL);
    assert_int_equal(as_histogram(NULL), SX_EINVAL);
    assert_int_equal(as_state(NULL), SX_EINVAL);
    assert_int_equal(sx_collection_set_timestamp(NULL, 1), SX_EINVAL);
    assert_int_equal(exemplar_of_nothing(NULL), SX_EINVAL);
}

static int add_exemplars(void *context, struct sx_collection *collection)
{
    static const struct sx_label valid = {"a", {"x", 1}}, invalid = {"0", {"x", 1}};
    (void)context;
    (void)sx_collection_add_family(collection, SX_COUNTER, OPTIONS(.name = "c_total"));
    (void)sx_collection_add_sample(collection, NULL, 0, 1);
    (void)sx_collection_add_exemplar(collection, 1, &valid, 1, 1);
    (void)sx_collection_add_exemplar(collection, 1, &invalid, 1, 1);
    (void)sx_collection_add_family(collection, SX_HISTOGRAM, OPTIONS(.name = "h", SX_BUCKETS(1)));
    (void)sx_collection_add_histogram(collection, NULL, 0, (const uint64_t[]){1, 1}, 3);
    (void)sx_collection_add_exemplar(collection, 1, &valid, 1, 1);
    (void)sx_collection_add_exemplar(collection, 1, &valid, 1, 2);
    (void)sx_collection_add_exemplar(collection, 2, &valid, 1, 2);
    return 0;
}

/* After some successes, one allocation fails. Returns whether it was reached. */
static bool scrape_without(long successes)
{
    struct sx__collections collections;
    fail_one_allocation(successes);
    const int status = sx__collectors_run(&collections, registry, NULL, 0);
    const bool has_failed = end_failing_allocations();
    assert_true(status == SX_OK || (status == SX_ENOMEM && has_failed));
    sx__collections_clean_up(&collections);
    return has_failed;
}

/* Each allocation of a scrape fails once: nothing leaks, and the collector is there or not. */
static void test_a_scrape_without_memory_leaks_nothing(void **state)
{
    (void)state;
    static sx_collect_fn *const all[] = {add_summaries, add_others, add_natives, add_timestamps,
                                         add_exemplars};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(sx_collector_register(registry, all[i], NULL), SX_OK);
        /* What the registry keeps about failures is allocated once, so the first round is not
         * judged. */
        for (long successes = 0; scrape_without(successes); successes++) {
        }
        bool has_failed = true;
        for (long successes = 0; has_failed; successes++) {
            const long live = allocations_live();
            has_failed = scrape_without(successes);
            if (allocations_live() != live) {
                fail_msg("collector %zu, allocation %ld: %ld, not %ld", i, successes,
                         allocations_live(), live);
            }
        }
        assert_int_equal(sx_collector_unregister(registry, all[i], NULL), 1);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_summaries_have_quantiles),
        TEST(test_all_types_can_be_collected),
        TEST(test_samples_have_timestamps),
        TEST(test_histograms_have_native_buckets),
        TEST(test_samples_that_do_not_fit_the_family_are_refused),
        TEST(test_a_family_comes_first),
        TEST(test_a_scrape_without_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
