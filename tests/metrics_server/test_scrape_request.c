/* The request of a scraper is parsed piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scrape_request.h"

#include <string.h>

#define HOST "Host: a\r\n"

static struct sx__scrape_request request;

static ssize_t parse(const char *text)
{
    return sx__scrape_request_parse(&request, (struct sx_str){text, strlen(text)});
}

static void parses(const char *text)
{
    ssize_t size = parse(text);
    if (size != (ssize_t)strlen(text)) {
        print_error("%s\n", text);
    }
    assert_int_equal(size, strlen(text));
}

static void view_is(struct sx_str text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void test_a_scrape_of_prometheus_is_read(void **state)
{
    (void)state;
    parses("GET /metrics HTTP/1.1\r\nHost: localhost:9100\r\nUser-Agent: Prometheus/2.42.0\r\n"
           "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n"
           "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n");
    view_is(request.method, "GET");
    view_is(request.path, "/metrics");
    view_is((struct sx_str){request.accept_encoding.text, request.accept_encoding.size}, "gzip");
    view_is((struct sx_str){request.accept.text, request.accept.size},
            "application/openmetrics-text;version=1.0.0,*/*;q=0.1");
    assert_true(request.keep_alive);
}

static void test_the_path_is_what_stands_before_the_query(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/metrics?name[]=a", "/metrics"},
        {"/metrics?", "/metrics"},
        {"/", "/"},
        {"http://localhost:9100/metrics?x=/y", "/metrics"},
        {"HTTP://localhost/metrics", "/metrics"},
        {"http://localhost", ""},
        {"http://localhost?/metrics", ""},
        {"/http://localhost/metrics", "/http://localhost/metrics"},
        {"*", "*"},
        {"localhost:9100", "localhost:9100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256] = "GET ";
        strcat(text, cases[i][0]);
        strcat(text, " HTTP/1.1\r\n" HOST "\r\n");
        parses(text);
        view_is(request.path, cases[i][1]);
    }
}

/* RFC 9112 9.3: HTTP/1.1 persists unless told to close; of HTTP/1.0 we close each. */
static void test_what_may_follow_on_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.9\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "connection: TE, Close ,x\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", true},
        /* a body is never read, so that nothing in it can be a request */
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 5\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0x0\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parses(cases[i].text);
        if (request.keep_alive != cases[i].keep_alive) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(request.keep_alive, cases[i].keep_alive);
    }
}

static void test_what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int refusal;
    } cases[] = {
        {"\x16\x03\x01", 400}, /* TLS */
        {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400},
        {"GET /\r\n" HOST "\r\n", 400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
        {"GET /\t HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /\xC3\xA4 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"G{T / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1\r\n" HOST "\r\n", 400},
        {"GET / http/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400}, /* folded */
        {"GET / HTTP/1.1\r\n A: b\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ssize_t status = parse(cases[i].text);
        if (status != SX_EPROTO || request.refusal != cases[i].refusal) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(status, SX_EPROTO);
        assert_int_equal(request.refusal, cases[i].refusal);
    }
}

static void test_a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n";
    assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, sizeof text - 1}),
                     SX_EPROTO);
    assert_int_equal(request.refusal, 400);
}

/* RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at
 * least one empty line (CRLF) received prior to the request-line." */
static void test_empty_lines_before_a_request_are_ignored(void **state)
{
    (void)state;
    parses("\r\n\r\nGET /a HTTP/1.1\r\n" HOST "\r\n");
    view_is(request.path, "/a");
}

static void test_every_beginning_of_a_request_wants_more(void **state)
{
    (void)state;
    static const char text[] = "\r\nGET /metrics HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\nGET";
    const size_t whole = sizeof text - 1 - strlen("GET");
    for (size_t size = 0; size < whole; size++) {
        assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, size}),
                         SX_EAGAIN);
    }
    assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, whole}), whole);
    assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, sizeof text - 1}),
                     whole);
}

static void test_the_head_has_a_limit(void **state)
{
    (void)state;
    static char text[SX__HEAD_SIZE_MAX + 16];
    static const char start[] = "GET / HTTP/1.1\r\n" HOST "A: ";
    memset(text, 'x', sizeof text);
    memcpy(text, start, sizeof start - 1);
    assert_int_equal(
        sx__scrape_request_parse(&request, (struct sx_str){text, SX__HEAD_SIZE_MAX - 1}),
        SX_EAGAIN);
    assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, SX__HEAD_SIZE_MAX}),
                     SX_EPROTO);
    assert_int_equal(request.refusal, 431);
    memcpy(text + SX__HEAD_SIZE_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(sx__scrape_request_parse(&request, (struct sx_str){text, sizeof text}),
                     SX__HEAD_SIZE_MAX);
}

/* RFC 9110 5.3: "combine the list of values [...] by appending each subsequent field line value to
 * the initial field line value in order, separated by a comma" */
static void test_accept_headers_are_joined_as_far_as_they_fit(void **state)
{
    (void)state;
    char text[4096] = "GET / HTTP/1.1\r\n" HOST "Accept: text/plain\r\naccept:\t*/*;q=0.1 \r\n";
    char long_value[SX__JOINED_SIZE_MAX + 1];
    memset(long_value, 'x', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = '\0';
    strcat(strcat(strcat(text, "Accept: "), long_value), "\r\nAccept: a/b\r\n");
    strcat(text, "Accept-Encoding: br\r\naccept-encoding: gzip;q=0\r\n\r\n");
    parses(text);
    view_is((struct sx_str){request.accept_encoding.text, request.accept_encoding.size},
            "br,gzip;q=0");
    view_is((struct sx_str){request.accept.text, request.accept.size}, "text/plain,*/*;q=0.1,a/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_scrape_of_prometheus_is_read),
        cmocka_unit_test(test_the_path_is_what_stands_before_the_query),
        cmocka_unit_test(test_what_may_follow_on_the_connection),
        cmocka_unit_test(test_what_is_no_request_is_refused),
        cmocka_unit_test(test_a_nul_byte_is_refused),
        cmocka_unit_test(test_empty_lines_before_a_request_are_ignored),
        cmocka_unit_test(test_every_beginning_of_a_request_wants_more),
        cmocka_unit_test(test_the_head_has_a_limit),
        cmocka_unit_test(test_accept_headers_are_joined_as_far_as_they_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
