/* Removed series leave the page, and start at 0 when they come again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "family.h"
#include "page.h"
#include "removable.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STR(text) ((struct sx_str){text, sizeof(text) - 1})

#define LABELS(...)                           \
    ((const struct sx_label[]){__VA_ARGS__}), \
        sizeof((const struct sx_label[]){__VA_ARGS__}) / sizeof(struct sx_label)

static void test_a_removed_series_is_not_on_the_page(void **state)
{
    (void)state;
    sx_counter_inc(sx_counter_with(counters, "x", "1"));
    sx_counter_inc(sx_counter_with(counters, "x", "2"));
    assert_int_equal(remove_counter("x", "1"), 1);
    assert_false(page_has("c_total{a=\"x\",b=\"1\"}"));
    assert_true(page_has("c_total{a=\"x\",b=\"2\"} 1\n"));
}

static void test_removing_what_is_not_there_removes_nothing(void **state)
{
    (void)state;
    assert_int_equal(remove_counter("x", "1"), 0);
    (void)sx_counter_with(counters, "x", "1");
    assert_int_equal(remove_counter("x", "1"), 1);
    assert_int_equal(remove_counter("x", "1"), 0);
    assert_int_equal(remove_counter("", ""), 0);
}

/* A series that is removed and made again starts at 0. */
static void test_a_series_that_is_made_again_starts_at_0(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct sx_counter *counter = sx_counter_with(counters, "x", "1");
        struct sx_gauge *gauge = sx_gauge_with(gauges, "x", "1");
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "1");
        assert_true(sx_counter_value(counter) == 0);
        assert_true(sx_gauge_value(gauge) == 0);
        assert_int_equal(sx_histogram_count(histogram), 0);
        assert_true(sx_histogram_sum(histogram) == 0);
        assert_true(page_has("c_total{a=\"x\",b=\"1\"} 0\n"));
        assert_true(page_has("h_bucket{a=\"x\",b=\"1\",le=\"+Inf\"} 0\n"));
        sx_counter_add(counter, 7);
        sx_counter_add(counter, 0.25);
        sx_gauge_set(gauge, -3);
        sx_histogram_observe(histogram, 1.5);
        assert_true(sx_counter_value(counter) == 7.25);
        assert_true(sx_gauge_value(gauge) == -3);
        assert_int_equal(sx_histogram_count(histogram), 1);
        assert_true(sx_histogram_sum(histogram) == 1.5);
        assert_true(page_has("h_bucket{a=\"x\",b=\"1\",le=\"1\"} 0\n"));
        assert_true(page_has("h_bucket{a=\"x\",b=\"1\",le=\"2\"} 1\n"));
        assert_int_equal(sx_counter_family_clear(counters), 1);
        assert_int_equal(sx_gauge_family_clear(gauges), 1);
        assert_int_equal(sx_histogram_family_clear(histograms), 1);
    }
}

static void test_series_are_removed_by_some_of_their_labels(void **state)
{
    (void)state;
    static const char *const all[][2] = {{"x", "1"}, {"x", "2"}, {"y", "1"}, {"y", "2"}};
    for (size_t i = 0; i < 4; i++) {
        (void)sx_counter_with(counters, all[i][0], all[i][1]);
        (void)sx_gauge_with(gauges, all[i][0], all[i][1]);
        (void)sx_histogram_with(histograms, all[i][0], all[i][1]);
    }
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({"b", STR("2")})), 2);
    assert_true(page_has("c_total{a=\"x\",b=\"1\"}") && page_has("c_total{a=\"y\",b=\"1\"}"));
    assert_false(page_has("c_total{a=\"x\",b=\"2\"}") || page_has("c_total{a=\"y\",b=\"2\"}"));
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({"b", STR("2")})), 0);

    assert_int_equal(
        sx_gauge_family_remove_matching(gauges, LABELS({"b", STR("1")}, {"a", STR("y")})), 1);
    assert_false(page_has("g{a=\"y\",b=\"1\"}"));
    assert_true(page_has("g{a=\"x\",b=\"1\"}") && page_has("g{a=\"y\",b=\"2\"}"));
    assert_int_equal(
        sx_gauge_family_remove_matching(gauges, LABELS({"a", STR("x")}, {"a", STR("y")})), 0);

    assert_int_equal(sx_histogram_family_remove_matching(histograms, LABELS({"a", STR("x")})), 2);
    assert_false(page_has("h_count{a=\"x\""));
    assert_true(page_has("h_count{a=\"y\",b=\"1\"}"));
}

static void test_values_that_are_not_utf8_are_removed_by_what_they_became(void **state)
{
    (void)state;
    const struct sx_str bad[] = {{"\xFF", 1}, {"1", 1}};
    struct sx_counter *counter = NULL;
    assert_int_equal(sx_counter_family_get(&counter, counters, bad, 2), SX_OK);
    assert_int_equal(sx_counter_family_remove(counters, bad, 2), 1);
    assert_int_equal(sx_counter_family_get(&counter, counters, bad, 2), SX_OK);
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({"a", STR("\x80")})), 1);
}

static void test_faults_in_arguments_are_told_apart(void **state)
{
    (void)state;
    const struct sx_str values[3] = {STR("x"), STR("1"), {NULL, 1}};
    assert_int_equal(sx_counter_family_remove(NULL, values, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove(counters, NULL, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove(counters, values + 1, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove(counters, values, 1), SX_EVALUES);
    assert_int_equal(sx_gauge_family_remove(gauges, values, 3), SX_EVALUES);
    assert_int_equal(sx_histogram_family_remove(NULL, values, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove_matching(NULL, LABELS({"a", STR("x")})), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove_matching(counters, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({NULL, STR("x")})),
                     SX_EINVAL);
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({"a", {NULL, 1}})),
                     SX_EINVAL);
    assert_int_equal(sx_counter_family_remove_matching(counters, LABELS({"c", STR("x")})),
                     SX_ELABEL);
    assert_int_equal(sx_counter_family_clear(NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_family_clear(NULL), SX_EINVAL);
    assert_int_equal(sx_histogram_family_clear(NULL), SX_EINVAL);
}

/* ---- at the same time as everything else ---- */

#define ROUNDS 5000
static int removing;
static pthread_barrier_t together;

static void *remove_again_and_again(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS; i++) {
        (void)remove_counter("x", i % 2 == 0 ? "1" : "2");
        if (i % 16 == 0) {
            (void)sx_histogram_family_clear(histograms);
        }
    }
    __atomic_store_n(&removing, 0, __ATOMIC_RELEASE);
    return NULL;
}

static void *update_again_and_again(void *stays)
{
    pthread_barrier_wait(&together);
    for (int i = 0; i < 1000 || __atomic_load_n(&removing, __ATOMIC_ACQUIRE); i++) {
        sx_counter_inc(stays);
        sx_counter_inc_with(counters, "x", "1");
        sx_histogram_observe_with(histograms, 1, "x", "1");
        struct sx_counter *counter = sx_counter_with(counters, "x", "2");
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "2");
        sx_counter_add(counter, 0.5);
        sx_histogram_observe(histogram, 3);
        release(counter, NULL, histogram);
    }
    return NULL;
}

/* No series that stays may be disturbed by removals, and no page may show what never was: a
 * difference taken the wrong way round would be a number near 2^64. */
static void test_removal_disturbs_neither_updates_nor_scrapes(void **state)
{
    (void)state;
    pthread_t remover;
    pthread_t writers[3];
    struct sx_counter *stays = sx_counter_with(counters, "stays", "");
    double before = 0;
    removing = 1;
    assert_int_equal(pthread_barrier_init(&together, NULL, 4), 0);
    assert_int_equal(pthread_create(&remover, NULL, remove_again_and_again, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&writers[i], NULL, update_again_and_again, stays), 0);
    }
    while (__atomic_load_n(&removing, __ATOMIC_ACQUIRE)) {
        double now = sx_counter_value(stays);
        assert_true(now >= before);
        before = now;
        struct sx_counter *counter = sx_counter_with(counters, "x", "2");
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "1");
        assert_non_null(counter);
        double fractions = sx_counter_value(counter);
        assert_true(fractions >= 0 && fractions < 1e9);
        assert_true(sx_histogram_count(histogram) < 1000000000);
        release(counter, NULL, histogram);
        assert_false(page_has("} 1844674"));
    }
    assert_int_equal(pthread_join(remover, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    }
    pthread_barrier_destroy(&together);
    assert_true(sx_counter_value(stays) >= 3000);
}

static void *remove_and_make_again(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    while (__atomic_load_n(&removing, __ATOMIC_ACQUIRE)) {
        (void)remove_counter("x", "1");
        sx_counter_inc_with(counters, "x", "1");
        (void)sx_histogram_family_clear(histograms);
        sx_histogram_observe_with(histograms, 1, "x", "1");
    }
    return NULL;
}

/* A reading that began before the removal and ended after it must not look at cells of others. */
static void test_a_series_is_not_read_while_it_changes(void **state)
{
    (void)state;
    enum { READINGS = 200000 };
    pthread_t remover;
    removing = 1;
    struct sx_counter *overflow = sx_counter_with(counters, SX_OVERFLOW_VALUE, SX_OVERFLOW_VALUE);
    assert_int_equal(pthread_barrier_init(&together, NULL, 2), 0);
    assert_int_equal(pthread_create(&remover, NULL, remove_and_make_again, NULL), 0);
    pthread_barrier_wait(&together);
    for (int i = 0; i < READINGS; i++) {
        struct sx_counter *counter = sx_counter_with(counters, "x", "1");
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "1");
        /* While this thread is interrupted, removed series may fill the registry. */
        assert_true(counter == overflow || sx_counter_value(counter) <= 1);
        assert_true(sx_counter_value(overflow) > 0 || sx_histogram_sum(histogram) <= 1);
        release(counter, NULL, histogram);
    }
    __atomic_store_n(&removing, 0, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(remover, NULL), 0);
    pthread_barrier_destroy(&together);
    release(overflow, NULL, NULL);
}

/* ---- where processes share the registry ---- */

static void in_child(void act(void), bool die_with_lock)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (die_with_lock) {
            sx__directory_lock(registry);
        }
        act();
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void update_all(double amount)
{
    sx_counter_add(sx_counter_with(counters, "x", "1"), amount);
    sx_gauge_add(sx_gauge_with(gauges, "x", "1"), amount);
    sx_histogram_observe(sx_histogram_with(histograms, "x", "1"), amount);
}

static void update_by_5(void)
{
    update_all(5);
}

static void assert_all(double amount)
{
    assert_true(sx_counter_value(sx_counter_with(counters, "x", "1")) == amount);
    assert_true(sx_gauge_value(sx_gauge_with(gauges, "x", "1")) == amount);
    assert_true(sx_histogram_sum(sx_histogram_with(histograms, "x", "1")) == amount);
}

static void test_a_series_is_removed_for_all_processes(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    removable_make(true);
    for (int i = 0; i < 3; i++) {
        in_child(update_by_5, false);
        update_all(1.5);
        in_child(clear_all, false);
        assert_false(page_has("{a="));
        update_all(2.5);
        assert_all(2.5);
        clear_all();
        assert_all(0);
    }
}

static struct sx__series *half_removed[2];

/* As if the remover had died half-way: the series are marked, and the rest is not done. */
static void remove_half(void)
{
    half_removed[0]->retired.removed = 1;
    half_removed[1]->retired.removed = 1;
}

static void test_a_remover_that_died_half_way_has_removed(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    removable_make(true);
    struct sx_counter *stale = sx_counter_with(counters, "x", "1");
    struct sx_histogram *stale_histogram = sx_histogram_with(histograms, "x", "1");
    update_all(5);
    clear_all();
    update_all(5);
    half_removed[0] = (void *)sx_counter_with(counters, "x", "1");
    half_removed[1] = (void *)sx_histogram_with(histograms, "x", "1");
    in_child(remove_half, true);
    (void)sx_counter_with(counters, "mends", "");
    sx_counter_inc(stale);
    sx_histogram_observe(stale_histogram, 1);
    assert_false(page_has("c_total{a=\"x\""));
    assert_false(page_has("h_count{a=\"x\""));
    struct sx_counter *again = sx_counter_with(counters, "x", "1");
    assert_ptr_not_equal(again, stale);
    assert_true(sx_counter_value(again) == 0);
    sx_counter_inc(again);
    assert_true(sx_counter_value(again) == 1);
    assert_int_equal(((struct sx__family *)(void *)counters)->live_count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_removed_series_is_not_on_the_page),
        TEST(test_removing_what_is_not_there_removes_nothing),
        TEST(test_a_series_that_is_made_again_starts_at_0),
        TEST(test_series_are_removed_by_some_of_their_labels),
        TEST(test_values_that_are_not_utf8_are_removed_by_what_they_became),
        TEST(test_faults_in_arguments_are_told_apart),
        TEST(test_removal_disturbs_neither_updates_nor_scrapes),
        TEST(test_a_series_is_not_read_while_it_changes),
        TEST(test_a_series_is_removed_for_all_processes),
        TEST(test_a_remover_that_died_half_way_has_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
