/* No page shows less of a counter than an earlier one, neither in its digits nor as the double that
 * a reader makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 32
/* A number as decimal digits, half of them before the point, so that strcmp compares values. */
#define PLACES 700
#define ROUNDS 300
#define ADDS 60

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    page = (struct sx_page){0};
    return sx_registry_new(&registry, NULL) ||
           sx_counter_register(&counter, registry,
                               &(struct sx_metric_options){.name = "c_total", .help = "C."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static void read_number(char *number)
{
    static const char before[] = "\nc_total ";
    char text[4096];
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_in_range(page.size, 1, sizeof text - 1);
    memcpy(text, page.data, page.size);
    text[page.size] = '\0';
    const char *at = strstr(text, before);
    assert_non_null(at);
    at += sizeof before - 1;
    size_t size = strcspn(at, "\n");
    assert_in_range(size, 1, NUMBER_SIZE - 1);
    memcpy(number, at, size);
    number[size] = '\0';
}

static void expand(char *digits, const char *number)
{
    const char *exponent = strchr(number, 'e');
    const char *point = strchr(number, '.');
    size_t size = exponent != NULL ? (size_t)(exponent - number) : strlen(number);
    size_t whole = point != NULL ? (size_t)(point - number) : size;
    long place = PLACES / 2 - (long)whole - (exponent != NULL ? strtol(exponent + 1, NULL, 10) : 0);
    memset(digits, '0', PLACES);
    digits[PLACES] = '\0';
    for (size_t i = 0; i < size; i++) {
        if (number[i] != '.') {
            assert_in_range(place, 0, PLACES - 1);
            digits[place++] = number[i];
        }
    }
}

static void assert_not_less(const char *now, const char *before)
{
    char now_digits[PLACES + 1];
    char before_digits[PLACES + 1];
    expand(now_digits, now);
    expand(before_digits, before);
    if (strcmp(now_digits, before_digits) < 0 || strtod(now, NULL) < strtod(before, NULL)) {
        print_error("%s came after %s\n", now, before);
        fail();
    }
}

static void test_a_fraction_takes_nothing_from_a_large_integer(void **state)
{
    (void)state;
    char number[NUMBER_SIZE];
    sx_counter_add(counter, 9007199254740991.0);
    sx_counter_add(counter, 2);
    read_number(number);
    assert_string_equal(number, "9007199254740993");
    sx_counter_add(counter, .25);
    read_number(number);
    assert_string_equal(number, "9007199254740993");
    sx_counter_add(counter, .75);
    read_number(number);
    assert_string_equal(number, "9007199254740994");
    assert_true(sx_counter_value(counter) == 9007199254740994.0);
}

static void test_fractions_are_shown_below_2_to_the_53(void **state)
{
    (void)state;
    char number[NUMBER_SIZE];
    sx_counter_add(counter, 4503599627370495.0);
    sx_counter_add(counter, .5);
    read_number(number);
    assert_string_equal(number, "4503599627370495.5");
}

/* Amounts that meet the borders: of integers, of exact integers in a double, of fractions. */
static double next_amount(unsigned *seed)
{
    static const double amounts[] = {1,
                                     .25,
                                     1e-9,
                                     0.1,
                                     3.0000000000000004,
                                     4503599627370495.5,
                                     9007199254740991.0,
                                     9007199254740993.0,
                                     4611686018427387904.0,
                                     9223372036854774784.0,
                                     9223372036854775808.0,
                                     18446744073709549568.0,
                                     1e300};
    size_t count = sizeof amounts / sizeof amounts[0];
    size_t chosen = (size_t)rand_r(seed) % (count * 4);
    return amounts[chosen < count ? chosen : (size_t)rand_r(seed) % 8];
}

/* A counter that has integers only for a while is shown as an integer. */
static double next_whole(unsigned *seed)
{
    return rand_r(seed) % 2 == 0 ? 9007199254740991.0 : 1 + rand_r(seed) % 3;
}

static void test_no_page_shows_less_than_an_earlier_one(void **state)
{
    unsigned seed = 20261130;
    print_message("seed %u\n", seed);
    for (int round = 0; round < ROUNDS; round++) {
        char before[NUMBER_SIZE];
        char now[NUMBER_SIZE];
        read_number(before);
        for (int i = 0; i < ADDS; i++) {
            bool is_start = i < round % 10;
            sx_counter_add(counter, is_start ? next_whole(&seed) : next_amount(&seed));
            read_number(now);
            assert_not_less(now, before);
            assert_true(sx_counter_value(counter) == strtod(now, NULL));
            memcpy(before, now, sizeof now);
        }
        (void)tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_fraction_takes_nothing_from_a_large_integer),
        TEST(test_fractions_are_shown_below_2_to_the_53),
        TEST(test_no_page_shows_less_than_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
