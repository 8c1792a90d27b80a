/* Many metrics are registered and checked once; the message says what is wrong. Metrics whose type
 * is known at run time only are registered by one function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <sextant/registration.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_registration all;

static int set_up(void **state)
{
    (void)state;
    if (sx_registry_new(&registry, NULL) != SX_OK) {
        return -1;
    }
    all = (struct sx_registration){.registry = registry};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})
#define STR(text) ((struct sx_str){text, sizeof(text) - 1})

static void test_many_metrics_are_registered_and_checked_once(void **state)
{
    (void)state;
    struct sx_counter *counter =
        sx_registration_add(&all, SX_COUNTER, OPTIONS(.name = "c_total", .help = "C.")).counter;
    struct sx_gauge *gauge =
        sx_registration_add(&all, SX_GAUGE, OPTIONS(.name = "g", .help = "G.")).gauge;
    struct sx_histogram_family *histograms =
        sx_registration_add_family(
            &all, SX_HISTOGRAM,
            OPTIONS(.name = "h", .help = "H.", .labels = SX_LABELS("a"), SX_BUCKETS(1)))
            .histograms;
    assert_int_equal(all.status, SX_OK);
    assert_string_equal(all.message, "");
    sx_counter_inc(counter);
    sx_gauge_set(gauge, 2);
    sx_histogram_observe(sx_histogram_with(histograms, "x"), 3);
    const char *page = page_text(registry);
    page_assert_line(page, "c_total 1");
    page_assert_line(page, "g 2");
    page_assert_line(page, "h_sum{a=\"x\"} 3");
}

static void test_the_first_error_is_kept_and_the_rest_is_registered(void **state)
{
    (void)state;
    struct sx_metric bad = sx_registration_add(&all, SX_GAUGE, OPTIONS(.name = "a-b"));
    struct sx_metric worse = sx_registration_add(&all, SX_GAUGE, NULL);
    struct sx_metric good = sx_registration_add(&all, SX_GAUGE, OPTIONS(.name = "good"));
    assert_null(bad.gauge);
    assert_null(worse.gauge);
    assert_non_null(good.gauge);
    assert_int_equal(all.status, SX_ENAME);
    assert_string_equal(all.message, "gauge `a-b`: SX_ENAME: the metric name is not of the form "
                                     "[a-zA-Z_:][a-zA-Z0-9_:]*");
}

static void test_without_a_registration_nothing_is_registered(void **state)
{
    (void)state;
    assert_null(sx_registration_add(NULL, SX_GAUGE, OPTIONS(.name = "g")).gauge);
    assert_null(sx_registration_add_family(NULL, SX_GAUGE, OPTIONS(.name = "g")).gauges);
}

/* ---- messages ---- */

struct fault {
    enum sx_metric_type type;
    bool labelled;
    struct sx_metric_options options;
    int status;
    const char *detail; /* the end of the message */
};

static const char *const twice[] = {"a", "b", "a", NULL};
static const char *const malformed[] = {"a", "b-c", NULL};
static const char *const underscores[] = {"__a", NULL};
static const char *const le[] = {"a", "le", NULL};
static const char *const a_b[] = {"a", "b", NULL};
static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                   "j", "k", "l", "m", "n", "o", "p", "q", NULL};
static const double falling[] = {0.5, 0.25};
static const double infinite[] = {-INFINITY};
static const double bounds[] = {1, 2};
static const double no_infinity[SX_BUCKETS_MAX + 1];
static double many_bounds[SX_BUCKETS_MAX + 2]; /* see set_many_bounds */

static const struct fault faults[] = {
    {SX_COUNTER, true, {.name = "x", .labels = twice}, SX_ELABEL, ": `a` is given twice"},
    {SX_COUNTER,
     true,
     {.name = "x", .labels = malformed},
     SX_ELABEL,
     ": `b-c` is not of the form [a-zA-Z_][a-zA-Z0-9_]*"},
    {SX_GAUGE,
     true,
     {.name = "x", .labels = underscores},
     SX_ELABEL,
     ": `__a` is reserved, because it begins with two underscores"},
    {SX_HISTOGRAM,
     true,
     {.name = "x", .labels = le},
     SX_ELABEL,
     ": `le` is the label of a histogram's buckets"},
    {SX_GAUGE, true, {.name = "x"}, SX_EINVAL, ": a family needs labels"},
    {SX_GAUGE, true, {.name = "x", .labels = many}, SX_EINVAL, ": it has more than 16 labels"},
    {SX_GAUGE,
     false,
     {.name = "x", .labels = a_b},
     SX_EINVAL,
     ": it has labels, so it must be registered as a family"},
    {SX_GAUGE,
     false,
     {.name = "x", .buckets = bounds, .bucket_count = 2},
     SX_EINVAL,
     ": only histograms have buckets"},
    {SX_COUNTER,
     false,
     {.name = "x", .idle_seconds = 60},
     SX_EINVAL,
     ": `idle_seconds` is for families with labels, and from 0 to 1e9"},
    {SX_GAUGE,
     true,
     {.name = "x", .labels = a_b, .idle_seconds = -1},
     SX_EINVAL,
     ": `idle_seconds` is for families with labels, and from 0 to 1e9"},
    {SX_GAUGE,
     true,
     {.name = "x", .labels = a_b, .idle_seconds = 2e9},
     SX_EINVAL,
     ": `idle_seconds` is for families with labels, and from 0 to 1e9"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .bucket_count = 2},
     SX_EINVAL,
     ": `bucket_count` is not 0, but `buckets` is NULL"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = falling, .bucket_count = 2},
     SX_EBUCKETS,
     ": bound 2 is 0.25, after 0.5"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = infinite, .bucket_count = 1},
     SX_EBUCKETS,
     ": bound 1 is -Inf"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = bounds, .bucket_count = 1000},
     SX_EBUCKETS,
     ": there are more than 256 bounds"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = many_bounds, .bucket_count = SX_BUCKETS_MAX + 1},
     SX_EBUCKETS,
     ": bound 3 is 1, after 2"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = many_bounds, .bucket_count = SX_BUCKETS_MAX + 2},
     SX_EBUCKETS,
     ": there are more than 256 bounds"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = many_bounds + 3, .bucket_count = SX_BUCKETS_MAX - 1},
     SX_EBUCKETS,
     ": bound 254 is +Inf, after 256"},
    {SX_HISTOGRAM,
     false,
     {.name = "x", .buckets = no_infinity, .bucket_count = SX_BUCKETS_MAX + 1},
     SX_EBUCKETS,
     ": there are more than 256 bounds"},
    {SX_GAUGE,
     false,
     {.name = "x", .unit = "seconds"},
     SX_EUNIT,
     "gauge `x`: SX_EUNIT: the metric name does not end in its unit, or the type has no unit: the "
     "name must end in `_seconds`"},
    {SX_COUNTER,
     false,
     {.name = "x_bytes", .unit = "seconds"},
     SX_EUNIT,
     ": the name must end in `_seconds` or `_seconds_total`"},
    {SX_GAUGE, false, {.name = "u_seconds"}, SX_EEXIST, ": its unit is `seconds`"},
    {SX_GAUGE, false, {.name = "c"}, SX_EEXIST, ": it is a counter"},
    {SX_COUNTER, true, {.name = "c", .labels = a_b}, SX_EEXIST, ": it has no labels"},
    {SX_COUNTER, false, {.name = "c", .help = "Other."}, SX_EEXIST, ": its help is `C.`"},
    {SX_COUNTER, false, {.name = "f", .help = "F."}, SX_EEXIST, ": its labels are `b`, `a`"},
    {SX_COUNTER,
     true,
     {.name = "f", .help = "F.", .labels = a_b},
     SX_EEXIST,
     ": its labels are `b`, `a`"},
    {SX_HISTOGRAM,
     false,
     {.name = "h", .help = "H.", .buckets = bounds, .bucket_count = 1},
     SX_EEXIST,
     ": its buckets have other bounds"},
    {SX_GAUGE, false, {.name = "v", .help = "V."}, SX_EEXIST, ": its value comes from a callback"},
    {SX_GAUGE, false, {.name = "h_count"}, SX_ECLASH, ": the histogram `h` has or reserves it"},
    {SX_GAUGE,
     false,
     {.name = "x", .help = "\xFF"},
     SX_EHELP,
     "gauge `x`: SX_EHELP: the help text is not UTF-8"},
    {SX_GAUGE,
     false,
     {.name = "\n\xC3\xA4"},
     SX_ENAME,
     "gauge `???`: SX_ENAME: the metric name is not of the form [a-zA-Z_:][a-zA-Z0-9_:]*"},
    {SX_GAUGE,
     false,
     {.name = NULL},
     SX_ENAME,
     "gauge ``: SX_ENAME: the metric name is not of the form [a-zA-Z_:][a-zA-Z0-9_:]*"},
    {(enum sx_metric_type)9,
     false,
     {.name = "x"},
     SX_EINVAL,
     "metric `x`: SX_EINVAL: an argument is invalid: its type is unknown"},
};

/* 1, 2, 1, 4, 5, ..., +Inf, +Inf: the last but one has the largest index that a +Inf may have. */
static void set_many_bounds(void)
{
    for (size_t i = 0; i < SX_BUCKETS_MAX; i++) {
        many_bounds[i] = (double)(i + 1);
    }
    many_bounds[2] = 1;
    many_bounds[SX_BUCKETS_MAX] = INFINITY;
    many_bounds[SX_BUCKETS_MAX + 1] = INFINITY;
}

static double give_1(void *context)
{
    (void)context;
    return 1;
}

static void register_what_faults_meet(void)
{
    static const char *const b_a[] = {"b", "a", NULL};
    (void)sx_registration_add(&all, SX_COUNTER, OPTIONS(.name = "c", .help = "C."));
    (void)sx_registration_add_family(&all, SX_COUNTER,
                                     OPTIONS(.name = "f", .help = "F.", .labels = b_a));
    (void)sx_registration_add(
        &all, SX_HISTOGRAM,
        OPTIONS(.name = "h", .help = "H.", .buckets = bounds, .bucket_count = 2));
    (void)sx_registration_add(&all, SX_GAUGE, OPTIONS(.name = "u_seconds", .unit = "seconds"));
    assert_int_equal(all.status, SX_OK);
    assert_int_equal(
        sx_gauge_register_callback(registry, OPTIONS(.name = "v", .help = "V."), give_1, NULL),
        SX_OK);
}

static void add_faulty(struct sx_registration *registration, const struct fault *fault)
{
    if (fault->labelled) {
        (void)sx_registration_add_family(registration, fault->type, &fault->options);
    } else {
        (void)sx_registration_add(registration, fault->type, &fault->options);
    }
}

static void test_the_message_says_what_is_wrong(void **state)
{
    (void)state;
    register_what_faults_meet();
    set_many_bounds();
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct sx_registration one = {.registry = registry};
        add_faulty(&one, &faults[i]);
        assert_int_equal(one.status, faults[i].status);
        size_t size = strlen(one.message);
        size_t expected = strlen(faults[i].detail);
        if (size < expected || strcmp(one.message + size - expected, faults[i].detail) != 0) {
            print_error("`%s` does not end in `%s`\n", one.message, faults[i].detail);
            fail();
        }
    }
}

static void test_there_is_a_message_without_options(void **state)
{
    (void)state;
    (void)sx_registration_add(&all, SX_COUNTER, NULL);
    assert_int_equal(all.status, SX_EINVAL);
    assert_string_equal(all.message,
                        "counter ``: SX_EINVAL: an argument is invalid: there are no options");
}

static void test_long_names_are_cut_off(void **state)
{
    (void)state;
    char name[2001];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *const labels[] = {name, name, NULL};
    (void)sx_registration_add_family(&all, SX_COUNTER, OPTIONS(.name = name, .labels = labels));
    assert_int_equal(all.status, SX_ELABEL);
    assert_in_range(strlen(all.message), 150, sizeof all.message - 1);
}

static void test_what_does_not_fit_into_the_message_is_cut_off(void **state)
{
    (void)state;
    static char names[5][101];
    const char *labels[6] = {NULL};
    for (int i = 0; i < 5; i++) {
        memset(names[i], 'a' + i, sizeof names[i] - 1);
        labels[i] = names[i];
    }
    struct {
        struct sx_registration registration;
        char behind[1024];
    } kept = {.registration = {.registry = registry}};
    (void)sx_registration_add_family(&kept.registration, SX_GAUGE,
                                     OPTIONS(.name = "g", .labels = labels));
    assert_int_equal(kept.registration.status, SX_OK);
    (void)sx_registration_add_family(&kept.registration, SX_GAUGE,
                                     OPTIONS(.name = "g", .labels = a_b));
    assert_int_equal(kept.registration.status, SX_EEXIST);
    assert_int_equal(strlen(kept.registration.message), sizeof kept.registration.message - 1);
    static const char untouched[sizeof kept.behind];
    assert_null(kept.registration.reserved[0]);
    assert_memory_equal(kept.behind, untouched, sizeof untouched);
}

/* ---- of any type ---- */

static void test_a_type_may_be_known_at_run_time_only(void **state)
{
    (void)state;
    static const enum sx_metric_type types[] = {SX_COUNTER, SX_GAUGE, SX_HISTOGRAM};
    static const char *const names[] = {"a_total", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        struct sx_metric metric = {.type = SX_COUNTER};
        assert_int_equal(sx_metric_register(&metric, registry, types[i], OPTIONS(.name = names[i])),
                         SX_OK);
        assert_int_equal(metric.type, types[i]);
        assert_true((metric.counter != NULL) == (types[i] == SX_COUNTER));
        assert_true((metric.gauge != NULL) == (types[i] == SX_GAUGE));
        assert_true((metric.histogram != NULL) == (types[i] == SX_HISTOGRAM));
        sx_counter_add(metric.counter, 2);
        sx_gauge_set(metric.gauge, 3);
        sx_histogram_observe(metric.histogram, 4);
    }
    const char *page = page_text(registry);
    page_assert_line(page, "a_total 2");
    page_assert_line(page, "b 3");
    page_assert_line(page, "c_sum 4");
}

static void test_families_of_any_type_give_metrics(void **state)
{
    (void)state;
    static const enum sx_metric_type types[] = {SX_COUNTER, SX_GAUGE, SX_HISTOGRAM};
    static const char *const names[] = {"a_total", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        struct sx_metric_family family;
        struct sx_metric metric;
        assert_int_equal(
            sx_metric_family_register(&family, registry, types[i],
                                      OPTIONS(.name = names[i], .labels = SX_LABELS("l"))),
            SX_OK);
        assert_int_equal(sx_metric_family_get(&metric, &family, &STR("x"), 1), SX_OK);
        assert_int_equal(metric.type, types[i]);
        sx_counter_add(metric.counter, 2);
        sx_gauge_set(metric.gauge, 3);
        sx_histogram_observe(metric.histogram, 4);
        assert_int_equal(sx_metric_family_get(&metric, &family, &STR("x"), 2), SX_EVALUES);
    }
    const char *page = page_text(registry);
    page_assert_line(page, "a_total{l=\"x\"} 2");
    page_assert_line(page, "b{l=\"x\"} 3");
    page_assert_line(page, "c_sum{l=\"x\"} 4");
}

static void test_what_is_no_type_is_refused(void **state)
{
    (void)state;
    enum sx_metric_type none = (enum sx_metric_type)(SX_GAUGE_HISTOGRAM + 1);
    struct sx_metric metric = {.type = SX_GAUGE};
    struct sx_metric_family family = {.type = none};
    assert_int_equal(sx_metric_register(&metric, registry, none, OPTIONS(.name = "x")), SX_EINVAL);
    assert_int_equal(sx_metric_register(NULL, registry, SX_GAUGE, OPTIONS(.name = "x")), SX_EINVAL);
    assert_int_equal(sx_metric_family_register(&family, registry, none, OPTIONS(.name = "x")),
                     SX_EINVAL);
    assert_int_equal(sx_metric_family_register(NULL, registry, SX_GAUGE, OPTIONS(.name = "x")),
                     SX_EINVAL);
    assert_int_equal(sx_metric_family_get(&metric, &family, &STR("x"), 1), SX_EINVAL);
    assert_int_equal(sx_metric_family_get(&metric, NULL, &STR("x"), 1), SX_EINVAL);
    assert_int_equal(metric.type, SX_GAUGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_metrics_are_registered_and_checked_once),
        TEST(test_the_first_error_is_kept_and_the_rest_is_registered),
        TEST(test_without_a_registration_nothing_is_registered),
        TEST(test_the_message_says_what_is_wrong),
        TEST(test_there_is_a_message_without_options),
        TEST(test_long_names_are_cut_off),
        TEST(test_what_does_not_fit_into_the_message_is_cut_off),
        TEST(test_a_type_may_be_known_at_run_time_only),
        TEST(test_families_of_any_type_give_metrics),
        TEST(test_what_is_no_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
