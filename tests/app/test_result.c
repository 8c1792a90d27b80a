#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "header_lines.h"
#include "result.h"

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct sx_renderer json = {"application/json", sx_render_json, {0}};

static void assert_result(struct sx_result result, int status, const char *type, const char *body)
{
    sx__result_render(&result, &json);
    assert_int_equal(result.status, status);
    assert_string_equal(result.content_type, type);
    assert_int_equal(result.body_size, strlen(body));
    assert_memory_equal(result.body, body, result.body_size);
    sx_result_clean_up(&result);
    assert_null(result.body);
    sx_result_clean_up(&result); /* twice is harmless */
}

static void test_each_kind_has_its_status_and_type(void **state)
{
    (void)state;
    assert_result(sx_json("{s:s}", "hello", "world"), 200, "application/json",
                  "{\"hello\":\"world\"}");
    assert_result(sx_json_value(json_integer(7)), 200, "application/json", "7");
    assert_result(sx_text("%d%s", 4, "2"), 200, "text/plain; charset=utf-8", "42");
    struct sx_result image = sx_bytes("image/png", "a\0b", 3);
    assert_int_equal(image.body_size, 3);
    assert_memory_equal(image.body, "a\0b", 3);
    sx_result_clean_up(&image);
    assert_result(sx_bytes(NULL, "x", 1), 200, "application/octet-stream", "x");
    assert_result(sx_fail(404, "no user %d", 7), 404, "application/json",
                  "{\"message\":\"no user 7\"}");
    assert_result(sx_with_status(201, sx_text("made")), 201, "text/plain; charset=utf-8", "made");
    struct sx_result empty = sx_empty();
    assert_int_equal(empty.status, 204);
    assert_null(empty.body);
    assert_int_equal(sx_continue().status, 0);
}

static void assert_fault(struct sx_result result, const char *cause)
{
    assert_int_equal(result.status, 500);
    if (result.cause == NULL || strstr(result.cause, cause) == NULL) {
        fail_msg("the cause is \"%s\"", result.cause == NULL ? "" : result.cause);
    }
    sx__result_render(&result, &json);
    assert_string_equal(result.body, "{\"message\":\"internal server error\"}");
    sx_result_clean_up(&result);
}

static void test_a_mistake_becomes_a_500_whose_cause_is_not_for_the_client(void **state)
{
    (void)state;
    const char *missing = NULL;
    assert_fault(sx_json("{s:s}", "hello", missing), "sx_json(\"{s:s}\")");
    assert_fault(sx_json("{s:s}", "hello", "\xff"), "sx_json");
    assert_fault(sx_json("{"), "sx_json");
    assert_fault(sx_json_value(NULL), "NULL");
    assert_fault(sx_fail(500, "disk %s", "full"), "disk full");
    assert_fault(sx_fail(200, "fine"), "not an error status");
    assert_fault(sx_with_status(99, sx_empty()), "200 to 599");
    assert_fault(sx_with_status(600, sx_text("x")), "200 to 599");
    assert_fault(sx_with_header("X", "a\r\nY: b", sx_text("x")), "sx_with_header(\"X\")");
}

static void test_a_fault_keeps_its_status(void **state)
{
    (void)state;
    assert_fault(sx_with_status(200, sx_fail(500, "disk full")), "disk full");
}

static void test_a_result_carries_headers(void **state)
{
    (void)state;
    struct sx_result result = sx_with_header("X-A", "1", sx_with_header("X-B", "2", sx_empty()));
    assert_int_equal(result.headers->size, strlen("X-B: 2\r\nX-A: 1\r\n"));
    sx_result_clean_up(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_has_its_status_and_type),
        cmocka_unit_test(test_a_mistake_becomes_a_500_whose_cause_is_not_for_the_client),
        cmocka_unit_test(test_a_fault_keeps_its_status),
        cmocka_unit_test(test_a_result_carries_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
