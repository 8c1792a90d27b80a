/* Series beyond the limit of a family share one overflow series. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "family.h"
#include "page.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_counter_family *counters;

static struct sx_counter_family *with_limit(const char *name, size_t max_series)
{
    struct sx_counter_family *made = NULL;
    struct sx_metric_options options = {
        .name = name, .help = "C.", .labels = SX_LABELS("a", "b"), .max_series = max_series};
    assert_int_equal(sx_counter_family_register(&made, registry, &options), SX_OK);
    return made;
}

static int set_up(void **state)
{
    (void)state;
    if (sx_registry_new(&registry, NULL) != SX_OK) {
        return -1;
    }
    counters = with_limit("c_total", 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void count(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    sx_counter_inc(sx_counter_with(counters, text, "x"));
}

static bool page_has(const char *text)
{
    return strstr(page_text(registry), text) != NULL;
}

#define OVERFLOW_LINE "c_total{a=\"__overflow__\",b=\"__overflow__\"} "
#define COUNT_LINE "sextant_series_overflowed_total{family=\"c_total\"} "

static void test_up_to_the_limit_there_is_no_overflow(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        count(i % 3);
    }
    assert_true(page_has("c_total{a=\"2\",b=\"x\"} 3\n"));
    assert_false(page_has("overflow"));
}

static void test_what_is_beyond_the_limit_is_one_series_and_is_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        count(i);
        count(i);
    }
    assert_true(page_has("c_total{a=\"2\",b=\"x\"} 2\n"));
    assert_false(page_has("c_total{a=\"3\""));
    assert_true(page_has(OVERFLOW_LINE "14\n"));
    assert_true(page_has(COUNT_LINE "14\n"));
    assert_true(page_has("# TYPE sextant_series_overflowed_total counter\n"));
}

static void test_each_family_has_its_own_limit(void **state)
{
    (void)state;
    struct sx_counter_family *other = with_limit("d_total", 1);
    (void)sx_counter_with(other, "1", "x");
    for (unsigned i = 0; i < 3; i++) {
        count(i);
    }
    assert_false(page_has("overflow"));
    (void)sx_counter_with(other, "2", "x");
    assert_true(page_has("sextant_series_overflowed_total{family=\"d_total\"} 1\n"));
    assert_false(page_has(COUNT_LINE));
}

static void test_the_overflow_series_does_not_count_towards_the_limit(void **state)
{
    (void)state;
    sx_counter_inc(sx_counter_with(counters, SX_OVERFLOW_VALUE, SX_OVERFLOW_VALUE));
    for (unsigned i = 0; i < 3; i++) {
        count(i);
    }
    assert_false(page_has("sextant_"));
    count(3);
    assert_true(page_has(OVERFLOW_LINE "2\n"));
    assert_true(page_has(COUNT_LINE "1\n"));
    /* Asked for by name, it is no overflow. */
    (void)sx_counter_with(counters, SX_OVERFLOW_VALUE, SX_OVERFLOW_VALUE);
    assert_true(page_has(COUNT_LINE "1\n"));
}

/* 2,000 values of 2 KB in a directory of 1 MiB: most have no room, and nothing is lost. */
static void test_nothing_is_lost_in_a_full_directory(void **state)
{
    (void)state;
    enum { COUNT = 2000, SIZE = 2048 };
    static char text[SIZE + 1];
    const struct sx_registry_options small = {.directory_bytes = 1 << 20};
    const struct sx_metric_options options = {
        .name = "c_total", .help = "Help.", .labels = SX_LABELS("a")};
    struct sx_metric_options of_gauges = options;
    struct sx_metric_options of_histograms = options;
    struct sx_registry *full = NULL;
    struct sx_counter_family *c = NULL;
    struct sx_gauge_family *g = NULL;
    struct sx_histogram_family *h = NULL;
    of_gauges.name = "g";
    of_histograms.name = "h";
    assert_int_equal(sx_registry_new(&full, &small), SX_OK);
    assert_int_equal(sx_counter_family_register(&c, full, &options), SX_OK);
    assert_int_equal(sx_gauge_family_register(&g, full, &of_gauges), SX_OK);
    assert_int_equal(sx_histogram_family_register(&h, full, &of_histograms), SX_OK);
    memset(text, 'x', SIZE);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, 8, "%07d", i);
        text[7] = 'x';
        assert_int_equal(sx_counter_add_with(c, 0.5, text), SX_OK);
        assert_int_equal(sx_gauge_add_with(g, 1, text), SX_OK);
        assert_int_equal(sx_histogram_observe_with(h, 2, text), SX_OK);
    }
    double sums[4] = {0};
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, full, SX_FORMAT_TEXT), SX_OK);
    static const char *const names[] = {"c_total{", "g{", "h_count{", "h_sum{"};
    for (char *line = strtok(page.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        for (int i = 0; i < 4; i++) {
            if (strncmp(line, names[i], strlen(names[i])) == 0) {
                sums[i] += strtod(strrchr(line, ' '), NULL);
            }
        }
    }
    assert_true(sums[0] == COUNT * 0.5);
    assert_true(sums[1] == COUNT);
    assert_true(sums[2] == COUNT);
    assert_true(sums[3] == COUNT * 2.0);
    sx_page_clean_up(&page);
    sx_registry_destroy(full);
}

static void test_removal_makes_room_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        count(i);
    }
    const struct sx_str first[] = {{"0", 1}, {"x", 1}};
    assert_int_equal(sx_counter_family_remove(counters, first, 2), 1);
    count(4);
    assert_true(page_has("c_total{a=\"4\",b=\"x\"} 1\n"));
    count(0);
    assert_false(page_has("c_total{a=\"0\""));
    assert_true(page_has(OVERFLOW_LINE "2\n"));
    assert_int_equal(sx_counter_family_clear(counters), 4);
    assert_false(page_has(OVERFLOW_LINE));
    for (unsigned i = 10; i < 14; i++) {
        count(i);
    }
    assert_true(page_has("c_total{a=\"12\",b=\"x\"} 1\n"));
    assert_true(page_has(OVERFLOW_LINE "1\n"));
    assert_true(page_has(COUNT_LINE "3\n"));
}

static void test_ten_thousand_series_is_the_default(void **state)
{
    (void)state;
    counters = with_limit("default_total", 0);
    for (unsigned i = 0; i < 10002; i++) {
        count(i);
    }
    assert_true(page_has("default_total{a=\"9999\",b=\"x\"} 1\n"));
    assert_true(page_has("default_total{a=\"__overflow__\",b=\"__overflow__\"} 2\n"));
}

static void test_gauges_and_histograms_overflow_too(void **state)
{
    (void)state;
    struct sx_gauge_family *gauges = NULL;
    struct sx_histogram_family *histograms = NULL;
    struct sx_metric_options options = {
        .name = "g", .help = "G.", .labels = SX_LABELS("a"), .max_series = 1};
    assert_int_equal(sx_gauge_family_register(&gauges, registry, &options), SX_OK);
    options.name = "h";
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &options), SX_OK);
    sx_gauge_inc(sx_gauge_with(gauges, "1"));
    sx_gauge_inc(sx_gauge_with(gauges, "2"));
    sx_histogram_observe(sx_histogram_with(histograms, "1"), 1);
    sx_histogram_observe(sx_histogram_with(histograms, "2"), 2);
    sx_histogram_observe(sx_histogram_with(histograms, "3"), 3);
    assert_true(page_has("g{a=\"__overflow__\"} 1\n"));
    assert_true(page_has("h_sum{a=\"__overflow__\"} 5\n"));
    assert_true(page_has("sextant_series_overflowed_total{family=\"h\"} 2\n"));
}

static void test_a_name_taken_by_the_program_costs_only_the_count(void **state)
{
    (void)state;
    struct sx_gauge *taken = NULL;
    struct sx_metric_options options = {.name = "sextant_series_overflowed_total", .help = "Mine."};
    assert_int_equal(sx_gauge_register(&taken, registry, &options), SX_OK);
    for (unsigned i = 0; i < 5; i++) {
        count(i);
    }
    assert_true(page_has(OVERFLOW_LINE "2\n"));
    assert_true(page_has("\nsextant_series_overflowed_total 0\n"));
}

#define THREADS 4
#define UPDATES 20000

static void *count_many(void *first)
{
    for (unsigned i = 0; i < UPDATES; i++) {
        count((unsigned)(uintptr_t)first + i % 50);
    }
    return NULL;
}

static void test_no_update_is_lost_at_the_limit(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    double sum = 0;
    unsigned series_count = 0;
    counters = with_limit("many_total", 40);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, (void *)(i * 25)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct sx__family *family = (void *)counters;
    assert_int_equal(family->live_count, 40);
    for (uint32_t ref = family->first_series; ref != 0;) {
        struct sx__series *series = sx__at(registry, ref);
        sum += sx_counter_value(&series->handle);
        series_count++;
        ref = series->next;
    }
    assert_true(sum == THREADS * UPDATES);
    assert_int_equal(series_count, 41);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_up_to_the_limit_there_is_no_overflow),
        TEST(test_what_is_beyond_the_limit_is_one_series_and_is_counted),
        TEST(test_each_family_has_its_own_limit),
        TEST(test_the_overflow_series_does_not_count_towards_the_limit),
        TEST(test_nothing_is_lost_in_a_full_directory),
        TEST(test_removal_makes_room_again),
        TEST(test_ten_thousand_series_is_the_default),
        TEST(test_gauges_and_histograms_overflow_too),
        TEST(test_a_name_taken_by_the_program_costs_only_the_count),
        TEST(test_no_update_is_lost_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
