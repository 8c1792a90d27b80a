/* Threads beyond the thread rows share one row: their updates are slower, and none is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/metrics.h>

#define THREADS 4
#define UPDATES 500000

static struct sx_counter *counter;
static struct sx_counter *fractions;
static struct sx_histogram *histogram;
static pthread_barrier_t together;

static void *update(void *unused)
{
    pthread_barrier_wait(&together);
    for (int i = 0; i < UPDATES; i++) {
        sx_counter_inc(counter);
        sx_counter_add(fractions, 0.5);
        sx_histogram_observe(histogram, 1);
    }
    return unused;
}

static void test_threads_that_share_a_row_lose_nothing(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    pthread_t threads[THREADS];
    assert_int_equal(sx_registry_new(&registry, &(struct sx_registry_options){.thread_rows = 1}),
                     SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, registry,
                            &(struct sx_metric_options){.name = "a_total", .help = "A."}),
        SX_OK);
    assert_int_equal(
        sx_counter_register(&fractions, registry,
                            &(struct sx_metric_options){.name = "b_total", .help = "B."}),
        SX_OK);
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){.name = "c", .help = "C."}),
                     SX_OK);
    sx_counter_inc(counter); /* the only thread row is this thread's from now on */
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, update, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&together);
    assert_true(sx_counter_value(counter) == 1.0 + THREADS * (double)UPDATES);
    assert_true(sx_counter_value(fractions) == 0.5 * THREADS * (double)UPDATES);
    assert_true(sx_histogram_count(histogram) == (uint64_t)THREADS * UPDATES);
    assert_true(sx_histogram_sum(histogram) == THREADS * (double)UPDATES);
    sx_registry_destroy(registry);
}

static void *observe_both_infinities(void *unused)
{
    sx_histogram_observe(histogram, INFINITY);
    sx_histogram_observe(histogram, -INFINITY);
    return unused;
}

static void test_the_sum_of_a_shared_row_never_becomes_nan(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    pthread_t thread;
    assert_int_equal(sx_registry_new(&registry, &(struct sx_registry_options){.thread_rows = 1}),
                     SX_OK);
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){.name = "c", .help = "C."}),
                     SX_OK);
    sx_histogram_observe(histogram, 1); /* the only thread row is this thread's from now on */
    assert_int_equal(pthread_create(&thread, NULL, observe_both_infinities, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(sx_histogram_sum(histogram) == INFINITY);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_that_share_a_row_lose_nothing),
        cmocka_unit_test(test_the_sum_of_a_shared_row_never_becomes_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
