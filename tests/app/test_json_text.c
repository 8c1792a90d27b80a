/* What sx_json writes without a value in between: what jansson would make of it, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json_text.h"

#include <cmocka.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx__json_text text;

static bool pack(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const bool packed = sx__json_text_pack(&text, format, arguments);
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
    assert_false(pack("{s:f}", "a", 0.5));
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
        cmocka_unit_test(test_keys_that_come_twice_are_left_to_jansson),
        cmocka_unit_test(test_no_argument_of_another_format_is_looked_at),
        cmocka_unit_test(test_many_members_are_left_to_jansson),
        cmocka_unit_test(test_long_texts_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
