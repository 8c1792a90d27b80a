/* The name prefix and the constant labels of a registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"
#include "page.h"

#include "shared_registries.h"

#include <cmocka.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/registration.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const struct sx_label labels[] = {{"zone", TEXT("a\"b\\c\nd")}, {"shard", TEXT("7")}};
/* Small mappings, which valgrind's search for leaks reads completely. */
#define SMALL .thread_rows = 4, .row_bytes = 64 << 10, .directory_bytes = 1 << 20

static const struct sx_registry_options options = {
    SMALL, .name_prefix = "billing_", .constant_labels = labels, .constant_label_count = 2};

#define CONSTANT "zone=\"a\\\"b\\\\c\\nd\",shard=\"7\""

static struct sx_registry *registry;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, &options);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void page_is(const char *expected)
{
    assert_string_equal(page_text(registry), expected);
}

static void assert_has(const char *page, const char *line)
{
    if (strstr(page, line) == NULL) {
        fail_msg("the page has no\n%s\n\n%s", line, page);
    }
}

/* ---- what they hold for ---- */

static void test_metrics_without_labels_have_both(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c_total"}),
        SX_OK);
    assert_int_equal(
        sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "g", .help = "G."}),
        SX_OK);
    sx_counter_inc(counter);
    page_is("# TYPE billing_c_total counter\n"
            "billing_c_total{" CONSTANT "} 1\n"
            "# HELP billing_g G.\n"
            "# TYPE billing_g gauge\n"
            "billing_g{" CONSTANT "} 0\n");
}

static void test_series_have_them_before_their_own_labels(void **state)
{
    (void)state;
    struct sx_counter_family *family = NULL;
    assert_int_equal(
        sx_counter_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "c_total", .labels = SX_LABELS("method", "code")}),
        SX_OK);
    sx_counter_add_with(family, 3, "GET", "200");
    sx_counter_add_with(family, 4, "", "5\"");
    page_is("# TYPE billing_c_total counter\n"
            "billing_c_total{" CONSTANT ",method=\"GET\",code=\"200\"} 3\n"
            "billing_c_total{" CONSTANT ",method=\"\",code=\"5\\\"\"} 4\n");
}

static void test_histograms_have_them_before_le(void **state)
{
    (void)state;
    struct sx_histogram *histogram = NULL;
    struct sx_histogram_family *family = NULL;
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){.name = "h", SX_BUCKETS(1)}),
                     SX_OK);
    assert_int_equal(
        sx_histogram_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "k", .labels = SX_LABELS("method"), SX_BUCKETS(2)}),
        SX_OK);
    sx_histogram_observe(histogram, .5);
    sx_histogram_observe_with(family, 3, "GET");
    page_is("# TYPE billing_h histogram\n"
            "billing_h_bucket{" CONSTANT ",le=\"1\"} 1\n"
            "billing_h_bucket{" CONSTANT ",le=\"+Inf\"} 1\n"
            "billing_h_sum{" CONSTANT "} 0.5\n"
            "billing_h_count{" CONSTANT "} 1\n"
            "# TYPE billing_k histogram\n"
            "billing_k_bucket{" CONSTANT ",method=\"GET\",le=\"2\"} 0\n"
            "billing_k_bucket{" CONSTANT ",method=\"GET\",le=\"+Inf\"} 1\n"
            "billing_k_sum{" CONSTANT ",method=\"GET\"} 3\n"
            "billing_k_count{" CONSTANT ",method=\"GET\"} 1\n");
}

static double seven(void *context)
{
    (void)context;
    return 7;
}

static int collect(void *context, struct sx_collection *collection)
{
    const uint64_t buckets[] = {1, 2};
    const struct sx_str value = TEXT("mail");
    const struct sx_metric_options queue = {.name = "queue_length", .labels = SX_LABELS("queue")};
    (void)context;
    (void)sx_collection_add_family(collection, SX_GAUGE, &queue);
    (void)sx_collection_add_sample(collection, &value, 1, 12);
    (void)sx_collection_add_family(collection, SX_HISTOGRAM,
                                   &(struct sx_metric_options){.name = "wait", SX_BUCKETS(1)});
    (void)sx_collection_add_histogram(collection, NULL, 0, buckets, 4);
    return 0;
}

static void test_callbacks_and_collectors_have_them(void **state)
{
    (void)state;
    const struct sx_metric_options idle = {.name = "idle"};
    assert_int_equal(sx_gauge_register_callback(registry, &idle, seven, NULL), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect, NULL), SX_OK);
    page_is("# TYPE billing_idle gauge\n"
            "billing_idle{" CONSTANT "} 7\n"
            "# TYPE billing_queue_length gauge\n"
            "billing_queue_length{" CONSTANT ",queue=\"mail\"} 12\n"
            "# TYPE billing_wait histogram\n"
            "billing_wait_bucket{" CONSTANT ",le=\"1\"} 1\n"
            "billing_wait_bucket{" CONSTANT ",le=\"+Inf\"} 3\n"
            "billing_wait_sum{" CONSTANT "} 4\n"
            "billing_wait_count{" CONSTANT "} 3\n");
    assert_int_equal(sx_callback_unregister(registry, "billing_idle"), 0);
    assert_int_equal(sx_callback_unregister(registry, "idle"), 1);
    assert_null(strstr(page_text(registry), "idle"));
}

static void test_the_process_collector_has_them(void **state)
{
    (void)state;
    assert_int_equal(sx_process_collector_register(registry), SX_OK);
    const char *page = page_text(registry);
    assert_has(page, "# TYPE billing_process_cpu_seconds_total counter\n"
                     "billing_process_cpu_seconds_total{" CONSTANT "} ");
}

/* Alerts on them hold for every registry. */
static void test_the_librarys_own_metrics_keep_their_names(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    assert_int_equal(
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c_total"}),
        SX_OK);
    sx_counter_add(counter, -1);
    assert_has(page_text(registry),
               "\nsextant_updates_ignored_total{" CONSTANT ",family=\"billing_c_total\"} 1\n");
}

static int collect_what_clashes(void *context, struct sx_collection *collection)
{
    (void)context;
    return sx_collection_add_family(
        collection, SX_GAUGE,
        &(struct sx_metric_options){.name = "g", .labels = SX_LABELS("shard")});
}

static void test_a_collector_with_the_label_of_a_constant_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(sx_collector_register(registry, collect_what_clashes, NULL), SX_OK);
    const char *page = page_text(registry);
    assert_null(strstr(page, "billing_g"));
    assert_has(page, "\nsextant_collector_failures_total{" CONSTANT ",error=\"SX_ELABEL\"} ");
}

/* ---- names ---- */

static void test_names_clash_in_their_full_form(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_counter *again = NULL;
    struct sx_gauge *gauge = NULL;
    const struct sx_metric_options total = {.name = "c_total"};
    const struct sx_metric_options reserved = {.name = "c_created"};
    assert_int_equal(sx_counter_register(&counter, registry, &total), SX_OK);
    assert_int_equal(sx_counter_register(&again, registry, &total), SX_OK);
    assert_ptr_equal(counter, again);
    assert_int_equal(sx_gauge_register(&gauge, registry, &total), SX_EEXIST);
    assert_int_equal(sx_gauge_register(&gauge, registry, &reserved), SX_ECLASH);
}

static void test_a_name_must_be_valid_without_the_prefix(void **state)
{
    (void)state;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = ""}),
                     SX_ENAME);
    assert_int_equal(sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "2x"}),
                     SX_ENAME);
}

static void test_a_message_has_the_full_name_and_the_label(void **state)
{
    (void)state;
    struct sx_registration all = {.registry = registry};
    const struct sx_metric_options family = {.name = "c", .labels = SX_LABELS("method", "shard")};
    assert_null(sx_registration_add_family(&all, SX_COUNTER, &family).counters);
    assert_int_equal(all.status, SX_ELABEL);
    assert_string_equal(all.message,
                        "counter `billing_c`: SX_ELABEL: a label name is malformed, reserved for "
                        "this type, or given twice: `shard` is a constant label of the registry");

    all = (struct sx_registration){.registry = registry};
    (void)sx_registration_add(&all, SX_COUNTER, &(struct sx_metric_options){.name = "x_total"});
    (void)sx_registration_add(&all, SX_GAUGE, &(struct sx_metric_options){.name = "x_total"});
    assert_string_equal(all.message,
                        "gauge `billing_x_total`: SX_EEXIST: the name or series exists "
                        "already: it is a counter");
    all = (struct sx_registration){.registry = registry};
    (void)sx_registration_add(&all, SX_GAUGE, &(struct sx_metric_options){.name = "x"});
    assert_string_equal(all.message,
                        "gauge `billing_x`: SX_ECLASH: the name clashes with a sample name of "
                        "another metric: the counter `billing_x_total` has or reserves it");
}

static void test_registration_without_memory_fails(void **state)
{
    (void)state;
    struct sx_gauge *gauge = NULL;
    const struct sx_metric_options g = {.name = "g"};
    assert_int_equal(
        sx_gauge_register_callback(registry, &(struct sx_metric_options){.name = "f"}, seven, NULL),
        SX_OK);
    fail_one_allocation(0);
    int made = sx_gauge_register(&gauge, registry, &g);
    assert_true(end_failing_allocations());
    fail_one_allocation(0);
    int removed = sx_callback_unregister(registry, "f");
    assert_true(end_failing_allocations());
    assert_int_equal(made, SX_ENOMEM);
    assert_int_equal(removed, SX_ENOMEM);
    assert_int_equal(sx_gauge_register(&gauge, registry, &g), SX_OK);
}

/* ---- the options ---- */

static int try_options(const struct sx_registry_options *tried)
{
    struct sx_registry *made = NULL;
    int status = sx_registry_new(&made, tried);
    sx_registry_destroy(made);
    return status;
}

static int try_label(struct sx_label label)
{
    const struct sx_label tried[] = {{"zone", TEXT("a")}, label};
    return try_options(
        &(struct sx_registry_options){SMALL, .constant_labels = tried, .constant_label_count = 2});
}

static void test_a_prefix_is_a_valid_name_or_nothing(void **state)
{
    (void)state;
    assert_int_equal(try_options(&(struct sx_registry_options){SMALL, .name_prefix = ""}), SX_OK);
    assert_int_equal(try_options(&(struct sx_registry_options){SMALL, .name_prefix = "a:b"}),
                     SX_OK);
    assert_int_equal(try_options(&(struct sx_registry_options){SMALL, .name_prefix = "2_"}),
                     SX_ENAME);
    assert_int_equal(try_options(&(struct sx_registry_options){SMALL, .name_prefix = "a-"}),
                     SX_ENAME);
    assert_int_equal(try_options(&(struct sx_registry_options){SMALL, .name_prefix = "\xc3\xa4"}),
                     SX_ENAME);
}

static void test_the_names_of_constant_labels_are_checked(void **state)
{
    (void)state;
    assert_int_equal(try_label((struct sx_label){"shard", TEXT("")}), SX_OK);
    assert_int_equal(try_label((struct sx_label){NULL, TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"", TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"a-b", TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"__x", TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"zone", TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"le", TEXT("1")}), SX_ELABEL);
    assert_int_equal(try_label((struct sx_label){"quantile", TEXT("1")}), SX_ELABEL);
}

static void test_the_values_of_constant_labels_are_checked(void **state)
{
    (void)state;
    assert_int_equal(try_label((struct sx_label){"x", TEXT("\xc3\xa4")}), SX_OK);
    assert_int_equal(try_label((struct sx_label){"x", {NULL, 0}}), SX_OK);
    assert_int_equal(try_label((struct sx_label){"x", {NULL, 1}}), SX_EINVAL);
    assert_int_equal(try_label((struct sx_label){"x", TEXT("\xff")}), SX_EINVAL);
}

static void test_there_are_at_most_sixteen(void **state)
{
    (void)state;
    struct sx_label many[SX_LABELS_MAX + 1];
    char names[SX_LABELS_MAX + 1][2];
    for (size_t i = 0; i <= SX_LABELS_MAX; i++) {
        names[i][0] = (char)('a' + (char)i);
        names[i][1] = '\0';
        many[i] = (struct sx_label){names[i], TEXT("v")};
    }
    struct sx_registry_options tried = {SMALL, .constant_labels = many,
                                        .constant_label_count = SX_LABELS_MAX};
    assert_int_equal(try_options(&tried), SX_OK);
    tried.constant_label_count++;
    assert_int_equal(try_options(&tried), SX_EINVAL);
    assert_int_equal(try_options(&(struct sx_registry_options){.constant_label_count = 1}),
                     SX_EINVAL);
}

static void test_what_does_not_fit_into_the_directory_is_full(void **state)
{
    (void)state;
    static char value[300 << 10];
    memset(value, 'v', sizeof value);
    const struct sx_label large = {"x", {value, sizeof value}};
    struct sx_registry_options tried = {.thread_rows = 4,
                                        .row_bytes = 64 << 10,
                                        .directory_bytes = 256 << 10,
                                        .constant_labels = &large,
                                        .constant_label_count = 1};
    for (int shared = 0; shared <= has_shared_registries(); shared++) {
        tried.shared = shared != 0;
        for (int i = 0; i < 100; i++) { /* more than there may be registries */
            assert_int_equal(try_options(&tried), SX_EFULL);
        }
    }
    assert_int_equal(try_options(NULL), SX_OK);
}

static void test_the_options_are_copied(void **state)
{
    (void)state;
    char prefix[] = "p_";
    char name[] = "n";
    char value[] = "v";
    const struct sx_label label = {name, {value, 1}};
    const struct sx_registry_options given = {SMALL, .name_prefix = prefix,
                                              .constant_labels = &label, .constant_label_count = 1};
    struct sx_registry *other = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_registry_new(&other, &given), SX_OK);
    prefix[0] = name[0] = value[0] = '!';
    assert_int_equal(sx_gauge_register(&gauge, other, &(struct sx_metric_options){.name = "g"}),
                     SX_OK);
    assert_string_equal(page_text(other), "# TYPE p_g gauge\np_g{n=\"v\"} 0\n");
    sx_registry_destroy(other);
}

/* A registry may get the mapping of one that was destroyed. */
static void test_the_next_registry_has_none_of_them(void **state)
{
    (void)state;
    for (int shared = 0; shared <= has_shared_registries(); shared++) {
        struct sx_registry *other = NULL;
        struct sx_gauge *gauge = NULL;
        struct sx_registry_options given = options;
        given.shared = shared != 0;
        assert_int_equal(sx_registry_new(&other, &given), SX_OK);
        sx_registry_destroy(other);
        given = (struct sx_registry_options){SMALL, .shared = shared != 0};
        assert_int_equal(sx_registry_new(&other, &given), SX_OK);
        assert_int_equal(sx_gauge_register(&gauge, other, &(struct sx_metric_options){.name = "g"}),
                         SX_OK);
        assert_string_equal(page_text(other), "# TYPE g gauge\ng 0\n");
        sx_registry_destroy(other);
    }
}

static void test_processes_of_a_shared_registry_see_the_same(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *shared = NULL;
    struct sx_registry_options given = options;
    given.shared = true;
    assert_int_equal(sx_registry_new(&shared, &given), SX_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct sx_counter_family *family = NULL;
        int status = sx_counter_family_register(
            &family, shared,
            &(struct sx_metric_options){.name = "c_total", .labels = SX_LABELS("by")});
        sx_counter_inc_with(family, "child");
        _exit(status == SX_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(page_text(shared), "# TYPE billing_c_total counter\n"
                                           "billing_c_total{" CONSTANT ",by=\"child\"} 1\n");
    sx_registry_destroy(shared);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_metrics_without_labels_have_both),
        TEST(test_series_have_them_before_their_own_labels),
        TEST(test_histograms_have_them_before_le),
        TEST(test_callbacks_and_collectors_have_them),
        TEST(test_the_process_collector_has_them),
        TEST(test_the_librarys_own_metrics_keep_their_names),
        TEST(test_a_collector_with_the_label_of_a_constant_is_left_out),
        TEST(test_names_clash_in_their_full_form),
        TEST(test_a_name_must_be_valid_without_the_prefix),
        TEST(test_a_message_has_the_full_name_and_the_label),
        TEST(test_registration_without_memory_fails),
        TEST(test_a_prefix_is_a_valid_name_or_nothing),
        TEST(test_the_names_of_constant_labels_are_checked),
        TEST(test_the_values_of_constant_labels_are_checked),
        TEST(test_there_are_at_most_sixteen),
        TEST(test_what_does_not_fit_into_the_directory_is_full),
        TEST(test_the_options_are_copied),
        TEST(test_the_next_registry_has_none_of_them),
        TEST(test_processes_of_a_shared_registry_see_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
