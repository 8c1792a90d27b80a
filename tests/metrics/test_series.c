/* Series are found again, also by many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_counter_family *family;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL) ||
           sx_counter_family_register(&family, registry,
                                      &(struct sx_metric_options){.name = "c_total",
                                                                  .help = "Help.",
                                                                  .max_series = 100000,
                                                                  .labels = SX_LABELS("a", "b")});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static struct sx_counter *get(struct sx_str a, struct sx_str b)
{
    struct sx_counter *counter = NULL;
    assert_int_equal(sx_counter_family_get(&counter, family, (const struct sx_str[]){a, b}, 2),
                     SX_OK);
    assert_non_null(counter);
    return counter;
}

#define STR(text) ((struct sx_str){text, sizeof(text) - 1})

static void test_equal_values_give_the_same_series(void **state)
{
    (void)state;
    char copy[] = "GET";
    struct sx_counter *first = sx_counter_with(family, "GET", "200");
    assert_non_null(first);
    assert_ptr_equal(first, sx_counter_with(family, copy, "200"));
    assert_ptr_equal(first, get(STR("GET"), STR("200")));
    assert_ptr_not_equal(first, sx_counter_with(family, "200", "GET"));
    assert_ptr_not_equal(first, sx_counter_with(family, "GET", "201"));
}

static void test_values_are_not_run_together(void **state)
{
    (void)state;
    assert_ptr_not_equal(get(STR("ab"), STR("c")), get(STR("a"), STR("bc")));
    assert_ptr_not_equal(get(STR("ab"), STR("")), get(STR(""), STR("ab")));
    assert_ptr_not_equal(get(STR("a"), STR("a\0")), get(STR("a"), STR("a")));
    assert_ptr_equal(get(STR(""), STR("")), get((struct sx_str){NULL, 0}, STR("")));
}

static void test_values_of_every_length_are_told_apart(void **state)
{
    (void)state;
    enum { LENGTHS = 700 }; /* look-ups of large values take another path */
    static char text[LENGTHS];
    static struct sx_counter *made[LENGTHS];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < LENGTHS; i++) {
        made[i] = get((struct sx_str){text, i}, STR("y"));
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(made[i], made[j]);
        }
    }
    for (size_t i = 1; i < LENGTHS; i++) {
        assert_ptr_equal(made[i], get((struct sx_str){text, i}, STR("y")));
        text[i / 2] = 'z';
        assert_ptr_not_equal(made[i], get((struct sx_str){text, i}, STR("y")));
        text[i / 2] = 'x';
        const struct sx_str values[2] = {{text, i}, STR("y")};
        assert_int_equal(sx_counter_family_add(family, values, 2, (double)i), SX_OK);
        assert_true(sx_counter_value(made[i]) == (double)i);
    }
}

static void test_a_family_grows_to_many_series(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static struct sx_counter *made[COUNT];
    char text[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        made[i] = sx_counter_with(family, text, "x");
        sx_counter_add(made[i], i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_ptr_equal(sx_counter_with(family, text, "x"), made[i]);
        assert_true(sx_counter_value(made[i]) == i + 1);
    }
}

static void test_values_that_look_the_same_on_the_page_are_one_series(void **state)
{
    (void)state;
    struct sx_counter *replaced = get(STR("\xEF\xBF\xBD"), STR("x"));
    assert_ptr_equal(get(STR("\xFF"), STR("x")), replaced);
    assert_ptr_equal(get(STR("\x80"), STR("x")), replaced);
    assert_ptr_equal(get(STR("\xE2\x82"), STR("x")), replaced);
    assert_ptr_not_equal(get(STR("\xE2\x82\xAC"), STR("x")), replaced);
}

static void test_a_large_ill_formed_value_is_cleaned_too(void **state)
{
    (void)state;
    size_t size = 100000;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 0xFF, size);
    struct sx_counter *first = get((struct sx_str){text, size}, STR("x"));
    memset(text, 0xFE, size);
    assert_ptr_equal(get((struct sx_str){text, size}, STR("x")), first);
    free(text);
}

static void test_the_number_of_values_must_fit(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    const struct sx_str values[3] = {STR("a"), STR("b"), STR("c")};
    assert_int_equal(sx_counter_family_get(&counter, family, values, 1), SX_EVALUES);
    assert_int_equal(sx_counter_family_get(&counter, family, values, 3), SX_EVALUES);
    assert_int_equal(sx_counter_family_get(&counter, family, values, 0), SX_EVALUES);
    assert_null(counter);
    assert_null(sx_counter_with(family, "a"));
    assert_null(sx_counter_with(family, "a", "b", "c"));
}

static void test_missing_arguments_are_refused(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    const struct sx_str values[2] = {STR("a"), {NULL, 1}};
    assert_int_equal(sx_counter_family_get(&counter, family, values, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_get(&counter, family, NULL, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_get(&counter, NULL, values, 2), SX_EINVAL);
    assert_int_equal(sx_counter_family_get(NULL, family, values, 2), SX_EINVAL);
    assert_null(counter);
    assert_null(sx_counter_with((struct sx_counter_family *)NULL, "a", "b"));
    assert_null(sx_gauge_with((struct sx_gauge_family *)NULL, "a"));
    assert_null(sx_histogram_with((struct sx_histogram_family *)NULL, "a"));
}

static void test_a_value_of_absurd_size_goes_to_the_overflow_series(void **state)
{
    (void)state;
    /* Address space that costs nothing as long as nobody writes to it; reading it is zeros. */
    size_t size = (size_t)128 << 20;
    char *text = calloc(1, size);
    if (text == NULL) {
        skip();
    }
    struct sx_counter *counter = NULL;
    const struct sx_str values[2] = {{text, size}, STR("b")};
    assert_int_equal(sx_counter_family_get(&counter, family, values, 2), SX_OK);
    assert_ptr_equal(counter, sx_counter_with(family, SX_OVERFLOW_VALUE, SX_OVERFLOW_VALUE));
    assert_int_equal(sx_counter_family_remove(family, values, 2), 0);
    assert_non_null(sx_counter_with(family, "still", "works"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_values_give_the_same_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_are_not_run_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_of_every_length_are_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_family_grows_to_many_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_that_look_the_same_on_the_page_are_one_series,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_ill_formed_value_is_cleaned_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_number_of_values_must_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_arguments_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_value_of_absurd_size_goes_to_the_overflow_series,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
