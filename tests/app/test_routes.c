/* Includes, hooks of routes, the rest of a path, slashes, OPTIONS, renderers, and the way back to
 * URLs. */
#include "fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static char trace[128];
static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

#define MARKER(name_, letter_)          \
    static struct sx_result name_(void) \
    {                                   \
        note(letter_);                  \
        return sx_continue();           \
    }                                   \
    SX_BIND(name_)
MARKER(app_in, "A");
MARKER(app_out, "a");
MARKER(api_in, "B");
MARKER(api_out, "b");
MARKER(own_in, "C");
MARKER(own_out, "c");

/* A hook of a route may have what every one of its paths has. */
static struct sx_result tenant_in(int64_t tenant)
{
    note(tenant == 7 ? "7" : "?");
    return sx_continue();
}
SX_BIND(tenant_in, (path, i64, tenant));

static struct sx_result plain(const struct sx_request *request)
{
    return sx_text("%s", sx_request_get_route(request)->path);
}
SX_BIND(plain, (inject, sx_request, request));

static struct sx_result by_tenant(int64_t tenant)
{
    return sx_json("{s:I}", "tenant", tenant);
}
SX_BIND(by_tenant, (path, i64, tenant));

static struct sx_result file(const char *folder, const char *rest)
{
    return sx_text("%s|%s", folder, rest);
}
SX_BIND(file, (path, str, folder), (path, str, rest));

static struct sx_result plain_folder(const char *folder)
{
    return sx_text("known in %s", folder);
}
SX_BIND(plain_folder, (path, str, folder));

static struct sx_result table(void)
{
    return sx_json("[[i,s],[i,s]]", 1, "a", 2, "b");
}
SX_BIND(table);
static struct sx_result typed(void)
{
    return sx_with_content_type(sx_json("{s:s}", "a", "b"), "application/problem+json");
}
SX_BIND(typed);
static struct sx_result sorry(void)
{
    return sx_fail(409, "taken");
}
SX_BIND(sorry);
static struct sx_result away(void)
{
    return sx_redirect(303, "/x?%s", "y=1");
}
SX_BIND(away);
static struct sx_result wrong_redirect(void)
{
    return sx_redirect(200, "/x");
}
SX_BIND(wrong_redirect);

/* A renderer of one's own in ten lines. */
static struct sx_result render_csv(json_t *rows)
{
    struct sx_result csv = sx_text("%s", "");
    for (size_t i = 0; i < json_array_size(rows) && csv.cause == NULL; i++) {
        json_t *row = json_array_get(rows, i);
        struct sx_result more =
            sx_text("%s%lld,%s\r\n", csv.body, json_integer_value(json_array_get(row, 0)),
                    json_string_value(json_array_get(row, 1)));
        sx_result_clean_up(&csv);
        csv = more;
    }
    return csv;
}
static struct sx_result render_badly(json_t *value)
{
    return sx_fail(500, "no %s", value == NULL ? "value" : "way");
}

static struct sx_result varied_in(struct sx_response *response)
{
    return sx_response_set_header(response, "Vary", "Origin") < 0 ? sx_fail(503, "no memory")
                                                                  : sx_continue();
}
SX_BIND(varied_in, (inject, sx_response, response));
static struct sx_result varied(void)
{
    return sx_with_header(sx_json("[]"), "Vary", "Cookie");
}
SX_BIND(varied);
static const struct sx_hook varied_hooks[] = {SX_HOOK_ENTER(varied_in)};
static struct sx_result any(const char *rest)
{
    return sx_text("%s", rest);
}
SX_BIND(any, (path, str, rest));
static struct sx_result split(void)
{
    return sx_bytes("text/plain\r\nX-Injected: 1", "x", 1);
}
SX_BIND(split);

static const struct sx_hook app_hooks[] = {SX_HOOK(app_in, app_out)};
static const struct sx_hook api_hooks[] = {SX_HOOK(api_in, api_out)};
static const struct sx_hook own_hooks[] = {SX_HOOK(own_in, own_out)};
static const struct sx_hook tenant_hooks[] = {SX_HOOK_ENTER(tenant_in)};
static const struct sx_renderer renderers[] = {
    {"application/json", sx_render_json, {0}},
    {"text/csv; charset=utf-8", render_csv, {0}},
};
static const struct sx_renderer bad_renderers[] = {{"text/bad", render_badly, {0}}};

static const struct sx_route inner[] = {
    SX_GET("/deep", plain, .hooks = SX_LIST(own_hooks)),
    SX_GET("/", plain),
};
static const struct sx_route tenant_routes[] = {SX_GET("/users", by_tenant)};
static const struct sx_route api[] = {
    SX_INCLUDE("/inner", inner),
    SX_GET("/plain", plain),
    SX_POST("/plain", plain),
    SX_GET("/admin", plain, .admin = true, .hooks = SX_LIST(own_hooks)),
    SX_INCLUDE("/{tenant}", tenant_routes, .hooks = SX_LIST(tenant_hooks)),
};
static const struct sx_route routes[] = {
    SX_INCLUDE("/api", api, .hooks = SX_LIST(api_hooks)),
    SX_GET("/own", plain, .hooks = SX_LIST(own_hooks)),
    SX_GET("/folder/", plain),
    SX_GET("/files/{folder}/{*rest}", file),
    SX_GET("/files/{folder}/known", plain_folder),
    SX_GET("/table", table, .renderers = SX_LIST(renderers)),
    SX_GET("/badly", table, .renderers = SX_LIST(bad_renderers)),
    SX_GET("/typed", typed),
    SX_GET("/sorry", sorry),
    SX_GET("/away", away),
    SX_GET("/wrong-redirect", wrong_redirect),
    SX_GET("/json", table),
    SX_GET("/varied", varied, .renderers = SX_LIST(renderers), .hooks = SX_LIST(varied_hooks)),
    SX_GET("/split", split),
};
static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture,
                 (struct sx_app_options){.routes = SX_LIST(routes), .hooks = SX_LIST(app_hooks)});
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    return 0;
}

static int get(const char *target)
{
    trace[0] = '\0';
    return fixture_send(&fixture, "GET", target, NULL);
}
static int get_accepting(const char *target, const char *accept)
{
    char header[128];
    snprintf(header, sizeof header, "Accept: %s\r\n", accept);
    return fixture_send(&fixture, "GET", target, header);
}

static void test_included_routes_have_the_prefix_and_its_hooks(void **state)
{
    (void)state;
    assert_int_equal(get("/api/plain"), 200);
    assert_body(&fixture, "/api/plain");
    assert_string_equal(trace, "ABba");
    assert_int_equal(get("/api/inner/deep"), 200);
    assert_string_equal(trace, "ABCcba");
    assert_int_equal(get("/api/inner/"), 200);
    assert_body(&fixture, "/api/inner/");
    assert_int_equal(get("/own"), 200);
    assert_string_equal(trace, "ACca");
    assert_int_equal(get("/api/admin"), 200);
    assert_string_equal(trace, "Cc");
    assert_int_equal(get("/plain"), 404);
    assert_string_equal(trace, "Aa");
    assert_string_equal(sx_app_get_route(fixture.app, 0)->path, "/api/inner/deep");
}

static void test_a_prefix_may_have_parameters(void **state)
{
    (void)state;
    assert_int_equal(get("/api/7/users"), 200);
    assert_body(&fixture, "{\"tenant\":7}");
    assert_string_equal(trace, "AB7ba");
    assert_int_equal(get("/api/x/users"), 404);
}

static void test_the_rest_of_a_path_has_its_slashes(void **state)
{
    (void)state;
    assert_int_equal(get("/files/a/b/c%2Fd/e/"), 200);
    assert_body(&fixture, "a|b/c/d/e/");
    assert_int_equal(get("/files/a/"), 200);
    assert_body(&fixture, "a|");
    assert_int_equal(get("/files/a/known"), 200);
    assert_body(&fixture, "known in a");
    assert_int_equal(get("/files/a/../../etc/passwd"), 404);
    assert_int_equal(get("/files/a/b/../../../../c"), 404);
}

/* In API Star this was a 302 that lost the query and turned POST into GET. */
static void test_a_slash_too_many_or_too_few_is_a_308_with_the_query(void **state)
{
    (void)state;
    assert_int_equal(get("/folder?a=1&b=%20"), 308);
    assert_header(&fixture, "Location", "/folder/?a=1&b=%20");
    assert_int_equal(get("/own/"), 308);
    assert_header(&fixture, "Location", "/own");
    assert_int_equal(get("/files/a%20b"), 308);
    assert_header(&fixture, "Location", "/files/a%20b/");
    assert_int_equal(fixture_send(&fixture, "POST", "/api/plain/", NULL), 308);
    assert_int_equal(get("//evil.example/"), 404);
    assert_int_equal(get("/nowhere/"), 404);
    /* Where a path leads, and not how it was written: else another host, or round in a circle. */
    assert_int_equal(get("//evil.example/../../folder"), 308);
    assert_header(&fixture, "Location", "/folder/");
    assert_int_equal(get("/\\evil.example/../own/?a=//b"), 400);
    assert_int_equal(get("/%5Cevil.example/../own/?a=//b"), 308);
    assert_header(&fixture, "Location", "/own?a=//b");
    assert_int_equal(get("/own/%2E"), 308);
    assert_header(&fixture, "Location", "/own");
    assert_int_equal(get("/api/%2f%C3%A9%5c/users/"), 308);
    assert_header(&fixture, "Location", "/api/%2F%C3%A9%5C/users");
}

static void test_options_is_answered_for_every_path(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "OPTIONS", "/api/plain", NULL), 204);
    assert_header(&fixture, "Allow", "GET, HEAD, POST, OPTIONS");
    assert_int_equal(fixture_send(&fixture, "OPTIONS", "*", NULL), 204);
    assert_int_equal(fixture_send(&fixture, "OPTIONS", "/nowhere", NULL), 404);
    assert_int_equal(fixture_send(&fixture, "DELETE", "/api/plain", NULL), 405);
    assert_header(&fixture, "Allow", "GET, HEAD, POST, OPTIONS");
}

static void test_of_renderers_wanted_alike_the_first_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(get_accepting("/table", "text/csv, application/json"), 200);
    assert_header(&fixture, "Content-Type", "application/json");
    assert_int_equal(get_accepting("/table", "text/csv;q=0.9, application/*;q=0.8"), 200);
    assert_header(&fixture, "Content-Type", "text/csv; charset=utf-8");
    assert_int_equal(get_accepting("/table", "*/*;q=0"), 406);
}

static void test_the_client_chooses_among_renderers(void **state)
{
    (void)state;
    assert_int_equal(get("/table"), 200);
    assert_header(&fixture, "Content-Type", "application/json");
    assert_header(&fixture, "Vary", "Accept");
    assert_body(&fixture, "[[1,\"a\"],[2,\"b\"]]");
    assert_int_equal(get_accepting("/table", "text/csv, */*;q=0.1"), 200);
    assert_header(&fixture, "Content-Type", "text/csv; charset=utf-8");
    assert_body(&fixture, "1,a\r\n2,b\r\n");
}

static void test_where_no_renderer_fits_it_is_a_406(void **state)
{
    (void)state;
    assert_int_equal(get_accepting("/table", "image/png"), 406);
    assert_body(&fixture, "{\"message\":\"not acceptable\",\"available\":"
                          "[\"application/json\",\"text/csv; charset=utf-8\"]}");
    assert_int_equal(get_accepting("/json", "text/html"), 406);
    assert_int_equal(get_accepting("/json", "application/json;q=0"), 406);
    /* an error is told, text is text, and a type of one's own wins */
    assert_int_equal(get_accepting("/sorry", "image/png"), 409);
    assert_body(&fixture, "{\"message\":\"taken\"}");
    assert_int_equal(get_accepting("/own", "image/png"), 200);
    assert_int_equal(get_accepting("/typed", "image/png"), 200);
    assert_header(&fixture, "Content-Type", "application/problem+json");
    assert_int_equal(get_accepting("/nowhere", "image/png"), 404);
}

/* RFC 9110 5.3: several lines of one name are one list. */
static void test_what_is_accepted_may_have_several_lines(void **state)
{
    (void)state;
    static const char *const accepted[][2] = {
        {"Accept: text/html\r\nAccept: application/json\r\n", "application/json"},
        {"Accept: application/json;q=0.5\r\nX: y\r\naccept: text/csv\r\n",
         "text/csv; charset=utf-8"},
        {"Accept:\r\nAccept: text/csv\r\n", "text/csv; charset=utf-8"},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        assert_int_equal(fixture_send(&fixture, "GET", "/table", accepted[i][0]), 200);
        assert_header(&fixture, "Content-Type", accepted[i][1]);
    }
    assert_int_equal(
        fixture_send(&fixture, "GET", "/table", "Accept: text/html\r\nAccept: image/png\r\n"), 406);
}

/* Shared caches go by it: what one has said must not make another's unsaid. */
static void test_everybody_says_what_a_response_varies_with(void **state)
{
    (void)state;
    assert_int_equal(get("/varied"), 200);
    const char *headers = fixture.reply.headers.data;
    assert_non_null(strstr(headers, "Vary: Origin\r\n"));
    assert_non_null(strstr(headers, "Vary: Cookie\r\n"));
    assert_non_null(strstr(headers, "Vary: Accept\r\n"));
}

static void test_a_renderer_has_a_type_and_a_function(void **state)
{
    (void)state;
    static const struct sx_renderer wrong[] = {
        {"text/csv", NULL, {0}}, {NULL, render_csv, {0}}, {"text/x\r\nY: z", render_csv, {0}}};
    static const struct sx_route of_route[] = {SX_GET("/", plain, .renderers = SX_LIST(wrong))};
    struct fixture other;
    assert_int_equal(fixture_try(&other, (struct sx_app_options){.routes = SX_LIST(of_route),
                                                                 .renderers = SX_LIST(wrong)}),
                     SX_EWIRING);
    assert_logged(&other, ".renderers:0: the renderer of text/csv has no function");
    assert_logged(&other, "renderer 2: its media type is not one");
    assert_logged(&other, "renderer 3: its media type is not one");
    assert_logged(&other, "6 wiring errors: not starting");
}

/* It may be a client's, as of a file that was uploaded. */
static void test_a_content_type_cannot_split_a_response(void **state)
{
    (void)state;
    assert_int_equal(get("/split"), 500);
    assert_null(strstr(fixture.reply.headers.data, "X-Injected"));
    assert_logged(&fixture, "the content type is not a header value");
}

static void test_a_renderer_that_fails_is_a_500_with_its_cause_in_the_log(void **state)
{
    (void)state;
    fixture.log[0] = '\0';
    assert_int_equal(get("/badly"), 500);
    assert_header(&fixture, "Content-Type", "application/json");
    assert_body(&fixture, "{\"message\":\"internal server error\"}");
    assert_logged(&fixture, "the renderer of text/bad: no way");
}

static void test_redirects_are_redirects(void **state)
{
    (void)state;
    assert_int_equal(get("/away"), 303);
    assert_header(&fixture, "Location", "/x?y=1");
    assert_int_equal(get("/wrong-redirect"), 500);
}

static void assert_url(const struct sx_handler *handler, const char *const *params, const char *url)
{
    char text[64];
    int size = sx_app_url(fixture.app, text, sizeof text, handler, params);
    assert_int_equal(size, strlen(url));
    assert_string_equal(text, url);
    assert_int_equal(sx_app_url(fixture.app, text, (size_t)size, handler, params), SX_EFULL);
}

static void test_urls_lead_back_to_their_handlers(void **state)
{
    (void)state;
    assert_url(&sx_handler_by_tenant, SX_URL_PARAMS("tenant", "7"), "/api/7/users");
    assert_url(&sx_handler_by_tenant, SX_URL_PARAMS("q", "a b&c", "tenant", "7", "z", "\xc3\xa9"),
               "/api/7/users?q=a%20b%26c&z=%C3%A9");
    assert_url(&sx_handler_file, SX_URL_PARAMS("folder", "a/b", "rest", "c/d e"),
               "/files/a%2Fb/c/d%20e");
    assert_url(&sx_handler_away, NULL, "/away");
    char text[64];
    assert_int_equal(sx_app_url(fixture.app, text, sizeof text, &sx_handler_by_tenant, NULL),
                     SX_EINVAL);
    assert_int_equal(sx_app_url(fixture.app, text, sizeof text, &sx_handler_by_tenant,
                                SX_URL_PARAMS("tenant", "")),
                     SX_EINVAL);
    assert_int_equal(sx_app_url(fixture.app, text, sizeof text, &sx_handler_app_in, NULL),
                     SX_EINVAL);
    /* These would be taken out of the path again. */
    static const char *const dots[][2] = {
        {".", "a"}, {"..", "a"}, {"a", "."}, {"a", "b/../c"}, {"a", "b/.."}};
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        assert_int_equal(sx_app_url(fixture.app, text, sizeof text, &sx_handler_file,
                                    SX_URL_PARAMS("folder", dots[i][0], "rest", dots[i][1])),
                         SX_EINVAL);
    }
    assert_url(&sx_handler_file, SX_URL_PARAMS("folder", "...", "rest", ".a/b../"),
               "/files/.../.a/b../");
    assert_url(&sx_handler_file, SX_URL_PARAMS("folder", "../a", "rest", ""), "/files/..%2Fa/");
}

static void test_urls_are_had_by_the_name_of_a_route(void **state)
{
    (void)state;
    static const struct sx_handler twin = {.name = "any", .file = "other/test_routes.c", .line = 3};
    const struct sx_route named[] = {
        SX_GET("/plain", plain),
        SX_GET("/first/{*rest}", any, .name = "first"),
        SX_GET("/second/{*rest}", any, .name = "second"),
        SX_GET("/third/{*rest}", any),
        {.method = "GET", .path = "/fourth", .handler = &twin, .file = __FILE__},
    };
    static const struct {
        const char *name;
        const char *url;
    } cases[] = {
        {"first", "/first/x"}, {"second", "/second/x"}, {"test_routes.plain", "/plain?rest=x"}};
    struct fixture other;
    char url[64];
    assert_int_equal(fixture_try(&other, (struct sx_app_options){.routes = SX_LIST(named)}), SX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *params = SX_URL_PARAMS("rest", "x");
        const int size = sx_app_url_by_name(other.app, url, sizeof url, cases[i].name, params);
        assert_int_equal(size, strlen(cases[i].url));
        assert_string_equal(url, cases[i].url);
        assert_int_equal(sx_app_url_by_name(other.app, url, (size_t)size, cases[i].name, params),
                         SX_EFULL);
    }
    /* Two handlers have the name, no handler has it, a parameter is missing. */
    static const char *const wrong[] = {"test_routes.any", "third", "", "first", NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(sx_app_url_by_name(other.app, url, sizeof url, wrong[i], NULL), SX_EINVAL);
    }
    /* By its handler, the first route counts. */
    assert_true(
        sx_app_url(other.app, url, sizeof url, &sx_handler_any, SX_URL_PARAMS("rest", "x")) > 0);
    assert_string_equal(url, "/first/x");
    fixture_clean_up(&other);
}

/* What a client asks for is a path here, however it begins. */
static void test_no_url_leads_to_another_host(void **state)
{
    (void)state;
    static const struct sx_route all[] = {SX_GET("/{*rest}", any)};
    struct fixture other;
    char url[64];
    fixture_init(&other, (struct sx_app_options){.routes = SX_LIST(all)});
    assert_int_equal(fixture_send(&other, "GET", "//evil.example/a", NULL), 200);
    assert_string_equal(other.reply.body.data, "/evil.example/a");
    const int size = sx_app_url(other.app, url, sizeof url, &sx_handler_any,
                                SX_URL_PARAMS("rest", other.reply.body.data));
    assert_true(size > 0);
    assert_string_equal(url, "/%2Fevil.example/a");
    assert_int_equal(fixture_send(&other, "GET", url, NULL), 200);
    assert_string_equal(other.reply.body.data, "/evil.example/a");
    fixture_clean_up(&other);
}

static void test_a_prefix_must_be_one(void **state)
{
    (void)state;
    struct fixture wrong;
    static const struct sx_route slash[] = {SX_INCLUDE("/api/", inner)};
    assert_int_equal(fixture_try(&wrong, (struct sx_app_options){.routes = SX_LIST(slash)}),
                     SX_EWIRING);
    assert_logged(&wrong, "include /api/: a prefix begins with '/' and does not end with it");
    static const struct sx_route bare[] = {SX_GET("users", plain)};
    static const struct sx_route around[] = {SX_INCLUDE("/api", bare)};
    assert_int_equal(fixture_try(&wrong, (struct sx_app_options){.routes = SX_LIST(around)}),
                     SX_EWIRING);
    assert_logged(&wrong, "route GET users: a path begins with '/'");
    static const struct sx_route nothing[] = {SX_GET("", plain)};
    static const struct sx_route itself[] = {SX_INCLUDE("/api", nothing)};
    fixture_init(&wrong, (struct sx_app_options){.routes = SX_LIST(itself)});
    assert_int_equal(fixture_send(&wrong, "GET", "/api", NULL), 200);
    fixture_clean_up(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_included_routes_have_the_prefix_and_its_hooks),
        cmocka_unit_test(test_a_prefix_may_have_parameters),
        cmocka_unit_test(test_the_rest_of_a_path_has_its_slashes),
        cmocka_unit_test(test_a_slash_too_many_or_too_few_is_a_308_with_the_query),
        cmocka_unit_test(test_options_is_answered_for_every_path),
        cmocka_unit_test(test_of_renderers_wanted_alike_the_first_is_chosen),
        cmocka_unit_test(test_the_client_chooses_among_renderers),
        cmocka_unit_test(test_where_no_renderer_fits_it_is_a_406),
        cmocka_unit_test(test_what_is_accepted_may_have_several_lines),
        cmocka_unit_test(test_everybody_says_what_a_response_varies_with),
        cmocka_unit_test(test_a_renderer_has_a_type_and_a_function),
        cmocka_unit_test(test_a_content_type_cannot_split_a_response),
        cmocka_unit_test(test_a_renderer_that_fails_is_a_500_with_its_cause_in_the_log),
        cmocka_unit_test(test_redirects_are_redirects),
        cmocka_unit_test(test_urls_lead_back_to_their_handlers),
        cmocka_unit_test(test_urls_are_had_by_the_name_of_a_route),
        cmocka_unit_test(test_no_url_leads_to_another_host),
        cmocka_unit_test(test_a_prefix_must_be_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
