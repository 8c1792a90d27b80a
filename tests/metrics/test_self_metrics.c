/* The metrics that a registry has about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "directory.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <string.h>

#define NAME "sextant_updates_ignored_total"
#define THREADS 8
#define UPDATES 1000

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_histogram_family *family;
static struct sx_page page;
static char text[8192];

static int set_up(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "c_total", .help = "C."};
    struct sx_metric_options labelled = {.name = "h", .help = "H.", .labels = SX_LABELS("a")};
    return sx_registry_new(&registry, &(struct sx_registry_options){.thread_rows = 4}) ||
           sx_counter_register(&counter, registry, &options) ||
           sx_histogram_family_register(&family, registry, &labelled);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    sx_page_clean_up(&page);
    return 0;
}

static bool page_has(const char *part)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_in_range(page.size, 1, sizeof text - 1);
    memcpy(text, page.data, page.size);
    text[page.size] = '\0';
    const struct sx_str whole = {page.data, page.size};
    assert_int_equal(sx_exposition_check(whole, NULL, NULL, NULL), 0);
    return strstr(text, part) != NULL;
}

static void test_a_program_in_which_all_is_well_sees_nothing(void **state)
{
    (void)state;
    sx_counter_add(counter, 0);
    sx_counter_add(counter, -0.0);
    sx_counter_add(counter, 0.5);
    sx_histogram_observe(sx_histogram_with(family, "x"), -INFINITY);
    assert_false(page_has("sextant_"));
}

static void test_ignored_updates_are_counted_by_family(void **state)
{
    (void)state;
    sx_counter_add(counter, -1);
    sx_counter_add(counter, NAN);
    sx_counter_add(counter, INFINITY);
    sx_histogram_observe(sx_histogram_with(family, "x"), NAN);
    sx_histogram_observe(sx_histogram_with(family, "y"), NAN);
    assert_true(page_has("\n" NAME "{family=\"c_total\"} 3\n"));
    assert_true(page_has("\n" NAME "{family=\"h\"} 2\n"));
    assert_true(page_has("\nc_total 0\n"));
    assert_true(page_has("\nh_count{a=\"x\"} 0\n"));
}

/* From the second one on, who ignores waits for nobody: it would not come back from this. */
static void test_the_lock_is_taken_the_first_time_only(void **state)
{
    (void)state;
    struct sx_histogram *histogram = sx_histogram_with(family, "x");
    sx_histogram_observe(histogram, NAN);
    sx_counter_add(counter, -1);
    sx__directory_lock(registry);
    sx_histogram_observe(histogram, NAN);
    sx_counter_add(counter, -1);
    sx__directory_unlock(registry);
    assert_true(page_has("\n" NAME "{family=\"h\"} 2\n"));
    assert_true(page_has("\n" NAME "{family=\"c_total\"} 2\n"));
}

static void *observe_nothing(void *unused)
{
    for (int i = 0; i < UPDATES; i++) {
        sx_histogram_observe(sx_histogram_with(family, "x"), NAN);
        sx_counter_add(counter, -1);
    }
    return unused;
}

static void test_threads_that_meet_at_the_first_one_lose_none(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, observe_nothing, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(page_has("\n" NAME "{family=\"h\"} 8000\n"));
    assert_true(page_has("\n" NAME "{family=\"c_total\"} 8000\n"));
}

static void test_a_metric_of_the_program_with_the_name_is_left_alone(void **state)
{
    (void)state;
    struct sx_gauge *mine = NULL;
    struct sx_metric_options options = {.name = NAME, .help = "Mine."};
    assert_int_equal(sx_gauge_register(&mine, registry, &options), SX_OK);
    sx_counter_add(counter, -1);
    sx_counter_add(counter, 2);
    assert_true(page_has("\n" NAME " 0\n"));
    assert_true(page_has("\nc_total 2\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_program_in_which_all_is_well_sees_nothing),
        TEST(test_ignored_updates_are_counted_by_family),
        TEST(test_the_lock_is_taken_the_first_time_only),
        TEST(test_threads_that_meet_at_the_first_one_lose_none),
        TEST(test_a_metric_of_the_program_with_the_name_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
