/* An update of a series that exists takes no lock and allocates nothing, registered or not, except
 * for those that take a lock once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "failing_allocation.h"
#include "page.h"

#include <cmocka.h>
#include <pthread.h>

static unsigned locks;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_lock(mutex);
}

int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_trylock(mutex);
}

int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    locks++;
    return __real_pthread_rwlock_rdlock(lock);
}

int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    locks++;
    return __real_pthread_rwlock_wrlock(lock);
}

#define UPDATES 100

static const char *keys[] = {"method", "path"};
static const char *values[] = {"GET", "/"};
static prom_counter_t *counter;
static prom_counter_t *plain;
static prom_gauge_t *gauge;
static prom_histogram_t *histogram;

/* Returns how many updates failed. */
static int update_all(int updates)
{
    prom_metric_sample_t *sample = prom_metric_sample_from_labels(counter, values);
    int failures = 0;
    for (int i = 0; i < updates; i++) {
        failures += prom_counter_inc(counter, values);
        failures += prom_counter_add(counter, 2, values);
        failures += prom_counter_inc(plain, NULL);
        failures += prom_gauge_set(gauge, 3, values);
        failures += prom_gauge_dec(gauge, values);
        failures += prom_histogram_observe(histogram, .1, values);
        failures += prom_metric_sample_add(sample, 1);
    }
    return failures;
}

static void assert_nothing_is_locked_or_allocated(void)
{
    /* Makes the series and the thread's row, and sets a gauge that was decremented. */
    assert_int_equal(update_all(2), 0);
    const unsigned locks_before = locks;
    const long tried = allocations_tried();
    assert_int_equal(update_all(UPDATES), 0);
    assert_int_equal(locks, locks_before);
    assert_int_equal(allocations_tried(), tried);
}

static void an_update_takes_no_lock_and_allocates_nothing(void **state)
{
    (void)state;
    counter = prom_counter_new("c_total", "C.", 2, keys);
    plain = prom_counter_new("plain_total", "P.", 0, NULL);
    gauge = prom_gauge_new("g", "G.", 2, keys);
    histogram = prom_histogram_new("h", "H.", NULL, 2, keys);
    assert_true(locks > 0); /* they are counted */
    assert_nothing_is_locked_or_allocated();
    prom_collector_registry_t *registry = registry_with(counter, plain, gauge, histogram, NULL);
    prom_collector_registry_t *other = registry_with(counter, NULL);
    assert_nothing_is_locked_or_allocated();
    page_assert_line(bridged(registry), "plain_total 204");
    page_assert_line(bridged(other), "c_total{method=\"GET\",path=\"/\"} 816");
    assert_int_equal(prom_collector_registry_destroy(other), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static bool takes_a_lock(int update(prom_metric_t *, double, const char **), prom_metric_t *metric,
                         double value)
{
    const unsigned before = locks;
    assert_int_equal(update(metric, value, NULL), 0);
    return locks != before;
}

static int dec(prom_metric_t *metric, double value, const char **label_values)
{
    (void)value;
    return prom_gauge_dec(metric, label_values);
}

static void some_updates_take_a_lock_once(void **state)
{
    (void)state;
    plain = prom_counter_new("fractions_total", "F.", 0, NULL);
    gauge = prom_gauge_new("g", "G.", 0, NULL);
    assert_int_equal(prom_counter_inc(plain, NULL), 0); /* makes the thread's row */
    assert_true(takes_a_lock(prom_counter_add, plain, .5));
    assert_false(takes_a_lock(prom_counter_add, plain, .5));
    assert_false(takes_a_lock(prom_gauge_set, gauge, 3));
    assert_false(takes_a_lock(prom_gauge_add, gauge, 2));
    assert_true(takes_a_lock(dec, gauge, 1));
    assert_false(takes_a_lock(dec, gauge, 1));
    assert_true(takes_a_lock(prom_gauge_set, gauge, 3));
    assert_false(takes_a_lock(prom_gauge_set, gauge, 4));
    assert_false(takes_a_lock(dec, gauge, 1));
    assert_false(takes_a_lock(prom_gauge_set, gauge, 5));
    assert_int_equal(prom_counter_destroy(plain), 0);
    assert_int_equal(prom_gauge_destroy(gauge), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_takes_no_lock_and_allocates_nothing),
        cmocka_unit_test(some_updates_take_a_lock_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
