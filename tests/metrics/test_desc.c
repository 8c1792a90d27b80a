/* Names, help, labels and bounds of a metric are checked at registration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sextant/metrics.h>
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

static int counter(struct sx_metric_options options)
{
    struct sx_counter *made = NULL;
    int status = sx_counter_register(&made, registry, &options);
    assert_true((status == SX_OK) == (made != NULL));
    return status;
}

static int counters(struct sx_metric_options options)
{
    struct sx_counter_family *made = NULL;
    int status = sx_counter_family_register(&made, registry, &options);
    assert_true((status == SX_OK) == (made != NULL));
    return status;
}

static int gauge(struct sx_metric_options options)
{
    struct sx_gauge *made = NULL;
    int status = sx_gauge_register(&made, registry, &options);
    assert_true((status == SX_OK) == (made != NULL));
    return status;
}

static int histogram(struct sx_metric_options options)
{
    struct sx_histogram *made = NULL;
    int status = sx_histogram_register(&made, registry, &options);
    assert_true((status == SX_OK) == (made != NULL));
    return status;
}

static int histograms(struct sx_metric_options options)
{
    struct sx_histogram_family *made = NULL;
    int status = sx_histogram_family_register(&made, registry, &options);
    assert_true((status == SX_OK) == (made != NULL));
    return status;
}

#define OPTIONS(...) ((struct sx_metric_options){.help = "Help.", __VA_ARGS__})
#define NAMED(metric) OPTIONS(.name = metric)

/* Prometheus data model: metric names match [a-zA-Z_:][a-zA-Z0-9_:]* */
static void test_metric_names_follow_the_data_model(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "_", ":", "a:b", "Z9_", "job:http:rate5m"};
    static const char *const bad[] = {"", "9a", "a-b", "a b", "a.b", "\xC3\xA4", "a\n", " a", "a{"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(gauge(NAMED(good[i])), SX_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(gauge(NAMED(bad[i])), SX_ENAME);
    }
    assert_int_equal(gauge(NAMED(NULL)), SX_ENAME);
}

/* Prometheus data model: label names match [a-zA-Z_][a-zA-Z0-9_]*, "Label names beginning with __
 * (two underscores) are reserved for internal Prometheus use" */
static void test_label_names_follow_the_data_model(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "_", "_a", "A9", "le", "quantile"};
    static const char *const bad[] = {"", "9", "a:b", "a-b", "__a", "__", "\xC3\xA4", "a b", "a="};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char name[] = {'c', (char)('0' + i), '\0'};
        assert_int_equal(counters(OPTIONS(.name = name, .labels = SX_LABELS(good[i]))), SX_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(counters(OPTIONS(.name = "d", .labels = SX_LABELS(bad[i]))), SX_ELABEL);
    }
}

static void test_a_histogram_keeps_le_for_itself(void **state)
{
    (void)state;
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("le"))), SX_ELABEL);
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("a", "le"))), SX_ELABEL);
}

static void test_a_label_cannot_be_given_twice(void **state)
{
    (void)state;
    assert_int_equal(counters(OPTIONS(.name = "c", .labels = SX_LABELS("a", "b", "a"))), SX_ELABEL);
}

static void test_there_is_a_limit_to_the_number_of_labels(void **state)
{
    (void)state;
    static const char *const most[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                       "j", "k", "l", "m", "n", "o", "p", NULL};
    static const char *const more[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                       "j", "k", "l", "m", "n", "o", "p", "q", NULL};
    assert_int_equal(sizeof most / sizeof most[0] - 1, SX_LABELS_MAX);
    assert_int_equal(counters(OPTIONS(.name = "c", .labels = most)), SX_OK);
    assert_int_equal(counters(OPTIONS(.name = "d", .labels = more)), SX_EINVAL);
}

static void test_programs_can_ask_whether_a_name_is_valid(void **state)
{
    (void)state;
    static const char *const both[] = {"a", "_", "_a", "A9", "le", "a_b_total"};
    static const char *const neither[] = {NULL, "", "9", "a-b", "a b", "a.b", "\xC3\xA4", "a\n"};
    static const char *const metrics[] = {":", "a:b", "__a", "__"};
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        assert_true(sx_metric_name_is_valid(both[i]));
        assert_true(sx_label_name_is_valid(both[i]));
    }
    for (size_t i = 0; i < sizeof neither / sizeof neither[0]; i++) {
        assert_false(sx_metric_name_is_valid(neither[i]));
        assert_false(sx_label_name_is_valid(neither[i]));
    }
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        assert_true(sx_metric_name_is_valid(metrics[i]));
        assert_false(sx_label_name_is_valid(metrics[i]));
    }
}

static void test_help_may_be_empty_and_is_utf8(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "g"};
    assert_int_equal(gauge(options), SX_OK);
    options.help = "";
    assert_int_equal(gauge(options), SX_OK);
    options.help = "Help.";
    assert_int_equal(gauge(options), SX_EEXIST);
    options.name = "h";
    options.help = "\xFF";
    assert_int_equal(gauge(options), SX_EHELP);
    options.help = "\xC3\xA4";
    assert_int_equal(gauge(options), SX_OK);
}

static void test_labels_come_with_families_only(void **state)
{
    (void)state;
    assert_int_equal(counter(OPTIONS(.name = "c", .labels = SX_LABELS("a"))), SX_EINVAL);
    assert_int_equal(histogram(OPTIONS(.name = "c", .labels = SX_LABELS("a"))), SX_EINVAL);
    assert_int_equal(counters(NAMED("c")), SX_EINVAL);
    assert_int_equal(counters(OPTIONS(.name = "c", .labels = (const char *const[]){NULL})),
                     SX_EINVAL);
}

static void test_buckets_come_with_histograms_only(void **state)
{
    (void)state;
    assert_int_equal(counter(OPTIONS(.name = "c", SX_BUCKETS(1, 2))), SX_EINVAL);
    assert_int_equal(gauge(OPTIONS(.name = "c", SX_BUCKETS(1, 2))), SX_EINVAL);
    assert_int_equal(histogram(OPTIONS(.name = "c", .bucket_count = 2)), SX_EINVAL);
}

static void test_bounds_are_finite_and_strictly_increasing(void **state)
{
    (void)state;
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(1, 1))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(2, 1))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(0.0, -0.0))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(1, NAN, 2))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(NAN))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(-INFINITY, 1))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(INFINITY, INFINITY))), SX_EBUCKETS);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(-1, 0, 1e-300, 1))), SX_OK);
}

static void test_the_last_bound_may_be_infinite_and_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(1, INFINITY))), SX_OK);
    assert_int_equal(histogram(OPTIONS(.name = "h", SX_BUCKETS(1))), SX_OK);
    assert_int_equal(histogram(OPTIONS(.name = "i", SX_BUCKETS(INFINITY))), SX_OK);
}

static void test_there_is_a_limit_to_the_number_of_bounds(void **state)
{
    (void)state;
    double bounds[SX_BUCKETS_MAX + 1];
    for (size_t i = 0; i <= SX_BUCKETS_MAX; i++) {
        bounds[i] = (double)i;
    }
    struct sx_metric_options options = {.name = "h", .help = "Help.", .buckets = bounds};
    options.bucket_count = SX_BUCKETS_MAX + 1;
    assert_int_equal(histogram(options), SX_EBUCKETS);
    bounds[SX_BUCKETS_MAX] = INFINITY;
    assert_int_equal(histogram(options), SX_OK);
}

static void test_the_same_definition_gives_the_same_metric(void **state)
{
    (void)state;
    struct sx_counter *first = NULL;
    struct sx_counter *second = NULL;
    assert_int_equal(sx_counter_register(&first, registry, &NAMED("c_total")), SX_OK);
    assert_int_equal(sx_counter_register(&second, registry, &NAMED("c_total")), SX_OK);
    assert_ptr_equal(first, second);

    struct sx_histogram_family *one = NULL;
    struct sx_histogram_family *other = NULL;
    struct sx_metric_options options = OPTIONS(.name = "h", .labels = SX_LABELS("a", "b"));
    assert_int_equal(sx_histogram_family_register(&one, registry, &options), SX_OK);
    options.buckets =
        (const double[]){.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};
    options.bucket_count = 14;
    assert_int_equal(sx_histogram_family_register(&other, registry, &options), SX_OK);
    assert_ptr_equal(one, other);
}

static void test_another_definition_of_a_name_is_refused(void **state)
{
    (void)state;
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("a"))), SX_OK);
    assert_int_equal(gauge(NAMED("h")), SX_EEXIST);
    assert_int_equal(histogram(NAMED("h")), SX_EEXIST);
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("b"))), SX_EEXIST);
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("a", "b"))), SX_EEXIST);
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("a"), SX_BUCKETS(1))),
                     SX_EEXIST);
    assert_int_equal(histograms((struct sx_metric_options){
                         .name = "h", .help = "Other.", .labels = SX_LABELS("a")}),
                     SX_EEXIST);
    assert_int_equal(histograms(OPTIONS(.name = "h", .labels = SX_LABELS("a"))), SX_OK);
}

/* OpenMetrics 1.0: names that may clash through a suffix of a sample are not to be used together */
static void test_a_histogram_keeps_the_names_of_its_samples(void **state)
{
    (void)state;
    assert_int_equal(histogram(NAMED("first")), SX_OK);
    assert_int_equal(gauge(NAMED("first_bucket")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("first_count")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("first_sum")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("first_created")), SX_ECLASH);
    assert_int_equal(counter(NAMED("first_total")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("first_max")), SX_OK);
    assert_int_equal(gauge(NAMED("first_")), SX_OK);
    assert_int_equal(gauge(NAMED("firs")), SX_OK);
    assert_int_equal(histogram(NAMED("first_second")), SX_OK);
}

static void test_a_histogram_cannot_take_the_names_of_others(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"_bucket", "_count", "_sum", "_created"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char base[] = {'h', (char)('0' + i), '\0'};
        char name[16] = "";
        strcat(strcat(name, base), suffixes[i]);
        assert_int_equal(gauge(NAMED(name)), SX_OK);
        assert_int_equal(histogram(NAMED(base)), SX_ECLASH);
    }
    assert_int_equal(histogram(NAMED("h_count")), SX_OK);
    assert_int_equal(histogram(NAMED("h")), SX_ECLASH);
}

static void test_a_counter_keeps_its_name_with_and_without_total(void **state)
{
    (void)state;
    assert_int_equal(counter(NAMED("a_total")), SX_OK);
    assert_int_equal(gauge(NAMED("a")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("a_created")), SX_ECLASH);
    assert_int_equal(counter(NAMED("a")), SX_ECLASH);
    assert_int_equal(gauge(NAMED("a_total_total")), SX_OK);
    assert_int_equal(gauge(NAMED("a_count")), SX_OK);

    assert_int_equal(counter(NAMED("b")), SX_OK);
    assert_int_equal(gauge(NAMED("b_total")), SX_ECLASH);
    assert_int_equal(counter(NAMED("b_total")), SX_ECLASH);
    assert_int_equal(counter(NAMED("_total")), SX_OK);
}

static void test_gauges_of_any_name_live_side_by_side(void **state)
{
    (void)state;
    assert_int_equal(gauge(NAMED("g")), SX_OK);
    assert_int_equal(gauge(NAMED("g_total")), SX_OK);
    assert_int_equal(gauge(NAMED("g_count")), SX_OK);
    assert_int_equal(gauge(NAMED("g_bucket")), SX_OK);
}

static void test_the_first_fault_is_the_one_reported(void **state)
{
    (void)state;
    struct sx_metric_options options = {
        .name = "9", .help = "\xFF", .labels = SX_LABELS("9"), SX_BUCKETS(2, 1)};
    assert_int_equal(histogram(options), SX_ENAME);
    options.name = "h";
    assert_int_equal(histogram(options), SX_EHELP);
    options.help = "Help.";
    assert_int_equal(histogram(options), SX_ELABEL);
    options.labels = SX_LABELS("a");
    assert_int_equal(histogram(options), SX_EINVAL);
    assert_int_equal(histograms(options), SX_EBUCKETS);
}

static void test_missing_arguments_are_refused(void **state)
{
    (void)state;
    struct sx_counter *made = NULL;
    assert_int_equal(sx_counter_register(NULL, registry, &NAMED("c")), SX_EINVAL);
    assert_int_equal(sx_counter_register(&made, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_register(NULL, registry, &NAMED("c")), SX_EINVAL);
    assert_int_equal(sx_histogram_register(NULL, registry, &NAMED("c")), SX_EINVAL);
    assert_int_equal(sx_counter_family_register(NULL, registry, &NAMED("c")), SX_EINVAL);
    assert_null(made);
}

static void test_the_options_are_copied(void **state)
{
    (void)state;
    char name[] = "c_total";
    char help[] = "Help.";
    char label[] = "a";
    const char *labels[] = {label, NULL};
    assert_int_equal(
        counters((struct sx_metric_options){.name = name, .help = help, .labels = labels}), SX_OK);
    memset(name, 'x', sizeof name - 1);
    memset(help, 'x', sizeof help - 1);
    label[0] = 'x';
    assert_int_equal(counters(OPTIONS(.name = "c_total", .labels = SX_LABELS("a"))), SX_OK);
}

/* OpenMetrics 1.0, "Unit": "If non-empty, it MUST be a suffix of the MetricFamily name separated by
 * an underscore." The name of a counter's MetricFamily has no _total. */
static void test_the_name_ends_in_the_unit(void **state)
{
    (void)state;
    assert_int_equal(gauge(OPTIONS(.name = "a_seconds", .unit = "seconds")), SX_OK);
    assert_int_equal(gauge(OPTIONS(.name = "b_mega_bytes", .unit = "mega_bytes")), SX_OK);
    assert_int_equal(gauge(OPTIONS(.name = "c", .unit = "")), SX_OK);
    assert_int_equal(gauge(OPTIONS(.name = "seconds", .unit = "seconds")), SX_EUNIT);
    /* What the name may have in quotes, the line UNIT may not. */
    assert_int_equal(gauge(OPTIONS(.name = "t_\xC2\xB0"
                                           "C",
                                   .unit = "\xC2\xB0"
                                           "C",
                                   .utf8_names = true)),
                     SX_EUNIT);
    assert_int_equal(gauge(OPTIONS(.name = "t_x\ny 1", .unit = "x\ny 1", .utf8_names = true)),
                     SX_EUNIT);
    assert_int_equal(gauge(OPTIONS(.name = "dseconds", .unit = "seconds")), SX_EUNIT);
    assert_int_equal(gauge(OPTIONS(.name = "d_bytes", .unit = "seconds")), SX_EUNIT);
    assert_int_equal(gauge(OPTIONS(.name = "d_seconds_total", .unit = "seconds")), SX_EUNIT);
    assert_int_equal(counter(OPTIONS(.name = "d_seconds_total", .unit = "seconds")), SX_OK);
    assert_int_equal(counter(OPTIONS(.name = "e_seconds", .unit = "seconds")), SX_OK);
    assert_int_equal(counter(OPTIONS(.name = "f_total", .unit = "total")), SX_EUNIT);
    assert_int_equal(histogram(OPTIONS(.name = "g_seconds", .unit = "seconds")), SX_OK);
}

static void test_a_metric_is_registered_again_with_its_unit_only(void **state)
{
    (void)state;
    assert_int_equal(gauge(OPTIONS(.name = "a_seconds", .unit = "seconds")), SX_OK);
    assert_int_equal(gauge(OPTIONS(.name = "a_seconds", .unit = "seconds")), SX_OK);
    assert_int_equal(gauge(OPTIONS(.name = "a_seconds")), SX_EEXIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_metric_names_follow_the_data_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_label_names_follow_the_data_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_histogram_keeps_le_for_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_label_cannot_be_given_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_is_a_limit_to_the_number_of_labels, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_programs_can_ask_whether_a_name_is_valid, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_help_may_be_empty_and_is_utf8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels_come_with_families_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_buckets_come_with_histograms_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds_are_finite_and_strictly_increasing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_bound_may_be_infinite_and_is_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_there_is_a_limit_to_the_number_of_bounds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_definition_gives_the_same_metric, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_definition_of_a_name_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_histogram_keeps_the_names_of_its_samples, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_histogram_cannot_take_the_names_of_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_counter_keeps_its_name_with_and_without_total,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gauges_of_any_name_live_side_by_side, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_fault_is_the_one_reported, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_missing_arguments_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_options_are_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_name_ends_in_the_unit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_metric_is_registered_again_with_its_unit_only,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
