/* Tests the in-process connection: requests as byte strings, and the rules of responses and
 * connections. */
#include "clock.h"
#include "fake_service.h"
#include "inprocess.h"
#include "run_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct fake_service fake;
    struct sx__inprocess *inprocess;
    char *out; /* NUL-terminated */
    size_t out_size;
    int status; /* of the last send */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fake_service_init(&fixture->fake, true);
    const struct sx__service service = fake_service_get(&fixture->fake);
    assert_int_equal(fake_service_connect(&fixture->inprocess, &service), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sx__inprocess_destroy(fixture->inprocess);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
    fake_service_clean_up(&fixture->fake);
    free(fixture->out);
    free(fixture);
    return 0;
}

/* Returns the responses to these bytes, as a string. */
static const char *send_bytes(struct fixture *fixture, const char *bytes, size_t size)
{
    free(fixture->out);
    fixture->out = NULL;
    fixture->out_size = 0;
    fixture->status =
        sx__inprocess_send(fixture->inprocess, bytes, size, &fixture->out, &fixture->out_size);
    fixture->out = realloc(fixture->out, fixture->out_size + 1);
    fixture->out[fixture->out_size] = '\0';
    return fixture->out;
}

static const char *ask(struct fixture *fixture, const char *text)
{
    return send_bytes(fixture, text, strlen(text));
}

static void assert_begins(const char *text, const char *beginning)
{
    char start[200];
    const size_t size = strlen(beginning);
    assert_true(size < sizeof start);
    strncpy(start, text, size);
    start[size] = '\0';
    assert_string_equal(start, beginning);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("%s is not in:\n%s", part, text);
    }
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("%s is in:\n%s", part, text);
    }
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void a_get_is_answered(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\nX-Y:  v w \t\r\n\r\n");
    assert_begins(out, "HTTP/1.1 200 OK\r\nDate: ");
    assert_has(out, "\r\nContent-Type: text/plain\r\n");
    assert_has(out, "\r\nContent-Length: 5\r\n");
    assert_lacks(out, "Connection:");
    assert_string_equal(body_of(out), "hello");
    assert_int_equal(fixture->status, 0);
    assert_string_equal(fixture->fake.story, "begin [GET] [/] [Host]=[a] [X-Y]=[v w]\n"
                                             "handle 0 []\n"
                                             "end 0 in 0 out 5\n");
    assert_true(fixture->fake.ended_ns >= fixture->fake.started_ns);
    assert_true(fixture->fake.started_ns > 0);
}

static void the_handler_sees_the_whole_body_of_known_length(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello");
    assert_int_equal(fixture->fake.begins, 1);
    assert_int_equal(fixture->fake.handles, 0);
    assert_string_equal(body_of(ask(fixture, " world")), "hello world");
    assert_int_equal(fixture->fake.request_body_bytes, 11);
    assert_int_equal(fixture->fake.response_body_bytes, 11);
}

static void a_chunked_body_is_put_together(void **state)
{
    struct fixture *fixture = *state;
    const char *out =
        ask(fixture, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                     "\r\n5\r\nhello\r\n6;x=\"y;z\"\r\n world\r\n0\r\nX-T: t\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\n\r\nhello worldHTTP/1.1 200 OK\r\n");
    assert_int_equal(fixture->fake.begins, 2);
}

static void a_body_larger_than_the_input_is_whole(void **state)
{
    struct fixture *fixture = *state;
    const size_t body_size = 200000;
    char *bytes = malloc(body_size + 200);
    const int head = snprintf(
        bytes, 200, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body_size);
    for (size_t i = 0; i < body_size; i++) {
        bytes[(size_t)head + i] = (char)('a' + i % 23);
    }
    const char *out = send_bytes(fixture, bytes, (size_t)head + body_size);
    const char *body = body_of(out);
    assert_int_equal(fixture->out_size - (size_t)(body - out), body_size);
    assert_memory_equal(body, bytes + head, body_size);
    free(bytes);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n"
                                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                                   "\r\n" /* an empty line between */
                                   "GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n");
    const char *first = strstr(out, "HTTP/1.1 201 Created\r\n");
    const char *second = strstr(out, "HTTP/1.1 200 OK\r\n");
    const char *third = strstr(out, "HTTP/1.1 404 Not Found\r\n");
    assert_ptr_equal(first, out);
    assert_true(first < second && second < third);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 3);
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void head_has_the_header_of_get_and_no_content(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\nContent-Length: 5\r\n");
    assert_has(out, "\r\nContent-Type: text/plain\r\n");
    assert_string_equal(body_of(out), "");
    assert_int_equal(fixture->fake.response_body_bytes, 0);
}

/* RFC 9110 8.6: "A server MUST NOT send a Content-Length header field in any response with a status
 * code of 1xx (Informational) or 204 (No Content)." */
static void a_204_has_neither_length_nor_content(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_begins(out, "HTTP/1.1 204 No Content\r\n");
    assert_lacks(out, "Content-Length");
    assert_lacks(out, "Content-Type");
    assert_string_equal(body_of(out), "");
}

/* RFC 9110 15.4.5: "A 304 response is terminated by the end of the header section; it cannot
 * contain content or trailers." */
static void a_304_has_no_content(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(body_of(out), "");
    assert_lacks(out, "Content-Length");
}

/* RFC 9110 15.3.6: "a server MUST NOT generate content in a 205 response." */
static void a_205_has_no_content(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET /status/205 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\nContent-Length: 0\r\n");
    assert_string_equal(body_of(out), "");
}

/* RFC 9112 4: "A server MUST send the space that separates the status-code from the reason-phrase
 * even when the reason-phrase is absent". */
static void an_unregistered_status_has_an_empty_reason(void **state)
{
    struct fixture *fixture = *state;
    assert_begins(ask(fixture, "GET /status/299 HTTP/1.1\r\nHost: a\r\n\r\n"),
                  "HTTP/1.1 299 \r\nDate: ");
}

static void header_lines_of_the_service_are_sent(void **state)
{
    struct fixture *fixture = *state;
    assert_has(ask(fixture, "GET /headers HTTP/1.1\r\nHost: a\r\n\r\n"),
               "\r\nX-One: 1\r\nX-Two: 2\r\n\r\nhello");
    const char *out = ask(fixture, "GET /long-headers HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\nX-Long: ");
    assert_string_equal(body_of(out), "hello");
}

static void a_response_may_be_empty_and_without_type(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET /bare HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\nContent-Length: 0\r\n");
    assert_lacks(out, "Content-Type");
}

/* RFC 9112 9.6: "A server that receives a "close" connection option MUST initiate closure of the
 * connection after it sends the final response", and "SHOULD send a "close" connection option". */
static void close_is_honoured_and_sent(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"
                                   "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_has(out, "\r\nConnection: close\r\n");
    assert_int_equal(fixture->status, SX_EPROTO);
    assert_int_equal(fixture->fake.begins, 1);
}

/* RFC 9112 9.3: HTTP/1.0 persists if "the "keep-alive" connection option is present". */
static void http_1_0_closes_unless_it_asks_not_to(void **state)
{
    struct fixture *fixture = *state;
    assert_has(ask(fixture, "GET / HTTP/1.0\r\n\r\n"), "\r\nConnection: close\r\n");
    assert_int_equal(fixture->status, SX_EPROTO);
    assert_has(ask(fixture, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
               "\r\nConnection: keep-alive\r\n");
    assert_int_equal(fixture->status, 0);
}

/* RFC 9110 10.1.1: "a 100 (Continue) response" before the content is read. */
static void continue_is_sent_before_the_body(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                                   "Expect: 100-Continue\r\n\r\n");
    assert_string_equal(out, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_string_equal(body_of(ask(fixture, "ok")), "ok");
    /* A request without a body gets no 100. */
    assert_begins(ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
                  "HTTP/1.1 200 OK\r\n");
    /* "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that
     * expectation." */
    assert_begins(ask(fixture, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n"
                               "Expect: 100-continue\r\n\r\nok"),
                  "HTTP/1.1 200 OK\r\n");
}

/* RFC 9110 10.1.1: "A server that receives an Expect field value containing a member other than
 * 100-continue MAY respond with a 417 (Expectation Failed) status code". */
static void an_unknown_expectation_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_begins(ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n"),
                  "HTTP/1.1 417 Expectation Failed\r\n");
    assert_int_equal(fixture->fake.refusals, 1);
    assert_int_equal(fixture->status, SX_EPROTO);
}

static void a_well_formed_unknown_method_reaches_the_service(void **state)
{
    struct fixture *fixture = *state;
    static const char *const methods[] = {"BREW",     "PRI",    "get",
                                          "M-SEARCH", "SOURCE", "!#$%&'*+-.^_`|~09"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char bytes[100];
        snprintf(bytes, sizeof bytes, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
        assert_begins(ask(fixture, bytes), "HTTP/1.1 200 OK\r\n");
        assert_has(fixture->fake.story, methods[i]);
    }
}

static void the_server_never_switches_protocols(void **state)
{
    struct fixture *fixture = *state;
    const char *out = ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                   "Upgrade: websocket\r\n\r\n"
                                   "GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n"
                                   "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"
                                   "GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 3);
    assert_has(fixture->fake.story, "begin [CONNECT] [a.example:443]");
    assert_has(out, "HTTP/1.1 404 Not Found\r\n");
    assert_has(out, "HTTP/1.1 501 Not Implemented\r\n");
    assert_null(strstr(out, "HTTP/1.1 201 "));
}

static void an_aborted_request_ends(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    sx__inprocess_close(fixture->inprocess);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED], 1);
    assert_int_equal(fixture->fake.request_body_bytes, 3);
    ask(fixture, "GET / HTT");
    sx__inprocess_close(fixture->inprocess);
    assert_int_equal(fixture->fake.rejections[SX_REASON_DISCONNECTED], 1);
    sx__inprocess_close(fixture->inprocess);
    ask(fixture, "\r\n\r");
    sx__inprocess_close(fixture->inprocess);
    assert_int_equal(fake_service_rejected(&fixture->fake), 1);
    assert_begins(ask(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200 OK\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_get_is_answered),
        TEST(the_handler_sees_the_whole_body_of_known_length),
        TEST(a_chunked_body_is_put_together),
        TEST(a_body_larger_than_the_input_is_whole),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(head_has_the_header_of_get_and_no_content),
        TEST(a_204_has_neither_length_nor_content),
        TEST(a_304_has_no_content),
        TEST(a_205_has_no_content),
        TEST(an_unregistered_status_has_an_empty_reason),
        TEST(header_lines_of_the_service_are_sent),
        TEST(a_response_may_be_empty_and_without_type),
        TEST(close_is_honoured_and_sent),
        TEST(http_1_0_closes_unless_it_asks_not_to),
        TEST(continue_is_sent_before_the_body),
        TEST(an_unknown_expectation_is_refused),
        TEST(a_well_formed_unknown_method_reaches_the_service),
        TEST(the_server_never_switches_protocols),
        TEST(an_aborted_request_ends),
    };
    return cmocka_run_group_tests_name("in-process connection", tests, NULL, NULL);
}
