/* Many threads that update, look up, scrape, register and fork at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "page.h"
#include "sanitized.h"

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 2000

static const char *keys[] = {"worker", "kind"};
static prom_counter_t *counter;
static prom_gauge_t *gauge;
static prom_histogram_t *histogram;
static prom_collector_registry_t *registry;
static int is_over;

static void make_all(void)
{
    is_over = 0;
    counter = prom_counter_new("c_total", "C.", 2, keys);
    gauge = prom_gauge_new("g", "G.", 2, keys);
    histogram = prom_histogram_new("h_seconds", "H.", NULL, 2, keys);
    registry = registry_with(counter, gauge, histogram, NULL);
}

/* Failures of cmocka must not leave a thread, so threads count theirs. */
static void *update(void *argument)
{
    char worker[16];
    snprintf(worker, sizeof worker, "%d", (int)(intptr_t)argument % 3);
    intptr_t failures = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const char *values[] = {worker, i % 2 == 0 ? "even" : NULL};
        failures += prom_counter_inc(counter, values);
        failures += prom_gauge_inc(gauge, values);
        failures += prom_gauge_dec(gauge, values);
        failures += prom_histogram_observe(histogram, .1, values);
        prom_metric_sample_t *sample = prom_metric_sample_from_labels(counter, values);
        failures += sample == NULL || prom_metric_sample_add(sample, 2) != 0;
    }
    return (void *)failures;
}

static void *scrape(void *argument)
{
    intptr_t failures = 0;
    (void)argument;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        char *page = (char *)prom_collector_registry_bridge(registry);
        failures += page == NULL;
        free(page);
    }
    return (void *)failures;
}

/* Metrics come and go beside the others. */
static void *come_and_go(void *argument)
{
    intptr_t failures = 0;
    prom_collector_t *collector = argument;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        prom_counter_t *passing = prom_counter_new("passing_total", "P.", 2, keys);
        const char *values[] = {"x", "y"};
        failures += prom_counter_inc(passing, values);
        failures += prom_collector_add_metric(collector, passing);
        char *page = (char *)prom_collector_registry_bridge(registry);
        failures +=
            page == NULL || strstr(page, "passing_total{worker=\"x\",kind=\"y\"} 1") == NULL;
        free(page);
        failures += prom_counter_destroy(passing);
    }
    return (void *)failures;
}

static intptr_t joined(pthread_t thread)
{
    void *failures;
    assert_int_equal(pthread_join(thread, &failures), 0);
    return (intptr_t)failures;
}

static void assert_exact(const char *page, double rounds)
{
    assert_true(page_sum(page, "c_total") == 3 * rounds);
    assert_true(page_sum(page, "g") == 0);
    assert_true(page_sum(page, "h_seconds_count") == rounds);
}

static void counts_are_exact_beside_scrapes_and_registrations(void **state)
{
    (void)state;
    make_all();
    prom_collector_t *passing = prom_collector_new("passing");
    assert_int_equal(prom_collector_registry_register_collector(registry, passing), 0);
    pthread_t updaters[THREADS], scrapers[2], passer;
    for (intptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&updaters[i], NULL, update, (void *)i), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&scrapers[i], NULL, scrape, NULL), 0);
    }
    assert_int_equal(pthread_create(&passer, NULL, come_and_go, passing), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(joined(updaters[i]), 0);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    assert_int_equal(joined(scrapers[0]) + joined(scrapers[1]) + joined(passer), 0);
    assert_exact(bridged(registry), THREADS * ROUNDS);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

/* Returns the sum of the counter on a page, or -1. */
static double counted(void)
{
    char *page = (char *)prom_collector_registry_bridge(registry);
    const double sum = page == NULL ? -1 : page_sum(page, "c_total");
    free(page);
    return sum;
}

/* In the child; the threads of the parent are not there.
 *
 * @param least  what the parent had counted before the fork; its thread may have gone on since
 */
static int run_child(double least)
{
    const double inherited = counted();
    int failures = inherited < least || inherited > 3 * ROUNDS;
    failures += update(NULL) != NULL;
    failures += counted() != inherited + 3 * ROUNDS;
    failures += prom_collector_registry_destroy(registry);
    make_all();
    failures += update(NULL) != NULL;
    failures += counted() != 3 * ROUNDS;
    return failures;
}

static void fork_children(int count)
{
    for (int i = 0; i < count; i++) {
        const double least = counted();
        const pid_t child = fork();
        if (child == 0) {
            _exit(run_child(least));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* The sanitizers' allocators have locks, which another thread may hold in fork(). So under a
 * sanitizer the other threads have ended. */
static void children_of_fork_go_on_beside_busy_threads(void **state)
{
    (void)state;
    make_all();
    pthread_t updater, scraper;
    assert_int_equal(pthread_create(&scraper, NULL, scrape, NULL), 0);
    assert_int_equal(pthread_create(&updater, NULL, update, NULL), 0);
    if (!SANITIZED) {
        fork_children(10);
    }
    assert_int_equal(joined(updater), 0);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    assert_int_equal(joined(scraper), 0);
    if (SANITIZED) {
        fork_children(10);
    }
    assert_exact(bridged(registry), ROUNDS); /* the parent's own */
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void *scrape_default(void *argument)
{
    intptr_t pages = 0;
    (void)argument;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        char *page = (char *)prom_collector_registry_bridge(
            __atomic_load_n(&PROM_COLLECTOR_REGISTRY_DEFAULT, __ATOMIC_ACQUIRE));
        pages += page != NULL;
        free(page);
    }
    return (void *)pages;
}

/* As in a program that finalises before it stops its HTTP server. */
static void the_default_registry_is_destroyed_beside_scrapes(void **state)
{
    (void)state;
    is_over = 0;
    pthread_t scrapers[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&scrapers[i], NULL, scrape_default, NULL), 0);
    }
    /* A thread holds a mutex of each registry that it has scraped, also after the registry is
     * gone; TSan knows at most 64 for a thread. */
    for (int i = 0; i < (SANITIZED ? 20 : 200); i++) {
        assert_int_equal(prom_collector_registry_default_init(), 0);
        (void)prom_collector_registry_must_register_metric(
            prom_counter_new("c_total", "C.", 2, keys));
        free((char *)prom_collector_registry_bridge(PROM_COLLECTOR_REGISTRY_DEFAULT));
        assert_int_equal(prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT), 0);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    (void)joined(scrapers[0]);
    (void)joined(scrapers[1]);
}

enum { ENABLERS = 4 };
static pthread_barrier_t together;
static bool meet; /* threads wait for each other while they make the process collector */

prom_collector_t *__real_prom_collector_process_new(const char *limits, const char *stat);
prom_collector_t *__wrap_prom_collector_process_new(const char *limits, const char *stat);
prom_collector_t *__wrap_prom_collector_process_new(const char *limits, const char *stat)
{
    if (meet) {
        (void)pthread_barrier_wait(&together);
    }
    return __real_prom_collector_process_new(limits, stat);
}

static void *enable_process_metrics(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)prom_collector_registry_enable_process_metrics(registry);
}

static void several_threads_enable_process_metrics(void **state)
{
    (void)state;
    pthread_t threads[ENABLERS];
    assert_int_equal(pthread_barrier_init(&together, NULL, ENABLERS), 0);
    registry = prom_collector_registry_new("test");
    meet = true;
    for (int i = 0; i < ENABLERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, enable_process_metrics, NULL), 0);
    }
    intptr_t failures = 0;
    for (int i = 0; i < ENABLERS; i++) {
        failures += joined(threads[i]);
    }
    meet = false;
    assert_int_equal(failures, 0);
    assert_true(page_has(bridged(registry), "process_open_fds "));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(pthread_barrier_destroy(&together), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_beside_scrapes_and_registrations),
        cmocka_unit_test(the_default_registry_is_destroyed_beside_scrapes),
        cmocka_unit_test(several_threads_enable_process_metrics),
        cmocka_unit_test(children_of_fork_go_on_beside_busy_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
