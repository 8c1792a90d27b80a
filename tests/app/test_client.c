/* What a test of an app can do with the client. */
#include "fixture.h"

#include <jansson.h>

static struct sx_result visit(const char *cookie)
{
    return sx_with_header(sx_json("{s:s}", "cookie", cookie == NULL ? "" : cookie), "Set-Cookie",
                          "seen=yes; Path=/; HttpOnly");
}
SX_BIND(visit, (header, opt_str, cookie));
static struct sx_result leave(struct sx_response *response)
{
    return sx_response_set_header(response, "Set-Cookie", "seen=; Max-Age=0") < 0 ? sx_empty()
                                                                                  : sx_empty();
}
SX_BIND(leave, (inject, sx_response, response));
static struct sx_result name_it(const char *name)
{
    return sx_with_header(sx_empty(), "Set-Cookie", name);
}
SX_BIND(name_it, (query, str, name));
static struct sx_result echo(struct sx_str body, const struct sx_request *request)
{
    return sx_text("%s %.*s", sx_request_get_method(request), (int)body.size,
                   body.size == 0 ? "" : body.data);
}
SX_BIND(echo, (body, bytes, body), (inject, sx_request, request));

static const struct sx_route routes[] = {
    SX_GET("/visit", visit),         SX_GET("/leave", leave), SX_GET("/name", name_it),
    SX_ROUTE("BREW", "/echo", echo), SX_PUT("/echo", echo),
};
static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    return 0;
}

static void assert_cookie(const char *cookie)
{
    assert_int_equal(fixture_send(&fixture, "GET", "/visit", NULL), 200);
    json_t *body = sx_reply_get_json(&fixture.reply);
    assert_string_equal(json_string_value(json_object_get(body, "cookie")), cookie);
    json_decref(body);
}

static void test_cookies_are_kept_changed_and_dropped(void **state)
{
    (void)state;
    assert_cookie("");
    assert_cookie("seen=yes");
    assert_int_equal(fixture_send(&fixture, "GET", "/name?name=who%3Dme", NULL), 204);
    assert_cookie("seen=yes; who=me");
    assert_int_equal(fixture_send(&fixture, "GET", "/name?name=who%3Dyou%3B+Path%3D/", NULL), 204);
    assert_cookie("seen=yes; who=you");
    assert_int_equal(fixture_send(&fixture, "GET", "/leave", NULL), 204);
    assert_cookie("who=you");
    /* RFC 6265 5.2.2: what has a Max-Age of 0 or less is gone. */
    assert_int_equal(fixture_send(&fixture, "GET", "/name?name=a=1;%20Max-Age=05", NULL), 204);
    assert_cookie("who=you; seen=yes; a=1");
    assert_int_equal(fixture_send(&fixture, "GET", "/name?name=a=1;%20max-age=-1", NULL), 204);
    assert_cookie("who=you; seen=yes");
}

static void test_any_method_and_body_can_be_sent(void **state)
{
    (void)state;
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "BREW", "/echo", NULL,
                                    (struct sx_str){"tea", 3}),
                     SX_OK);
    assert_body(&fixture, "BREW tea");
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "PUT", "/echo",
                                    "Content-Type: text/plain\r\n", (struct sx_str){"x", 1}),
                     SX_OK);
    assert_body(&fixture, "PUT x");
    assert_null(sx_reply_get_json(&fixture.reply));
}

static void test_bad_arguments_are_told(void **state)
{
    (void)state;
    struct sx_client *client = NULL;
    assert_int_equal(sx_client_new(&client, NULL), SX_EINVAL);
    assert_int_equal(sx_client_new(NULL, fixture.app), SX_EINVAL);
    assert_int_equal(sx_client_get(NULL, &fixture.reply, "/"), SX_EINVAL);
    assert_int_equal(sx_client_get(fixture.client, NULL, "/"), SX_EINVAL);
    assert_int_equal(sx_client_get(fixture.client, &fixture.reply, NULL), SX_EINVAL);
    assert_int_equal(
        sx_client_send(fixture.client, &fixture.reply, "GET", "/", NULL, (struct sx_str){NULL, 3}),
        SX_EINVAL);
    assert_null(sx_reply_get_json(NULL));
    assert_false(sx_reply_get_header(NULL, "X", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cookies_are_kept_changed_and_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_any_method_and_body_can_be_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_arguments_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
