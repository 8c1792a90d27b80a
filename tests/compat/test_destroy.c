/* Destroying while another thread writes a page: a metric at once, a collector and a registry when
 * the page is done. Nothing hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "failing_allocation.h"
#include "flag.h"

#include <cmocka.h>
#include <prom_sextant.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdlib.h>

static prom_collector_registry_t *registry;
static prom_counter_t *counter;
static prom_collector_t *collector;
static int is_in_page;   /* a function of the program was called for a page */
static int is_destroyed; /* the other thread has destroyed something */
static int is_waiting;   /* a thread waits in a function of libprom */
static int has_left;     /* the function that was called for a page has returned */
static int failures;

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    flag_set(&is_waiting);
    return __real_pthread_cond_wait(condition, mutex);
}

/* A flag that is not set before the deadline is a failure. */
static void wait_for(const int *flag)
{
    if (!flag_wait(flag)) {
        __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
}

/* Called for a page; returns when the flag is set. */
static void stay_in_page(const int *flag)
{
    flag_set(&is_in_page);
    wait_for(flag);
    flag_set(&has_left);
}

static bool is_set(const int *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0;
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
    is_in_page = is_destroyed = is_waiting = has_left = failures = 0;
    counter = prom_counter_new("c_total", "C.", 0, NULL);
    registry = registry_with(counter, NULL);
    collector = prom_collector_new("late");
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
}

/* Begins a page in another thread, and returns when it is within a function of the program. */
static pthread_t begin_page(void *write(void *))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write, NULL), 0);
    wait_for(&is_in_page);
    return thread;
}

static void end_page(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(failures, 0);
}

/* ---- metrics ---- */

/* Part of the program that was ported to Sextant, and uses libprom, too. */
static double use_libprom(void *unused)
{
    (void)unused;
    stay_in_page(&is_destroyed);
    prom_counter_t *made = prom_counter_new("made_total", "M.", 0, NULL);
    failures += prom_counter_inc(made, NULL) + prom_counter_destroy(made);
    return 1;
}

static void register_callback(struct sx_registry *where, sx_value_fn *callback)
{
    const struct sx_metric_options options = {.name = "ported", .help = "Ported."};
    assert_int_equal(sx_gauge_register_callback(where, &options, callback, NULL), SX_OK);
}

static void destroy_beside(pthread_t thread)
{
    assert_int_equal(prom_counter_destroy(counter), 0);
    assert_false(is_set(&has_left));
    flag_set(&is_destroyed);
    end_page(thread);
    assert_false(page_has(bridged(registry), "# TYPE c_total"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_metric_is_destroyed_while_its_page_is_written(void **state)
{
    (void)state;
    set_up_all();
    register_callback(prom_collector_registry_sextant(registry), use_libprom);
    destroy_beside(begin_page(write_page));
}

static void *write_sextant_page(void *unused)
{
    struct sx_page page = {0};
    (void)unused;
    failures += sx_page_render(&page, prom_collector_registry_sextant(registry), SX_FORMAT_TEXT);
    sx_page_clean_up(&page);
    return NULL;
}

static void a_metric_is_destroyed_while_sextant_writes_the_page(void **state)
{
    (void)state;
    set_up_all();
    assert_true(page_has(bridged(registry), "c_total 0"));
    register_callback(prom_collector_registry_sextant(registry), use_libprom);
    destroy_beside(begin_page(write_sextant_page));
}

static double destroy_a_metric_of_the_page(void *unused)
{
    (void)unused;
    failures += prom_counter_destroy(counter);
    counter = NULL;
    return 1;
}

static void a_callback_destroys_a_metric_of_its_page(void **state)
{
    (void)state;
    set_up_all();
    register_callback(prom_collector_registry_sextant(registry), destroy_a_metric_of_the_page);
    const char *page = bridged(registry);
    assert_true(page_has(page, "ported 1"));
    assert_false(page_has(page, "c_total"));
    assert_int_equal(failures, 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

/* The page would show another metric that got the place of the destroyed one. */
static void assert_another_of_the_name_is_not_shown(void)
{
    prom_counter_t *other = prom_counter_new("c_total", "Not registered.", 0, NULL);
    assert_false(page_has(bridged(registry), "c_total"));
    assert_int_equal(prom_counter_destroy(other), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_callback_of_another_page_destroys_a_metric(void **state)
{
    (void)state;
    struct sx_registry *other = NULL;
    struct sx_page page = {0};
    set_up_all();
    assert_true(page_has(bridged(registry), "c_total 0"));
    assert_int_equal(sx_registry_new(&other, NULL), SX_OK);
    assert_int_equal(sx_registry_show(other, prom_collector_registry_sextant(registry), "anything"),
                     SX_OK);
    register_callback(other, destroy_a_metric_of_the_page);
    assert_int_equal(sx_page_render(&page, other, SX_FORMAT_TEXT), SX_OK);
    sx_page_clean_up(&page);
    assert_int_equal(failures, 0);
    assert_another_of_the_name_is_not_shown();
    sx_registry_destroy(other);
}

static void a_metric_is_destroyed_without_memory(void **state)
{
    (void)state;
    set_up_all();
    assert_true(page_has(bridged(registry), "c_total 0"));
    fail_all_allocations(0);
    const int result = prom_counter_destroy(counter);
    (void)end_failing_allocations();
    assert_int_equal(result, 0);
    assert_another_of_the_name_is_not_shown();
}

/* ---- collectors and registries ---- */

static prom_map_t *collect_for_long(prom_collector_t *self)
{
    failures += self != collector;
    stay_in_page(&is_waiting);
    return NULL;
}

static void destroying_a_collector_waits_for_its_page(void **state)
{
    (void)state;
    set_up_all();
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_for_long), 0);
    const pthread_t thread = begin_page(write_page);
    assert_int_equal(prom_collector_destroy(collector), 0);
    assert_true(is_set(&is_waiting));
    assert_true(is_set(&has_left));
    end_page(thread);
    assert_true(page_has(bridged(registry), "c_total 0"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void destroying_a_registry_waits_for_its_page(void **state)
{
    (void)state;
    set_up_all();
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_for_long), 0);
    const pthread_t thread = begin_page(write_page);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_true(is_set(&is_waiting));
    assert_true(is_set(&has_left));
    end_page(thread);
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
        cmocka_unit_test(a_metric_is_destroyed_while_its_page_is_written),
        cmocka_unit_test(a_metric_is_destroyed_while_sextant_writes_the_page),
        cmocka_unit_test(a_callback_destroys_a_metric_of_its_page),
        cmocka_unit_test(a_callback_of_another_page_destroys_a_metric),
        cmocka_unit_test(a_metric_is_destroyed_without_memory),
        cmocka_unit_test(destroying_a_collector_waits_for_its_page),
        cmocka_unit_test(destroying_a_registry_waits_for_its_page),
        cmocka_unit_test(a_collect_function_cannot_destroy_its_collector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
