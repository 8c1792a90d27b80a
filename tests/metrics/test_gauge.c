/* Gauges are set, added to, and keep their last value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sextant/metrics.h>

static struct sx_registry *registry;
static struct sx_gauge *gauge;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL) ||
           sx_gauge_register(&gauge, registry,
                             &(struct sx_metric_options){.name = "m", .help = "Help."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void test_a_gauge_starts_at_0(void **state)
{
    (void)state;
    assert_true(sx_gauge_value(gauge) == 0);
}

static void test_a_gauge_goes_up_and_down(void **state)
{
    (void)state;
    sx_gauge_inc(gauge);
    sx_gauge_inc(gauge);
    sx_gauge_dec(gauge);
    sx_gauge_add(gauge, 2.5);
    sx_gauge_add(gauge, -5);
    assert_true(sx_gauge_value(gauge) == -1.5);
}

static void test_a_gauge_is_what_it_was_set_to_last(void **state)
{
    (void)state;
    sx_gauge_inc(gauge);
    sx_gauge_set(gauge, 7);
    sx_gauge_set(gauge, 3);
    assert_true(sx_gauge_value(gauge) == 3);
}

static void test_not_a_number_and_infinity_are_values(void **state)
{
    (void)state;
    sx_gauge_set(gauge, NAN);
    assert_true(isnan(sx_gauge_value(gauge)));
    sx_gauge_set(gauge, -INFINITY);
    assert_true(sx_gauge_value(gauge) == -INFINITY);
}

static void test_the_gauges_of_a_family_are_apart(void **state)
{
    (void)state;
    struct sx_gauge_family *family = NULL;
    struct sx_metric_options options = {.name = "f", .help = "F.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    sx_gauge_set(sx_gauge_with(family, "x"), 1);
    sx_gauge_set(sx_gauge_with(family, "y"), 2);
    assert_true(sx_gauge_value(sx_gauge_with(family, "x")) == 1);
    assert_true(sx_gauge_value(sx_gauge_with(family, "y")) == 2);
    assert_true(sx_gauge_value(gauge) == 0);
}

static void test_null_is_accepted_everywhere(void **state)
{
    (void)state;
    sx_gauge_set(NULL, 1);
    sx_gauge_add(NULL, 1);
    sx_gauge_inc(NULL);
    sx_gauge_dec(NULL);
    assert_true(sx_gauge_value(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_gauge_starts_at_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_gauge_goes_up_and_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_gauge_is_what_it_was_set_to_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_number_and_infinity_are_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_gauges_of_a_family_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_null_is_accepted_everywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
