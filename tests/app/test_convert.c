/* The text of parameters and settings becomes values of their types, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "convert.h"

#include <cmocka.h>
#include <locale.h>
#include <string.h>

static bool convert(union sx_value *value, enum sx_type type, const char *text)
{
    char message[SX__CONVERT_MESSAGE_BYTES];
    const struct sx_param param = {.type = type};
    return sx__convert(value, &param, text, message);
}

static void test_whole_numbers_are_exact_to_their_limits(void **state)
{
    (void)state;
    union sx_value value;
    assert_true(convert(&value, SX_TYPE_I64, "9223372036854775807"));
    assert_true(value.i64 == INT64_MAX);
    assert_true(convert(&value, SX_TYPE_I64, "-9223372036854775808"));
    assert_true(value.i64 == INT64_MIN);
    assert_true(convert(&value, SX_TYPE_U64, "18446744073709551615"));
    assert_true(value.u64 == UINT64_MAX);
    assert_true(convert(&value, SX_TYPE_I64, "-1"));
    assert_true(value.i64 == -1);
    assert_true(convert(&value, SX_TYPE_I64, "007"));
    assert_true(value.i64 == 7);
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "--1",
                                      "a",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(convert(&value, SX_TYPE_I64, bad[i]));
    }
    assert_false(convert(&value, SX_TYPE_U64, "-1"));
    assert_false(convert(&value, SX_TYPE_U64, "18446744073709551616"));
}

static void test_numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < 3; i++) {
        (void)setlocale(LC_NUMERIC, locales[i]); /* where it is not installed C stays */
        union sx_value value;
        assert_true(convert(&value, SX_TYPE_F64, "1.5"));
        assert_true(value.f64 == 1.5);
        assert_false(convert(&value, SX_TYPE_F64, "1,5"));
    }
    setlocale(LC_NUMERIC, "C");
}

static void test_numbers_are_decimal_and_finite(void **state)
{
    (void)state;
    union sx_value value;
    static const char *const good[] = {"0", "-0.5", "+2", ".5", "5.", "1e3", "1E-3", "1.25e+2"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(convert(&value, SX_TYPE_F64, good[i]));
    }
    static const char *const bad[] = {"",    ".",     "e1",    "1e", "1e+", "inf",
                                      "nan", "0x1p3", "1e999", " 1", "1 ",  "1.2.3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(convert(&value, SX_TYPE_F64, bad[i]));
    }
}

static void test_flags_have_three_spellings_each(void **state)
{
    (void)state;
    union sx_value value;
    static const char *const yes[] = {"true", "1", "on"};
    static const char *const no[] = {"false", "0", "off"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(convert(&value, SX_TYPE_FLAG, yes[i]));
        assert_true(value.flag);
        assert_true(convert(&value, SX_TYPE_FLAG, no[i]));
        assert_false(value.flag);
    }
    assert_false(convert(&value, SX_TYPE_FLAG, ""));
    assert_false(convert(&value, SX_TYPE_FLAG, "yes"));
}

static void test_strings_are_utf8(void **state)
{
    (void)state;
    union sx_value value;
    assert_true(convert(&value, SX_TYPE_STR, ""));
    assert_true(convert(&value, SX_TYPE_STR, "\xf0\x9f\xa7\xad"));
    assert_false(convert(&value, SX_TYPE_STR, "\xff"));
    assert_false(convert(&value, SX_TYPE_STR, "\xed\xa0\x80")); /* a surrogate */
}

static void test_limits_are_inclusive_and_named(void **state)
{
    (void)state;
    char message[SX__CONVERT_MESSAGE_BYTES];
    union sx_value value;
    const struct sx_param param = {.type = SX_TYPE_I64, SX_MIN(1), SX_MAX(INT64_MAX)};
    assert_true(sx__convert(&value, &param, "1", message));
    assert_true(sx__convert(&value, &param, "9223372036854775807", message));
    assert_false(sx__convert(&value, &param, "0", message));
    assert_string_equal(message, "must be a whole number from 1 to 9223372036854775807");
    const struct sx_param least = {.type = SX_TYPE_F64, SX_MIN(0.5)};
    assert_false(sx__convert(&value, &least, "0.25", message));
    assert_string_equal(message, "must be a number of at least 0.5");
    const struct sx_param tenth = {.type = SX_TYPE_F64, SX_MIN(-0.1), SX_MAX(48.4)};
    assert_false(sx__convert(&value, &tenth, "50", message));
    assert_string_equal(message, "must be a number from -0.1 to 48.4");
    const struct sx_param whole = {.type = SX_TYPE_F64, SX_MAX(1e6)};
    assert_false(sx__convert(&value, &whole, "1e7", message));
    assert_string_equal(message, "must be a number of at most 1000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers_are_exact_to_their_limits),
        cmocka_unit_test(test_numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(test_numbers_are_decimal_and_finite),
        cmocka_unit_test(test_flags_have_three_spellings_each),
        cmocka_unit_test(test_strings_are_utf8),
        cmocka_unit_test(test_limits_are_inclusive_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
