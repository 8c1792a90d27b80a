/* Numbers are written in their shortest form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "double.h"
#include "format_number.h"

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Into memory of exactly the size that is promised, so that a sanitizer sees one byte too many. */
static const char *text_of(double value, char *write(char *at, double value))
{
    static char text[SX__DOUBLE_SIZE_MAX + 1];
    char *exact = malloc(SX__DOUBLE_SIZE_MAX);
    assert_non_null(exact);
    size_t size = (size_t)(write(exact, value) - exact);
    assert_in_range(size, 1, SX__DOUBLE_SIZE_MAX);
    memcpy(text, exact, size);
    text[size] = '\0';
    free(exact);
    return text;
}

#define WRITES(value, text) assert_string_equal(text_of(value, sx__write_double), text)
#define BOUND(value, text) assert_string_equal(text_of(value, sx__write_bound), text)

/* Prometheus "Exposition formats": value "is a float represented as required by Go's ParseFloat()
 * function. In addition to standard numerical values, NaN, +Inf, and -Inf are valid" */
static void test_values_that_are_no_numbers_have_their_names(void **state)
{
    (void)state;
    WRITES(NAN, "NaN");
    WRITES(-NAN, "NaN");
    WRITES(INFINITY, "+Inf");
    WRITES(-INFINITY, "-Inf");
    BOUND(INFINITY, "+Inf");
}

static void test_whole_numbers_are_plain_digits(void **state)
{
    (void)state;
    WRITES(0, "0");
    WRITES(-0.0, "-0");
    WRITES(1, "1");
    WRITES(-1, "-1");
    WRITES(10, "10");
    WRITES(1000000, "1000000");
    WRITES(123456789, "123456789");
    WRITES(9007199254740991.0, "9007199254740991");
    WRITES(9007199254740992.0, "9007199254740992");
    WRITES(1e20, "100000000000000000000");
    WRITES(1e21, "1e+21");
}

/* What Python's repr() gives for these, but for the places where an exponent begins. */
static void test_fractions_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    WRITES(0.1, "0.1");
    WRITES(0.3, "0.3");
    WRITES(0.1 + 0.2, "0.30000000000000004");
    WRITES(1.0 / 3, "0.3333333333333333");
    WRITES(2.0 / 3, "0.6666666666666666");
    WRITES(-4.35, "-4.35");
    WRITES(123456789.125, "123456789.125");
    WRITES(0.0001, "0.0001");
    WRITES(0.00012345, "0.00012345");
    WRITES(0.00001, "1e-05");
    WRITES(9.5367431640625e-07, "9.5367431640625e-07");
    WRITES(3.141592653589793, "3.141592653589793");
    WRITES(1.1125369292536007e-308, "1.1125369292536007e-308");
}

static void test_the_ends_of_the_range_are_exact(void **state)
{
    (void)state;
    WRITES(DBL_MAX, "1.7976931348623157e+308");
    WRITES(-DBL_MAX, "-1.7976931348623157e+308");
    WRITES(DBL_MIN, "2.2250738585072014e-308");
    WRITES(-DBL_MIN, "-2.2250738585072014e-308");
    WRITES(DBL_TRUE_MIN, "5e-324");
    WRITES(2 * DBL_TRUE_MIN, "1e-323");
    WRITES(DBL_MIN - DBL_TRUE_MIN, "2.225073858507201e-308");
}

/* Numbers that printers of doubles have got wrong: halfway cases, and powers of two and ten. */
static void test_hard_cases_are_right(void **state)
{
    (void)state;
    WRITES(9.5e-322, "9.5e-322");
    WRITES(2e-44, "2e-44");
    WRITES(1e23, "1e+23");
    WRITES(8.41e21, "8.41e+21");
    WRITES(9.0608011534336e15, "9060801153433600");
    WRITES(5e-320, "5e-320");
    WRITES(1.8014398509481984e16, "18014398509481984");
    WRITES(4.503599627370497e15, "4503599627370497");
    WRITES(2251799813685248.5, "2251799813685248.5");
    WRITES(2.9802322387695312e-8, "2.9802322387695312e-08");
    WRITES(5.684341886080802e-14, "5.684341886080802e-14");
}

/* OpenMetrics 1.0, "Considerations: Canonical Numbers"; text 0.0.4 writes them without ".0". */
static void test_bounds_are_written_as_go_writes_them(void **state)
{
    (void)state;
    BOUND(0.005, "0.005");
    BOUND(1, "1");
    BOUND(2.5, "2.5");
    BOUND(10, "10");
    BOUND(100000, "100000");
    BOUND(1000000, "1e+06");
    BOUND(1234567.5, "1.2345675e+06");
    BOUND(123456.5, "123456.5");
    BOUND(0.0001, "0.0001");
    BOUND(0.00001, "1e-05");
    BOUND(1e-10, "1e-10");
    BOUND(1e100, "1e+100");
    BOUND(-1, "-1");
    BOUND(0, "0");
}

static uint64_t random_state = 20240229;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double random_double(unsigned round)
{
    double value;
    uint64_t bits = random_bits();
    if (round % 4 == 1) {
        bits &= UINT64_C(0xFFF0000000000000); /* a power of two */
    } else if (round % 4 == 2) {
        bits &= UINT64_C(0x000FFFFFFFFFFFFF) >> bits % 52; /* a subnormal */
    } else if (round % 4 == 3) {
        return (double)(bits >> 40) / 1000; /* what people measure */
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* How many digits printf needs so that the number reads back, and these digits. */
static int digits_of_printf(double value, char *digits)
{
    char text[40];
    for (int count = 1; count < 17; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, value);
        if (strtod(text, NULL) == value) {
            digits[0] = text[0];
            memcpy(digits + 1, text + 2, (size_t)count - 1);
            return count;
        }
    }
    return 17;
}

static void test_random_doubles_read_back_and_are_no_longer_than_printf_can_do(void **state)
{
    (void)state;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (unsigned i = 0; i < 200000; i++) {
        double value = random_double(i);
        if (isnan(value) || isinf(value)) {
            continue;
        }
        const char *text = text_of(value, sx__write_double);
        assert_true(strtod(text, NULL) == value);
        assert_true(strtod(text_of(value, sx__write_bound), NULL) == value);
        if (value == 0) {
            continue;
        }
        char digits[24];
        char expected[24];
        int count =
            (int)(sx__write_whole(digits, sx__double_shortest(fabs(value)).digits) - digits);
        int enough = digits_of_printf(fabs(value), expected);
        assert_in_range(count, 1, enough);
        if (count == enough && count < 17) {
            assert_memory_equal(digits, expected, (size_t)count);
        }
    }
}

static void test_whole_numbers_of_every_length_are_written(void **state)
{
    (void)state;
    char text[SX__WHOLE_SIZE_MAX + 1];
    char expected[SX__WHOLE_SIZE_MAX + 2];
    for (uint64_t number = UINT64_MAX;; number /= 3) {
        *sx__write_whole(text, number) = '\0';
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)number);
        assert_string_equal(text, expected);
        if (number == 0) {
            break;
        }
    }
}

static void test_the_locale_does_not_matter(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    const char *set = NULL;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0] && set == NULL; i++) {
        set = setlocale(LC_ALL, locales[i]);
    }
    if (set == NULL) {
        print_message("skipping: there is no locale with a decimal comma here\n");
        skip();
    }
    WRITES(1.5, "1.5");
    WRITES(1234567.25, "1234567.25");
    BOUND(1234567.25, "1.23456725e+06");
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_that_are_no_numbers_have_their_names),
        cmocka_unit_test(test_whole_numbers_are_plain_digits),
        cmocka_unit_test(test_fractions_are_the_shortest_that_read_back),
        cmocka_unit_test(test_the_ends_of_the_range_are_exact),
        cmocka_unit_test(test_hard_cases_are_right),
        cmocka_unit_test(test_bounds_are_written_as_go_writes_them),
        cmocka_unit_test(test_random_doubles_read_back_and_are_no_longer_than_printf_can_do),
        cmocka_unit_test(test_whole_numbers_of_every_length_are_written),
        cmocka_unit_test(test_the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
