/* Quantiles of summaries: as near to the exact ones as the width of a bucket allows, and of the
 * observations in the window only. The tests turn the clock. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"
#include "native.h"
#include "page.h"
#include "shared_registries.h"
#include "summary_window.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/exposition.h>
#include <sextant/iteration.h>
#include <sextant/registration.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a clock that the test turns, in all processes ---- */

static int64_t *time_ms;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_MONOTONIC || time_ms == NULL) {
        return __real_clock_gettime(clock, now);
    }
    const int64_t ms = __atomic_load_n(time_ms, __ATOMIC_RELAXED);
    *now = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
    return 0;
}

static void pass(double seconds)
{
    (void)__atomic_fetch_add(time_ms, (int64_t)(seconds * 1000), __ATOMIC_RELAXED);
}

static struct sx_registry *registry;
static struct sx_summary *summary;

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})
#define QUANTILES SX_QUANTILES(0, .5, .9, .99, 1)

static void make(const struct sx_registry_options *options)
{
    assert_int_equal(sx_registry_new(&registry, options), SX_OK);
    assert_int_equal(
        sx_summary_register(&summary, registry, OPTIONS(.name = "s", .help = "S.", QUANTILES)),
        SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    time_ms = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(time_ms, MAP_FAILED);
    *time_ms = 1000000;
    make(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    (void)munmap(time_ms, 4096);
    time_ms = NULL;
    return 0;
}

static bool is_near(double estimate, double exact, double error)
{
    return fabs(estimate - exact) <= fabs(exact) * (error + 1e-12);
}

static void assert_near(double estimate, double exact, double error)
{
    if (!is_near(estimate, exact, error)) {
        fail_msg("%.17g is not within %g of %.17g", estimate, error, exact);
    }
}

#define FINE .0014 /* the error at the finest schema */

/* ---- how exact they are ---- */

#define COUNT 10000u

static uint64_t random_state = 42;

/* Above 0, up to 1. */
static double random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double)(random_state >> 11) + 1) * 0x1p-53;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double exact_quantile(const double *sorted, size_t count, double quantile)
{
    const size_t rank = (size_t)ceil(quantile * (double)count);
    return sorted[rank == 0 ? 0 : rank - 1];
}

static int32_t schema_of(const struct sx_summary *of)
{
    struct sx__reading reading;
    struct sx__native_values values;
    sx__reading_of_thread_rows(&reading, registry);
    assert_true(sx__read_native(&reading, (const struct sx__series *)(const void *)of, &values));
    return values.schema;
}

/* Observes all, and compares each per mille with the exact quantile. Returns the error that the
 * width of the buckets allows, and checks it against `error`, the documented one. */
static void check_values(double *values, double error)
{
    for (size_t i = 0; i < COUNT; i++) {
        sx_summary_observe(summary, values[i]);
    }
    const double growth = exp2(exp2(-schema_of(summary)));
    const double allowed = (growth - 1) / (growth + 1);
    assert_true(allowed <= error);
    qsort(values, COUNT, sizeof *values, compare);
    for (int i = 0; i <= 1000; i++) {
        const double quantile = i / 1000.0;
        assert_near(sx_summary_quantile(summary, quantile), exact_quantile(values, COUNT, quantile),
                    allowed);
    }
    sx_summary_reset(summary);
}

/* Numbers of which the largest is `spread` times the smallest one, with equally many in each part
 * of a logarithmic scale. */
static void spread_evenly(double *values, double spread)
{
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = .001 * pow(spread, (double)i / (COUNT - 1));
    }
}

static void test_the_error_is_that_of_the_width_of_a_bucket(void **state)
{
    (void)state;
    static double values[COUNT];
    static const struct {
        double spread;
        double error; /* as docs/metric_types.md has it */
    } spreads[] = {{1, .0014}, {1.5, .0014},  {2.3, .0028}, {5.5, .0055},
                   {30, .011}, {1000, .0217}, {1e6, .0434}, {1e12, .0865}};
    for (size_t i = 0; i < sizeof spreads / sizeof spreads[0]; i++) {
        spread_evenly(values, spreads[i].spread);
        check_values(values, spreads[i].error);
    }
    for (size_t i = 0; i < COUNT; i++) { /* uniform, from 5 to 10 */
        values[i] = 5 + 5 * random_number();
    }
    check_values(values, .0055);
    for (size_t i = 0; i < COUNT; i++) { /* exponential, the mean is 1 */
        values[i] = -log(random_number() * .999);
    }
    check_values(values, .0434);
    for (size_t i = 0; i < COUNT; i++) { /* two humps, like hits and misses of a cache */
        values[i] = (i % 10 == 0 ? .1 : .001) * (1 + random_number());
    }
    check_values(values, .0217);
    for (size_t i = 0; i < COUNT; i++) { /* Pareto: a heavy tail */
        values[i] = pow(random_number(), -1 / 1.5);
    }
    check_values(values, .0434);
    for (size_t i = 0; i < COUNT; i++) { /* of both signs, and 0 */
        values[i] = i % 100 == 0 ? 0 : (random_number() < .5 ? -1 : 1) * (1 + random_number());
    }
    check_values(values, .0055);
}

static void test_infinities_and_extremes_are_quantiles(void **state)
{
    (void)state;
    assert_true(isnan(sx_summary_quantile(summary, .5)));
    sx_summary_observe(summary, INFINITY);
    assert_true(sx_summary_quantile(summary, .5) == INFINITY);
    sx_summary_observe(summary, -INFINITY);
    sx_summary_observe(summary, 0x1p-1074);
    sx_summary_observe(summary, NAN);
    assert_true(sx_summary_quantile(summary, 0) == -INFINITY);
    assert_true(sx_summary_quantile(summary, .5) == 0);
    assert_true(sx_summary_quantile(summary, 1) == INFINITY);
    sx_summary_reset(summary);
    sx_summary_observe(summary, 0x1.fffffffffffffp1023);
    assert_near(sx_summary_quantile(summary, 1), 0x1.fffffffffffffp1023, FINE);
    sx_summary_observe(summary, -0x1.fffffffffffffp1023);
    assert_near(sx_summary_quantile(summary, 0), -0x1.fffffffffffffp1023, FINE);
    sx_summary_observe(summary, 0x1.8p-128);
    sx_summary_observe(summary, INFINITY);
    /* At the coarsest schema a bucket covers 2^16. */
    assert_true(sx_summary_quantile(summary, .5) > 0);
    assert_true(sx_summary_quantile(summary, .5) < 0x1p-110);
    assert_true(sx_summary_quantile(summary, .75) > 0x1p1008);
    assert_true(sx_summary_quantile(summary, 1) == INFINITY);
}

static void test_what_is_no_quantile_is_nan(void **state)
{
    (void)state;
    struct sx_summary *without = NULL;
    assert_int_equal(sx_summary_register(&without, registry, OPTIONS(.name = "w")), SX_OK);
    sx_summary_observe(without, 1);
    sx_summary_observe(summary, 1);
    assert_true(isnan(sx_summary_quantile(without, .5)));
    assert_true(isnan(sx_summary_quantile(NULL, .5)));
    assert_true(isnan(sx_summary_quantile(summary, -.1)));
    assert_true(isnan(sx_summary_quantile(summary, 1.1)));
    assert_true(isnan(sx_summary_quantile(summary, NAN)));
    assert_near(sx_summary_quantile(summary, .123), 1, FINE);
}

/* ---- the window, which is 600 s ---- */

static void test_the_window_moves_with_the_pages(void **state)
{
    (void)state;
    /* In minute n the observations are n + 1. A page each 15 s. */
    for (int second = 0; second < 3600; second += 15) {
        (void)page_text(registry);
        const double begin = second <= 600 ? 0 : second - 600;
        if (second > 0) {
            const double oldest = sx_summary_quantile(summary, 0);
            /* The window begins with a page, at most 120 s after its earliest begin. */
            assert_true(oldest >= (floor(begin / 60) + 1) * (1 - .0217));
            assert_true(oldest <= (floor((begin + 120) / 60) + 1) * (1 + .0217));
            if (second <= 600) {
                assert_near(oldest, 1, .0217);
            }
        }
        sx_summary_observe(summary, second / 60 + 1);
        pass(15);
    }
    assert_int_equal(sx_summary_count(summary), 240);
}

static void test_a_window_without_observations_has_no_quantiles(void **state)
{
    (void)state;
    page_assert_line(page_text(registry), "s{quantile=\"0.5\"} NaN");
    sx_summary_observe(summary, 3);
    assert_near(sx_summary_quantile(summary, .5), 3, FINE);
    pass(600);
    assert_near(sx_summary_quantile(summary, .5), 3, FINE);
    pass(120);
    const char *page = page_text(registry);
    page_assert_line(page, "s{quantile=\"0\"} NaN");
    page_assert_line(page, "s{quantile=\"0.5\"} NaN");
    page_assert_line(page, "s{quantile=\"0.9\"} NaN");
    page_assert_line(page, "s{quantile=\"0.99\"} NaN");
    page_assert_line(page, "s{quantile=\"1\"} NaN");
    page_assert_line(page, "s_sum 3");
    page_assert_line(page, "s_count 1");
}

/* The first page after a pause shows all since the last one before it, so that no observation is
 * lost. So do those of the next 120 s, which would have too few observations otherwise. */
static void test_a_pause_without_readers_is_one_window(void **state)
{
    (void)state;
    sx_summary_observe(summary, 1);
    (void)page_text(registry);
    sx_summary_observe(summary, 2);
    pass(36000);
    sx_summary_observe(summary, 3);
    assert_near(sx_summary_quantile(summary, 0), 1, FINE * 10); /* since it was made */
    assert_near(sx_summary_quantile(summary, 1), 3, FINE * 10); /* the same for each reader */
    pass(119.999);
    assert_near(sx_summary_quantile(summary, 0), 1, FINE * 10);
    pass(.001);
    assert_true(isnan(sx_summary_quantile(summary, 0)));
    sx_summary_observe(summary, 4);
    assert_near(sx_summary_quantile(summary, 0), 4, FINE * 10);
    pass(36000);
    assert_near(sx_summary_quantile(summary, 0), 4, FINE * 10);
    pass(36000);
    assert_true(isnan(sx_summary_quantile(summary, 0)));
}

/* If pages are further apart than the window, each observation is on one page. */
static void test_rare_pages_show_all_since_the_last_one(void **state)
{
    (void)state;
    for (int i = 1; i <= 20; i++) {
        sx_summary_observe(summary, i);
        sx_summary_observe(summary, i + 100);
        pass(900);
        assert_near(sx_summary_quantile(summary, .5), i, .0217);
        assert_near(sx_summary_quantile(summary, 1), i + 100, .0217);
    }
}

static void test_the_window_is_an_option(void **state)
{
    (void)state;
    struct sx_summary *brief = NULL;
    assert_int_equal(
        sx_summary_register(&brief, registry,
                            OPTIONS(.name = "b", SX_QUANTILES(.5), .window_seconds = .002)),
        SX_OK);
    sx_summary_observe(brief, 1);
    assert_near(sx_summary_quantile(brief, .5), 1, FINE);
    pass(.001);
    assert_near(sx_summary_quantile(brief, .5), 1, FINE);
    pass(.002);
    assert_true(isnan(sx_summary_quantile(brief, .5)));
}

/* The resolution is halved between two snapshots, many times. */
static void test_a_window_may_begin_with_finer_buckets(void **state)
{
    (void)state;
    sx_summary_observe(summary, 5);
    (void)page_text(registry);
    for (int i = 0; i < 12; i++) {
        pass(120);
        sx_summary_observe(summary, ldexp(1, i * 12));
        sx_summary_observe(summary, -ldexp(1, -i * 5));
        (void)page_text(registry);
    }
    pass(480);
    /* Only the last observations are in the window, at a coarse schema. */
    assert_true(schema_of(summary) < 1);
    const double lowest = sx_summary_quantile(summary, 0);
    assert_true(lowest < 0 && lowest > -0x1p-40);
    assert_true(sx_summary_quantile(summary, 1) > 0x1p126);
    assert_true(sx_summary_quantile(summary, 1) < 0x1p137);
    pass(120);
    assert_true(isnan(sx_summary_quantile(summary, 0)));
    assert_int_equal(sx_summary_count(summary), 25);
}

static void *observe_widely(void *unused)
{
    sx_summary_observe(summary, 1e-9);
    sx_summary_observe(summary, 1e9);
    return unused;
}

/* A scrape does not read rows that were claimed since it began. So it may find finer buckets than a
 * snapshot has that was taken meanwhile. */
static void test_a_scrape_may_be_older_than_a_snapshot(void **state)
{
    (void)state;
    struct sx__reading reading;
    pthread_t thread;
    struct sx_quantile quantile = {.quantile = .5};
    const struct sx__series *series = (const struct sx__series *)(const void *)summary;
    for (int i = 0; i < 100; i++) {
        sx_summary_observe(summary, 1 + i / 200.0);
    }
    sx__reading_begin(&reading, registry);
    assert_int_equal(pthread_create(&thread, NULL, observe_widely, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pass(120);
    assert_near(sx_summary_quantile(summary, 1), 1e9, .172); /* schema 1 */
    pass(600);
    assert_true(sx__summary_window_read(&reading, series, &quantile, 1));
    assert_true(isnan(quantile.value));
    sx_summary_observe(summary, 1.5);
    assert_true(sx__summary_window_read(&reading, series, &quantile, 1));
    assert_near(quantile.value, 1.5, .172);
    assert_false(is_near(quantile.value, 1.5, FINE)); /* the bucket is as wide as the snapshot's */
    sx__reading_end(&reading);
}

static void *observe_1_four_times(void *unused)
{
    for (int i = 0; i < 4; i++) {
        sx_summary_observe(summary, 1);
    }
    return unused;
}

/* Such a scrape finds less in a bucket than the snapshot has. The difference is 0, not negative. */
static void test_a_scrape_may_have_counted_less_than_a_snapshot(void **state)
{
    (void)state;
    struct sx__reading reading;
    pthread_t thread;
    struct sx_quantile quantile = {.quantile = 0};
    const struct sx__series *series = (const struct sx__series *)(const void *)summary;
    sx_summary_observe(summary, 1);
    sx__reading_begin(&reading, registry);
    assert_int_equal(pthread_create(&thread, NULL, observe_1_four_times, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pass(120);
    (void)sx_summary_quantile(summary, 0); /* keeps a snapshot */
    pass(600);
    assert_true(sx__summary_window_read(&reading, series, &quantile, 1));
    assert_true(isnan(quantile.value));
    sx_summary_observe(summary, 3);
    assert_true(sx__summary_window_read(&reading, series, &quantile, 1));
    assert_near(quantile.value, 3, FINE);
    sx__reading_end(&reading);
}

static void test_a_reset_begins_the_window_anew(void **state)
{
    (void)state;
    sx_summary_observe(summary, 1);
    sx_summary_observe(summary, 1e9);
    (void)page_text(registry);
    pass(200);
    (void)page_text(registry);
    sx_summary_reset(summary);
    assert_true(isnan(sx_summary_quantile(summary, .5)));
    sx_summary_observe(summary, 7);
    pass(599);
    assert_near(sx_summary_quantile(summary, 0), 7, FINE);
    assert_near(sx_summary_quantile(summary, 1), 7, FINE);
    pass(120); /* the window begins with the reading before */
    assert_true(isnan(sx_summary_quantile(summary, 0)));
}

/* ---- families ---- */

static struct sx_summary_family *make_family(double idle_seconds, size_t max_series)
{
    struct sx_summary_family *family = NULL;
    assert_int_equal(sx_summary_family_register(
                         &family, registry,
                         OPTIONS(.name = "f", .labels = SX_LABELS("a"), SX_QUANTILES(.5, 1),
                                 .idle_seconds = idle_seconds, .max_series = max_series)),
                     SX_OK);
    return family;
}

static void test_each_series_has_its_quantiles(void **state)
{
    (void)state;
    struct sx_summary_family *family = make_family(0, 2);
    struct sx_summary *one = sx_summary_with(family, "one");
    for (int i = 1; i <= 100; i++) {
        sx_summary_observe(one, 2);
        assert_int_equal(sx_summary_observe_with(family, 4096, "two"), SX_OK);
        assert_int_equal(sx_summary_observe_with(family, -1, "three"), SX_OK); /* overflow */
    }
    const char *page = page_text(registry);
    assert_non_null(strstr(page, "f{a=\"one\",quantile=\"0.5\"} 1.997"));
    assert_non_null(strstr(page, "f{a=\"one\",quantile=\"1\"} 1.997"));
    assert_non_null(strstr(page, "f{a=\"two\",quantile=\"0.5\"} 4090."));
    assert_non_null(strstr(page, "f{a=\"" SX_OVERFLOW_VALUE "\",quantile=\"0.5\"} -0.998"));
    page_assert_line(page, "f_count{a=\"one\"} 100");
    assert_near(sx_summary_quantile(one, .9), 2, FINE);
    sx_summary_release(one);
}

static void test_a_series_that_is_made_again_has_an_empty_window(void **state)
{
    (void)state;
    struct sx_summary_family *family = make_family(0, 0);
    const struct sx_str value = {"x", 1};
    struct sx_summary *stale = sx_summary_with(family, "x");
    sx_summary_observe(stale, -5);
    sx_summary_observe(stale, 5);
    assert_near(sx_summary_quantile(stale, 1), 5, FINE);
    assert_int_equal(sx_summary_family_remove(family, &value, 1), 1);
    assert_true(isnan(sx_summary_quantile(stale, 1)));
    sx_summary_release(stale);
    for (int i = 0; i < 1000; i++) { /* so that the records are used again */
        assert_int_equal(sx_summary_observe_with(family, i + 1, "x"), SX_OK);
        struct sx_summary *again = sx_summary_with(family, "x");
        assert_near(sx_summary_quantile(again, 0), i + 1, FINE);
        assert_near(sx_summary_quantile(again, 1), i + 1, FINE);
        sx_summary_release(again);
        assert_int_equal(sx_summary_family_remove(family, &value, 1), 1);
    }
    assert_true(registry->directory_used < (size_t)1 << 22); /* of 12 MB, if none were used again */
}

static void test_a_series_without_observations_expires(void **state)
{
    (void)state;
    struct sx_summary_family *family = make_family(60, 0);
    assert_int_equal(sx_summary_observe_with(family, 1, "x"), SX_OK);
    for (int i = 0; i < 4; i++) { /* looking at it is no change */
        assert_non_null(strstr(page_text(registry), "f{a=\"x\",quantile=\"0.5\"}"));
        pass(15);
    }
    pass(30);
    assert_null(strstr(page_text(registry), "a=\"x\""));
}

/* ---- formats ---- */

static const char *rendered(enum sx_format format)
{
    static char text[65536];
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, format), SX_OK);
    assert_true(page.size < sizeof text);
    memcpy(text, page.data, page.size);
    text[page.size] = '\0';
    sx_page_clean_up(&page);
    return text;
}

/* Protobuf is read by tests/system/test_formats.py. */
static void test_text_formats_have_the_quantiles(void **state)
{
    (void)state;
    static const enum sx_format formats[] = {SX_FORMAT_TEXT, SX_FORMAT_TEXT_1_0_0};
    sx_summary_observe(summary, -1);
    sx_summary_observe(summary, 0);
    sx_summary_observe(summary, INFINITY);
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(
            strstr(rendered(formats[i]), "# TYPE s summary\ns{quantile=\"0\"} -0.9986"));
        assert_non_null(strstr(rendered(formats[i]), "\ns{quantile=\"0.5\"} 0\n"));
        assert_non_null(strstr(rendered(formats[i]),
                               "\ns{quantile=\"0.9\"} +Inf\ns{quantile=\"0.99\"} +Inf\n"
                               "s{quantile=\"1\"} +Inf\ns_sum +Inf\ns_count 3\n"));
    }
    /* "Quantile values MUST NOT be negative." */
    assert_non_null(strstr(rendered(SX_FORMAT_OPENMETRICS),
                           "# TYPE s summary\n# HELP s S.\ns{quantile=\"0.5\"} 0\n"
                           "s{quantile=\"0.9\"} +Inf\ns{quantile=\"0.99\"} +Inf\n"
                           "s{quantile=\"1.0\"} +Inf\ns_sum +Inf\ns_count 3\n"));
    sx_summary_reset(summary);
    assert_non_null(strstr(rendered(SX_FORMAT_OPENMETRICS), "\ns{quantile=\"0.5\"} NaN\n"));
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 20000
#define VALUES 128 /* from 1 to 2 */

static void *observe_many(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        sx_summary_observe(summary, 1 + (i % VALUES + 1) / (double)VALUES);
    }
    return unused;
}

static int observers_left;

static void *read_many(void *unused)
{
    struct sx_page page = {0};
    while (__atomic_load_n(&observers_left, __ATOMIC_ACQUIRE) > 0) {
        const double lowest = sx_summary_quantile(summary, 0);
        assert_true(isnan(lowest) || (lowest > .99 && lowest < 2.01));
        assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
        pass(20);
    }
    sx_page_clean_up(&page);
    return unused;
}

/* With two rows, so that some threads share the overflow row, and with so many that rows are
 * folded. All observations are counted in the end, and are in the window if it is long. */
static void test_threads_observe_beside_readers(void **state)
{
    (void)state;
    static const unsigned rows[] = {2, 64};
    for (size_t i = 0; i < 2; i++) {
        pthread_t threads[THREADS];
        pthread_t readers[2];
        struct sx_summary *all = NULL;
        sx_registry_destroy(registry);
        make(&(struct sx_registry_options){.thread_rows = rows[i]});
        for (int long_window = 0; long_window < 2; long_window++) {
            if (long_window) {
                assert_int_equal(sx_summary_register(
                                     &all, registry,
                                     OPTIONS(.name = "l", SX_QUANTILES(.5), .window_seconds = 1e9)),
                                 SX_OK);
                summary = all;
            }
            observers_left = 1;
            for (int j = 0; j < 2; j++) {
                assert_int_equal(pthread_create(&readers[j], NULL, read_many, NULL), 0);
            }
            for (int j = 0; j < THREADS; j++) {
                assert_int_equal(pthread_create(&threads[j], NULL, observe_many, NULL), 0);
            }
            for (int j = 0; j < THREADS; j++) {
                assert_int_equal(pthread_join(threads[j], NULL), 0);
            }
            __atomic_store_n(&observers_left, 0, __ATOMIC_RELEASE);
            for (int j = 0; j < 2; j++) {
                assert_int_equal(pthread_join(readers[j], NULL), 0);
            }
            assert_int_equal(sx_summary_count(summary), THREADS * ROUNDS);
            assert_true(sx_summary_sum(summary) > 1.49 * THREADS * ROUNDS);
        }
        for (int j = 0; j < 4; j++) { /* folding changes nothing */
            /* Of each number there are as many. */
            for (int k = 1; k <= VALUES; k += 9) {
                const double at = (k - .5) / VALUES;
                assert_near(sx_summary_quantile(all, at), 1 + k / (double)VALUES, .0055);
            }
            (void)page_text(registry);
        }
    }
}

/* ---- processes ---- */

/* Valgrind reads all of the mapping for each process that ends. */
static const struct sx_registry_options small_shared = {
    .shared = true, .thread_rows = 8, .row_bytes = 65536, .directory_bytes = 65536};

static void wait_for(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The snapshots are in the registry: what one process has read, another one takes for the begin. */
static void test_processes_share_the_window(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&small_shared);
    for (int i = 1; i <= 20; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            sx_summary_observe(summary, i);
            (void)sx_summary_quantile(summary, .5);
            _exit(0);
        }
        wait_for(pid);
        if (i < 20) {
            pass(120);
        }
    }
    /* Child 15 took its snapshot 600 s ago, after it had observed. */
    assert_near(sx_summary_quantile(summary, 0), 16, .011);
    assert_near(sx_summary_quantile(summary, 1), 20, .011);
    assert_int_equal(sx_summary_count(summary), 20);
}

static void test_a_child_of_a_private_registry_has_a_window_of_its_own(void **state)
{
    (void)state;
    sx_summary_observe(summary, 1);
    const pid_t pid = fork();
    if (pid == 0) {
        sx_summary_observe(summary, 9);
        pass(700);
        const bool is_right = is_near(sx_summary_quantile(summary, 1), 9, .0055);
        pass(700);
        _exit(is_right && isnan(sx_summary_quantile(summary, 1)) ? 0 : 1);
    }
    wait_for(pid);
    assert_near(sx_summary_quantile(summary, 1), 1, FINE); /* what the child has read is its own */
}

/* Writes snapshots as fast as it can, and resets the summary sometimes. */
static void read_for_ever(uint64_t *rounds, unsigned seed)
{
    random_state = 77 + seed;
    for (uint64_t i = 1;; i++) {
        const double value = 1 + 99 * random_number();
        sx_summary_observe(summary, i % 3 == 0 ? -value : value);
        pass(150);
        (void)sx_summary_quantile(summary, .5);
        if (i % 50 == 0) {
            sx_summary_reset(summary);
        }
        __atomic_store_n(rounds, i, __ATOMIC_RELEASE);
    }
}

static void test_killed_readers_leave_a_usable_window(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&small_shared);
    uint64_t *rounds = (uint64_t *)(void *)(time_ms + 8);
    for (unsigned round = 0; round < 30; round++) {
        *rounds = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            (void)alarm(60); /* if this process dies */
            read_for_ever(rounds, round);
        }
        while (__atomic_load_n(rounds, __ATOMIC_ACQUIRE) < 100 + round * 31) {
            assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
            (void)sched_yield();
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        for (int i = 0; i <= 10; i++) {
            const double value = sx_summary_quantile(summary, i / 10.0);
            assert_true(isnan(value) || (fabs(value) > .95 && fabs(value) < 105));
        }
        pass(700); /* what the dead process has observed is in no window after this reading */
        (void)sx_summary_quantile(summary, 0);
        pass(150);
        sx_summary_observe(summary, 1e6);
        assert_near(sx_summary_quantile(summary, 0), 1e6, .05);
        assert_near(sx_summary_quantile(summary, 1), 1e6, .05);
        sx_summary_reset(summary);
    }
}

/* ---- memory ---- */

static void render_without(long successes, bool *has_failed)
{
    struct sx_page page = {0};
    fail_one_allocation(successes);
    const int status = sx_page_render(&page, registry, SX_FORMAT_OPENMETRICS);
    *has_failed = end_failing_allocations();
    assert_int_equal(status, *has_failed ? SX_ENOMEM : SX_OK);
    sx_page_clean_up(&page);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    fail_all_allocations(0);
    struct sx_summary_family *family = make_family(60, 0);
    struct sx_summary *one = sx_summary_with(family, "x");
    sx_summary_observe(one, 3);
    const double read = sx_summary_quantile(one, .5);
    end_failing_allocations();
    assert_near(read, 3, FINE);
    sx_summary_release(one);
    bool has_failed = true;
    for (long i = 0; has_failed; i++) {
        const long live = allocations_live();
        render_without(i, &has_failed);
        assert_int_equal(allocations_live(), live);
    }
}

static int count_series(void *count, const struct sx_series *series)
{
    *(size_t *)count += !series->is_overflow;
    return 0;
}

/* With each size of the directory up to one that suffices, something else has no room. */
static void test_a_full_directory_refuses_the_summary(void **state)
{
    (void)state;
    size_t refused = 0;
    size_t most = 0;
    for (size_t bytes = 8192; bytes <= 128 << 10; bytes += 1024) {
        const struct sx_registry_options options = {.directory_bytes = bytes};
        struct sx_summary_family *family = NULL;
        struct sx_registry *small = NULL;
        size_t made = 0;
        if (sx_registry_new(&small, &options) != SX_OK) {
            continue;
        }
        const int status = sx_summary_family_register(
            &family, small, OPTIONS(.name = "f", .labels = SX_LABELS("a"), SX_QUANTILES(.5)));
        assert_true(status == SX_OK || status == SX_EFULL);
        refused += status != SX_OK;
        for (char c = 'a'; c <= 'z' && status == SX_OK; c++) { /* then the overflow series */
            struct sx_summary *found = NULL;
            assert_int_equal(sx_summary_family_get(&found, family, &(struct sx_str){&c, 1}, 1),
                             SX_OK);
            sx_summary_observe(found, 2);
            assert_near(sx_summary_quantile(found, .5), 2, FINE);
        }
        if (status == SX_OK) {
            assert_int_equal(sx_summary_family_each(family, count_series, &made), 0);
        }
        assert_true(made >= most); /* a larger one has room for as many */
        most = made;
        sx_registry_destroy(small);
    }
    assert_true(refused > 0);
    assert_in_range(most, 2, 12); /* of 12 KiB */
}

/* Makes series of a family until there is room for none. Those that are refused then keep nothing.
 */
static void check_refusals(const struct sx_registry_options *options, const char *limit)
{
    struct sx_registry *small = NULL;
    struct sx_summary_family *family = NULL;
    size_t used = 0;
    assert_int_equal(sx_registry_new(&small, options), SX_OK);
    assert_int_equal(sx_summary_family_register(&family, small,
                                                OPTIONS(.name = "f", .labels = SX_LABELS("a"),
                                                        SX_QUANTILES(.5), .idle_seconds = 60)),
                     SX_OK);
    for (unsigned i = 0; i < 200; i++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%03u", i); /* all as long, so that records are */
        assert_int_equal(sx_summary_observe_with(family, 1, text), SX_OK);
        if (i == 100) {
            used = small->directory_used;
        }
    }
    size_t made = 0;
    assert_int_equal(sx_summary_family_each(family, count_series, &made), 0);
    assert_in_range(made, 1, 99);
    if (small->directory_used != used) {
        fail_msg("with few %s, refused series keep %zu bytes", limit,
                 (size_t)(small->directory_used - used));
    }
    sx_registry_destroy(small);
}

static void test_a_refused_series_keeps_nothing(void **state)
{
    (void)state;
    check_refusals(&(struct sx_registry_options){.row_bytes = 32 << 10}, "row_bytes");
    check_refusals(&(struct sx_registry_options){.directory_bytes = 128 << 10}, "directory_bytes");
}

/* ---- registration ---- */

static void check_fault(enum sx_metric_type type, const struct sx_metric_options *options,
                        const char *fault)
{
    struct sx_registration one = {.registry = registry};
    (void)sx_registration_add(&one, type, options);
    assert_int_equal(one.status, SX_EINVAL);
    assert_non_null(strstr(one.message, fault));
}

static void test_impossible_options_are_refused(void **state)
{
    (void)state;
    double many[SX_QUANTILES_MAX + 1];
    for (size_t i = 0; i <= SX_QUANTILES_MAX; i++) {
        many[i] = (double)i / 100;
    }
    const char *range = ": quantiles are from 0 to 1, in ascending order";
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", SX_QUANTILES(1.1)), range);
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", SX_QUANTILES(-.1)), range);
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", SX_QUANTILES(NAN)), range);
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", SX_QUANTILES(.5, .5)), range);
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", .quantiles = many, .quantile_count = 65),
                ": there are too many quantiles");
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", .quantile_count = 1), "`quantiles` is NULL");
    check_fault(SX_SUMMARY, OPTIONS(.name = "q", .window_seconds = 1),
                ": a window is for quantiles");
    static const double windows[] = {-1, 2e9, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        check_fault(SX_SUMMARY,
                    OPTIONS(.name = "q", SX_QUANTILES(.5), .window_seconds = windows[i]),
                    ": `window_seconds` is from 0 to 1e9");
    }
    check_fault(SX_HISTOGRAM, OPTIONS(.name = "q", SX_QUANTILES(.5)),
                ": only summaries have quantiles");
    check_fault(SX_GAUGE, OPTIONS(.name = "q", .window_seconds = 1),
                ": only summaries have quantiles");
    struct sx_summary *most = NULL;
    assert_int_equal(sx_summary_register(&most, registry,
                                         OPTIONS(.name = "q", .quantiles = many,
                                                 .quantile_count = 64, .window_seconds = 1e9)),
                     SX_OK);
    assert_int_equal(page_count_lines(page_text(registry)) > 66, 1);
}

static void test_the_same_options_register_it_again(void **state)
{
    (void)state;
    struct sx_summary *again = NULL;
    assert_int_equal(
        sx_summary_register(&again, registry,
                            OPTIONS(.name = "s", .help = "S.", QUANTILES, .window_seconds = 600)),
        SX_OK);
    assert_ptr_equal(again, summary);
    assert_int_equal(sx_summary_unregister(again), 0);
    assert_int_equal(sx_summary_register(&again, registry, OPTIONS(.name = "s", .help = "S.")),
                     SX_EEXIST);
    assert_int_equal(
        sx_summary_register(&again, registry,
                            OPTIONS(.name = "s", .help = "S.", SX_QUANTILES(0, .5, .9, .999, 1))),
        SX_EEXIST);
    struct sx_registration one = {.registry = registry};
    (void)sx_registration_add(&one, SX_SUMMARY,
                              OPTIONS(.name = "s", .help = "S.", QUANTILES, .window_seconds = 60));
    assert_int_equal(one.status, SX_EEXIST);
    assert_non_null(strstr(one.message, ": its quantiles or their window differ"));
    assert_int_equal(sx_summary_unregister(summary), 1);
    assert_int_equal(sx_summary_register(&summary, registry, OPTIONS(.name = "s")), SX_OK);
    sx_summary_observe(summary, 1);
    assert_null(strstr(page_text(registry), "quantile"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_error_is_that_of_the_width_of_a_bucket),
        TEST(test_infinities_and_extremes_are_quantiles),
        TEST(test_what_is_no_quantile_is_nan),
        TEST(test_the_window_moves_with_the_pages),
        TEST(test_a_window_without_observations_has_no_quantiles),
        TEST(test_a_pause_without_readers_is_one_window),
        TEST(test_rare_pages_show_all_since_the_last_one),
        TEST(test_the_window_is_an_option),
        TEST(test_a_window_may_begin_with_finer_buckets),
        TEST(test_a_scrape_may_be_older_than_a_snapshot),
        TEST(test_a_scrape_may_have_counted_less_than_a_snapshot),
        TEST(test_a_reset_begins_the_window_anew),
        TEST(test_each_series_has_its_quantiles),
        TEST(test_a_series_that_is_made_again_has_an_empty_window),
        TEST(test_a_series_without_observations_expires),
        TEST(test_text_formats_have_the_quantiles),
        TEST(test_threads_observe_beside_readers),
        TEST(test_processes_share_the_window),
        TEST(test_a_child_of_a_private_registry_has_a_window_of_its_own),
        TEST(test_killed_readers_leave_a_usable_window),
        TEST(test_each_allocation_may_fail),
        TEST(test_a_full_directory_refuses_the_summary),
        TEST(test_a_refused_series_keeps_nothing),
        TEST(test_impossible_options_are_refused),
        TEST(test_the_same_options_register_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
