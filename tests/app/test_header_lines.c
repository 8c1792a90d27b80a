/* Header lines are checked, replaced, merged and removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "header_lines.h"

#include <cmocka.h>
#include <sextant/status.h>
#include <stdlib.h>
#include <string.h>

static void assert_lines(const struct sx__header_lines *lines, const char *text)
{
    assert_int_equal(lines->size, strlen(text));
    assert_memory_equal(lines->text, text, lines->size);
}

static void test_a_header_replaces_one_of_the_same_name_in_any_case(void **state)
{
    (void)state;
    struct sx__header_lines *lines = NULL;
    assert_int_equal(sx__header_lines_set(&lines, "X-One", "1"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "X-Two", "2"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "x-one", "3"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "X-On", "4"), SX_OK);
    assert_lines(lines, "X-Two: 2\r\nx-one: 3\r\nX-On: 4\r\n");
    free(lines);
}

static void test_what_could_split_a_response_is_refused(void **state)
{
    (void)state;
    struct sx__header_lines *lines = NULL;
    static const char *const pairs[][2] = {
        {"X", "a\r\nSet-Cookie: b"},
        {"X", "a\n"},
        {"X", "\x01"},
        {"X", "\x7f"},
        {"X:", "a"},
        {"X Y", "a"},
        {"", "a"},
        {"X\r", "a"},
        {"\xc3\xa9", "a"},
        {"Content-Length", "5"},
        {"transfer-encoding", "chunked"},
        {"Connection", "close"},
        {"Date", "now"},
        {"content-type", "text/plain"},
        {"Keep-Alive", "timeout=5"},
        {"Upgrade", "h2c"},
        {"Trailer", "X"},
        {NULL, "a"},
        {"X", NULL},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(sx__header_lines_set(&lines, pairs[i][0], pairs[i][1]), SX_EINVAL);
    }
    assert_null(lines);
}

static void test_merging_replaces_and_removing_takes_back(void **state)
{
    (void)state;
    struct sx__header_lines *lines = NULL;
    struct sx__header_lines *others = NULL;
    assert_int_equal(sx__header_lines_set(&lines, "A", "1"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "B", "1"), SX_OK);
    assert_int_equal(sx__header_lines_set(&others, "b", "2"), SX_OK);
    assert_int_equal(sx__header_lines_set(&others, "C", "2"), SX_OK);
    assert_int_equal(sx__header_lines_merge(&lines, others), SX_OK);
    assert_lines(lines, "A: 1\r\nb: 2\r\nC: 2\r\n");
    /* By now C is somebody else's. */
    assert_int_equal(sx__header_lines_set(&lines, "c", "3"), SX_OK);
    sx__header_lines_remove_all(lines, others);
    assert_lines(lines, "A: 1\r\nc: 3\r\n");
    free(lines);
    free(others);
}

static void test_there_may_be_many_cookies(void **state)
{
    (void)state;
    struct sx__header_lines *lines = NULL;
    struct sx__header_lines *others = NULL;
    assert_int_equal(sx__header_lines_set(&lines, "Set-Cookie", "a=1"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "set-cookie", "b=2"), SX_OK);
    assert_int_equal(sx__header_lines_set(&lines, "Set-Cookies", "no"), SX_OK);
    assert_int_equal(sx__header_lines_set(&others, "Set-Cookie", "a=1"), SX_OK);
    assert_int_equal(sx__header_lines_set(&others, "Set-Cookie", "c=3"), SX_OK);
    assert_int_equal(sx__header_lines_merge(&lines, others), SX_OK);
    assert_lines(lines, "Set-Cookie: a=1\r\nset-cookie: b=2\r\nSet-Cookies: no\r\n"
                        "Set-Cookie: a=1\r\nSet-Cookie: c=3\r\n");
    sx__header_lines_remove_all(lines, others);
    assert_lines(lines, "Set-Cookie: a=1\r\nset-cookie: b=2\r\nSet-Cookies: no\r\n");
    free(lines);
    free(others);
}

static void test_many_headers_grow_the_lines(void **state)
{
    (void)state;
    struct sx__header_lines *lines = NULL;
    char name[] = "X-00";
    for (int i = 0; i < 100; i++) {
        name[2] = (char)('0' + i / 10);
        name[3] = (char)('0' + i % 10);
        assert_int_equal(sx__header_lines_set(&lines, name, "value"), SX_OK);
    }
    assert_int_equal(lines->size, 100 * strlen("X-00: value\r\n"));
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_replaces_one_of_the_same_name_in_any_case),
        cmocka_unit_test(test_what_could_split_a_response_is_refused),
        cmocka_unit_test(test_merging_replaces_and_removing_takes_back),
        cmocka_unit_test(test_there_may_be_many_cookies),
        cmocka_unit_test(test_many_headers_grow_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
