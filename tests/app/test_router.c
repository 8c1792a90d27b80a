#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "router.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct sx__path path_of(const char *text, char *space)
{
    struct sx__path path;
    struct sx_str query;
    assert_int_equal(sx__target_parse(&path, &query, (struct sx_str){text, strlen(text)}, space),
                     SX_OK);
    return path;
}

static struct sx__match find(const struct sx__router *router, const char *method, const char *text)
{
    char space[128];
    struct sx__path path = path_of(text, space);
    return sx__router_find(router, &path, (struct sx_str){method, strlen(method)});
}

static const struct sx_route table[] = {
    {.method = "GET", .path = "/"},
    {.method = "GET", .path = "/users"},
    {.method = "POST", .path = "/users"},
    {.method = "GET", .path = "/users/{id}"},
    {.method = "POST", .path = "/users/me"},
    {.method = "GET", .path = "/users/{id}/posts/{post}"},
    {.method = "GET", .path = "/{any}/me/posts"},
    {.method = "GET", .path = "/folder/"},
    {.method = "BREW", .path = "/pot"},
};

static struct sx__router *table_router(void)
{
    struct sx__router *router = NULL;
    size_t other;
    assert_int_equal(sx__router_new(&router), SX_OK);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(sx__router_add(router, &table[i], i, &other), SX_OK);
    }
    return router;
}

static void test_a_path_and_a_method_find_their_route(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        size_t route;
        bool path_exists;
    } cases[] = {
        {"GET", "/", 0, true},
        {"GET", "/users", 1, true},
        {"HEAD", "/users", 1, true},
        {"POST", "/users", 2, true},
        {"GET", "/users/7", 3, true},
        /* "me" is a literal, but has no GET: the parameter has */
        {"GET", "/users/me", 3, true},
        {"POST", "/users/me", 4, true},
        {"GET", "/users/7/posts/8", 5, true},
        {"GET", "/users/me/posts", 6, true}, /* back from the literals */
        {"GET", "/folder/", 7, true},
        {"BREW", "/pot", 8, true},
        {"GET", "/folder", SX__NO_ROUTE, false},
        {"GET", "/users/", SX__NO_ROUTE, false}, /* an empty segment is no parameter */
        {"DELETE", "/users", SX__NO_ROUTE, true},
        {"HEAD", "/pot", SX__NO_ROUTE, true},
        {"get", "/users", SX__NO_ROUTE, true}, /* RFC 9110 9.1: methods are case-sensitive */
        {"GE", "/users", SX__NO_ROUTE, true},
        {"GET", "/nowhere", SX__NO_ROUTE, false},
        {"GET", "/users/7/posts", SX__NO_ROUTE, false},
    };
    struct sx__router *router = table_router();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sx__match match = find(router, cases[i].method, cases[i].path);
        if (match.route != cases[i].route || match.path_exists != cases[i].path_exists) {
            fail_msg("%s %s: route %zu", cases[i].method, cases[i].path, match.route);
        }
    }
    struct sx__match match = find(router, "GET", "/users/7/posts/8");
    assert_int_equal(match.param_count, 2);
    assert_int_equal(match.segment[0], 1);
    assert_int_equal(match.segment[1], 3);
    sx__router_destroy(router);
}

static void test_allow_lists_what_the_path_answers(void **state)
{
    (void)state;
    struct sx__router *router = table_router();
    char space[64];
    char allow[64];
    struct sx__path path = path_of("/users", space);
    sx__router_allow(router, &path, allow, sizeof allow);
    assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
    path = path_of("/users/me", space);
    sx__router_allow(router, &path, allow, sizeof allow);
    assert_string_equal(allow, "POST, GET, HEAD, OPTIONS");
    sx__router_allow(router, &path, allow, 6);
    assert_string_equal(allow, "POST");
    sx__router_destroy(router);
}

static void test_routes_of_one_shape_are_told(void **state)
{
    (void)state;
    struct sx__router *router = table_router();
    const struct sx_route same = {.method = "GET", .path = "/users/{name}"};
    size_t other = 0;
    assert_int_equal(sx__router_add(router, &same, 9, &other), SX_EEXIST);
    assert_int_equal(other, 3);
    sx__router_destroy(router);
}

/* A slash more or less, up to the most segments that a path may have. */
static void test_a_path_of_any_length_may_have_another_slash(void **state)
{
    (void)state;
    struct sx__router *router = table_router();
    const struct sx_route deep = {.method = "GET", .path = "/deep/{*rest}"};
    size_t other;
    assert_int_equal(sx__router_add(router, &deep, sizeof table / sizeof *table, &other), SX_OK);
    char text[2 * SX__SEGMENTS_MAX + 2] = "";
    for (size_t count = 1; count <= SX__SEGMENTS_MAX; count++) {
        char space[2 * SX__SEGMENTS_MAX + 4];
        memcpy(text + 2 * (count - 1), "/a", 3);
        struct sx__path path = path_of(text, space);
        assert_int_equal(path.segment_count, count);
        assert_false(sx__router_has_other_slash(router, &path));
        memcpy(text + 2 * (count - 1), "/", 2);
        path = path_of(text, space);
        assert_int_equal(path.segment_count, count);
        assert_false(sx__router_has_other_slash(router, &path));
        memcpy(text + 2 * (count - 1), "/a", 3);
    }
    static const struct {
        const char *path;
        bool has;
    } cases[] = {{"/", false},        {"/users/", true}, {"/users", false},   {"/folder", true},
                 {"/folder/", false}, {"/pot/", true},   {"/users/7/", true}, {"/x", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char space[64];
        const struct sx__path path = path_of(cases[i].path, space);
        assert_int_equal(sx__router_has_other_slash(router, &path), cases[i].has);
    }
    sx__router_destroy(router);
}

static void test_malformed_templates_are_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "a",      "//a",     "/a//b",    "/{a}{b}", "/x{a}",
                                      "/{a",  "/a}",    "/{}",     "/{a}/{a}", "/a?b",    "/a%20b",
                                      "/a#b", "/{{a}}", "/a/../b", "/."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (sx__template_error(bad[i]) == NULL) {
            fail_msg("\"%s\" was not refused", bad[i]);
        }
    }
    assert_non_null(sx__template_error(NULL));
    assert_null(sx__template_error("/a/{b}/c/"));
    assert_null(sx__template_error("/.a/b../..."));
}

static void test_a_thousand_routes_are_told_apart(void **state)
{
    (void)state;
    static char paths[1000][32];
    static struct sx_route routes[1000];
    struct sx__router *router = NULL;
    size_t other;
    assert_int_equal(sx__router_new(&router), SX_OK);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(paths[i], sizeof paths[i], "/r%zu/{id}/x%zu", i % 100, i);
        routes[i] = (struct sx_route){.method = "GET", .path = paths[i]};
        assert_int_equal(sx__router_add(router, &routes[i], i, &other), SX_OK);
    }
    for (size_t i = 0; i < 1000; i++) {
        char target[32];
        snprintf(target, sizeof target, "/r%zu/7/x%zu", i % 100, i);
        assert_int_equal(find(router, "GET", target).route, i);
    }
    sx__router_destroy(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_and_a_method_find_their_route),
        cmocka_unit_test(test_allow_lists_what_the_path_answers),
        cmocka_unit_test(test_routes_of_one_shape_are_told),
        cmocka_unit_test(test_a_path_of_any_length_may_have_another_slash),
        cmocka_unit_test(test_malformed_templates_are_told),
        cmocka_unit_test(test_a_thousand_routes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
