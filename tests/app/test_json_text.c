/* What sx_json writes without a value in between: what jansson would make of it, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json_text.h"

#include <cmocka.h>
#include <float.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx__json_text text;

static bool pack(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const bool packed = sx__json_text_pack(&text, NULL, format, arguments);
    va_end(arguments);
    return packed;
}

static int free_text(void **state)
{
    (void)state;
    free(text.bytes);
    text = (struct sx__json_text){NULL, 0, 0};
    return 0;
}

/* Both what is expected, and what jansson makes of it. */
#define ASSERT_PACKED(expected, ...)                      \
    do {                                                  \
        free_text(NULL);                                  \
        assert_true(pack(__VA_ARGS__));                   \
        assert_string_equal(text.bytes, expected);        \
        assert_int_equal(text.size, strlen(expected));    \
        json_t *value_ = json_pack(__VA_ARGS__);          \
        char *dumped_ = json_dumps(value_, JSON_COMPACT); \
        assert_non_null(dumped_);                         \
        assert_string_equal(dumped_, expected);           \
        free(dumped_);                                    \
        json_decref(value_);                              \
    } while (0)

static void test_a_plain_object_is_what_jansson_makes_of_it(void **state)
{
    (void)state;
    ASSERT_PACKED("{}", "{}");
    ASSERT_PACKED("{\"hello\":\"world\"}", "{s:s}", "hello", "world");
    ASSERT_PACKED("{\"\":\"\"}", "{s:s}", "", "");
    ASSERT_PACKED("{\"a\":\"b\",\"c\":\"d\"}", "{ssss}", "a", "b", "c", "d");
    ASSERT_PACKED("{\"a\":1,\"b\":2}", " {\ns : i,\n\ts : I }\n", "a", 1, "b", (json_int_t)2);
    ASSERT_PACKED("{\"a\":-2147483648,\"b\":2147483647}", "{s:i, s:i}", "a", INT_MIN, "b", INT_MAX);
    ASSERT_PACKED("{\"a\":-9223372036854775808,\"b\":9223372036854775807}", "{s:I, s:I}", "a",
                  (json_int_t)INT64_MIN, "b", (json_int_t)INT64_MAX);
    ASSERT_PACKED("{\"a\":true,\"b\":false,\"c\":null,\"d\":true}", "{s:b, s:b, s:n, s:b}", "a", 1,
                  "b", 0, "c", "d", -1);
    ASSERT_PACKED("{\" !#$%&'()*+,-./:;<=>?@[]^_`{|}~\":\"/\"}", "{s:s}",
                  " !#$%&'()*+,-./:;<=>?@[]^_`{|}~", "/");
}

/* Whatever needs more than a copy, and all that is wrong: jansson says what. */
static void test_everything_else_is_left_to_jansson(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"",   "a\\",  "\n",   "\x01",     "\x1f",
                                        "\x7f", "\xff", "\x80", "\xc3\xa9", NULL};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(pack("{s:s}", "a", texts[i]));
        assert_int_equal(text.size, 0);
        assert_false(pack("{s:i}", texts[i], 1));
        assert_int_equal(text.size, 0);
    }
    static const char *const formats[] = {
        "",        "{",        "}",        "{s",     "{s:",    "{s:s",   "{s:s}}",   "{s:s} x",
        "{s:s?}",  "{s:s*}",   "{s:s#}",   "{s#:s}", "{s:s%}", "{s:s+}", "{s+:s}",   "[s,s]",
        "{s:[s]}", "{s:{s:s}", "{s:s, i}", "s",      "{i:s}",  "{s:z}",  "{s:s,s:o}"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (pack(formats[i], "a", "b", "c", 4)) {
            fail_msg("\"%s\" is packed as %s", formats[i], text.bytes);
        }
        assert_int_equal(text.size, 0);
    }
    assert_false(pack(NULL));
    assert_false(pack("{s:f}", "a", (double)INFINITY));
    assert_false(pack("{s:f}", "a", (double)NAN));
}

/* The digits are those of JavaScript's and Python's shortest form; there is always a point or an
 * exponent, as with jansson, so that readers read a real. */
static const struct {
    double value;
    const char *text;
} reals[] = {
    {48.4, "48.4"},
    {0.1, "0.1"},
    {-0.3, "-0.3"},
    {1.0 / 3, "0.3333333333333333"},
    {100, "100.0"},
    {0, "0.0"},
    {-0.0, "-0.0"},
    {1e20, "100000000000000000000.0"},
    {1e21, "1e+21"},
    {1.5e300, "1.5e+300"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {5e-324, "5e-324"},
    {0.00001, "1e-05"},
};

static void test_reals_have_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        char object[64];
        snprintf(object, sizeof object, "{\"x\":%s}", reals[i].text);
        free_text(NULL);
        assert_true(pack("{s:f}", "x", reals[i].value));
        assert_string_equal(text.bytes, object);
        json_t *read = json_loads(text.bytes, 0, NULL);
        assert_true(json_is_real(json_object_get(read, "x")));
        const double again = json_real_value(json_object_get(read, "x"));
        assert_memory_equal(&again, &reals[i].value, sizeof again);
        /* The same from a value of jansson. */
        free_text(NULL);
        assert_true(sx__json_text_dump(&text, read));
        assert_string_equal(text.bytes, object);
        json_decref(read);
    }
}

/* Byte for byte, but for reals. */
static void test_values_are_written_as_jansson_writes_them(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null",
        "true",
        "-9223372036854775808",
        "9223372036854775807",
        "\"\"",
        "[]",
        "{}",
        "[[],{},[{}],0,-1]",
        "{\"z\":1,\"a\":{\"b\":[true,false,null]},\"\":\"\"}",
        "\"\\u0001\\b\\f\\n\\r\\t\\u001f\\\\\\\"/\x7f\"",
        "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
        "{\"\\\"\\u0002\":[\"a\\nb\"]}",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_t *value = json_loads(values[i], JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        free_text(NULL);
        assert_true(sx__json_text_dump(&text, value));
        assert_string_equal(text.bytes, dumped);
        assert_int_equal(text.size, strlen(dumped));
        free(dumped);
        json_decref(value);
    }
}

static json_t *nested(size_t depth)
{
    json_t *value = json_array();
    for (size_t i = 1; i < depth; i++) {
        json_t *outer = i % 2 == 0 ? json_array() : json_object();
        assert_int_equal(json_is_array(outer) ? json_array_append_new(outer, value)
                                              : json_object_set_new(outer, "a", value),
                         0);
        value = outer;
    }
    return value;
}

static void test_what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    json_t *deep = nested(4096);
    free_text(NULL);
    assert_true(sx__json_text_dump(&text, deep));
    json_t *too_deep = json_pack("[o]", deep);
    free_text(NULL);
    assert_false(sx__json_text_dump(&text, too_deep));
    json_decref(too_deep);
    json_t *bytes = json_string_nocheck("\xff");
    free_text(NULL);
    assert_false(sx__json_text_dump(&text, bytes));
    json_decref(bytes);
    assert_false(sx__json_text_dump(&text, NULL));
}

/* Circles of 2 to 100 containers, each of which holds the next one twice. */
static void test_a_value_within_itself_is_refused(void **state)
{
    (void)state;
    for (size_t length = 2; length <= 100; length++) {
        json_t *ring[100];
        for (size_t i = 0; i < length; i++) {
            ring[i] = json_pack("[[], i]", 1);
        }
        for (size_t i = 0; i < length; i++) {
            assert_int_equal(json_array_append(ring[i], ring[(i + 1) % length]), 0);
            assert_int_equal(json_array_append(ring[i], ring[(i + 1) % length]), 0);
        }
        json_t *way_in = json_pack("[i, [O]]", 1, ring[0]);
        free_text(NULL);
        assert_false(sx__json_text_dump(&text, way_in));
        json_decref(way_in);
        for (size_t i = 0; i < length; i++) {
            assert_int_equal(json_array_clear(ring[i]), 0);
        }
        for (size_t i = 0; i < length; i++) {
            json_decref(ring[i]);
        }
    }
}

/* A container that appears twice, but not within itself, is not a circle. */
static void test_a_shared_value_is_written_twice(void **state)
{
    (void)state;
    json_t *shared = json_pack("{s:[i]}", "a", 1);
    json_t *value = json_pack("[O, O, [O, [O]]]", shared, shared, shared, shared);
    free_text(NULL);
    assert_true(sx__json_text_dump(&text, value));
    assert_string_equal(text.bytes, "[{\"a\":[1]},{\"a\":[1]},[{\"a\":[1]},[{\"a\":[1]}]]]");
    json_decref(shared);
    json_decref(value);
}

/* A text with a length need not end in NUL. */
static void test_no_argument_of_another_format_is_looked_at(void **state)
{
    (void)state;
    static const char *const formats[] = {"{s:s#}", "{s:s %}", "{s#:i}", "{s %:s}", "{s:s+#}"};
    char *open_ended = malloc(3);
    assert_non_null(open_ended);
    memcpy(open_ended, "abc", 3);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        assert_false(pack(formats[i], open_ended, open_ended, 3));
        assert_false(pack(formats[i], "a", open_ended, 3));
    }
    free(open_ended);
    static const void *const nowhere = (const void *)1; /* to be read by nobody */
    assert_false(pack("{s:s, s:s#}", nowhere, nowhere, nowhere, 3));
    assert_false(pack("{s:s, s:o}", nowhere, nowhere, nowhere, nowhere));
}

static void test_many_members_are_left_to_jansson(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                       "j", "k", "l", "m", "n", "o", "p", "q"};
    char format[100] = "{";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        strcat(format, "s:n,");
        char whole[110];
        snprintf(whole, sizeof whole, "%s}", format);
        const bool packed = pack(whole, keys[0], keys[1], keys[2], keys[3], keys[4], keys[5],
                                 keys[6], keys[7], keys[8], keys[9], keys[10], keys[11], keys[12],
                                 keys[13], keys[14], keys[15], keys[16]);
        assert_int_equal(packed, i < 16);
    }
}

/* Of the same key twice the last value counts. */
static void test_keys_that_come_twice_are_left_to_jansson(void **state)
{
    (void)state;
    assert_false(pack("{s:i, s:i, s:i}", "a", 1, "b", 2, "a", 3));
    ASSERT_PACKED("{\"a\":1,\"b\":2,\"A\":3}", "{s:i, s:i, s:i}", "a", 1, "b", 2, "A", 3);
}

static void test_long_texts_have_room(void **state)
{
    (void)state;
    char *value = malloc(100001);
    assert_non_null(value);
    memset(value, 'x', 100000);
    for (size_t size = 0; size <= 100000; size = size < 1100 ? size + 1 : size * 10) {
        const char kept = value[size];
        value[size] = '\0';
        free_text(NULL);
        assert_true(pack("{s:s, s:s}", "a", value, value + size / 2, "b"));
        assert_int_equal(text.size, size + size - size / 2 + strlen("{\"a\":\"\",\"\":\"b\"}"));
        json_t *read = json_loads(text.bytes, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(read, "a")), value);
        json_decref(read);
        value[size] = kept;
    }
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_object_is_what_jansson_makes_of_it),
        cmocka_unit_test(test_everything_else_is_left_to_jansson),
        cmocka_unit_test(test_reals_have_the_fewest_digits_that_read_back),
        cmocka_unit_test(test_values_are_written_as_jansson_writes_them),
        cmocka_unit_test(test_what_cannot_be_written_is_refused),
        cmocka_unit_test(test_a_value_within_itself_is_refused),
        cmocka_unit_test(test_a_shared_value_is_written_twice),
        cmocka_unit_test(test_keys_that_come_twice_are_left_to_jansson),
        cmocka_unit_test(test_no_argument_of_another_format_is_looked_at),
        cmocka_unit_test(test_many_members_are_left_to_jansson),
        cmocka_unit_test(test_long_texts_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
