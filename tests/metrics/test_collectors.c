/* Collectors add families during a scrape; one that fails is left out. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"
#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how often memory is compared ---- */

static unsigned long comparisons;

int __real_memcmp(const void *a, const void *b, size_t size);
int __wrap_memcmp(const void *a, const void *b, size_t size);
int __wrap_memcmp(const void *a, const void *b, size_t size)
{
    comparisons++;
    return __real_memcmp(a, b, size);
}

/* ---- fixture ---- */

static struct sx_registry *registry;
static const char *text;
static char logged[512];
static unsigned logged_count;

static void log_line(void *context, const char *message)
{
    assert_ptr_equal(context, &registry);
    snprintf(logged, sizeof logged, "%s", message);
    logged_count++;
}

static int set_up(void **state)
{
    (void)state;
    logged_count = 0;
    logged[0] = '\0';
    int status = sx_registry_new(&registry, NULL);
    if (status == SX_OK) {
        sx_registry_set_log(registry, log_line, &registry);
    }
    return status;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static const char *render(void)
{
    text = page_text(registry);
    return text;
}

#define STR(literal) ((struct sx_str){literal, sizeof(literal) - 1})

static int family(struct sx_collection *collection, enum sx_metric_type type, const char *name)
{
    struct sx_metric_options options = {.name = name, .help = "Help."};
    return sx_collection_add_family(collection, type, &options);
}

static int labelled(struct sx_collection *collection, enum sx_metric_type type, const char *name)
{
    struct sx_metric_options options = {
        .name = name, .help = "Help.", .labels = SX_LABELS("a", "b")};
    return sx_collection_add_family(collection, type, &options);
}

static void use(sx_collect_fn *collect)
{
    assert_int_equal(sx_collector_register(registry, collect, &registry), SX_OK);
}

/* ---- what a collector writes ---- */

static int collect_all_types(void *context, struct sx_collection *collection)
{
    static const uint64_t buckets[] = {1, 0, 3};
    static const struct sx_str values[] = {{"x\"\n\\", 4}, {"", 0}};
    assert_ptr_equal(context, &registry);
    assert_int_equal(family(collection, SX_COUNTER, "c_total"), SX_OK);
    assert_int_equal(sx_collection_add_sample(collection, NULL, 0, 4503599627370497.0), SX_OK);
    assert_int_equal(labelled(collection, SX_GAUGE, "g"), SX_OK);
    assert_int_equal(sx_collection_add_sample(collection, values, 2, NAN), SX_OK);
    assert_int_equal(sx_collection_add_sample(
                         collection, (const struct sx_str[]){STR("\xFF"), STR("y")}, 2, -0.5),
                     SX_OK);
    struct sx_metric_options options = {
        .name = "h", .help = "Help.", .labels = SX_LABELS("l"), SX_BUCKETS(0.5, 1)};
    assert_int_equal(sx_collection_add_family(collection, SX_HISTOGRAM, &options), SX_OK);
    assert_int_equal(sx_collection_add_histogram(collection, &STR("v"), 1, buckets, 7.5), SX_OK);
    return 0;
}

static void test_a_collector_adds_families_of_all_types(void **state)
{
    (void)state;
    struct sx_gauge *first = NULL;
    struct sx_metric_options options = {.name = "first", .help = "F."};
    assert_int_equal(sx_gauge_register(&first, registry, &options), SX_OK);
    use(collect_all_types);
    static const char expected[] = "# HELP first F.\n# TYPE first gauge\nfirst 0\n"
                                   "# HELP c_total Help.\n# TYPE c_total counter\n"
                                   "c_total 4503599627370497\n"
                                   "# HELP g Help.\n# TYPE g gauge\n"
                                   "g{a=\"x\\\"\\n\\\\\",b=\"\"} NaN\n"
                                   "g{a=\"\xEF\xBF\xBD\",b=\"y\"} -0.5\n"
                                   "# HELP h Help.\n# TYPE h histogram\n"
                                   "h_bucket{l=\"v\",le=\"0.5\"} 1\n"
                                   "h_bucket{l=\"v\",le=\"1\"} 1\n"
                                   "h_bucket{l=\"v\",le=\"+Inf\"} 4\n"
                                   "h_sum{l=\"v\"} 7.5\n"
                                   "h_count{l=\"v\"} 4\n";
    assert_string_equal(render(), expected);
    assert_string_equal(render(), expected); /* a scrape leaves nothing behind */
    assert_int_equal(logged_count, 0);
}

static int collect_many(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)labelled(collection, SX_GAUGE, "many");
    for (unsigned i = 0; i < 200; i++) {
        char value[16];
        int size = snprintf(value, sizeof value, "%u", i);
        const struct sx_str values[] = {{value, (size_t)size}, STR("")};
        (void)sx_collection_add_sample(collection, values, 2, i);
    }
    return 0;
}

static void test_a_family_may_have_many_samples(void **state)
{
    (void)state;
    use(collect_many);
    const char *at = render();
    unsigned lines = 0;
    for (; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    assert_int_equal(lines, 202);
    assert_non_null(strstr(text, "\nmany{a=\"0\",b=\"\"} 0\n"));
    assert_non_null(strstr(text, "\nmany{a=\"199\",b=\"\"} 199\n"));
}

/* ---- many families ---- */

/* Adds as many families as *context says, of all types. */
static int collect_families(void *context, struct sx_collection *collection)
{
    static const uint64_t buckets[15];
    const unsigned *count = context;
    for (unsigned i = 0; i < *count; i++) {
        char name[32];
        snprintf(name, sizeof name, "collected_%u_%s", i, i % 3 == 0 ? "total" : "bytes");
        assert_int_equal(family(collection, (enum sx_metric_type)(i % 3), name), SX_OK);
        if (i % 3 == SX_HISTOGRAM) {
            assert_int_equal(sx_collection_add_histogram(collection, NULL, 0, buckets, 0), SX_OK);
        } else {
            assert_int_equal(sx_collection_add_sample(collection, NULL, 0, i), SX_OK);
        }
    }
    return 0;
}

static void register_gauges(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        struct sx_gauge *gauge = NULL;
        struct sx_metric_options options = {.name = name, .help = "Help."};
        snprintf(name, sizeof name, "registered_%u", i);
        assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
    }
}

static size_t count_of(const struct sx_page *page, const char *wanted)
{
    const size_t size = strlen(wanted);
    const char *end = page->data + page->size;
    size_t count = 0;
    const char *at = page->data;
    while ((at = memmem(at, (size_t)(end - at), wanted, size)) != NULL) {
        at += size;
        count++;
    }
    return count;
}

static void test_each_family_is_compared_with_few_others(void **state)
{
    (void)state;
    enum { REGISTERED = 500, COLLECTED = 8000 };
    struct sx_page own = {0};
    unsigned count = 0;
    register_gauges(REGISTERED);
    assert_int_equal(sx_collector_register(registry, collect_families, &count), SX_OK);
    for (count = 1000; count <= COLLECTED; count *= 8) {
        comparisons = 0;
        assert_int_equal(sx_page_render(&own, registry, SX_FORMAT_TEXT), SX_OK);
        assert_in_range(comparisons, 0, 40ul * (REGISTERED + count));
        assert_int_equal(count_of(&own, "# TYPE registered_"), REGISTERED);
        assert_int_equal(count_of(&own, "# TYPE collected_"), count);
    }
    assert_int_equal(logged_count, 0);
    sx_page_clean_up(&own);
}

static int collect_the_last_again(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_HISTOGRAM, "collected_998_bytes");
}

static int collect_a_sample_of_the_first(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_GAUGE, "collected_2_bytes_sum");
}

static void test_a_name_is_found_among_many(void **state)
{
    (void)state;
    unsigned count = 1000;
    assert_int_equal(sx_collector_register(registry, collect_families, &count), SX_OK);
    use(collect_the_last_again);
    use(collect_a_sample_of_the_first);
    (void)render();
    assert_int_equal(logged_count, 2);
    assert_non_null(strstr(render(), "sextant_collector_failures_total{error=\"SX_EEXIST\"} "));
    assert_non_null(strstr(text, "sextant_collector_failures_total{error=\"SX_ECLASH\"} "));
}

static int collect_names_and_fail(void *context, struct sx_collection *collection)
{
    (void)collect_families(context, collection);
    return SX_ESYSTEM;
}

static void test_names_of_a_collector_that_fails_are_free_for_the_next(void **state)
{
    (void)state;
    unsigned count = 100;
    assert_int_equal(sx_collector_register(registry, collect_names_and_fail, &count), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect_families, &count), SX_OK);
    (void)render();
    assert_int_equal(logged_count, 1);
    assert_non_null(strstr(text, "\ncollected_0_total 0\n"));
    assert_non_null(strstr(text, "\ncollected_97_bytes 97\n"));
}

static double give_one(void *context)
{
    (void)context;
    return 1;
}

static const struct sx_metric_options moved = {.name = "moved", .help = "M."};

static void *register_callback_again(void *unused)
{
    assert_int_equal(sx_callback_unregister(registry, "moved"), 1);
    assert_int_equal(sx_gauge_register_callback(registry, &moved, give_one, NULL), SX_OK);
    return unused;
}

static void *register_gauge_instead(void *unused)
{
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_callback_unregister(registry, "moved"), 1);
    assert_int_equal(sx_gauge_register(&gauge, registry, &moved), SX_OK);
    return unused;
}

/* While this collector runs, another thread does something. */
static int let_another_thread(void *context, struct sx_collection *collection)
{
    void *(**act)(void *) = context;
    pthread_t thread;
    (void)collection;
    if (*act != NULL) {
        assert_int_equal(pthread_create(&thread, NULL, *act, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        *act = NULL;
    }
    return 0;
}

static void render_while(void *(*act)(void *))
{
    assert_int_equal(sx_gauge_register_callback(registry, &moved, give_one, NULL), SX_OK);
    assert_int_equal(sx_collector_register(registry, let_another_thread, &act), SX_OK);
    const char *first = strstr(render(), "# TYPE moved gauge\nmoved ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE moved"));
    assert_int_equal(sx_collector_unregister(registry, let_another_thread, &act), 1);
}

static void test_a_callback_that_is_registered_again_during_a_scrape_is_shown_once(void **state)
{
    (void)state;
    render_while(register_callback_again);
}

static void test_a_callback_that_becomes_a_gauge_during_a_scrape_is_shown_once(void **state)
{
    (void)state;
    render_while(register_gauge_instead);
}

static double give_seven(void *context)
{
    (void)context;
    return 7;
}

static int take_the_name_of_a_callback(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_HISTOGRAM, "called");
}

static void test_a_callback_keeps_its_name(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "called_sum", .help = "Help."};
    for (int before = 0; before < 2; before++) {
        if (before == 1) {
            use(take_the_name_of_a_callback);
        }
        assert_int_equal(sx_gauge_register_callback(registry, &options, give_seven, NULL), SX_OK);
        if (before == 0) {
            use(take_the_name_of_a_callback);
        }
        (void)render();
        assert_non_null(strstr(text, "\ncalled_sum 7\n"));
        assert_int_equal(logged_count, 1);
        assert_non_null(strstr(logged, "SX_ECLASH"));
        (void)tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
    }
}

/* ---- registering ---- */

static int collect_nothing(void *context, struct sx_collection *collection)
{
    (void)collection;
    (void)context;
    return 0;
}

static void test_a_collector_is_known_by_its_function_and_context(void **state)
{
    (void)state;
    int one = 1;
    int two = 2;
    assert_int_equal(sx_collector_register(registry, NULL, &one), SX_EINVAL);
    assert_int_equal(sx_collector_unregister(registry, NULL, &one), SX_EINVAL);
    assert_int_equal(sx_collector_unregister(registry, collect_nothing, &one), 0);
    assert_int_equal(sx_collector_register(registry, collect_nothing, &one), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect_nothing, &one), SX_EEXIST);
    assert_int_equal(sx_collector_register(registry, collect_nothing, &two), SX_OK);
    assert_int_equal(sx_collector_unregister(registry, collect_nothing, &one), 1);
    assert_int_equal(sx_collector_unregister(registry, collect_nothing, &one), 0);
    assert_int_equal(sx_collector_unregister(registry, collect_nothing, &two), 1);
    assert_string_equal(render(), "");
}

/* ---- what is wrong with a collector ---- */

static int give_an_error(void *context, struct sx_collection *collection)
{
    (void)context;
    assert_int_equal(family(collection, SX_GAUGE, "failing"), SX_OK);
    assert_int_equal(sx_collection_add_sample(collection, NULL, 0, 1), SX_OK);
    return SX_ESYSTEM;
}

static int fail_with_no_status(void *context, struct sx_collection *collection)
{
    (void)collection;
    (void)context;
    return 7;
}

static int repeat_a_series(void *context, struct sx_collection *collection)
{
    const struct sx_str values[] = {STR("\xFF"), STR("y")};
    const struct sx_str same[] = {STR("\xFE"), STR("y")};
    (void)context;
    assert_int_equal(labelled(collection, SX_GAUGE, "repeating"), SX_OK);
    assert_int_equal(sx_collection_add_sample(collection, values, 2, 1), SX_OK);
    assert_int_equal(sx_collection_add_sample(collection, same, 2, 1), SX_EEXIST);
    return 0; /* it does not even notice */
}

static int repeat_a_family(void *context, struct sx_collection *collection)
{
    (void)context;
    assert_int_equal(family(collection, SX_GAUGE, "repeated"), SX_OK);
    assert_int_equal(family(collection, SX_COUNTER, "repeated"), SX_EEXIST);
    assert_int_equal(family(collection, SX_COUNTER, "fine"), SX_EEXIST);
    return 0;
}

static int clash_with_itself(void *context, struct sx_collection *collection)
{
    (void)context;
    assert_int_equal(family(collection, SX_HISTOGRAM, "own"), SX_OK);
    assert_int_equal(family(collection, SX_GAUGE, "own_count"), SX_ECLASH);
    return 0;
}

static int take_a_registered_name(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_GAUGE, "stands");
}

static int take_a_registered_suffix(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_COUNTER, "stands_total");
}

static int have_a_bad_name(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, SX_GAUGE, "no-name");
}

static int have_no_family(void *context, struct sx_collection *collection)
{
    (void)context;
    return sx_collection_add_sample(collection, NULL, 0, 1);
}

static int have_too_few_values(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)labelled(collection, SX_GAUGE, "g");
    return sx_collection_add_sample(collection, &STR("x"), 1, 1);
}

static int have_values_of_nothing(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)labelled(collection, SX_GAUGE, "g");
    return sx_collection_add_sample(collection, (const struct sx_str[]){STR("x"), {NULL, 1}}, 2, 1);
}

static int count_backwards(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)family(collection, SX_COUNTER, "c");
    return sx_collection_add_sample(collection, NULL, 0, -1);
}

static int count_nothing(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)family(collection, SX_COUNTER, "c");
    return sx_collection_add_sample(collection, NULL, 0, NAN);
}

static int have_no_buckets(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)family(collection, SX_HISTOGRAM, "h");
    return sx_collection_add_sample(collection, NULL, 0, 1);
}

static int have_buckets_of_nothing(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)family(collection, SX_HISTOGRAM, "h");
    return sx_collection_add_histogram(collection, NULL, 0, NULL, 1);
}

static int have_a_sum_that_is_nan(void *context, struct sx_collection *collection)
{
    static const uint64_t buckets[2];
    const struct sx_metric_options options = {.name = "h", .help = "Help.", SX_BUCKETS(1)};
    (void)context;
    assert_int_equal(sx_collection_add_family(collection, SX_HISTOGRAM, &options), SX_OK);
    return sx_collection_add_histogram(collection, NULL, 0, buckets, NAN);
}

static int have_buckets_on_a_gauge(void *context, struct sx_collection *collection)
{
    static const uint64_t buckets[1];
    (void)context;
    (void)family(collection, SX_GAUGE, "g");
    return sx_collection_add_histogram(collection, NULL, 0, buckets, 1);
}

static int have_buckets_of_nothing_after_an_error(void *context, struct sx_collection *collection)
{
    (void)context;
    assert_int_equal(family(collection, SX_HISTOGRAM, "no-name"), SX_ENAME);
    assert_int_equal(sx_collection_add_histogram(collection, NULL, 0, NULL, 1), SX_ENAME);
    return 0;
}

static int have_an_unknown_type(void *context, struct sx_collection *collection)
{
    (void)context;
    return family(collection, (enum sx_metric_type)9, "g");
}

static int have_no_options(void *context, struct sx_collection *collection)
{
    (void)context;
    return sx_collection_add_family(collection, SX_GAUGE, NULL);
}

static int collect_good(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)family(collection, SX_GAUGE, "good");
    return sx_collection_add_sample(collection, NULL, 0, 1);
}

static int collect_good_again(void *context, struct sx_collection *collection)
{
    return collect_good(context, collection);
}

static const struct {
    sx_collect_fn *collect;
    const char *error;
} faults[] = {
    {give_an_error, "SX_ESYSTEM"},
    {fail_with_no_status, "SX_EUNKNOWN"},
    {repeat_a_series, "SX_EEXIST"},
    {repeat_a_family, "SX_EEXIST"},
    {clash_with_itself, "SX_ECLASH"},
    {take_a_registered_name, "SX_EEXIST"},
    {take_a_registered_suffix, "SX_ECLASH"},
    {have_a_bad_name, "SX_ENAME"},
    {have_no_family, "SX_ESTATE"},
    {have_too_few_values, "SX_EVALUES"},
    {have_values_of_nothing, "SX_EINVAL"},
    {count_backwards, "SX_EINVAL"},
    {count_nothing, "SX_EINVAL"},
    {have_no_buckets, "SX_EINVAL"},
    {have_buckets_of_nothing, "SX_EINVAL"},
    {have_a_sum_that_is_nan, "SX_EINVAL"},
    {have_buckets_on_a_gauge, "SX_EINVAL"},
    {have_buckets_of_nothing_after_an_error, "SX_ENAME"},
    {have_an_unknown_type, "SX_EINVAL"},
    {have_no_options, "SX_EINVAL"},
    {collect_good_again, NULL}, /* only because it is alone with the name */
};

static void test_a_collector_at_fault_is_left_out_and_the_rest_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct sx_gauge *stands = NULL;
        struct sx_metric_options options = {.name = "stands", .help = "S."};
        assert_int_equal(sx_gauge_register(&stands, registry, &options), SX_OK);
        use(faults[i].collect);
        if (faults[i].error != NULL) {
            use(collect_good);
        }
        (void)render();
        assert_non_null(strstr(text, "\nstands 0\n"));
        assert_non_null(strstr(text, "\ngood 1\n"));
        assert_int_equal(logged_count, faults[i].error != NULL);
        if (faults[i].error != NULL) {
            char line[128];
            snprintf(line, sizeof line, "sextant_collector_failures_total{error=\"%s\"} ",
                     faults[i].error);
            assert_non_null(strstr(logged, faults[i].error));
            assert_non_null(strstr(render(), line));
            assert_null(strstr(text, "repeat"));
            assert_null(strstr(text, "failing"));
        }
        (void)tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
    }
}

static void test_of_two_collectors_with_one_name_the_first_is_on_the_page(void **state)
{
    (void)state;
    use(collect_good);
    use(collect_good_again);
    (void)render();
    assert_non_null(strstr(text, "\ngood 1\n"));
    assert_null(strstr(strstr(text, "\ngood 1\n") + 2, "good"));
    assert_non_null(strstr(logged, "SX_EEXIST"));
}

static void test_the_log_says_which_metric_and_why(void **state)
{
    (void)state;
    use(repeat_a_series);
    (void)render();
    assert_string_equal(logged,
                        "a collector was left out of the page: SX_EEXIST: the name or series "
                        "exists already; its last family: repeating");
    sx_registry_set_log(registry, NULL, NULL);
    (void)render();
    assert_int_equal(logged_count, 1);
}

/* A client that scrapes in a loop makes the collector fail each time. */
static void test_a_collector_that_always_fails_does_not_fill_the_log(void **state)
{
    (void)state;
    use(repeat_a_series);
    for (int i = 0; i < 100; i++) {
        (void)render();
    }
    assert_in_range(logged_count, 10, 21); /* the ten seconds may have ended once */
}

/* ---- at the side ---- */

static struct sx_counter_family *updated;

static int update_metrics(void *context, struct sx_collection *collection)
{
    (void)collection;
    (void)context;
    sx_counter_inc(sx_counter_with(updated, "seen"));
    return 0;
}

static void test_what_a_collector_updates_is_on_the_same_page(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "u_total", .help = "U.", .labels = SX_LABELS("l")};
    assert_int_equal(sx_counter_family_register(&updated, registry, &options), SX_OK);
    use(update_metrics);
    assert_non_null(strstr(render(), "u_total{l=\"seen\"} 1\n"));
}

static int unregister_itself(void *context, struct sx_collection *collection)
{
    (void)collection;
    assert_int_equal(sx_collector_unregister(registry, unregister_itself, context), SX_ESTATE);
    assert_int_equal(sx_collector_register(registry, collect_nothing, context), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect_nothing, context), SX_EEXIST);
    return 0;
}

static void test_a_collector_cannot_unregister_but_can_register(void **state)
{
    (void)state;
    use(unregister_itself);
    assert_string_equal(render(), "");
    assert_int_equal(sx_collector_unregister(registry, collect_nothing, &registry), 1);
}

static void test_a_page_without_memory_is_an_error_or_is_whole(void **state)
{
    (void)state;
    struct sx_page own = {0};
    use(collect_many);
    unsigned errors = 0;
    unsigned left_out = 0;
    unsigned whole = 0;
    for (long i = 0; whole < 3; i++) {
        fail_one_allocation(i);
        int status = sx_page_render(&own, registry, SX_FORMAT_TEXT);
        const bool ran_out = end_failing_allocations();
        if (status != SX_OK) {
            assert_int_equal(status, SX_ENOMEM);
            assert_int_equal(own.size, 0);
            errors++;
        } else if (memmem(own.data, own.size, "many{a=\"199\"", 11) == NULL) {
            assert_true(ran_out);
            left_out++;
        } else {
            assert_non_null(memmem(own.data, own.size, "many{a=\"0\"", 10));
            whole++;
        }
    }
    assert_in_range(errors, 1, 10);
    assert_in_range(left_out, 200, 1000);
    assert_non_null(strstr(logged, "SX_ENOMEM"));
    sx_page_clean_up(&own);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_collector_adds_families_of_all_types),
        TEST(test_a_callback_that_is_registered_again_during_a_scrape_is_shown_once),
        TEST(test_a_callback_that_becomes_a_gauge_during_a_scrape_is_shown_once),
        TEST(test_a_family_may_have_many_samples),
        TEST(test_each_family_is_compared_with_few_others),
        TEST(test_a_name_is_found_among_many),
        TEST(test_names_of_a_collector_that_fails_are_free_for_the_next),
        TEST(test_a_callback_keeps_its_name),
        TEST(test_a_collector_is_known_by_its_function_and_context),
        TEST(test_a_collector_at_fault_is_left_out_and_the_rest_stands),
        TEST(test_of_two_collectors_with_one_name_the_first_is_on_the_page),
        TEST(test_the_log_says_which_metric_and_why),
        TEST(test_a_collector_that_always_fails_does_not_fill_the_log),
        TEST(test_what_a_collector_updates_is_on_the_same_page),
        TEST(test_a_collector_cannot_unregister_but_can_register),
        TEST(test_a_page_without_memory_is_an_error_or_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
