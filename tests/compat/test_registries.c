/* Registries and collectors: what is on which page, and what is freed when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "page.h"

#include <cmocka.h>
#include <prom_sextant.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *keys[] = {"kind"};
static const char *blue[] = {"blue"};

static prom_collector_t *collector_with(const char *name, prom_metric_t *metric)
{
    prom_collector_t *collector = prom_collector_new(name);
    assert_non_null(collector);
    assert_int_equal(prom_collector_add_metric(collector, metric), 0);
    return collector;
}

static void one_metric_is_in_several_registries(void **state)
{
    (void)state;
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 1, keys);
    prom_collector_registry_t *first = registry_with(counter, NULL);
    prom_collector_registry_t *second = registry_with(counter, NULL);
    prom_collector_registry_t *third = prom_collector_registry_new("third");
    prom_collector_t *shared = collector_with("shared", counter);
    assert_int_equal(prom_collector_registry_register_collector(third, shared), 0);
    assert_int_equal(prom_collector_registry_register_collector(second, shared), 0);
    assert_int_equal(prom_counter_inc(counter, blue), 0);
    page_assert_line(bridged(first), "c_total{kind=\"blue\"} 1");
    page_assert_line(bridged(second), "c_total{kind=\"blue\"} 1");
    page_assert_line(bridged(third), "c_total{kind=\"blue\"} 1");
    assert_int_equal(prom_collector_registry_destroy(first), 0);
    assert_int_equal(prom_collector_registry_destroy(second), 0);
    assert_int_equal(prom_counter_inc(counter, blue), 0);
    page_assert_line(bridged(third), "c_total{kind=\"blue\"} 2");
    assert_int_equal(prom_collector_registry_destroy(third), 0);
}

static void metrics_of_one_name_in_two_registries_are_two(void **state)
{
    (void)state;
    prom_counter_t *one = prom_counter_new("c_total", "C.", 1, keys);
    prom_counter_t *other = prom_counter_new("c_total", "C.", 1, keys);
    prom_gauge_t *gauge = prom_gauge_new("c_total", "A gauge.", 0, NULL);
    prom_collector_registry_t *registries[] = {registry_with(one, NULL), registry_with(other, NULL),
                                               registry_with(gauge, NULL)};
    assert_int_equal(prom_counter_add(one, 1, blue), 0);
    assert_int_equal(prom_counter_add(other, 2, blue), 0);
    assert_int_equal(prom_gauge_set(gauge, 3, NULL), 0);
    page_assert_line(bridged(registries[0]), "c_total{kind=\"blue\"} 1");
    page_assert_line(bridged(registries[1]), "c_total{kind=\"blue\"} 2");
    page_assert_line(bridged(registries[2]), "c_total 3");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(prom_collector_registry_destroy(registries[i]), 0);
    }
}

static void sixteen_metrics_may_have_one_name(void **state)
{
    (void)state;
    prom_counter_t *counters[16];
    for (size_t i = 0; i < 16; i++) {
        counters[i] = prom_counter_new("c_total", "C.", 1, keys);
        assert_int_equal(prom_counter_add(counters[i], (double)i, blue), 0);
    }
    begin_stderr();
    assert_null(prom_counter_new("c_total", "C.", 1, keys));
    assert_non_null(strstr(end_stderr(), "c_total"));
    prom_collector_registry_t *registry = registry_with(counters[15], NULL);
    page_assert_line(bridged(registry), "c_total{kind=\"blue\"} 15");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    for (size_t i = 0; i < 15; i++) {
        assert_int_equal(prom_counter_destroy(counters[i]), 0);
    }
}

static void metrics_of_sextant_are_on_the_same_page(void **state)
{
    (void)state;
    prom_counter_t *old = prom_counter_new("old_total", "O.", 1, keys);
    prom_collector_registry_t *registry = registry_with(old, NULL);
    struct sx_counter *ported = NULL;
    const struct sx_metric_options options = {.name = "ported_total", .help = "P."};
    assert_null(prom_collector_registry_sextant(NULL));
    assert_int_equal(
        sx_counter_register(&ported, prom_collector_registry_sextant(registry), &options), SX_OK);
    sx_counter_inc(ported);
    assert_int_equal(prom_counter_inc(old, blue), 0);
    const char *page = bridged(registry);
    page_assert_line(page, "ported_total 1");
    page_assert_line(page, "old_total{kind=\"blue\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_page_stays_valid_if_its_names_clash(void **state)
{
    (void)state;
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 0, NULL);
    prom_counter_t *count = prom_counter_new("h_count", "Clashes.", 0, NULL);
    prom_gauge_t *gauge = prom_gauge_new("h", "Another type.", 0, NULL);
    prom_collector_registry_t *registry = registry_with(histogram, count, NULL);
    assert_int_equal(
        prom_collector_registry_register_collector(registry, collector_with("other", gauge)), 0);
    begin_stderr();
    const char *page = bridged(registry);
    (void)bridged(registry);
    const char *printed = end_stderr();
    page_assert_line(page, "# TYPE h histogram");
    assert_false(page_has(page, "# TYPE h_count"));
    assert_non_null(strstr(printed, "h_count"));
    assert_null(strstr(strstr(printed, "h_count") + 1, "h_count")); /* once, not on each page */
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_collector_refuses_a_second_metric_of_a_name(void **state)
{
    (void)state;
    prom_counter_t *former = prom_counter_new("c_total", "C.", 0, NULL);
    prom_gauge_t *later = prom_gauge_new("c_total", "C.", 0, NULL);
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *collector = collector_with("c", former);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    assert_int_equal(prom_counter_inc(former, NULL), 0);
    assert_int_equal(prom_collector_add_metric(collector, former), 1);
    assert_int_equal(prom_collector_add_metric(collector, later), 1);
    assert_int_equal(prom_gauge_set(later, 7, NULL), 0); /* it is on no page */
    page_assert_line(bridged(registry), "c_total 1");
    assert_int_equal(prom_gauge_destroy(later), 0);
    page_assert_line(bridged(registry), "c_total 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_destroyed_metric_or_collector_leaves_its_pages(void **state)
{
    (void)state;
    prom_counter_t *first = prom_counter_new("first_total", "C.", 1, keys);
    prom_counter_t *second = prom_counter_new("second_total", "C.", 1, keys);
    prom_counter_t *third = prom_counter_new("third_total", "C.", 0, NULL);
    prom_collector_registry_t *registry = registry_with(first, second, NULL);
    prom_collector_t *collector = collector_with("third", third);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    assert_int_equal(prom_counter_inc(first, blue), 0);
    assert_true(page_has(bridged(registry), "first_total{"));
    assert_int_equal(prom_counter_destroy(first), 0);
    assert_false(page_has(bridged(registry), "# TYPE first_total"));
    page_assert_line(bridged(registry), "third_total 0");
    prom_collector_free_generic(collector);
    assert_false(page_has(bridged(registry), "third_total"));
    first = prom_counter_new("first_total", "C.", 1, keys);
    assert_int_equal(prom_counter_inc(first, blue), 0);
    assert_false(page_has(bridged(registry), "first_total")); /* the new one is not registered */
    assert_int_equal(prom_counter_destroy(first), 0);
    assert_int_equal(prom_collector_destroy_generic(prom_collector_new("unused")), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void the_default_registry_is_made_destroyed_and_made_again(void **state)
{
    (void)state;
    assert_null(PROM_COLLECTOR_REGISTRY_DEFAULT);
    prom_counter_t *early = prom_counter_new("early_total", "E.", 0, NULL);
    assert_int_not_equal(prom_collector_registry_register_metric(early), 0);
    assert_int_equal(prom_counter_destroy(early), 0);
    for (int round = 0; round < 50; round++) {
        assert_int_equal(prom_collector_registry_default_init(), 0);
        prom_collector_registry_t *registry = PROM_COLLECTOR_REGISTRY_DEFAULT;
        assert_non_null(registry);
        assert_int_equal(prom_collector_registry_default_init(), 0);
        assert_ptr_equal(registry, PROM_COLLECTOR_REGISTRY_DEFAULT);
        prom_counter_t *counter = prom_counter_new("c_total", "C.", 1, keys);
        assert_ptr_equal(prom_collector_registry_must_register_metric(counter), counter);
        assert_int_equal(prom_counter_inc(counter, blue), 0);
        const char *page = bridged(registry);
        page_assert_line(page, "c_total{kind=\"blue\"} 1");
        assert_true(page_has(page, "process_open_fds "));
        assert_int_equal(prom_collector_registry_destroy(registry), 0);
        assert_null(PROM_COLLECTOR_REGISTRY_DEFAULT);
    }
}

static void must_register_ends_the_process(void **state)
{
    (void)state;
    begin_stderr();
    const pid_t child = fork();
    if (child == 0) {
        (void)prom_collector_registry_must_register_metric(NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    const char *printed = end_stderr();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(printed, "cannot be registered"));
}

static void names_of_collectors_are_unique(void **state)
{
    (void)state;
    prom_collector_registry_t *registry = prom_collector_registry_new(NULL);
    prom_collector_t *first = prom_collector_new("twin");
    prom_collector_t *second = prom_collector_new("twin");
    assert_int_equal(prom_collector_registry_register_collector(registry, first), 0);
    assert_int_not_equal(prom_collector_registry_register_collector(registry, second), 0);
    assert_int_not_equal(prom_collector_registry_register_collector(registry, first), 0);
    assert_int_not_equal(prom_collector_registry_register_collector(registry, NULL), 0);
    assert_int_not_equal(prom_collector_registry_register_collector(NULL, first), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(prom_collector_destroy(second), 0);
}

static void null_is_refused_and_destroying_it_is_fine(void **state)
{
    (void)state;
    assert_null(prom_collector_new(NULL));
    assert_null(prom_counter_new(NULL, "C.", 0, NULL));
    assert_null(prom_counter_new("c_total", "C.", 1, NULL));
    assert_int_not_equal(prom_collector_add_metric(NULL, NULL), 0);
    assert_int_not_equal(prom_collector_set_collect_fn(NULL, NULL), 0);
    assert_int_not_equal(prom_collector_registry_enable_process_metrics(NULL), 0);
    assert_null(prom_collector_registry_bridge(NULL));
    assert_int_equal(prom_collector_destroy(NULL), 0);
    assert_int_equal(prom_collector_registry_destroy(NULL), 0);
    assert_int_equal(prom_collector_registry_validate_metric_name(NULL, "a:b_1"), 0);
    assert_int_not_equal(prom_collector_registry_validate_metric_name(NULL, "1a"), 0);
    assert_int_not_equal(prom_collector_registry_validate_metric_name(NULL, ""), 0);
    assert_int_not_equal(prom_collector_registry_validate_metric_name(NULL, NULL), 0);
}

/* ---- collect functions ---- */

static prom_gauge_t *temperature;
static prom_map_t *found;
static unsigned collected;

static prom_map_t *collect_own(prom_collector_t *self)
{
    assert_non_null(self);
    assert_int_equal(prom_gauge_set(temperature, ++collected, NULL), 0);
    return NULL;
}

static void a_collect_function_is_called_for_each_page(void **state)
{
    (void)state;
    collected = 0;
    temperature = prom_gauge_new("temperature", "T.", 0, NULL);
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *collector = collector_with("weather", temperature);
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_own), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    page_assert_line(bridged(registry), "temperature 1");
    page_assert_line(bridged(registry), "temperature 2");
    assert_int_equal(prom_collector_set_collect_fn(collector, NULL), 0);
    page_assert_line(bridged(registry), "temperature 2");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void destroy_gauge(void *metric)
{
    assert_int_equal(prom_gauge_destroy(metric), 0);
}

/* Makes all its metrics anew, one more each time. */
static prom_map_t *collect_map(prom_collector_t *self)
{
    (void)self;
    (void)prom_map_destroy(found);
    found = prom_map_new();
    assert_int_equal(prom_map_set_free_value_fn(found, destroy_gauge), 0);
    collected++;
    for (unsigned i = 0; i < collected; i++) {
        char name[32];
        snprintf(name, sizeof name, "sensor_%u", i);
        prom_gauge_t *gauge = prom_gauge_new(name, "S.", 1, keys);
        assert_int_equal(prom_gauge_set(gauge, collected * 10 + i, blue), 0);
        assert_int_equal(prom_map_set(found, name, gauge), 0);
    }
    return found;
}

static void the_page_has_the_map_of_the_collect_function(void **state)
{
    (void)state;
    collected = 0;
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_gauge_t *unused = prom_gauge_new("unused", "U.", 0, NULL);
    prom_collector_t *collector = collector_with("sensors", unused);
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_map), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    const char *page = bridged(registry);
    page_assert_line(page, "sensor_0{kind=\"blue\"} 10");
    assert_false(page_has(page, "sensor_1"));
    assert_false(page_has(page, "unused"));
    page = bridged(registry);
    page_assert_line(page, "sensor_0{kind=\"blue\"} 20");
    page_assert_line(page, "sensor_1{kind=\"blue\"} 21");
    assert_int_equal(prom_map_delete(found, "sensor_0"), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(prom_map_destroy(found), 0);
    found = NULL;
}

static prom_collector_registry_t *own_registry;

static prom_map_t *collect_recursively(prom_collector_t *self)
{
    (void)self;
    assert_null(prom_collector_registry_bridge(own_registry));
    collected++;
    return NULL;
}

static void a_collect_function_cannot_scrape_its_own_registry(void **state)
{
    (void)state;
    collected = 0;
    own_registry = prom_collector_registry_new("test");
    prom_collector_t *collector = prom_collector_new("recursive");
    assert_int_equal(prom_collector_set_collect_fn(collector, collect_recursively), 0);
    assert_int_equal(prom_collector_registry_register_collector(own_registry, collector), 0);
    (void)bridged(own_registry);
    assert_int_equal(collected, 1);
    assert_int_equal(prom_collector_registry_destroy(own_registry), 0);
}

/* ---- process metrics ---- */

static void process_metrics_are_enabled_once(void **state)
{
    (void)state;
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    assert_false(page_has(bridged(registry), "process_open_fds "));
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 0);
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 0);
    assert_true(page_has(bridged(registry), "process_open_fds "));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    registry = prom_collector_registry_new("test");
    prom_collector_t *process = prom_collector_process_new(NULL, NULL);
    assert_int_equal(prom_collector_registry_register_collector(registry, process), 0);
    assert_true(page_has(bridged(registry), "process_max_fds "));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void process_metrics_are_enabled_again(void **state)
{
    (void)state;
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *process = prom_collector_process_new(NULL, NULL);
    assert_int_equal(prom_collector_registry_register_collector(registry, process), 0);
    assert_int_equal(prom_collector_destroy(process), 0);
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 0);
    assert_true(page_has(bridged(registry), "process_open_fds "));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void process_metrics_may_be_sextants_already(void **state)
{
    (void)state;
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    assert_int_equal(sx_process_collector_register(prom_collector_registry_sextant(registry)),
                     SX_OK);
    assert_int_equal(prom_collector_registry_enable_process_metrics(registry), 0);
    assert_true(page_sum(bridged(registry), "process_open_fds") > 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void write_file(char *path, const char *text)
{
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    assert_int_equal(close(descriptor), 0);
}

/* The values are those of proc(5)'s fields 14, 15, 20, 23 and 24. */
static void process_metrics_come_from_the_files_that_are_given(void **state)
{
    (void)state;
    char limits[] = "/tmp/prom_limits_XXXXXX";
    char stat[] = "/tmp/prom_stat_XXXXXX";
    write_file(limits,
               "Limit                     Soft Limit           Hard Limit           Units\n"
               "Max open files            1024                 524288               files\n"
               "Max address space         unlimited            unlimited            bytes\n");
    write_file(stat,
               "4242 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 200 300 13 14 15 16 17 18 19 4096000 25\n");
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *process = prom_collector_process_new(limits, stat);
    assert_int_equal(prom_collector_registry_register_collector(registry, process), 0);
    (void)bridged(registry);
    const char *page = bridged(registry);
    page_assert_line(page, "process_max_fds 1024");
    page_assert_line(page, "process_virtual_memory_max_bytes 18446744073709552000");
    page_assert_line(page, "process_virtual_memory_bytes 4096000");
    page_assert_line(page, "process_threads 17");
    assert_true(page_sum(page, "process_resident_memory_bytes") ==
                25 * (double)sysconf(_SC_PAGESIZE));
    assert_true(page_sum(page, "process_cpu_seconds_total") == 500 / (double)sysconf(_SC_CLK_TCK));
    assert_int_equal(unlink(limits), 0);
    assert_int_equal(unlink(stat), 0);
    page_assert_line(bridged(registry), "process_max_fds 1024"); /* the last known */
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    process = prom_collector_process_new("/proc/self/limits", NULL);
    registry = prom_collector_registry_new("test");
    assert_int_equal(prom_collector_registry_register_collector(registry, process), 0);
    assert_true(page_sum(bridged(registry), "process_threads") == 1);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_registry_is_made_destroyed_and_made_again),
        cmocka_unit_test(one_metric_is_in_several_registries),
        cmocka_unit_test(metrics_of_one_name_in_two_registries_are_two),
        cmocka_unit_test(sixteen_metrics_may_have_one_name),
        cmocka_unit_test(metrics_of_sextant_are_on_the_same_page),
        cmocka_unit_test(a_page_stays_valid_if_its_names_clash),
        cmocka_unit_test(a_collector_refuses_a_second_metric_of_a_name),
        cmocka_unit_test(a_destroyed_metric_or_collector_leaves_its_pages),
        cmocka_unit_test(must_register_ends_the_process),
        cmocka_unit_test(names_of_collectors_are_unique),
        cmocka_unit_test(null_is_refused_and_destroying_it_is_fine),
        cmocka_unit_test(a_collect_function_is_called_for_each_page),
        cmocka_unit_test(the_page_has_the_map_of_the_collect_function),
        cmocka_unit_test(a_collect_function_cannot_scrape_its_own_registry),
        cmocka_unit_test(process_metrics_are_enabled_once),
        cmocka_unit_test(process_metrics_are_enabled_again),
        cmocka_unit_test(process_metrics_may_be_sextants_already),
        cmocka_unit_test(process_metrics_come_from_the_files_that_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
