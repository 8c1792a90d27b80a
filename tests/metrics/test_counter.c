/* Counters count up, exactly, and ignore impossible amounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <sextant/metrics.h>

static struct sx_registry *registry;
static struct sx_counter *counter;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL) ||
           sx_counter_register(&counter, registry,
                               &(struct sx_metric_options){.name = "m", .help = "Help."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void test_a_counter_starts_at_0(void **state)
{
    (void)state;
    assert_true(sx_counter_value(counter) == 0);
}

static void test_increments_and_whole_amounts_add_up(void **state)
{
    (void)state;
    sx_counter_inc(counter);
    sx_counter_inc(counter);
    sx_counter_add(counter, 40);
    assert_true(sx_counter_value(counter) == 42);
}

static void test_fractions_add_up(void **state)
{
    (void)state;
    sx_counter_add(counter, 0.5);
    sx_counter_add(counter, 0.25);
    sx_counter_inc(counter);
    assert_true(sx_counter_value(counter) == 1.75);
}

/* Adding 1 to a double of 2^53 changes nothing; adding two of these integers must. */
static void test_whole_amounts_are_exact_beyond_2_to_the_53(void **state)
{
    (void)state;
    sx_counter_add(counter, 4503599627370496.0);
    sx_counter_add(counter, 4503599627370496.0);
    assert_true(sx_counter_value(counter) == 9007199254740992.0);
    sx_counter_inc(counter);
    sx_counter_inc(counter);
    assert_true(sx_counter_value(counter) == 9007199254740994.0);
}

static void test_amounts_that_no_integer_holds_are_added_too(void **state)
{
    (void)state;
    sx_counter_add(counter, 1e300);
    assert_true(sx_counter_value(counter) == 1e300);
    sx_counter_add(counter, 9007199254740992.0);
    sx_counter_add(counter, DBL_TRUE_MIN);
    assert_true(sx_counter_value(counter) == 1e300);
}

/* Prometheus "Writing client libraries": a counter MUST NOT allow the value to decrease */
static void test_amounts_that_are_no_increase_are_ignored(void **state)
{
    (void)state;
    sx_counter_add(counter, 3);
    sx_counter_add(counter, -1);
    sx_counter_add(counter, -0.0);
    sx_counter_add(counter, 0);
    sx_counter_add(counter, NAN);
    sx_counter_add(counter, INFINITY);
    sx_counter_add(counter, -INFINITY);
    assert_true(sx_counter_value(counter) == 3);
}

static void test_null_is_accepted_everywhere(void **state)
{
    (void)state;
    sx_counter_inc(NULL);
    sx_counter_add(NULL, 1);
    assert_true(sx_counter_value(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_counter_starts_at_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_increments_and_whole_amounts_add_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_fractions_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whole_amounts_are_exact_beyond_2_to_the_53, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_amounts_that_no_integer_holds_are_added_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_amounts_that_are_no_increase_are_ignored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_null_is_accepted_everywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
