/* What is destroyed while another thread writes a page: that thread ends first, and nothing hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"

#include <cmocka.h>
#include <prom_sextant.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static prom_collector_registry_t *registry;
static prom_counter_t *counter;
static prom_collector_t *collector;
static int is_in_page;    /* a function of the program was called for a page */
static int is_destroying; /* the other thread destroys something now */
static int failures;

static void wait_for(const int *flag)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
        (void)nanosleep(&pause, NULL);
    }
}

/* Until the other thread is within the destroying function, most likely. */
static void stay_in_page(void)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    __atomic_store_n(&is_in_page, 1, __ATOMIC_RELEASE);
    wait_for(&is_destroying);
    (void)nanosleep(&pause, NULL);
}

static void *write_page(void *unused)
{
    (void)unused;
    char *page = (char *)prom_collector_registry_bridge(registry);
    failures += page == NULL;
    free(page);
    return NULL;
}

static void set_up_all(void)
{
    is_in_page = is_destroying = failures = 0;
    counter = prom_counter_new("c_total", "C.", 0, NULL);
    registry = registry_with(counter, NULL);
    collector = prom_collector_new("late");
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
}

/* Begins a page in another thread, and returns when it is within a function of the program. */
static pthread_t begin_page(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_page, NULL), 0);
    wait_for(&is_in_page);
    __atomic_store_n(&is_destroying, 1, __ATOMIC_RELEASE);
    return thread;
}

/* A part of the program that was moved to Sextant, and uses libprom, too. */
static double use_libprom(void *unused)
{
    (void)unused;
    stay_in_page();
    prom_counter_t *made = prom_counter_new("made_total", "M.", 0, NULL);
    failures += prom_counter_inc(made, NULL) + prom_counter_destroy(made);
    return 1;
}

static void a_metric_is_destroyed_when_the_page_is_written(void **state)
{
    (void)state;
    set_up_all();
    const struct sx_metric_options options = {.name = "moved", .help = "Moved."};
    assert_int_equal(sx_gauge_register_callback(prom_collector_registry_sextant(registry), &options,
                                                use_libprom, NULL),
                     SX_OK);
    const pthread_t thread = begin_page();
    assert_int_equal(prom_counter_destroy(counter), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(failures, 0);
    assert_false(page_has(bridged(registry), "# TYPE c_total"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static double destroy_a_metric_of_the_page(void *unused)
{
    (void)unused;
    return prom_counter_destroy(counter);
}

static void a_metric_of_the_page_is_not_destroyed_by_the_thread_that_writes_it(void **state)
{
    (void)state;
    set_up_all();
    const struct sx_metric_options options = {.name = "refused", .help = "Refused."};
    assert_int_equal(sx_gauge_register_callback(prom_collector_registry_sextant(registry), &options,
                                                destroy_a_metric_of_the_page, NULL),
                     SX_OK);
    const char *page = bridged(registry);
    assert_true(page_has(page, "refused 1"));
    assert_true(page_has(page, "c_total 0"));
    assert_int_equal(prom_counter_destroy(counter), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static prom_map_t *collect_for_long(prom_collector_t *self)
{
    failures += self != collector;
    stay_in_page();
    return NULL;
}

static void a_collector_is_destroyed_when_the_page_is_written(void **state)
{
    (void)state;
    set_up_all();
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_for_long), 0);
    const pthread_t thread = begin_page();
    assert_int_equal(prom_collector_destroy(collector), 0);
    memset(&collector, 0, sizeof collector); /* it is over */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(failures, 0);
    assert_true(page_has(bridged(registry), "c_total 0"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static prom_map_t *collect_and_destroy(prom_collector_t *self)
{
    failures += prom_collector_destroy(self) != 1;
    return NULL;
}

static void a_collect_function_cannot_destroy_its_collector(void **state)
{
    (void)state;
    set_up_all();
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_and_destroy), 0);
    assert_true(page_has(bridged(registry), "c_total 0"));
    assert_int_equal(failures, 0);
    assert_int_equal(prom_collector_destroy(collector), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_is_destroyed_when_the_page_is_written),
        cmocka_unit_test(a_metric_of_the_page_is_not_destroyed_by_the_thread_that_writes_it),
        cmocka_unit_test(a_collector_is_destroyed_when_the_page_is_written),
        cmocka_unit_test(a_collect_function_cannot_destroy_its_collector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
