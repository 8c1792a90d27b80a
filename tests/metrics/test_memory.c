/* Failed allocations lose a metric at most, never the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include <cmocka.h>
#include <sextant/metrics.h>
#include <stdbool.h>

static void test_a_value_that_cannot_be_cleaned_is_an_error(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_counter_family *family = NULL;
    struct sx_counter *counter = NULL;
    struct sx_metric_options options = {
        .name = "c_total", .help = "Help.", .labels = SX_LABELS("label")};
    struct sx_str value = {"\xFF", 1};
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    fail_all_allocations(0);
    int status = sx_counter_family_get(&counter, family, &value, 1);
    end_failing_allocations();
    assert_int_equal(status, SX_ENOMEM);
    assert_null(counter);
    assert_int_equal(sx_counter_family_get(&counter, family, &value, 1), SX_OK);
    sx_registry_destroy(registry);
}

static void test_everything_else_needs_no_heap(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_histogram_family *family = NULL;
    struct sx_metric_options options = {.name = "h", .help = "Help.", .labels = SX_LABELS("label")};
    fail_all_allocations(0);
    int made = sx_registry_new(&registry, NULL);
    int registered = sx_histogram_family_register(&family, registry, &options);
    struct sx_histogram *histogram = sx_histogram_with(family, "\xC3\xA4");
    sx_histogram_observe(histogram, 1);
    uint64_t count = sx_histogram_count(histogram);
    end_failing_allocations();
    assert_int_equal(made, SX_OK);
    assert_int_equal(registered, SX_OK);
    assert_int_equal(count, 1);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_that_cannot_be_cleaned_is_an_error),
        cmocka_unit_test(test_everything_else_needs_no_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
