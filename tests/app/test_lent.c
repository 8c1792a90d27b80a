/* Bytes that a handler lends to its response are sent without a copy, and released exactly once,
 * whatever happens to the response. */
#include "fixture.h"

static struct fixture fixture;
static const char bytes[] = "these bytes lie in read-only memory";
static int clean_ups;
static int clean_ups_seen_by_leave;

static void clean_up(void *context)
{
    assert_ptr_equal(context, bytes);
    clean_ups++;
}

static struct sx_result lent(const char *how)
{
    switch (how[0]) {
    case 'c': /* constant */
        return sx_bytes_lend("text/plain", bytes, sizeof bytes - 1, NULL, NULL);
    case 'e': /* empty */
        return sx_bytes_lend(NULL, NULL, 0, clean_up, (void *)(uintptr_t)bytes);
    case 'n': /* null */
        return sx_bytes_lend(NULL, NULL, 1, clean_up, (void *)(uintptr_t)bytes);
    case 'f': /* no type */
        return sx_bytes_lend("bad\ntype", bytes, sizeof bytes - 1, clean_up,
                             (void *)(uintptr_t)bytes);
    default:
        return sx_bytes_lend("text/plain", bytes, sizeof bytes - 1, clean_up,
                             (void *)(uintptr_t)bytes);
    }
}
SX_BIND(lent, (path, str, how));

static struct sx_result leave(const struct sx_request *request)
{
    clean_ups_seen_by_leave = clean_ups;
    return sx_request_get_query(request, "replace") == NULL ? sx_continue() : sx_text("replaced");
}
SX_BIND(leave, (inject, sx_request, request));
static const struct sx_hook hooks[] = {SX_HOOK_LEAVE(leave)};

static struct sx_result render(struct json_t *value)
{
    (void)value;
    return sx_bytes_lend("text/plain", bytes, sizeof bytes - 1, clean_up, (void *)(uintptr_t)bytes);
}
static const struct sx_renderer renderers[] = {{.media_type = "text/plain", .render = render}};

static struct sx_result json(void)
{
    return sx_json("{s:i}", "a", 1);
}
SX_BIND(json);

static const struct sx_route routes[] = {
    SX_GET("/{how}", lent),
    SX_GET("/as/json", json, .renderers = SX_LIST(renderers)),
};

static int set_up(void **state)
{
    (void)state;
    clean_ups = 0;
    clean_ups_seen_by_leave = -1;
    fixture_init(&fixture,
                 (struct sx_app_options){.routes = SX_LIST(routes), .hooks = SX_LIST(hooks)});
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    return 0;
}

static void lent_bytes_are_sent_and_then_given_back(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/all", NULL), 200);
    assert_body(&fixture, bytes);
    assert_header(&fixture, "Content-Type", "text/plain");
    assert_int_equal(clean_ups, 1);
    assert_int_equal(clean_ups_seen_by_leave, 0);
}

static void a_range_is_for_files_only(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/all", "Range: bytes=0-1\r\n"), 200);
    assert_body(&fixture, bytes);
    assert_false(sx_reply_get_header(&fixture.reply, "ETag", NULL, 0));
}

static void they_are_given_back_where_nothing_of_them_is_sent(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "HEAD", "/all", NULL), 200);
    assert_header(&fixture, "Content-Length", "35");
    assert_int_equal(clean_ups, 1);
    assert_int_equal(fixture_send(&fixture, "GET", "/all?replace=1", NULL), 200);
    assert_body(&fixture, "replaced");
    assert_int_equal(clean_ups, 2);
    assert_int_equal(fixture_send(&fixture, "GET", "/false", NULL), 500);
    assert_int_equal(clean_ups, 3);
}

static void constants_and_nothing_may_be_lent(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/constant", NULL), 200);
    assert_body(&fixture, bytes);
    assert_int_equal(fixture_send(&fixture, "GET", "/empty", NULL), 200);
    assert_body(&fixture, "");
    assert_header(&fixture, "Content-Type", "application/octet-stream");
    assert_int_equal(clean_ups, 1);
}

static void no_data_is_a_500_and_the_context_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/null", NULL), 500);
    assert_logged(&fixture, "sx_bytes_lend: data is NULL");
    assert_int_equal(clean_ups, 1);
}

static void a_renderer_may_lend_too(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/as/json", NULL), 200);
    assert_body(&fixture, bytes);
    assert_int_equal(clean_ups, 1);
}

static void a_result_that_nobody_sends_gives_them_back(void **state)
{
    (void)state;
    struct sx_result result =
        sx_bytes_lend("text/plain", bytes, sizeof bytes - 1, clean_up, (void *)(uintptr_t)bytes);
    assert_ptr_equal(result.body, bytes);
    sx_result_clean_up(&result);
    sx_result_clean_up(&result);
    assert_int_equal(clean_ups, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lent_bytes_are_sent_and_then_given_back),
        TEST(a_range_is_for_files_only),
        TEST(they_are_given_back_where_nothing_of_them_is_sent),
        TEST(constants_and_nothing_may_be_lent),
        TEST(no_data_is_a_500_and_the_context_is_given_back),
        TEST(a_renderer_may_lend_too),
        TEST(a_result_that_nobody_sends_gives_them_back),
    };
    return cmocka_run_group_tests_name("lent", tests, NULL, NULL);
}
