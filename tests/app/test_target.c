/* Targets are split and decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "target.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* In memory of exactly the size that is promised, so that a sanitizer sees one byte too many. */
static int parse(const char *target, char *text, size_t *segments, char *query)
{
    size_t size = strlen(target);
    char *copy = malloc(size == 0 ? 1 : size);
    char *space = malloc(size + 2);
    struct sx__path path;
    struct sx_str rest;
    memcpy(copy, target, size);
    memset(space, 'x', size + 2); /* as of an earlier request */
    int status = sx__target_parse(&path, &rest, (struct sx_str){copy, size}, space);
    assert_true(path.text[path.size] == '\0' && strlen(path.text) == path.size);
    if (status == SX_OK) {
        memcpy(text, path.text, path.size + 1);
        memcpy(query, rest.data, rest.size);
        query[rest.size] = '\0';
        *segments = path.segment_count;
    }
    free(copy);
    free(space);
    return status;
}

static void test_a_target_becomes_path_and_query(void **state)
{
    static const struct {
        const char *target, *path, *query;
        size_t segments;
    } cases[] = {
        {"/", "/", "", 1},
        {"/users/7", "/users/7", "", 2},
        {"/users/", "/users/", "", 2},
        {"/users?a=1&b=2", "/users", "a=1&b=2", 1},
        {"/?a=/../b", "/", "a=/../b", 1},
        {"//a", "//a", "", 2},
        {"/a%20b", "/a b", "", 1},
        {"/%C3%A9", "/\xc3\xa9", "", 1},
        /* RFC 3986 2.2: "%2F" is data, not a delimiter */
        {"/a%2Fb/c", "/a/b/c", "", 2},
        /* RFC 3986 5.2.4, and a path cannot climb out of its root */
        {"/a/b/c/./../../g", "/a/g", "", 2},
        {"/mid/content=5/../6", "/mid/6", "", 2},
        {"/..", "/", "", 1},
        {"/../../etc/passwd", "/etc/passwd", "", 2},
        {"/a/..", "/", "", 1},
        {"/a/.", "/a/", "", 2},
        {"/a/%2e%2E/b", "/b", "", 1},
        {"/a/..b/.c", "/a/..b/.c", "", 3},
        /* RFC 9112 3.2.2: "a server MUST accept the absolute-form in requests" */
        {"http://example.com/a?b", "/a", "b", 1},
        {"HTTP://example.com", "/", "", 1},
        {"http://example.com?x=1", "/", "x=1", 1},
        {"*", "*", "", 0},
        {"/a+b", "/a+b", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        char query[64];
        size_t segments = 0;
        int status = parse(cases[i].target, text, &segments, query);
        if (status != SX_OK) {
            fail_msg("%s: %d", cases[i].target, status);
        }
        assert_string_equal(text, cases[i].path);
        assert_string_equal(query, cases[i].query);
        assert_int_equal(segments, cases[i].segments);
    }
}

static void test_a_malformed_target_is_refused(void **state)
{
    static const char *const targets[] = {
        "",       "a",        "users/7",    "/%",      "/%4", "/%zz",      "/%00",  "/a#b",
        "/%ff",   "/%C3",     "/%ED%A0%80", "/%C0%AF", "?a",  "ftp://a/b", "/\xff", "/%F4%90%80%80",
        "/a/%zz", "/a/b/%ff",
    };
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char text[64];
        char query[64];
        size_t segments;
        if (parse(targets[i], text, &segments, query) != SX_EPROTO) {
            fail_msg("\"%s\" was not refused", targets[i]);
        }
    }
}

static void test_a_path_of_too_many_segments_is_no_route(void **state)
{
    (void)state;
    char target[2 * SX__SEGMENTS_MAX + 3] = "";
    for (size_t i = 0; i < SX__SEGMENTS_MAX + 1; i++) {
        memcpy(target + 2 * i, "/a", 3);
    }
    char text[256];
    char query[8];
    size_t segments;
    assert_int_equal(parse(target, text, &segments, query), SX_EFULL);
    target[2 * SX__SEGMENTS_MAX] = '\0';
    assert_int_equal(parse(target, text, &segments, query), SX_OK);
    assert_int_equal(segments, SX__SEGMENTS_MAX);
}

static void test_a_form_is_decoded_once(void **state)
{
    (void)state;
    static const char form[] = "a=1&b=x+y&c=%2B%26&&d&e=&a=2&=f&g=%25%32%30";
    char decoded[2 * sizeof form + 2];
    const size_t size = sx__form_decode(decoded, (struct sx_str){form, sizeof form - 1});
    assert_string_equal(sx__form_get(decoded, size, "a"), "1");
    assert_string_equal(sx__form_get(decoded, size, "b"), "x y");
    assert_string_equal(sx__form_get(decoded, size, "c"), "+&");
    assert_string_equal(sx__form_get(decoded, size, "d"), "");
    assert_string_equal(sx__form_get(decoded, size, "e"), "");
    assert_string_equal(sx__form_get(decoded, size, ""), "f");
    assert_string_equal(sx__form_get(decoded, size, "g"), "%20");
    assert_null(sx__form_get(decoded, size, "h"));
}

static void test_what_is_malformed_in_a_form_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        enum sx__form_state state; /* of a */
    } cases[] = {{"a=%", SX__FORM_ESCAPE},        {"a=%1", SX__FORM_ESCAPE},
                 {"a=%g0", SX__FORM_ESCAPE},      {"a=x%2g", SX__FORM_ESCAPE},
                 {"a=%00", SX__FORM_NUL},         {"a=1%20%00%zz", SX__FORM_NUL},
                 {"a=%zz%00", SX__FORM_ESCAPE},   {"%zz=1&a=2", SX__FORM_GOOD},
                 {"b=%&a=2&b=%", SX__FORM_GOOD},  {"a=%&a=2", SX__FORM_ESCAPE},
                 {"%00=1&%=2&a=", SX__FORM_GOOD}, {"a&b=%", SX__FORM_GOOD}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char decoded[32];
        const char *form = cases[i].form;
        const size_t size = sx__form_decode(decoded, (struct sx_str){form, strlen(form)});
        const char *a = sx__form_get(decoded, size, "a");
        assert_non_null(a);
        assert_int_equal(sx__form_state(a), cases[i].state);
        if (cases[i].state != SX__FORM_GOOD) {
            assert_string_equal(a, "");
        }
    }
    static const char nul[] = "a=x\0y&b=1";
    char decoded[2 * sizeof nul];
    const size_t size = sx__form_decode(decoded, (struct sx_str){nul, sizeof nul - 1});
    assert_int_equal(sx__form_state(sx__form_get(decoded, size, "a")), SX__FORM_NUL);
    assert_string_equal(sx__form_get(decoded, size, "b"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_target_becomes_path_and_query),
        cmocka_unit_test(test_a_malformed_target_is_refused),
        cmocka_unit_test(test_a_path_of_too_many_segments_is_no_route),
        cmocka_unit_test(test_a_form_is_decoded_once),
        cmocka_unit_test(test_what_is_malformed_in_a_form_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
