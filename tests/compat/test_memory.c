/* No allocation that fails crashes, leaks or leaves something half done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "failing_allocation.h"
#include "page.h"

#include <cmocka.h>
#include <stdio.h>

static const char *keys[18];
static const char *values[18];

static int fill_labels(void **state)
{
    static char names[18][8];
    (void)state;
    for (int i = 0; i < 18; i++) {
        snprintf(names[i], sizeof names[i], "key%d", i);
        keys[i] = names[i];
        values[i] = "value";
    }
    return 0;
}

/* Whatever could be made is used, and freed. */
static void use_everything(void)
{
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 18, keys);
    prom_histogram_buckets_t *buckets = prom_histogram_buckets_linear(1, 1, 5);
    prom_histogram_t *histogram = prom_histogram_new("h", "H \xff.", buckets, 0, NULL);
    if (histogram == NULL) {
        (void)prom_histogram_buckets_destroy(buckets);
    }
    (void)prom_counter_inc(counter, values);
    (void)prom_gauge_set(gauge, 2, values);
    (void)prom_histogram_observe(histogram, 2, NULL);
    (void)prom_metric_sample_add(prom_metric_sample_from_labels(counter, values), 1);
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *collector = prom_collector_process_new("/dev/null", "/dev/null");
    if (prom_collector_add_metric(collector, counter) != 0) {
        (void)prom_counter_destroy(counter);
    }
    if (prom_collector_add_metric(collector, gauge) != 0) {
        (void)prom_gauge_destroy(gauge);
    }
    if (prom_collector_add_metric(collector, histogram) != 0) {
        (void)prom_histogram_destroy(histogram);
    }
    if (prom_collector_registry_register_collector(registry, collector) != 0) {
        (void)prom_collector_destroy(collector);
    }
    free((char *)prom_collector_registry_bridge(registry));
    (void)prom_collector_registry_destroy(registry);
    if (prom_collector_registry_default_init() == 0) {
        (void)prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
    }
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    begin_stderr();
    use_everything(); /* what stays until the end is made here: the store */
    const long live = allocations_live();
    long failed = 0;
    for (;; failed++) {
        fail_one_allocation(failed);
        use_everything();
        if (!end_failing_allocations()) {
            break;
        }
        assert_int_equal(allocations_live(), live);
    }
    (void)end_stderr();
    assert_true(failed > 50);
    assert_null(PROM_COLLECTOR_REGISTRY_DEFAULT);
}

static void all_later_allocations_may_fail(void **state)
{
    (void)state;
    begin_stderr();
    use_everything();
    const long live = allocations_live();
    bool has_failed = true;
    for (long successes = 0; has_failed; successes++) {
        fail_all_allocations(successes);
        use_everything();
        has_failed = end_failing_allocations();
        assert_true(allocations_live() <= live); /* Sextant may have freed what it kept for reuse */
    }
    (void)end_stderr();
}

static void a_page_without_memory_is_null_and_the_next_one_is_whole(void **state)
{
    (void)state;
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 18, keys);
    prom_collector_registry_t *registry = registry_with(gauge, NULL);
    assert_int_equal(prom_gauge_set(gauge, 2, values), 0);
    long successes = 0;
    for (;; successes++) {
        fail_one_allocation(successes);
        char *page = (char *)prom_collector_registry_bridge(registry);
        const bool has_failed = end_failing_allocations();
        assert_true(has_failed || page != NULL);
        free(page);
        assert_true(page_sum(bridged(registry), "g") == 2);
        if (!has_failed) {
            break;
        }
    }
    assert_true(successes > 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(all_later_allocations_may_fail),
        cmocka_unit_test(a_page_without_memory_is_null_and_the_next_one_is_whole),
    };
    return cmocka_run_group_tests(tests, fill_labels, NULL);
}
