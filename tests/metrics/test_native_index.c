/* The index of a native bucket is exact: at every schema, for numbers at the bounds, beside them
 * and between them, from the smallest subnormal to the largest double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "native_index.h"

#include <cmocka.h>
#include <float.h>
#include <math.h>

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static int32_t floor_divided(int32_t number, int32_t by)
{
    return number >= 0 ? number / by : -((-number + by - 1) / by);
}

/* The definition, with frexp and tables of long double: the smallest i with value <= 2^(i / 2^s). A
 * double has 53 bits, so it is compared exactly with a bound of 64 or more. */
static int32_t index_by_definition(double value, int schema)
{
    static long double powers[9][257];
    int exponent;
    const long double fraction = 2 * (long double)frexp(value, &exponent); /* from 1 to 2 */
    exponent--;
    if (schema <= 0) {
        const int32_t ceiling = exponent + (fraction > 1);
        return -floor_divided(-ceiling, INT32_C(1) << -schema);
    }
    const int32_t count = INT32_C(1) << schema;
    int32_t index = 0;
    if (powers[schema][0] == 0) {
        for (int32_t i = 0; i <= count; i++) {
            powers[schema][i] = exp2l((long double)i / count);
        }
    }
    while (fraction > powers[schema][index]) {
        index++;
    }
    return exponent * count + index;
}

static void check(double value)
{
    if (!(value > 0 && value <= DBL_MAX)) {
        return;
    }
    for (int schema = SX__SCHEMA_MIN; schema <= SX__SCHEMA_MAX; schema++) {
        const int32_t found = sx__native_coarser(sx__native_index(bits_of(value)),
                                                 (uint32_t)(SX__SCHEMA_MAX - schema));
        if (found != index_by_definition(value, schema)) {
            fail_msg("%a, schema %d: %d instead of %d", value, schema, (int)found,
                     (int)index_by_definition(value, schema));
        }
    }
}

static void check_around(double value)
{
    check(nextafter(value, 0));
    check(value);
    check(nextafter(value, INFINITY));
}

/* "The upper bound is inclusive": a power of two is in the bucket that it ends. */
static void test_powers_of_two_end_a_bucket(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        check_around(ldexp(1, exponent));
    }
    assert_int_equal(sx__native_index(bits_of(1)), 0);
    assert_int_equal(sx__native_index(bits_of(2)), 256);
    assert_int_equal(sx__native_index(bits_of(nextafter(2, 3))), 257);
    assert_int_equal(sx__native_index(bits_of(DBL_MAX)), 1024 * 256);
    assert_int_equal(sx__native_index(bits_of(0x1p-1074)), -1074 * 256);
}

static void test_all_bounds_are_exact(void **state)
{
    (void)state;
    static const int exponents[] = {-1074, -1060, -1023, -1022, -1021, -129, -1, 0, 1, 100, 1023};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        for (int step = 0; step <= 256; step++) {
            check_around(ldexp((double)exp2l((long double)step / 256), exponents[i]));
        }
    }
}

static void test_any_number_is_in_its_bucket(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        double value;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint64_t bits = random >> 1; /* positive */
        memcpy(&value, &bits, sizeof value);
        check(value);
    }
}

static void test_the_growth_factor_chooses_the_schema(void **state)
{
    (void)state;
    static const struct {
        double factor;
        int32_t schema;
    } cases[] = {
        {1.0000001, 8}, {1.0027, 8}, {1.0028, 8}, {1.01, 7},   {1.1, 3},    {1.19, 2},
        {1.2, 2},       {1.4142, 2}, {1.5, 1},    {1.99, 1},   {2, 0},      {3.9, 0},
        {4, -1},        {16, -2},    {256, -3},   {65535, -3}, {65536, -4}, {DBL_MAX, -4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sx__native_schema_of(cases[i].factor), cases[i].schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers_of_two_end_a_bucket),
        cmocka_unit_test(test_all_bounds_are_exact),
        cmocka_unit_test(test_any_number_is_in_its_bucket),
        cmocka_unit_test(test_the_growth_factor_chooses_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
