/* Series of a family with idle_seconds expire when nothing has changed them for so long. The tests
 * do not wait: they move the time of the last change back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "activity.h"
#include "expiry.h"
#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000u

static struct sx_registry *registry;
static struct sx_counter_family *counters;
static struct sx_gauge_family *gauges;
static struct sx_histogram_family *histograms;

static int set_up(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "c_total",
                                        .help = "C.",
                                        .labels = SX_LABELS("a"),
                                        .max_series = 3,
                                        .idle_seconds = 60};
    if (sx_registry_new(&registry, NULL) != SX_OK ||
        sx_counter_family_register(&counters, registry, &options) != SX_OK) {
        return -1;
    }
    options.name = "g";
    if (sx_gauge_family_register(&gauges, registry, &options) != SX_OK) {
        return -1;
    }
    options.name = "h";
    return sx_histogram_family_register(&histograms, registry, &options);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void make_older(void *family, uint64_t ms)
{
    struct sx__family *record = family;
    record->next_sweep_ms = 0;
    const struct sx__series *series = sx__series_at(registry, &record->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        struct sx__activity *activity = sx__at(registry, series->activity);
        activity->changed_ms -= ms;
    }
}

/* As if so much time had passed since the last sweep. */
static void pass(uint64_t ms)
{
    make_older(counters, ms);
    make_older(gauges, ms);
    make_older(histograms, ms);
}

static bool page_has(const char *text)
{
    return strstr(page_text(registry), text) != NULL;
}

static void update_all(const char *value)
{
    sx_counter_inc_with(counters, value);
    sx_gauge_set_with(gauges, 5, value);
    sx_histogram_observe_with(histograms, 1, value);
}

static void test_what_does_not_change_expires(void **state)
{
    (void)state;
    update_all("x");
    (void)sx_registry_expire(registry);
    pass(MINUTE_MS - 1000);
    assert_true(page_has("c_total{a=\"x\"} 1\n"));
    pass(MINUTE_MS + 1);
    assert_false(page_has("{a=\"x\""));
    update_all("x");
    assert_true(page_has("c_total{a=\"x\"} 1\n"));
    assert_true(page_has("h_count{a=\"x\"} 1\n"));
}

static void test_any_update_counts(void **state)
{
    (void)state;
    update_all("x");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(sx_registry_expire(registry), 0);
        pass(MINUTE_MS + 1);
        sx_counter_add_with(counters, .25, "x");
        sx_gauge_set_with(gauges, 5, "x"); /* the value that it has */
        sx_histogram_observe_with(histograms, 0, "x");
    }
    assert_int_equal(sx_registry_expire(registry), 0);
    pass(MINUTE_MS + 1);
    sx_gauge_add_with(gauges, 0, "x");
    assert_int_equal(sx_registry_expire(registry), 2);
    assert_true(page_has("\ng{a=\"x\"} 5\n"));
}

/* Whoever has a handle may update it at any time, without a look-up that could make it anew. */
static void test_what_has_a_handle_does_not_expire(void **state)
{
    (void)state;
    struct sx_counter *counter = sx_counter_with(counters, "x");
    struct sx_gauge *gauge = sx_gauge_with(gauges, "x");
    pass(2 * MINUTE_MS);
    assert_int_equal(sx_registry_expire(registry), 0);
    sx_counter_release(counter);
    pass(2 * MINUTE_MS);
    assert_int_equal(sx_registry_expire(registry), 0); /* it has just been given up */
    pass(MINUTE_MS);
    assert_int_equal(sx_registry_expire(registry), 1);
    assert_true(page_has("\ng{a=\"x\"} 0\n"));
    sx_gauge_release(gauge);
}

static void test_a_full_family_expires_before_it_overflows(void **state)
{
    (void)state;
    for (char value[] = "a"; value[0] <= 'c'; value[0]++) {
        sx_counter_inc_with(counters, value);
    }
    sx_counter_inc_with(counters, "d");
    assert_true(page_has("c_total{a=\"__overflow__\"} 1\n"));
    (void)sx_registry_expire(registry);
    pass(MINUTE_MS);
    sx_counter_inc_with(counters, "e");
    assert_true(page_has("c_total{a=\"e\"} 1\n"));
    assert_false(page_has("c_total{a=\"a\"}"));
    assert_true(page_has("c_total{a=\"__overflow__\"} 1\n")); /* which does not expire */
}

static void test_families_without_idle_seconds_never_expire(void **state)
{
    (void)state;
    struct sx_counter_family *others = NULL;
    const struct sx_metric_options options = {
        .name = "other_total", .help = "C.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&others, registry, &options), SX_OK);
    sx_counter_inc_with(others, "x");
    assert_int_equal(sx_registry_expire(registry), 0);
    const struct sx__series *series =
        sx__series_at(registry, &((struct sx__family *)others)->first_series);
    assert_int_equal(series->activity, 0);
}

static void test_impossible_times_are_refused(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_counter_family *family = NULL;
    const double impossible[] = {-1, HUGE_VAL, (double)NAN, 1e10};
    struct sx_metric_options options = {.name = "m_total", .help = "M.", .labels = SX_LABELS("a")};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        options.idle_seconds = impossible[i];
        assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_EINVAL);
    }
    options.labels = NULL;
    options.idle_seconds = 1; /* a metric without labels does not expire */
    assert_int_equal(sx_counter_register(&counter, registry, &options), SX_EINVAL);
}

/* ---- a series is pinned while it is about to be removed ---- */

static struct sx_counter *pinned_meanwhile;
static int looks_until_pin; /* 0: it is not pinned */

uint64_t __real_sx__activity_look(const struct sx__reading *reading,
                                  const struct sx__series *series, uint64_t now_ms);
uint64_t __wrap_sx__activity_look(const struct sx__reading *reading,
                                  const struct sx__series *series, uint64_t now_ms);
uint64_t __wrap_sx__activity_look(const struct sx__reading *reading,
                                  const struct sx__series *series, uint64_t now_ms)
{
    const uint64_t idle_ms = __real_sx__activity_look(reading, series, now_ms);
    if (looks_until_pin > 0 && --looks_until_pin == 0) {
        pinned_meanwhile = sx_counter_with(counters, "x"); /* takes no lock: the series exists */
    }
    return idle_ms;
}

static void test_what_is_pinned_at_the_last_moment_stays(void **state)
{
    (void)state;
#ifdef SX_AMALGAMATION
    skip(); /* its functions call each other, and not what the linker puts in between */
#endif
    for (int looks = 1; looks <= 2; looks++) { /* without the directory's lock, and with it */
        sx_counter_release(sx_counter_with(counters, "x"));
        (void)sx_registry_expire(registry);
        pass(2 * MINUTE_MS);
        looks_until_pin = looks;
        assert_int_equal(sx_registry_expire(registry), 0);
        looks_until_pin = 0;
        assert_non_null(pinned_meanwhile);
        sx_counter_inc(pinned_meanwhile);
        assert_true(page_has("c_total{a=\"x\"} "));
        assert_true(sx_counter_value(pinned_meanwhile) == looks);
        sx_counter_release(pinned_meanwhile);
        pinned_meanwhile = NULL;
    }
}

/* ---- torture: nothing that has a handle is lost, and memory stays bounded ---- */

#define THREADS 3
#define ROUNDS 3000

static char value_is_wrong[] = "the value of a pinned series";

static void *update_held(void *number)
{
    char value[16];
    snprintf(value, sizeof value, "held%d", *(int *)number);
    for (int i = 0; i < ROUNDS; i++) {
        struct sx_counter *counter = sx_counter_with(counters, value);
        const double before = sx_counter_value(counter); /* 0 if it has expired */
        sx_counter_inc(counter);
        sx_counter_inc(counter);
        if (sx_counter_value(counter) != before + 2) {
            return value_is_wrong;
        }
        sx_counter_release(counter);
        sx_gauge_set_with(gauges, i, value);
        sx_histogram_observe_with(histograms, i, value);
    }
    return NULL;
}

static void *expire_all(void *is_over)
{
    while (!__atomic_load_n((bool *)is_over, __ATOMIC_RELAXED)) {
        assert_true(sx_registry_expire(registry) >= 0);
        (void)sched_yield();
    }
    return NULL;
}

static void test_pinned_series_survive_sweeps_of_other_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    pthread_t sweeper;
    int numbers[THREADS];
    bool is_over = false;
    ((struct sx__family *)counters)->idle_ms = 1; /* each sweep may find them idle */
    ((struct sx__family *)gauges)->idle_ms = 1;
    ((struct sx__family *)histograms)->idle_ms = 1;
    struct sx_counter *pinned = sx_counter_with(counters, "pinned");
    assert_int_equal(pthread_create(&sweeper, NULL, expire_all, &is_over), 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, update_held, &numbers[i]), 0);
    }
    for (int i = 0; i < 100 * ROUNDS; i++) {
        sx_counter_inc(pinned);
    }
    for (int i = 0; i < THREADS; i++) {
        void *fault = NULL;
        assert_int_equal(pthread_join(threads[i], &fault), 0);
        assert_null(fault);
    }
    while (page_has("held")) { /* nobody updates them any more */
        (void)sched_yield();
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(sweeper, NULL), 0);
    assert_true(page_has("c_total{a=\"pinned\"} 300000\n"));
    sx_counter_release(pinned);
    assert_in_range(registry->thread_cells_used, 8, 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_series_of_all_types_expire(void **state)
{
    (void)state;
    struct sx_histogram_family *natives = NULL;
    struct sx_summary_family *summaries = NULL;
    struct sx_gauge_family *untyped = NULL;
    struct sx_metric_options options = {
        .name = "n", .labels = SX_LABELS("a"), .idle_seconds = 60, .native = {.growth_factor = 2}};
    assert_int_equal(sx_histogram_family_register(&natives, registry, &options), SX_OK);
    options = (struct sx_metric_options){.name = "s", .labels = SX_LABELS("a"), .idle_seconds = 60};
    assert_int_equal(sx_summary_family_register(&summaries, registry, &options), SX_OK);
    options.name = "u";
    assert_int_equal(sx_untyped_family_register(&untyped, registry, &options), SX_OK);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(sx_histogram_observe_with(natives, -i, "x"), SX_OK);
        assert_int_equal(sx_summary_observe_with(summaries, i, "x"), SX_OK);
        assert_int_equal(sx_gauge_set_with(untyped, i, "x"), SX_OK);
        make_older(natives, MINUTE_MS / 2);
        make_older(summaries, MINUTE_MS / 2);
        make_older(untyped, MINUTE_MS / 2);
        assert_int_equal(sx_registry_expire(registry), 0);
    }
    make_older(natives, MINUTE_MS + 1);
    make_older(summaries, MINUTE_MS + 1);
    make_older(untyped, MINUTE_MS + 1);
    assert_int_equal(sx_registry_expire(registry), 3);
    assert_int_equal(sx_histogram_observe_with(natives, 1, "x"), SX_OK);
    page_assert_line(page_text(registry), "n_count{a=\"x\"} 1");
    assert_false(page_has("s_sum"));
    assert_false(page_has("u{"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_does_not_change_expires),
        TEST(test_any_update_counts),
        TEST(test_what_has_a_handle_does_not_expire),
        TEST(test_a_full_family_expires_before_it_overflows),
        TEST(test_families_without_idle_seconds_never_expire),
        TEST(test_impossible_times_are_refused),
        TEST(test_what_is_pinned_at_the_last_moment_stays),
        TEST(test_pinned_series_survive_sweeps_of_other_threads),
        TEST(test_series_of_all_types_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
