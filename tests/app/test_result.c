/* Results are built, changed and freed; wrong arguments become a 500. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "header_lines.h"
#include "result_internal.h"

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
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
    assert_result(sx_with_status(sx_text("made"), 201), 201, "text/plain; charset=utf-8", "made");
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
    assert_fault(sx_with_status(sx_empty(), 99), "200 to 599");
    assert_fault(sx_with_status(sx_text("x"), 600), "200 to 599");
    assert_fault(sx_with_header(sx_text("x"), "X", "a\r\nY: b"), "sx_with_header(\"X\")");
    assert_fault(sx_with_header(sx_text("x"), "Content-Type", "text/html"),
                 "sx_with_header(\"Content-Type\"): HTTP does not allow this name or value, or the "
                 "server writes it itself");
}

static void test_a_fault_keeps_its_status(void **state)
{
    (void)state;
    assert_fault(sx_with_status(sx_fail(500, "disk full"), 200), "disk full");
}

static void assert_n(struct sx_result result, int n)
{
    json_t *value = sx_result_get_json(&result);
    assert_int_equal(json_integer_value(json_object_get(value, "n")), n);
    assert_ptr_equal(sx_result_get_json(&result), value);
    char body[20];
    snprintf(body, sizeof body, "{\"n\":%d}", n);
    assert_result(result, 200, result.content_type, body);
}

static void test_the_value_of_json_can_be_had(void **state)
{
    (void)state;
    assert_n(sx_json("{s:i}", "n", 1), 1);
    assert_n(sx_json("{s:o}", "n", json_integer(2)), 2);
    assert_n(sx_json_value(json_pack("{s:i}", "n", 3)), 3);
    assert_n(sx_with_content_type(sx_json("{s:i}", "n", 4), "text/x"), 4);
    struct sx_result text = sx_text("{}");
    assert_null(sx_result_get_json(&text));
    sx_result_clean_up(&text);
    assert_null(sx_result_get_json(NULL));
}

static void test_a_value_that_is_changed_is_sent(void **state)
{
    (void)state;
    static const char *const formats[] = {"{s:i, s:n}", "{s:i, s:[]}"};
    static const char *const bodies[] = {"{\"n\":2,\"m\":null}", "{\"n\":2,\"m\":[]}"};
    for (size_t i = 0; i < 2; i++) {
        struct sx_result result = sx_json(formats[i], "n", 1, "m");
        json_object_set_new(sx_result_get_json(&result), "n", json_integer(2));
        assert_result(result, 200, "application/json", bodies[i]);
    }
}

static struct sx_result render_n(json_t *value)
{
    return sx_text("%lld", json_integer_value(json_object_get(value, "n")));
}

static struct sx_result render_no_bytes(json_t *value)
{
    return sx_json("{s:b}", "value", value != NULL);
}

static void test_json_that_is_written_can_be_written_otherwise(void **state)
{
    (void)state;
    static const struct sx_renderer vendor = {"application/x+json", sx_render_json, {0}};
    static const struct sx_renderer number = {"text/n", render_n, {0}};
    static const struct sx_renderer no_bytes = {"text/none", render_no_bytes, {0}};
    struct sx_result result = sx_json("{s:i}", "n", 1);
    sx__result_render(&result, &vendor);
    assert_result(result, 200, "application/x+json", "{\"n\":1}");
    result = sx_json("{s:i}", "n", 1);
    sx__result_render(&result, &number);
    assert_result(result, 200, "text/n", "1");
    result = sx_json("{s:i}", "n", 1);
    sx__result_render(&result, &no_bytes);
    assert_fault(result, "the renderer of text/none: it gave JSON, not text or bytes");
}

static void test_a_result_carries_headers(void **state)
{
    (void)state;
    struct sx_result result = sx_with_header(sx_with_header(sx_empty(), "X-B", "2"), "X-A", "1");
    assert_int_equal(result.headers->size, strlen("X-B: 2\r\nX-A: 1\r\n"));
    sx_result_clean_up(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_has_its_status_and_type),
        cmocka_unit_test(test_a_mistake_becomes_a_500_whose_cause_is_not_for_the_client),
        cmocka_unit_test(test_a_fault_keeps_its_status),
        cmocka_unit_test(test_the_value_of_json_can_be_had),
        cmocka_unit_test(test_a_value_that_is_changed_is_sent),
        cmocka_unit_test(test_json_that_is_written_can_be_written_otherwise),
        cmocka_unit_test(test_a_result_carries_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
