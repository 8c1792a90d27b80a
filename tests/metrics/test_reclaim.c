/* The memory of removed series is used again, and only when nobody can reach it any more. */

#include "epochs.h"
#include "page.h"
#include "pins.h"
#include "removable.h"
#include "shared_registries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_other_series_that_get_the_cells_start_at_0(void **state)
{
    (void)state;
    char text[16];
    uint32_t cells = 0;
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "%d", i);
        struct sx_counter *counter = sx_counter_with(counters, "x", text);
        struct sx_gauge *gauge = sx_gauge_with(gauges, "x", text);
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", text);
        assert_true(sx_counter_value(counter) == 0);
        assert_true(sx_gauge_value(gauge) == 0);
        assert_int_equal(sx_histogram_count(histogram), 0);
        sx_counter_add(counter, i);
        sx_counter_add(counter, 0.5);
        sx_gauge_inc(gauge);
        sx_histogram_observe(histogram, i);
        assert_true(sx_counter_value(counter) == i + 0.5);
        assert_true(sx_histogram_sum(histogram) == i);
        release(counter, gauge, histogram);
        clear_all();
        if (i == 0) {
            cells = registry->thread_cells_used + registry->process_cells_used;
        }
    }
    assert_int_equal(registry->thread_cells_used + registry->process_cells_used, cells);
}

static void test_the_handle_of_a_removed_series_changes_nothing_that_is_shown(void **state)
{
    (void)state;
    struct sx_counter *counter = sx_counter_with(counters, "x", "1");
    struct sx_gauge *gauge = sx_gauge_with(gauges, "x", "1");
    struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "1");
    clear_all();
    for (int i = 0; i < 300; i++) { /* others would get the cells, if they were free */
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(sx_counter_inc_with(counters, "y", text), SX_OK);
        assert_int_equal(sx_gauge_set_with(gauges, 1, "y", text), SX_OK);
        assert_int_equal(sx_histogram_observe_with(histograms, 1, "y", text), SX_OK);
        sx_counter_inc(counter);
        sx_counter_add(counter, 0.5);
        sx_gauge_set(gauge, 9);
        sx_histogram_observe(histogram, 5);
        const char *page = page_text(registry);
        assert_true(page_sum(page, "c_total") == 1);
        assert_true(page_sum(page, "g") == 1);
        assert_true(page_sum(page, "h_sum") == 1);
        clear_all();
    }
    assert_true(sx_counter_value(counter) == 0 && sx_gauge_value(gauge) == 0);
    assert_int_equal(sx_histogram_count(histogram), 0);

    struct sx_counter *again = sx_counter_with(counters, "x", "1");
    assert_ptr_not_equal(again, counter);
    sx_counter_inc(counter);
    assert_true(sx_counter_value(again) == 0);
    release(again, NULL, NULL);
    release(counter, gauge, histogram);
    const uint32_t waiting = registry->retired.count;
    assert_true(waiting >= 3);
    clear_all();
    assert_int_equal(registry->retired.count, 0);
}

/* Values that a difference of doubles would lose. */
static void test_no_value_of_a_former_series_is_left(void **state)
{
    (void)state;
    static const double former[] = {INFINITY, -INFINITY, 1e300, -1e15, 1e12 + .5};
    for (size_t i = 0; i < 1000; i++) {
        struct sx_histogram *histogram = sx_histogram_with(histograms, "x", "1");
        sx_histogram_observe(histogram, 0.1);
        assert_true(sx_histogram_sum(histogram) == 0.1);
        sx_histogram_observe(histogram, former[i % 5]);
        struct sx_counter *counter = sx_counter_with(counters, "x", "1");
        sx_counter_add(counter, 0.1);
        assert_true(sx_counter_value(counter) == 0.1);
        sx_counter_add(counter, former[i % 5]);
        release(counter, NULL, histogram);
        clear_all();
    }
    /* Those of one counter and one histogram, beside the overflow series: all are used again. */
    assert_in_range(registry->thread_cells_used, 8, 8 + 2 * (2 + 8));
}

/* Names of all sizes, which never come again, in memory for some thousand series. */
static void test_label_values_may_change_without_end(void **state)
{
    (void)state;
    enum { CYCLES = 200000, LIVE = 100 };
    static char names[LIVE][64];
    uint64_t random = 88172645463325252u;
    for (unsigned i = 0; i < CYCLES; i++) {
        char *name = names[i % LIVE];
        if (i >= LIVE) {
            const struct sx_str values[] = {{name, strlen(name)}, {"", 0}};
            assert_int_equal(sx_counter_family_remove(counters, values, 2), 1);
            assert_int_equal(sx_gauge_family_remove(gauges, values, 2), 1);
            assert_int_equal(sx_histogram_family_remove(histograms, values, 2), 1);
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        snprintf(name, sizeof names[0], "%u%.*s", i, (int)(random % 50),
                 "..................................................");
        assert_int_equal(sx_counter_add_with(counters, .5, name, ""), SX_OK);
        assert_int_equal(sx_gauge_set_with(gauges, 1, name, ""), SX_OK);
        assert_int_equal(sx_histogram_observe_with(histograms, .5, name, ""), SX_OK);
    }
    const char *page = page_text(registry);
    assert_true(page_sum(page, "c_total") == LIVE / 2);
    assert_true(page_sum(page, "g") == LIVE);
    assert_true(page_sum(page, "h_count") == LIVE);
}

static void test_a_full_directory_does_not_keep_from_removing(void **state)
{
    (void)state;
    char text[16];
    int count = 0;
    sx_registry_destroy(registry);
    struct sx_registry_options tiny = {
        .thread_rows = 8, .row_bytes = 64 << 10, .directory_bytes = 4096};
    struct sx_metric_options options = {.name = "c_total", .help = "C.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_registry_new(&registry, &tiny), SX_OK);
    assert_int_equal(sx_counter_family_register(&counters, registry, &options), SX_OK);
    for (; !page_has("__overflow__") && count < 1000; count++) {
        snprintf(text, sizeof text, "%d", count);
        assert_int_equal(sx_counter_inc_with(counters, text), SX_OK);
    }
    assert_in_range(count, 10, 100);
    assert_int_equal(sx_counter_family_clear(counters), count);
    assert_false(page_has("c_total{"));
    for (int i = 0; i < count; i++) { /* as many fit as before */
        assert_false(page_has("c_total{a=\"__overflow__\"}"));
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(sx_counter_inc_with(counters, text), SX_OK);
    }
    assert_true(page_has("c_total{a=\"__overflow__\"} 1\n"));
    assert_true(page_sum(page_text(registry), "c_total") == count);
}

/* ---- readers without a thread row ---- */

static int removing;

static void *read_again_and_again(void *unused)
{
    (void)unused;
    for (;;) {
        const int goes_on = __atomic_load_n(&removing, __ATOMIC_ACQUIRE);
        const struct sx__reader reader = sx__epoch_enter_counted(registry);
        if (!goes_on) {
            sx__epoch_leave(registry, reader);
            return NULL;
        }
        sched_yield();
        sx__epoch_leave(registry, reader);
    }
}

/* At nearly every moment one of them is reading. */
static void test_readers_that_take_turns_do_not_keep_memory(void **state)
{
    (void)state;
    enum { READERS = 8, CYCLES = 50000 };
    pthread_t readers[READERS];
    char text[16];
    __atomic_store_n(&removing, 1, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_again_and_again, NULL), 0);
    }
    for (int i = 0; i < CYCLES; i++) {
        snprintf(text, sizeof text, "%d", i);
        do {
            assert_int_equal(sx_counter_inc_with(counters, "x", text), SX_OK);
            (void)sched_yield();
            /* It went to the overflow series if those who were reading have not run since. */
        } while (remove_counter("x", text) == 0);
    }
    __atomic_store_n(&removing, 0, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
}

/* One reader stays, so nothing that it may know is reclaimed; after it has finished, all is. */
static void test_a_reader_keeps_what_it_may_know(void **state)
{
    (void)state;
    char text[16];
    const struct sx__reader reader = sx__epoch_enter_counted(registry);
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(sx_counter_inc_with(counters, "x", text), SX_OK);
        assert_int_equal(remove_counter("x", text), 1);
    }
    assert_true(registry->retired.count >= 500);
    sx__epoch_leave(registry, reader);
    (void)sx_counter_family_clear(counters);
    assert_int_equal(registry->retired.count, 0);
}

/* ---- where processes share the registry ---- */

static struct sx_counter *inherited;

/* The child has the handle of its parent, which may have been given up since. */
static void update_inherited(void)
{
    for (int i = 0; i < 1000; i++) {
        sx_counter_inc(inherited);
        sx_counter_add(inherited, .5);
    }
}

/* The child may not have run yet. */
static void test_nothing_pinned_is_reclaimed_just_after_a_fork(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    removable_make(true);
    struct sx_counter *counter = sx_counter_with(counters, "x", "1");
    sx__pins_before_fork(registry);
    sx_counter_release(counter);
    assert_int_equal(sx_counter_family_clear(counters), 1);
    assert_int_equal(registry->retired.count, 1);
    registry->fork_ns -= INT64_C(11) * 1000000000;
    (void)sx_counter_family_clear(counters);
    assert_int_equal(registry->retired.count, 0);
}

static int step; /* of the next test; relaxed, so that it orders nothing */

static void *make_and_release(void *unused)
{
    struct sx_counter *counter = sx_counter_with(counters, "x", "1");
    sx_counter_inc(counter);
    sx_counter_release(counter);
    __atomic_store_n(&step, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&step, __ATOMIC_RELAXED) != 2) {
        sched_yield();
    }
    return unused;
}

/* Its pin lies in another page than those of the families, which is all zeros without it. Such a
 * page is read from the file, which must not hide the order from the thread sanitizer. */
static void test_a_record_is_used_again_after_another_thread_gave_up_its_handle(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    removable_make(true);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        sx_counter_release(sx_counter_with(counters, "y", text));
    }
    pthread_t thread;
    step = 0;
    assert_int_equal(pthread_create(&thread, NULL, make_and_release, NULL), 0);
    while (__atomic_load_n(&step, __ATOMIC_RELAXED) != 1) {
        sched_yield();
    }
    assert_int_equal(sx_counter_family_clear(counters), 1001);
    assert_int_equal(registry->retired.count, 0);
    assert_int_equal(sx_counter_inc_with(counters, "x", "2"), SX_OK);
    __atomic_store_n(&step, 2, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void check_pins_of_a_child(bool gives_up)
{
    int started[2];
    int go_on[2];
    char byte = 0;
    sx_registry_destroy(registry);
    removable_make(true);
    inherited = sx_counter_with(counters, "x", "1");
    assert_int_equal(pipe(started) | pipe(go_on), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!write(started[1], &byte, 1);
        (void)!read(go_on[0], &byte, 1);
        update_inherited();
        if (gives_up) {
            sx_counter_release(inherited);
        }
        (void)kill(getpid(), SIGKILL);
    }
    sx_counter_release(inherited);
    assert_int_equal(read(started[0], &byte, 1), 1);
    /* As if ten seconds had passed, in which nothing that was pinned is reclaimed at all. */
    assert_true(registry->fork_ns != 0);
    registry->fork_ns = 0;
    assert_int_equal(sx_counter_family_clear(counters), 1);
    assert_int_equal(registry->retired.count, 1);
    assert_int_equal(sx_counter_inc_with(counters, "y", "1"), SX_OK);
    assert_int_equal(write(go_on[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(page_sum(page_text(registry), "c_total") == 1);
    (void)sx_counter_family_clear(counters);
    assert_int_equal(registry->retired.count, 0);
    for (size_t i = 0; i < 2; i++) {
        close(started[i]);
        close(go_on[i]);
    }
}

static void test_a_child_has_the_pins_of_its_parent(void **state)
{
    (void)state;
    need_shared_registries();
    check_pins_of_a_child(true);
}

static void test_pins_of_a_killed_process_end_with_it(void **state)
{
    (void)state;
    need_shared_registries();
    check_pins_of_a_child(false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_other_series_that_get_the_cells_start_at_0),
        TEST(test_the_handle_of_a_removed_series_changes_nothing_that_is_shown),
        TEST(test_no_value_of_a_former_series_is_left),
        TEST(test_label_values_may_change_without_end),
        TEST(test_a_full_directory_does_not_keep_from_removing),
        TEST(test_readers_that_take_turns_do_not_keep_memory),
        TEST(test_a_reader_keeps_what_it_may_know),
        TEST(test_nothing_pinned_is_reclaimed_just_after_a_fork),
        TEST(test_a_record_is_used_again_after_another_thread_gave_up_its_handle),
        TEST(test_a_child_has_the_pins_of_its_parent),
        TEST(test_pins_of_a_killed_process_end_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
