/* Sums over all rows: a scrape reads them a cache line at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "reading.h"
#include "records.h"
#include "retired.h"
#include "series_values.h"

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#define ROWS 6
#define SERIES 40

static struct sx_registry *registry;
static struct sx_counter_family *family;
static struct sx_histogram_family *histograms;
static struct sx_counter *counters[SERIES];

static int set_up(void **state)
{
    (void)state;
    char value[16];
    int status = sx_registry_new(&registry, NULL);
    if (status == SX_OK) {
        status = sx_counter_family_register(&family, registry,
                                            &(struct sx_metric_options){.name = "c_total",
                                                                        .help = "Help.",
                                                                        .labels = SX_LABELS("a")});
    }
    if (status == SX_OK) {
        status = sx_histogram_family_register(
            &histograms, registry,
            &(struct sx_metric_options){
                .name = "h", .help = "Help.", .labels = SX_LABELS("a"), SX_BUCKETS(1, 2)});
    }
    for (int i = 0; i < SERIES; i++) {
        snprintf(value, sizeof value, "%d", i);
        counters[i] = sx_counter_with(family, value);
    }
    return status;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static const struct sx__series *series_of(const struct sx_counter *counter)
{
    return (const struct sx__series *)(const void *)counter;
}

static uint64_t read_whole(const struct sx__reading *reading, const struct sx_counter *counter)
{
    struct sx__counter_value value = {.whole = 12345};
    assert_true(sx__read_counter(reading, series_of(counter), &value));
    assert_true(value.is_whole);
    return value.whole;
}

/* Threads that live at the same time, so that each has a row. */
static pthread_barrier_t all_have_added;

static void *add(void *argument)
{
    const int *thread = argument;
    for (int i = 0; i < SERIES; i++) {
        sx_counter_add(counters[i], i * 10 + *thread);
        sx_histogram_observe_with(histograms, i % 3, "x");
    }
    (void)pthread_barrier_wait(&all_have_added);
    return NULL;
}

static void add_in_threads(void)
{
    pthread_t threads[ROWS];
    int numbers[ROWS];
    assert_int_equal(pthread_barrier_init(&all_have_added, NULL, ROWS), 0);
    for (int i = 0; i < ROWS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, add, &numbers[i]), 0);
    }
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&all_have_added), 0);
}

static void test_a_scrape_sums_all_rows(void **state)
{
    (void)state;
    struct sx__reading reading;
    add_in_threads();
    sx__reading_begin(&reading, registry);
    assert_non_null(reading.line);
    for (int i = 0; i < SERIES; i++) {
        assert_int_equal(read_whole(&reading, counters[i]), ROWS * i * 10 + 15);
        assert_true(sx_counter_value(counters[i]) == ROWS * i * 10 + 15);
    }
    for (int i = SERIES; i-- > 0;) {
        assert_int_equal(read_whole(&reading, counters[i]), ROWS * i * 10 + 15);
    }
    sx__reading_end(&reading);
}

static void test_a_scrape_sums_the_buckets_of_all_rows(void **state)
{
    (void)state;
    uint64_t buckets[3];
    double sum = 0;
    struct sx__reading reading;
    add_in_threads();
    struct sx_histogram *histogram = sx_histogram_with(histograms, "x");
    sx__reading_begin(&reading, registry);
    assert_true(sx__read_histogram(&reading, (const struct sx__series *)(const void *)histogram, 2,
                                   buckets, &sum));
    sx__reading_end(&reading);
    assert_int_equal(buckets[0], ROWS * 27); /* 0 and 1 */
    assert_int_equal(buckets[1], ROWS * 13); /* 2 */
    assert_int_equal(buckets[2], 0);
    assert_true(sum == ROWS * 39);
}

static void test_a_sum_stays_at_the_end_of_its_range(void **state)
{
    (void)state;
    struct sx__reading reading;
    add_in_threads();
    const uint32_t cell = series_of(counters[3])->handle.cell;
    *sx__cell(sx__thread_row_at(registry, 1), cell) = UINT64_MAX - 5;
    *sx__cell(sx__thread_row_at(registry, 2), cell) = UINT64_MAX - 5;
    sx__reading_begin(&reading, registry);
    assert_non_null(reading.line);
    assert_true(read_whole(&reading, counters[3]) == UINT64_MAX);
    assert_int_equal(read_whole(&reading, counters[2]), ROWS * 20 + 15);
    assert_int_equal(read_whole(&reading, counters[4]), ROWS * 40 + 15);
    sx__reading_end(&reading);
}

/* A series that is made while a scrape runs may get the cells of a removed one, whose value the
 * scrape has read with its neighbours'. */
static void test_a_new_series_does_not_show_what_a_former_one_counted(void **state)
{
    (void)state;
    struct sx__reading reading;
    add_in_threads();
    const uint32_t cell = series_of(counters[9])->handle.cell;
    const uint32_t neighbour = series_of(counters[8])->handle.cell;
    assert_int_equal(cell / SX__LINE_CELLS, neighbour / SX__LINE_CELLS);
    sx_counter_release(counters[9]);
    assert_int_equal(sx_counter_family_remove(family, &(const struct sx_str){"9", 1}, 1), 1);
    sx__reading_begin(&reading, registry);
    assert_non_null(reading.line);
    assert_int_equal(read_whole(&reading, counters[8]), ROWS * 80 + 15);
    sx__directory_lock(registry);
    assert_true(sx__retired_reclaim_all(registry));
    sx__directory_unlock(registry);
    struct sx_counter *made = sx_counter_with(family, "new");
    assert_int_equal(series_of(made)->handle.cell, cell);
    assert_int_equal(read_whole(&reading, made), 0);
    assert_int_equal(read_whole(&reading, counters[8]), ROWS * 80 + 15);
    sx__reading_end(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_scrape_sums_all_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_scrape_sums_the_buckets_of_all_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_sum_stays_at_the_end_of_its_range, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_series_does_not_show_what_a_former_one_counted,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
