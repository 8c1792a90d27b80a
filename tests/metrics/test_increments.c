/* Increments and decrements of a gauge are counted by each thread, and their difference is right at
 * any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "increments.h"
#include "reading.h"
#include "sanitized.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>

#define ROUNDS (SANITIZED ? 2000 : 20000)
#define THREADS 12

static struct sx_registry *registry;
static struct sx_gauge *gauge;

static int set_up_with(const struct sx_registry_options *options)
{
    int status = sx_registry_new(&registry, options);
    return status < 0 ? status
                      : sx_gauge_register(
                            &gauge, registry,
                            &(struct sx_metric_options){.name = "g", .help = "In progress."});
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int set_up_with_one_row(void **state)
{
    (void)state;
    return set_up_with(&(struct sx_registry_options){.thread_rows = 1});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static bool counts_in_rows(const struct sx_gauge *of)
{
    return of->increments != 0 && of->increments < SX__INCREMENTS_END;
}

static void scrape(void)
{
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    sx_page_clean_up(&page);
}

/* ---- what happens while rows are summed ---- */

/* Are called before and after each sum over rows, if they are set. */
static void (*before_sum)(void);
static void (*after_sum)(void);

uint64_t __real_sx__sum_rows_of_now(const struct sx_registry *of, uint32_t cell);
uint64_t __wrap_sx__sum_rows_of_now(const struct sx_registry *of, uint32_t cell);
uint64_t __wrap_sx__sum_rows_of_now(const struct sx_registry *of, uint32_t cell)
{
    if (before_sum != NULL) {
        before_sum();
    }
    const uint64_t sum = __real_sx__sum_rows_of_now(of, cell);
    if (after_sum != NULL) {
        after_sum();
    }
    return sum;
}

static void need_to_act_between_sums(void)
{
#ifdef SX_AMALGAMATION
    skip(); /* its functions call each other, and not what the linker puts in between */
#endif
}

static void raise_by_steps_and_lower_at_once(void)
{
    for (int k = 0; k < 3; k++) {
        sx_gauge_inc(gauge);
    }
    sx_gauge_add(gauge, -3);
}

static void raise_at_once_and_lower_by_steps(void)
{
    sx_gauge_add(gauge, 3);
    for (int k = 0; k < 3; k++) {
        sx_gauge_dec(gauge);
    }
}

static void test_what_lowers_the_gauge_is_not_read_without_what_raised_it_before(void **state)
{
    (void)state;
    need_to_act_between_sums();
    void (*const updates[])(void) = {raise_by_steps_and_lower_at_once,
                                     raise_at_once_and_lower_by_steps};
    sx_gauge_inc(gauge);
    sx_gauge_dec(gauge);
    for (size_t i = 0; i < 2; i++) {
        before_sum = updates[i];
        assert_true(sx_gauge_value(gauge) >= 0);
        before_sum = NULL;
        after_sum = updates[i];
        assert_true(sx_gauge_value(gauge) >= 0);
        after_sum = NULL;
        assert_true(sx_gauge_value(gauge) == 0);
    }
}

/* As many requests as pass while a reader is not running. */
static void pass_many(void)
{
    after_sum = NULL;
    for (int k = 0; k < 1000; k++) {
        sx_gauge_inc(gauge);
        sx_gauge_dec(gauge);
    }
}

static void test_a_reader_that_was_interrupted_reads_again(void **state)
{
    (void)state;
    need_to_act_between_sums();
    sx_gauge_inc(gauge);
    after_sum = pass_many;
    assert_true(sx_gauge_value(gauge) == 1);
    assert_null(after_sum); /* it was called */
}

static void set_once(void)
{
    after_sum = NULL;
    sx_gauge_set(gauge, 10);
}

static void test_a_reader_sees_all_of_a_set_or_nothing(void **state)
{
    (void)state;
    need_to_act_between_sums();
    for (int k = 0; k < 3; k++) {
        sx_gauge_inc(gauge);
    }
    after_sum = set_once;
    assert_true(sx_gauge_value(gauge) == 10);
}

/* A decrement and an increment of a thread that began them before the gauge was set. */
static void end_late_steps(void)
{
    const uint32_t cell = sx__series_cells((const struct sx__series *)gauge)->more;
    uint64_t *cells = sx__cell(sx__overflow_row(registry), cell);
    after_sum = NULL;
    (void)__atomic_fetch_add(&cells[1], 1, __ATOMIC_RELEASE);
    (void)__atomic_fetch_add(&cells[0], 1, __ATOMIC_RELEASE);
}

static void test_a_set_takes_back_steps_that_end_late(void **state)
{
    (void)state;
    need_to_act_between_sums();
    sx_gauge_inc(gauge);
    after_sum = end_late_steps;
    sx_gauge_set(gauge, 7);
    assert_null(after_sum);
    assert_true(sx_gauge_value(gauge) == 7);
    after_sum = end_late_steps; /* the set tries without the lock first */
    sx_gauge_set(gauge, 8);
    assert_null(after_sum);
    assert_true(sx_gauge_value(gauge) == 8);
}

static unsigned sums_left;

/* What a thread does that had begun an increment before the gauge was set: it ends the increment,
 * and then adds an amount. */
static void increment_late_and_add(void)
{
    if (--sums_left == 0) {
        const uint32_t cell = sx__series_cells((const struct sx__series *)gauge)->more;
        (void)__atomic_fetch_add(sx__cell(sx__overflow_row(registry), cell), 1, __ATOMIC_RELEASE);
        sx_gauge_add(gauge, 100);
        after_sum = NULL;
    }
}

/* The value may be set before both, after both, or between them. */
static void test_a_set_keeps_the_order_of_a_threads_updates(void **state)
{
    (void)state;
    need_to_act_between_sums();
    for (unsigned sums = 1; sums <= 3; sums++) {
        sx_gauge_inc(gauge);
        sums_left = sums;
        after_sum = increment_late_and_add;
        sx_gauge_set(gauge, 7);
        assert_null(after_sum);
        const double value = sx_gauge_value(gauge);
        assert_true(value == 7 || value == 107 || value == 108);
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

/* ---- one thread ---- */

static void test_only_increments_take_cells_of_rows(void **state)
{
    (void)state;
    sx_gauge_set(gauge, 3);
    sx_gauge_add(gauge, 0.5);
    assert_false(counts_in_rows(gauge));
    sx_gauge_inc(gauge);
    assert_true(counts_in_rows(gauge));
    assert_true(sx_gauge_value(gauge) == 4.5);
}

static void test_what_is_set_is_shown_exactly(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        sx_gauge_inc(gauge);
    }
    sx_gauge_set(gauge, 0.1);
    assert_true(sx_gauge_value(gauge) == 0.1);
    assert_false(counts_in_rows(gauge)); /* it is a gauge like any other again */
    sx_gauge_dec(gauge);
    sx_gauge_dec(gauge);
    sx_gauge_set(gauge, -0.0);
    assert_true(sx_gauge_value(gauge) == 0 && signbit(sx_gauge_value(gauge)));
    sx_gauge_dec(gauge);
    assert_true(sx_gauge_value(gauge) == -1);
    sx_gauge_set(gauge, 7);
    sx_gauge_inc(gauge);
    assert_true(sx_gauge_value(gauge) == 8);
}

static void test_a_delta_of_1_is_an_increment(void **state)
{
    (void)state;
    struct sx_gauge_family *family = NULL;
    const struct sx_metric_options options = {
        .name = "f", .help = "Help.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    assert_int_equal(sx_gauge_add_with(family, 1, "x"), SX_OK);
    assert_int_equal(sx_gauge_add_with(family, 1, "x"), SX_OK);
    assert_int_equal(sx_gauge_add_with(family, -1, "x"), SX_OK);
    struct sx_gauge *x = sx_gauge_with(family, "x");
    assert_true(counts_in_rows(x));
    assert_true(sx_gauge_value(x) == 1);
}

static void test_the_next_series_of_the_cells_starts_at_0(void **state)
{
    (void)state;
    struct sx_gauge_family *family = NULL;
    const struct sx_metric_options options = {
        .name = "f", .help = "Help.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    const uint32_t used_before = registry->thread_cells_used;
    for (int i = 0; i < 100; i++) {
        struct sx_gauge *x = sx_gauge_with(family, "x");
        assert_true(sx_gauge_value(x) == 0);
        assert_false(counts_in_rows(x));
        sx_gauge_inc(x);
        sx_gauge_inc(x);
        sx_gauge_dec(x);
        assert_true(sx_gauge_value(x) == 1);
        sx_gauge_release(x);
        assert_int_equal(sx_gauge_family_clear(family), 1);
    }
    /* As many as are removed before some are reclaimed, and not one pair for each. */
    assert_in_range(registry->thread_cells_used - used_before, 2, 2 * 70);
}

static void test_a_full_registry_counts_in_the_row_of_the_process(void **state)
{
    (void)state;
    registry->cells_limit = registry->thread_cells_used; /* nothing is left for thread rows */
    sx_gauge_inc(gauge);
    sx_gauge_inc(gauge);
    sx_gauge_dec(gauge);
    assert_false(counts_in_rows(gauge));
    assert_true(sx_gauge_value(gauge) == 1);
}

/* ---- many threads ---- */

/* All threads live at the same time, so that each has a row. */
static pthread_barrier_t all_have_counted;

static void *begin_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        sx_gauge_inc(gauge);
    }
    (void)pthread_barrier_wait(&all_have_counted);
    return NULL;
}

static void *end_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        sx_gauge_dec(gauge);
    }
    (void)pthread_barrier_wait(&all_have_counted);
    return NULL;
}

static void run_threads(void *(*run)(void *), int count)
{
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&all_have_counted, NULL, (unsigned)count), 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&all_have_counted), 0);
}

static void test_threads_decrement_what_other_threads_incremented(void **state)
{
    (void)state;
    run_threads(begin_many, THREADS);
    assert_true(sx_gauge_value(gauge) == THREADS * ROUNDS);
    run_threads(end_many, THREADS - 1);
    assert_true(sx_gauge_value(gauge) == ROUNDS);
    scrape(); /* finds rows without an owner */
    scrape(); /* and moves what they have */
    assert_true(sx_gauge_value(gauge) == ROUNDS);
    run_threads(end_many, 1);
    assert_true(sx_gauge_value(gauge) == 0);
}

/* ---- what is read beside updates ---- */

static int is_over;

/* Hands requests from the threads that begin them to those that end them. */
static uint64_t begun;
static uint64_t ended;

static void *begin_requests(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        sx_gauge_inc(gauge);
        (void)__atomic_fetch_add(&begun, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *end_requests(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE) ||
           __atomic_load_n(&ended, __ATOMIC_RELAXED) < __atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {
        uint64_t seen = __atomic_load_n(&ended, __ATOMIC_RELAXED);
        if (seen < __atomic_load_n(&begun, __ATOMIC_ACQUIRE) &&
            __atomic_compare_exchange_n(&ended, &seen, seen + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            sx_gauge_dec(gauge);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void *read_all_the_time(void *lowest)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        const double value = sx_gauge_value(gauge);
        if (value < *(double *)lowest) {
            *(double *)lowest = value;
        }
        sched_yield();
    }
    return NULL;
}

static void *scrape_all_the_time(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        scrape();
        sched_yield();
    }
    return NULL;
}

/* Threads come and go, so rows are folded meanwhile. */
static void test_the_gauge_is_never_negative(void **state)
{
    (void)state;
    double lowest = 0;
    pthread_t reader;
    pthread_t scraper;
    pthread_t ender[2];
    is_over = 0;
    begun = ended = 0;
    sx_gauge_inc(gauge); /* so that it has its cells from here on */
    sx_gauge_dec(gauge);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &lowest), 0);
    assert_int_equal(pthread_create(&scraper, NULL, scrape_all_the_time, NULL), 0);
    assert_int_equal(pthread_create(&ender[0], NULL, end_requests, NULL), 0);
    assert_int_equal(pthread_create(&ender[1], NULL, end_requests, NULL), 0);
    for (int i = 0; i < 4; i++) {
        run_threads(begin_requests, THREADS / 2);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(ender[0], NULL), 0);
    assert_int_equal(pthread_join(ender[1], NULL), 0);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    assert_true(lowest == 0);
    assert_int_equal(begun, 4 * (THREADS / 2) * ROUNDS);
    assert_true(sx_gauge_value(gauge) == 0);
}

/* A queue: the thread puts in three, one by one, and takes them out at once, and the other way
 * round. */
static void *fill_and_empty(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50 * ROUNDS; i++) {
        for (int k = 0; k < 3; k++) {
            sx_gauge_inc(gauge);
        }
        sx_gauge_add(gauge, -3);
        sx_gauge_add(gauge, 3);
        for (int k = 0; k < 3; k++) {
            sx_gauge_dec(gauge);
        }
    }
    return NULL;
}

static void test_batches_beside_increments_are_never_negative(void **state)
{
    (void)state;
    double lowest = 0;
    pthread_t reader;
    pthread_t thread;
    is_over = 0;
    run_threads(begin_many, THREADS); /* many rows, so that reading them takes longer */
    run_threads(end_many, THREADS);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &lowest), 0);
    assert_int_equal(pthread_create(&thread, NULL, fill_and_empty, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_true(lowest == 0);
    assert_true(sx_gauge_value(gauge) == 0);
}

#define SETS (SANITIZED ? 200u : 2000u)

static struct sx_gauge *gauges[2000];
static unsigned current; /* the gauge that is used */
static unsigned turns;   /* how often it was */

/* A thread that ends a request and begins the next one. */
static void *take_turns(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        struct sx_gauge *used = gauges[__atomic_load_n(&current, __ATOMIC_ACQUIRE)];
        for (int i = 0; i < 20; i++) {
            sx_gauge_dec(used);
            sx_gauge_inc(used);
        }
        (void)__atomic_fetch_add(&turns, 1, __ATOMIC_RELEASE);
        sched_yield(); /* valgrind runs one thread at a time */
    }
    return NULL;
}

static void make_gauges(void)
{
    struct sx_gauge_family *family = NULL;
    char value[16];
    const struct sx_metric_options options = {
        .name = "f", .help = "Help.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    for (unsigned i = 0; i < SETS; i++) {
        snprintf(value, sizeof value, "%u", i);
        gauges[i] = sx_gauge_with(family, value);
    }
}

/* Each of the two threads may be between its decrement and its increment when a value is set, so at
 * the end a gauge may have two more, but never less. */
static void test_a_set_beside_increments_is_exact(void **state)
{
    (void)state;
    pthread_t threads[2];
    is_over = 0;
    current = 0;
    run_threads(begin_many, THREADS); /* many rows, so that reading them takes longer */
    make_gauges();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, NULL), 0);
    }
    for (unsigned i = 0; i < SETS; i++) {
        __atomic_store_n(&current, i, __ATOMIC_RELEASE);
        const unsigned before = __atomic_load_n(&turns, __ATOMIC_ACQUIRE);
        while (__atomic_load_n(&turns, __ATOMIC_ACQUIRE) - before < 3) {
            sched_yield();
        }
        sx_gauge_set(gauges[i], 1000);
        if (i % 2 == 1) { /* the gauge counts in one cell now, so this is another path */
            sx_gauge_set(gauges[i], 1000);
        }
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned i = 0; i < SETS; i++) {
        const double last = sx_gauge_value(gauges[i]);
        assert_true(last >= 1000 && last <= 1002);
        sx_gauge_set(gauges[i], 0.25);
        assert_true(sx_gauge_value(gauges[i]) == 0.25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_what_lowers_the_gauge_is_not_read_without_what_raised_it_before, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_that_was_interrupted_reads_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_sees_all_of_a_set_or_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_set_keeps_the_order_of_a_threads_updates, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_set_takes_back_steps_that_end_late, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_increments_take_cells_of_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_set_is_shown_exactly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_delta_of_1_is_an_increment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_next_series_of_the_cells_starts_at_0, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_registry_counts_in_the_row_of_the_process,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_decrement_what_other_threads_incremented,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_decrement_what_other_threads_incremented,
                                        set_up_with_one_row, tear_down),
        cmocka_unit_test_setup_teardown(test_the_gauge_is_never_negative, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_gauge_is_never_negative, set_up_with_one_row,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_batches_beside_increments_are_never_negative, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_set_beside_increments_is_exact, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
