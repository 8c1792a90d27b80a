/* The router answers a 404, 405 or 308 at the end of the header, without waiting for a large body.
 * Also: the host of a request is that of the target, else that of the Host header. */
#include "application.h"
#include "clock.h"
#include "fixture.h"
#include "inprocess.h"
#include "run_options.h"

#include <stdlib.h>

#define H "Host: a.example\r\n"

static unsigned begins, responds, ends, last_status;
static size_t body_seen;
static char trace[100];

struct watcher {
    int unused;
};
static void on_begin(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    begins++;
}
static void on_respond(void *self, const struct sx_record *record)
{
    (void)self;
    responds++;
    last_status = (unsigned)record->status;
}
static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)self;
    (void)record;
    ends += outcome == SX_OUTCOME_COMPLETE;
}
static const struct sx_observer observer = {
    .begin = on_begin, .respond = on_respond, .end = on_end};
static struct sx_result watcher_init(struct watcher *self, struct sx_app *app)
{
    (void)self;
    assert_int_equal(sx_app_observe(app, &observer, self), SX_OK);
    return sx_continue();
}
static void watcher_fini(struct watcher *self)
{
    (void)self;
}
SX_COMPONENT_DECLARE(watcher, struct watcher);
SX_COMPONENT(watcher, app, watcher_init, watcher_fini, (inject, sx_app, app));

static struct sx_result enter(const struct sx_request *request)
{
    strcat(trace, "enter ");
    body_seen = sx_request_get_body(request).size;
    return sx_continue();
}
SX_BIND(enter, (inject, sx_request, request));
static struct sx_result leave(struct sx_response *response)
{
    (void)response;
    strcat(trace, "leave ");
    return sx_continue();
}
SX_BIND(leave, (inject, sx_response, response));
static const struct sx_hook hooks[] = {SX_HOOK(enter, leave)};

static struct sx_result weigh(struct sx_str body)
{
    body_seen = body.size;
    return sx_continue();
}
SX_BIND(weigh, (body, bytes, body));
static const struct sx_hook weighing_hooks[] = {SX_HOOK_ENTER(weigh)};

static struct sx_result take(struct sx_str body)
{
    return sx_text("%zu", body.size);
}
SX_BIND(take, (body, bytes, body));

static struct sx_result tell_host(const struct sx_request *request, const char *injected,
                                  const char *host)
{
    assert_string_equal(injected, sx_request_get_host(request));
    return sx_text("[%s] [%s] %s", injected, host == NULL ? "none" : host,
                   sx_request_get_path(request));
}
SX_BIND(tell_host, (inject, sx_request, request), (inject, sx_host, injected),
        (header, opt_str, host));

static const struct sx_route routes[] = {
    SX_POST("/take", take),
    SX_POST("/folder/", take),
    SX_GET("/host", tell_host),
    SX_GET("/", tell_host),
};

/* Returns everything that the server sends for these bytes; *closed tells whether it then closes.
 */
static const char *ask(const char *bytes, const struct sx_hook_list *hook_list, bool *closed)
{
    static char answer[4000];
    struct fixture fixture;
    struct sx__inprocess *inprocess = NULL;
    char *out = NULL;
    size_t size = 0;
    begins = responds = ends = 0;
    body_seen = SIZE_MAX;
    trace[0] = '\0';
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                   .hooks = *hook_list,
                                                   .components = SX_COMPONENTS(watcher)});
    const struct sx__service service = sx__dispatch_service(fixture.app, 8192);
    static const struct sx__inprocess_clock clock = {sx__clock_now_ns, sx__clock_date};
    struct sx_run_options defaults;
    assert_int_equal(sx__run_options_resolve(&defaults, NULL), SX_OK);
    assert_int_equal(sx__inprocess_new(&inprocess, &service, &defaults, &clock), SX_OK);
    *closed = sx__inprocess_send(inprocess, bytes, strlen(bytes), &out, &size) == SX_EPROTO;
    sx__inprocess_destroy(inprocess);
    fixture_clean_up(&fixture);
    assert_true(size < sizeof answer);
    memcpy(answer, out, size);
    answer[size] = '\0';
    free(out);
    return answer;
}

static const struct sx_hook_list plain_hooks = SX_LIST(hooks);

/* RFC 9110 10.1.1: "Upon receiving an HTTP/1.1 (or later) request that has a method, target URI,
 * and complete header section that contains a 100-continue expectation and indicates that request
 * content will follow, an origin server MUST send either: an immediate response with a final status
 * code, if that status can be determined by examining just the method, target URI, and header
 * fields, or an immediate 100 (Continue) response". */
static void test_what_the_router_knows_is_answered_before_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer;
        unsigned status;
    } cases[] = {
        {"PUT /none HTTP/1.1\r\n" H "Content-Length: 1048576\r\nExpect: 100-continue\r\n\r\n",
         "HTTP/1.1 404 Not Found\r\n", 404},
        {"PUT /none HTTP/1.1\r\n" H "Content-Length: 1048576\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
         404},
        {"PUT /none HTTP/1.1\r\n" H "Content-Length: 99999999\r\n\r\n",
         "HTTP/1.1 404 Not Found\r\n", 404},
        {"PUT /none HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
         "HTTP/1.1 404 Not Found\r\n", 404},
        {"PUT /take HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n",
         "HTTP/1.1 405 Method Not Allowed\r\n", 405},
        {"POST /folder?x HTTP/1.1\r\n" H "Content-Length: 20000\r\n\r\nabc",
         "HTTP/1.1 308 Permanent Redirect\r\n", 308},
        {"POST /%zz HTTP/1.1\r\n" H "Content-Length: 20000\r\n\r\nabc",
         "HTTP/1.1 400 Bad Request\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool closed;
        const char *answer = ask(cases[i].request, &plain_hooks, &closed);
        assert_memory_equal(answer, cases[i].answer, strlen(cases[i].answer));
        /* RFC 9110 10.1.1: "A server that responds with a final status code instead of reading the
         * entire request content SHOULD indicate whether it intends to close the connection". */
        assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
        assert_null(strstr(answer, "100 Continue"));
        assert_true(closed);
        assert_int_equal(begins, 1);
        assert_int_equal(responds, 1);
        assert_int_equal(ends, 1);
        assert_int_equal(last_status, cases[i].status);
        assert_string_equal(trace, "enter leave ");
        assert_int_equal(body_seen, 0);
    }
}

/* The client sends a small body in any case, so the connection can stay open. */
static void test_a_small_body_is_read_all_the_same(void **state)
{
    (void)state;
    bool closed;
    const char *answer = ask("PUT /none HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                             "POST /take HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nde",
                             &plain_hooks, &closed);
    assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_false(closed);
    assert_int_equal(ends, 2);
}

static void test_a_hook_that_binds_the_body_gets_it(void **state)
{
    (void)state;
    static const struct sx_hook_list list = SX_LIST(weighing_hooks);
    bool closed;
    static char request[21000];
    const int head =
        snprintf(request, 200, "PUT /none HTTP/1.1\r\n" H "Content-Length: 20000\r\n\r\n");
    memset(request + head, 'x', 20000);
    const char *answer = ask(request, &list, &closed);
    assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
    assert_int_equal(body_seen, 20000);
    assert_false(closed);
}

/* If a route answers, it gets its body; and the server still refuses invalid headers. */
static void test_a_route_still_waits_for_its_body(void **state)
{
    (void)state;
    bool closed;
    const char *answer =
        ask("POST /take HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
            &plain_hooks, &closed);
    assert_memory_equal(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 42);
    answer =
        ask("POST /take HTTP/1.1\r\n" H "Content-Length: 99999999\r\n\r\n", &plain_hooks, &closed);
    assert_memory_equal(answer, "HTTP/1.1 413 ", 13);
    answer = ask("POST /take HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: x\r\n\r\n", &plain_hooks,
                 &closed);
    assert_memory_equal(answer, "HTTP/1.1 417 ", 13);
}

/* RFC 9110 9.1: "An origin server that receives a request method that is unrecognized or not
 * implemented SHOULD respond with the 501 (Not Implemented) status code." */
static void test_connect_is_not_implemented(void **state)
{
    (void)state;
    bool closed;
    const char *answer =
        ask("CONNECT a.example:443 HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\r\n" H "\r\n", &plain_hooks,
            &closed);
    assert_memory_equal(answer, "HTTP/1.1 501 Not Implemented\r\n", 30);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    assert_null(strstr(answer, "200"));
    assert_true(closed);
    assert_int_equal(ends, 1);
}

static void assert_host(const char *request, const char *body)
{
    static const struct sx_hook_list none = {NULL, 0};
    bool closed;
    const char *answer = ask(request, &none, &closed);
    const char *have = strstr(answer, "\r\n\r\n");
    if (have == NULL || strcmp(have + 4, body) != 0) {
        fail_msg("%s\n%s\nnot %s", request, answer, body);
    }
}

/* RFC 9112 3.2.2: "When an origin server receives a request with an absolute-form of
 * request-target, the origin server MUST ignore the received Host header field (if any) and instead
 * use the host information of the request-target." */
static void test_the_host_is_that_of_the_target(void **state)
{
    (void)state;
    assert_host("GET http://b.example:81/host HTTP/1.1\r\n" H "\r\n",
                "[b.example:81] [b.example:81] /host");
    assert_host("GET http://b.example HTTP/1.1\r\nhOST: a\r\n\r\n", "[b.example] [b.example] /");
    assert_host("GET http://b?q HTTP/1.1\r\n" H "\r\n", "[b] [b] /");
    assert_host("GET HTTPS://[::1]:8/./x/../host HTTP/1.1\r\nHost:\r\n\r\n",
                "[[::1]:8] [[::1]:8] /host");
    assert_host("GET http://b/host HTTP/1.0\r\n\r\n", "[b] [none] /host");
}

static void test_the_host_is_that_of_the_header_otherwise(void **state)
{
    (void)state;
    assert_host("GET /host HTTP/1.1\r\nHost: \t a.example:80 \r\n\r\n",
                "[a.example:80] [a.example:80] /host");
    assert_host("GET /host HTTP/1.1\r\nHost:\r\n\r\n", "[] [] /host");
    assert_host("GET /host HTTP/1.0\r\n\r\n", "[] [none] /host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_router_knows_is_answered_before_the_body),
        cmocka_unit_test(test_a_small_body_is_read_all_the_same),
        cmocka_unit_test(test_a_hook_that_binds_the_body_gets_it),
        cmocka_unit_test(test_a_route_still_waits_for_its_body),
        cmocka_unit_test(test_connect_is_not_implemented),
        cmocka_unit_test(test_the_host_is_that_of_the_target),
        cmocka_unit_test(test_the_host_is_that_of_the_header_otherwise),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
