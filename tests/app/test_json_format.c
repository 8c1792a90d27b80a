/* Arguments that do not match the format of sx_json lead to a 500 whose cause names the argument,
 * never to a crash. Arguments that match give the same value as jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json_format.h"

#include <cmocka.h>
#include <jansson.h>
#include <sextant/app.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_json(struct sx_result result, const char *expected)
{
    if (result.status != 200) {
        fail_msg("%s", result.cause);
    }
    struct sx_result rendered = sx_render_json(sx_result_get_json(&result));
    assert_int_equal(rendered.body_size, strlen(expected));
    assert_memory_equal(rendered.body, expected, strlen(expected));
    sx_result_clean_up(&rendered);
    sx_result_clean_up(&result);
}

static void assert_refused(struct sx_result result, const char *cause)
{
    assert_int_equal(result.status, 500);
    assert_non_null(result.cause);
    assert_string_equal(result.cause, cause);
    sx_result_clean_up(&result);
}

static const void *untyped(const void *pointer)
{
    return pointer;
}

static void test_what_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused(sx_json("{s:s}", "n"),
                   "sx_json(\"{s:s}\"): argument 2 after the format, a string for 's', is missing");
    assert_refused(sx_json("{s:s}"),
                   "sx_json(\"{s:s}\"): argument 1 after the format, a string for 's', is missing");
    assert_refused(sx_json("[i, i, {s:I}]", 1, 2, "n"),
                   "sx_json(\"[i, i, {s:I}]\"): argument 4 after the format, a 64-bit integer for "
                   "'I', is missing");
    assert_refused(sx_json("{s:s#}", "n", "text"),
                   "sx_json(\"{s:s#}\"): argument 3 after the format, an int for '#', is missing");
}

static void test_what_is_of_another_type_is_named(void **state)
{
    (void)state;
    const int number = 42;
    assert_refused(
        sx_json("{s:s}", "n", 42),
        "sx_json(\"{s:s}\"): argument 2 after the format is an int, but 's' takes a string");
    assert_refused(
        sx_json("{s:s}", 42, "n"),
        "sx_json(\"{s:s}\"): argument 1 after the format is an int, but 's' takes a string");
    assert_refused(sx_json("{s:I}", "n", number), "sx_json(\"{s:I}\"): argument 2 after the format "
                                                  "is an int, but 'I' takes a 64-bit integer");
    assert_refused(sx_json("{s:i}", "n", (int64_t)number),
                   "sx_json(\"{s:i}\"): argument 2 after the format is a 64-bit integer, but 'i' "
                   "takes an int");
    assert_refused(
        sx_json("{s:f}", "n", 1),
        "sx_json(\"{s:f}\"): argument 2 after the format is an int, but 'f' takes a double");
    assert_refused(
        sx_json("{s:b}", "n", 0.5),
        "sx_json(\"{s:b}\"): argument 2 after the format is a double, but 'b' takes an int");
    assert_refused(
        sx_json("{s:o}", "n", "text"),
        "sx_json(\"{s:o}\"): argument 2 after the format is a string, but 'o' takes a json_t *");
    assert_refused(sx_json("{s:s}", "n", &number),
                   "sx_json(\"{s:s}\"): argument 2 after the format is something else, but 's' "
                   "takes a string");
    assert_refused(
        sx_json("{s:f}", "n", 1.0L),
        "sx_json(\"{s:f}\"): argument 2 after the format is something else, but 'f' takes a "
        "double");
    assert_refused(
        sx_json("{s:i}", "n", untyped("x")),
        "sx_json(\"{s:i}\"): argument 2 after the format is a void *, but 'i' takes an int");
    assert_refused(sx_json("{s:s%}", "n", "text", 4),
                   "sx_json(\"{s:s%}\"): argument 3 after the format is an int, but '%' takes a "
                   "64-bit integer");
    assert_refused(
        sx_json("{s+:s}", "n", 7, "x"),
        "sx_json(\"{s+:s}\"): argument 2 after the format is an int, but 's' takes a string");
}

static void test_what_is_too_much_is_named(void **state)
{
    (void)state;
    assert_refused(sx_json("{s:s}", "a", "b", 3),
                   "sx_json(\"{s:s}\"): argument 3 after the format, an int, is one too many");
    assert_refused(sx_json("{}", "a"),
                   "sx_json(\"{}\"): argument 1 after the format, a string, is one too many");
    assert_refused(sx_json("{s:n}", "a", NULL),
                   "sx_json(\"{s:n}\"): argument 2 after the format, a void *, is one too many");
}

static void test_a_format_that_is_none_is_told(void **state)
{
    (void)state;
    const char *absent = NULL;
    assert_refused(sx_json(absent), "sx_json(\"(null)\"): the format is NULL");
    assert_refused(sx_json(""), "sx_json(\"\"): the format ends too early");
    assert_refused(sx_json("{s:"),
                   "sx_json(\"{s:\"): argument 1 after the format, a string for 's', is missing");
    assert_refused(sx_json("{s:", "a"), "sx_json(\"{s:\"): the format ends too early");
    assert_refused(sx_json("{s:s", "a", "b"), "sx_json(\"{s:s\"): the format ends too early");
    assert_refused(sx_json("[i", 1), "sx_json(\"[i\"): the format ends too early");
    assert_refused(sx_json("{s:x}", "a", "b"),
                   "sx_json(\"{s:x}\"): unexpected 'x' as character 4 of the format");
    assert_refused(sx_json("{i:s}", 1, "b"),
                   "sx_json(\"{i:s}\"): unexpected 'i' as character 2 of the format");
    assert_refused(sx_json("{s:s]", "a", "b"),
                   "sx_json(\"{s:s]\"): unexpected ']' as character 5 of the format");
    assert_refused(sx_json("n n"), "sx_json(\"n n\"): unexpected 'n' as character 3 of the format");
    assert_refused(sx_json("{s:s?#}", "a", "b", 1), "sx_json(\"{s:s?#}\"): unexpected '#' as "
                                                    "character 6 of the format");
}

struct flags {
    unsigned on : 1;
    unsigned level : 3;
};
enum colour { RED, GREEN };

/* Each type that a letter accepts: small integers are passed as int, arrays as pointers. */
static void test_every_type_that_fits_is_taken(void **state)
{
    (void)state;
    const struct flags flags = {1, 5};
    const enum colour colour = GREEN;
    const bool yes = true;
    const char byte = 'a';
    const short small = -3;
    const unsigned whole = 7;
    const size_t size = 8;
    const long long wide = -9;
    const float half = 0.5F;
    char array[] = "array";
    const unsigned char bytes[] = "bytes";
    assert_json(sx_json("[b,i,i,b,i,i,i]", flags.on, flags.level, colour, yes, byte, small, whole),
                "[true,5,1,true,97,-3,7]");
    assert_json(sx_json("[I,I,I,I]", size, wide, (uint64_t)1, (long)2), "[8,-9,1,2]");
    assert_json(sx_json("[f,f]", half, 1.5), "[0.5,1.5]");
    assert_json(sx_json("[s,s,s]", array, bytes, untyped("untyped")),
                "[\"array\",\"bytes\",\"untyped\"]");
    assert_json(sx_json("[s?,s*,o?,o*,n]", NULL, NULL, NULL, NULL), "[null,null,null]");
    assert_json(sx_json("{s:s?, s:o*}", "a", NULL, "b", NULL), "{\"a\":null}");
    assert_json(sx_json("{s#:s%, s+:s++}", "ab", 1, "cde", (size_t)2, "x", "y", "z", "!", "?"),
                "{\"a\":\"cd\",\"xy\":\"z!?\"}");
    assert_json(sx_json("{s:[i, {s:o}, O?]}", "a", 1, "b", json_string("c"), json_true()),
                "{\"a\":[1,{\"b\":\"c\"},true]}");
    assert_json(sx_json("i", 1), "1");
}

/* An argument is evaluated once, though the macro looks at its type. */
static void test_no_argument_is_evaluated_twice(void **state)
{
    (void)state;
    int count = 0;
    assert_json(sx_json("{s:i, s:i}", "a", ++count, "b", 5), "{\"a\":1,\"b\":5}");
    assert_int_equal(count, 1);
}

/* 64 arguments: more do not compile. */
static void test_as_many_arguments_as_there_may_be_are_checked(void **state)
{
    (void)state;
#define EIGHT "a", 1, "b", 2, "c", 3, "d", 4
#define SIXTEEN EIGHT, EIGHT
    assert_json(sx_json("[{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i},{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i},"
                        "{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i},{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}]",
                        SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN),
                "[{\"a\":1,\"b\":2,\"c\":3,\"d\":4},{\"a\":1,\"b\":2,\"c\":3,\"d\":4},"
                "{\"a\":1,\"b\":2,\"c\":3,\"d\":4},{\"a\":1,\"b\":2,\"c\":3,\"d\":4}]");
}

/* The sanitizers' leak check finds a reference that is not released. */
static void test_references_are_given_back_where_the_call_is_refused(void **state)
{
    (void)state;
    json_t *kept = json_array();
    json_t *handed_over = json_array();
    json_incref(handed_over);
    struct sx_result result =
        sx_json("{s:f, s:o, s:O, s:s}", "a", 0.5, "b", handed_over, "c", kept, "d", 42);
    assert_refused(result, "sx_json(\"{s:f, s:o, s:O, s:s}\"): argument 8 after the format is an "
                           "int, but 's' takes a string");
    assert_int_equal(handed_over->refcount, 1);
    assert_int_equal(kept->refcount, 1);
    json_decref(handed_over);
    json_decref(kept);
    assert_refused(sx_json("{s:i, s:o, s:o}", "a", (int64_t)1, "b", json_array(), "c"),
                   "sx_json(\"{s:i, s:o, s:o}\"): argument 2 after the format is a 64-bit integer, "
                   "but 'i' takes an int");
}

static void test_the_function_itself_trusts_its_format(void **state)
{
    (void)state;
    assert_json((sx_json)("{s:s}", "a", "b"), "{\"a\":\"b\"}");
    assert_json((sx_json)("{s:[s]}", "a", "b"), "{\"a\":[\"b\"]}");
    assert_refused((sx_json)("{s:x}", "a"), "sx_json(\"{s:x}\"): Unexpected format character 'x'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_missing_is_named),
        cmocka_unit_test(test_what_is_of_another_type_is_named),
        cmocka_unit_test(test_what_is_too_much_is_named),
        cmocka_unit_test(test_a_format_that_is_none_is_told),
        cmocka_unit_test(test_every_type_that_fits_is_taken),
        cmocka_unit_test(test_no_argument_is_evaluated_twice),
        cmocka_unit_test(test_as_many_arguments_as_there_may_be_are_checked),
        cmocka_unit_test(test_references_are_given_back_where_the_call_is_refused),
        cmocka_unit_test(test_the_function_itself_trusts_its_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
