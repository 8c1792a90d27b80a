/* Where arguments come from, and what a client hears who sends the wrong ones. */
#include "fixture.h"

#include <jansson.h>

static struct sx_result numbers(int64_t i, uint64_t u, double f, bool flag)
{
    return sx_text("%lld %llu %g %s", (long long)i, (unsigned long long)u, f,
                   flag ? "true" : "false");
}
SX_BIND(numbers, (query, i64, i, SX_MIN(-5), SX_MAX(5)), (query, u64, u), (query, f64, f),
        (query, flag, flag));

static struct sx_result optional(const int64_t *i, const uint64_t *u, const double *f,
                                 const bool *flag, const char *s)
{
    return sx_text("%d%d%d%d%d", i != NULL && *i == -1, u != NULL && *u == 1,
                   f != NULL && *f == 0.5, flag != NULL && *flag, s != NULL && *s == 'x');
}
SX_BIND(optional, (query, opt_i64, i), (query, opt_u64, u), (query, opt_f64, f),
        (query, opt_flag, flag), (query, opt_str, s));

static struct sx_result get_user(int64_t id)
{
    return sx_json("{s:I}", "id", id);
}
SX_BIND(get_user, (path, i64, id, SX_MIN(1)));

static struct sx_result post_of(const char *user, double post)
{
    return sx_json("{s:s, s:f}", "user", user, "post", post);
}
/* The order of the arguments is the function's, not the path's. */
SX_BIND(post_of, (path, str, user), (path, f64, post));

static struct sx_result headers(const char *host, const char *x_request_id, const uint64_t *x_n)
{
    return sx_text("%s|%s|%d", host, x_request_id == NULL ? "-" : x_request_id,
                   x_n == NULL ? -1 : (int)*x_n);
}
SX_BIND(headers, (header, str, host), (header, opt_str, x_request_id), (header, opt_u64, x_n));

static struct sx_result inspect(const struct sx_request *request)
{
    const char *q = sx_request_get_query(request, "q");
    const char *agent = sx_request_get_header(request, "USER-AGENT");
    struct sx_str body = sx_request_get_body(request);
    return sx_text("%s %s %s %s %s %.*s", sx_request_get_method(request),
                   sx_request_get_path(request), sx_request_get_route(request)->path,
                   q == NULL ? "-" : q, agent == NULL ? "-" : agent, (int)body.size,
                   body.size == 0 ? "" : body.data);
}
SX_BIND(inspect, (inject, sx_request, request));

static struct sx_result twelve(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f,
                               int64_t g, int64_t h, int64_t i, int64_t j, int64_t k, int64_t l)
{
    return sx_text("%d", (int)(a + b + c + d + e + f + g + h + i + j + k + l));
}
SX_BIND(twelve, (query, i64, a), (query, i64, b), (query, i64, c), (query, i64, d), (query, i64, e),
        (query, i64, f), (query, i64, g), (query, i64, h), (query, i64, i), (query, i64, j),
        (query, i64, k), (query, i64, l));

static struct sx_result defaults(int64_t page, const char *order, double factor, bool all)
{
    return sx_text("%lld %s %g %d", (long long)page, order, factor, all);
}
SX_BIND(defaults, (query, i64, page, SX_DEFAULT("1"), SX_MIN(1)),
        (query, str, order, SX_DEFAULT("name")), (header, f64, x_factor, SX_DEFAULT("1.5")),
        (query, flag, all, SX_DEFAULT("true")));

static struct sx_result tags(struct sx_texts tag, struct sx_texts none)
{
    return sx_text("%zu %s %s %zu", tag.count, tag.count > 0 ? tag.items[0] : "-",
                   tag.count > 1 ? tag.items[1] : "-", none.count);
}
SX_BIND(tags, (query, list_str, tag), (query, list_str, none));

static struct sx_result echo_json(struct json_t *payload)
{
    return sx_json("{s:O}", "got", payload);
}
SX_BIND(echo_json, (body, json, payload));

static struct sx_result maybe_json(struct json_t *payload)
{
    return payload == NULL ? sx_text("none") : sx_json("O", payload);
}
SX_BIND(maybe_json, (body, opt_json, payload));

static struct sx_result echo_bytes(struct sx_str payload)
{
    return sx_bytes("application/x-test", payload.data, payload.size);
}
SX_BIND(echo_bytes, (body, bytes, payload));

static struct sx_result form(const char *name, const int64_t *age, struct sx_texts tag)
{
    return sx_text("%s %d %zu", name, age == NULL ? -1 : (int)*age, tag.count);
}
SX_BIND(form, (form, str, name), (form, opt_i64, age), (form, list_str, tag));

/* The JSON is the request's: what a result keeps of it must outlive it. */
static struct sx_result borrow_json(struct json_t *payload, const struct sx_request *request)
{
    char *copy = sx_request_allocate(request, 6);
    if (copy == NULL) {
        return sx_fail(503, "no memory");
    }
    memcpy(copy, "inner", 6);
    return sx_json("{s:O}", copy, payload);
}
SX_BIND(borrow_json, (body, json, payload), (inject, sx_request, request));

static const struct sx_route routes[] = {
    SX_GET("/defaults", defaults),
    SX_GET("/tags", tags),
    SX_POST("/json", echo_json),
    SX_POST("/maybe", maybe_json),
    SX_POST("/bytes", echo_bytes),
    SX_POST("/form", form),
    SX_POST("/borrow", borrow_json),
    SX_GET("/numbers", numbers),
    SX_GET("/optional", optional),
    SX_GET("/users/{id}", get_user),
    SX_GET("/{user}/posts/{post}", post_of),
    SX_GET("/headers", headers),
    SX_POST("/inspect", inspect),
    SX_GET("/twelve", twelve),
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

static int get(const char *target)
{
    return fixture_send(&fixture, "GET", target, NULL);
}

static void test_scalars_arrive_typed(void **state)
{
    (void)state;
    assert_int_equal(get("/numbers?i=-5&u=18446744073709551615&f=2.5e-1&flag=on"), 200);
    assert_body(&fixture, "-5 18446744073709551615 0.25 true");
    assert_int_equal(get("/twelve?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1&l=31"), 200);
    assert_body(&fixture, "42");
}

static void test_of_repeated_parameters_the_first_counts(void **state)
{
    (void)state;
    assert_int_equal(get("/numbers?i=1&i=x&u=2&f=3&flag=0"), 200);
    assert_body(&fixture, "1 2 3 false");
}

static void test_optional_ones_are_null_where_absent(void **state)
{
    (void)state;
    assert_int_equal(get("/optional"), 200);
    assert_body(&fixture, "00000");
    assert_int_equal(get("/optional?i=-1&u=1&f=.5&flag=true&s=x"), 200);
    assert_body(&fixture, "11111");
    assert_int_equal(get("/optional?flag=1"), 200);
    assert_body(&fixture, "00010");
}

static void test_a_400_names_every_wrong_parameter(void **state)
{
    (void)state;
    assert_int_equal(get("/numbers?i=6&f=x&flag=maybe"), 400);
    assert_header(&fixture, "Content-Type", "application/json");
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"i\":\"must be a whole number from -5 to 5\",\"u\":\"is required\","
                          "\"f\":\"must be a number\",\"flag\":\"must be true or false\"}}");
    /* optional is not lenient: what is there must be right */
    assert_int_equal(get("/optional?i=x"), 400);
}

/* Only the wrong parameter is in the errors: not the others, and not parameters that no code reads.
 */
static void test_a_malformed_escape_is_that_of_its_parameter(void **state)
{
    (void)state;
    assert_int_equal(get("/optional?i=-1&s=%zz&u=1"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"s\":\"has a malformed percent escape\"}}");
    assert_int_equal(get("/numbers?i=%&u=1&f=1&flag=%4"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"i\":\"has a malformed percent escape\","
                          "\"flag\":\"has a malformed percent escape\"}}");
    assert_int_equal(get("/optional?s=a%00b"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"s\":\"must not contain a NUL\"}}");
    assert_int_equal(get("/tags?tag=a&tag=%g1"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"tag\":\"has a malformed percent escape\"}}");
    assert_int_equal(get("/optional?s=%FF"), 400);
    assert_int_equal(get("/optional?s=x&utm=%zz&%zz=1"), 200);
    assert_body(&fixture, "00001");
    assert_int_equal(get("/users/1?s=%zz"), 200);
}

static void test_a_header_is_named_as_clients_write_it(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-N: seven\r\n"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"x-n\":\"must be a whole number, not negative\"}}");
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-Request-Id: \xff\r\n"), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"x-request-id\":\"must be UTF-8 text\"}}");
}

static void test_a_path_that_does_not_convert_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(get("/users/7"), 200);
    assert_body(&fixture, "{\"id\":7}");
    static const char *const wrong[] = {
        "/users/zero", "/users/0", "/users/-1", "/users/7.0", "/users/9223372036854775808",
        "/users/%207"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(get(wrong[i]), 404);
        assert_body(&fixture, "{\"message\":\"not found\",\"errors\":{\"id\":"
                              "\"must be a whole number of at least 1\"}}");
    }
}

static void test_path_arguments_are_decoded(void **state)
{
    (void)state;
    assert_int_equal(get("/a%2Fb%20%C3%A9/posts/1.5"), 200);
    assert_body(&fixture, "{\"user\":\"a/b \xc3\xa9\",\"post\":1.5}");
}

static void test_headers_are_found_in_any_case_and_with_dashes(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-REQUEST-ID: a b \r\nx-n: 7\r\n"),
                     200);
    assert_body(&fixture, "localhost|a b|7");
    assert_int_equal(get("/headers"), 200);
    assert_body(&fixture, "localhost|-|-1");
    /* Not what a client spells otherwise: a proxy that sets the one may let the other pass. */
    assert_int_equal(
        fixture_send(&fixture, "GET", "/headers",
                     "X_Request_Id: mine\r\nX-Request-Id: a b\r\nX_N: 8\r\nX-N: 7\r\n"),
        200);
    assert_body(&fixture, "localhost|a b|7");
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-N: seven\r\n"), 400);
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-Request-Id: \xff\r\n"), 400);
}

static void test_an_empty_header_leaves_the_next_one_alone(void **state)
{
    (void)state;
    assert_int_equal(
        fixture_send(&fixture, "GET", "/headers",
                     "X-Empty:\r\nX-Request-Id:id\r\nX-Blank: \t \r\nX-N: 7\r\nX-Last:\r\n"),
        200);
    assert_body(&fixture, "localhost|id|7");
    assert_int_equal(fixture_send(&fixture, "GET", "/headers", "X-Request-Id:\r\nX-N: 7\r\n"), 200);
    assert_body(&fixture, "localhost||7");
}

static void test_the_request_can_be_injected(void **state)
{
    (void)state;
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "POST", "/inspect?q=a+%26",
                                    "User-Agent: test\r\n", (struct sx_str){"body", 4}),
                     SX_OK);
    assert_body(&fixture, "POST /inspect /inspect a & test body");
}

static void test_a_malformed_path_is_a_400(void **state)
{
    (void)state;
    assert_int_equal(get("/users/%zz"), 400);
    assert_int_equal(get("/users/%00"), 400);
    assert_int_equal(get("/users/%FF"), 400);
}

static int post(const char *target, const char *type, const char *body, size_t size)
{
    char header[80];
    snprintf(header, sizeof header, "Content-Type: %s\r\n", type);
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "POST", target,
                                    type == NULL ? NULL : header, (struct sx_str){body, size}),
                     SX_OK);
    return fixture.reply.status;
}

static void test_defaults_stand_for_what_is_absent(void **state)
{
    (void)state;
    assert_int_equal(get("/defaults"), 200);
    assert_body(&fixture, "1 name 1.5 1");
    assert_int_equal(
        fixture_send(&fixture, "GET", "/defaults?page=3&order=age&all=off", "X-Factor: 2\r\n"),
        200);
    assert_body(&fixture, "3 age 2 0");
    assert_int_equal(get("/defaults?page=0"), 400); /* a default is no excuse */
}

static void test_repeated_parameters_are_a_list(void **state)
{
    (void)state;
    assert_int_equal(get("/tags?tag=a&x=1&tag=b+c&tag="), 200);
    assert_body(&fixture, "3 a b c 0");
    assert_int_equal(get("/tags"), 200);
    assert_body(&fixture, "0 - - 0");
    assert_int_equal(get("/tags?tag=a&tag=%FF"), 400);
    assert_non_null(strstr(fixture.reply.body.data, "\"tag\":\"must be UTF-8 text\""));
}

static void test_a_json_body_is_parsed(void **state)
{
    (void)state;
    static const char json[] = "{\"a\": [1, 2.5, null]}";
    assert_int_equal(post("/json", "application/json; charset=utf-8", json, sizeof json - 1), 200);
    assert_body(&fixture, "{\"got\":{\"a\":[1,2.5,null]}}");
    assert_int_equal(post("/json", "application/problem+json", "7", 1), 200);
    assert_int_equal(post("/borrow", "application/json", json, sizeof json - 1), 200);
    assert_body(&fixture, "{\"inner\":{\"a\":[1,2.5,null]}}");
    assert_int_equal(post("/maybe", "application/json", "\"x\"", 3), 200);
    assert_body(&fixture, "\"x\"");
    assert_int_equal(post("/maybe", "application/json", "", 0), 200);
    assert_body(&fixture, "none");
}

static void assert_body_error(const char *body, size_t size, const char *message)
{
    assert_int_equal(post("/json", "application/json", body, size), 400);
    json_t *reply = sx_reply_get_json(&fixture.reply);
    assert_int_equal(json_object_size(json_object_get(reply, "errors")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(reply, "errors"), "body")), message);
    json_decref(reply);
}

static void test_a_body_that_is_not_json_is_told(void **state)
{
    (void)state;
    assert_body_error("", 0, "is empty, but must be JSON");
    static const struct {
        const char *body;
        const char *message;
    } cases[] = {
        {"{\"a\":\n x}", "is not JSON: line 2, column 2: unexpected text near 'x'"},
        {"[1,]", "is not JSON: line 1, column 4: unexpected text near ']'"},
        {"[1", "is not JSON: line 1, column 2: it ends too early"},
        {"\"abc", "is not JSON: line 1, column 4: it ends too early near '\"abc'"},
        {"{} []", "is not JSON: line 1, column 4: there is more after the value near '['"},
        {"\"\\u0000\"", "is refused: line 1, column 8: \\u0000 is not allowed near '\"\\u0000\"'"},
        {"{\"\\u0000\":1}",
         "is refused: line 1, column 9: \\u0000 is not allowed near '\"\\u0000\"'"},
        {"\"\xff\"", "is not JSON: line 1, column 1: it is not UTF-8 near '\"'"},
        {"{\"a\":1,\"a\":2}",
         "is refused: line 1, column 10: an object has two members of this name near '\"a\"'"},
        {"99999999999999999999",
         "is refused: line 1, column 20: the number is too large near '99999999999999999999'"},
        {"1e999", "is refused: line 1, column 5: the number is too large near '1e999'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_body_error(cases[i].body, strlen(cases[i].body), cases[i].message);
    }
    char deep[2049];
    memset(deep, '[', sizeof deep);
    assert_body_error(deep, sizeof deep,
                      "is refused: line 1, column 2049: it is nested too deeply near '['");
    assert_int_equal(post("/json", "text/plain", "{}", 2), 415);
    assert_body(&fixture, "{\"message\":\"unsupported media type\",\"errors\":{\"body\":\"must "
                          "be application/json\"}}");
    assert_int_equal(post("/maybe", "application/json", "{", 1), 400);
}

static void test_a_body_arrives_as_bytes(void **state)
{
    (void)state;
    assert_int_equal(post("/bytes", "image/png", "a\0b", 3), 200);
    assert_int_equal(fixture.reply.body.size, 3);
    assert_memory_equal(fixture.reply.body.data, "a\0b", 3);
    assert_int_equal(post("/bytes", "image/png", "", 0), 200);
    assert_int_equal(fixture.reply.body.size, 0);
}

static void test_a_form_is_bound_like_a_query(void **state)
{
    (void)state;
    static const char type[] = "application/x-www-form-urlencoded";
    static const char good[] = "name=Ada+L&age=36&tag=a&tag=b";
    assert_int_equal(post("/form?name=query", type, good, sizeof good - 1), 200);
    assert_body(&fixture, "Ada L 36 2");
    assert_int_equal(post("/form", type, "age=x", 5), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"name\":\"is required\",\"age\":\"must be a whole number\"}}");
    assert_int_equal(post("/form", type, "name=%zz&age=1", 14), 400);
    assert_body(&fixture, "{\"message\":\"invalid parameters\",\"errors\":{"
                          "\"name\":\"has a malformed percent escape\"}}");
    assert_int_equal(post("/form", "application/json", "{}", 2), 415);
    assert_body(&fixture, "{\"message\":\"unsupported media type\",\"errors\":{"
                          "\"body\":\"must be application/x-www-form-urlencoded\"}}");
    assert_int_equal(post("/form", type, "", 0), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_arrive_typed),
        cmocka_unit_test(test_of_repeated_parameters_the_first_counts),
        cmocka_unit_test(test_optional_ones_are_null_where_absent),
        cmocka_unit_test(test_a_400_names_every_wrong_parameter),
        cmocka_unit_test(test_a_malformed_escape_is_that_of_its_parameter),
        cmocka_unit_test(test_a_header_is_named_as_clients_write_it),
        cmocka_unit_test(test_a_path_that_does_not_convert_is_not_found),
        cmocka_unit_test(test_path_arguments_are_decoded),
        cmocka_unit_test(test_headers_are_found_in_any_case_and_with_dashes),
        cmocka_unit_test(test_an_empty_header_leaves_the_next_one_alone),
        cmocka_unit_test(test_the_request_can_be_injected),
        cmocka_unit_test(test_a_malformed_path_is_a_400),
        cmocka_unit_test(test_defaults_stand_for_what_is_absent),
        cmocka_unit_test(test_repeated_parameters_are_a_list),
        cmocka_unit_test(test_a_json_body_is_parsed),
        cmocka_unit_test(test_a_body_that_is_not_json_is_told),
        cmocka_unit_test(test_a_body_arrives_as_bytes),
        cmocka_unit_test(test_a_form_is_bound_like_a_query),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
