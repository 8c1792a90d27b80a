/* What can be read in two ways is refused, what is merely unusual is not. Each case is said at once
 * and byte by byte, and quotes the sentence that it proves. */
#include "conversation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: a\r\n"
#define GET_NEXT "GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED(body) "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n" body

struct framing_case {
    const char *source; /* the sentence */
    const char *bytes;
    const char *statuses; /* of the responses */
    unsigned handles;
    size_t size; /* where the bytes hold a NUL, else 0 */
};

#define NUL_CASE(source, bytes, statuses, handles)          \
    {                                                       \
        source, bytes, statuses, handles, sizeof(bytes) - 1 \
    }

static const struct framing_case cases[] = {
    /* -- the request line -- */
    {"RFC 9112 2.2: \"a server that is expecting to receive and parse a request-line SHOULD ignore "
     "at least one empty line (CRLF) received prior to the request-line\"",
     "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {"RFC 9112 2.2, with a bound", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET_NEXT, "400",
     0, 0},
    {"RFC 9112 2.2: \"A recipient of such a bare CR MUST consider that element to be invalid\"",
     "\rGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 2.2: \"MAY recognize a single LF as a line terminator\": we do not",
     "GET / HTTP/1.1\n" H "\r\n", "400", 0, 0},
    {"the same, before the request line", "\nGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3: request-line = method SP request-target SP HTTP-version",
     "GET  / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a space after the version", "GET / HTTP/1.1 \r\n" H "\r\n", "400", 0, 0},
    {"a space before the method", " GET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a tab for a space", "GET\t/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3.2: \"No whitespace is allowed in the request-target\"",
     "GET /a b HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a tab in the target", "GET /a\tb HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a byte that is not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a fragment is not part of any request-target", "GET /#a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"no target", "GET HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"HTTP/0.9", "GET /\r\n", "400", 0, 0},
    {"RFC 9110 9.1: method = token", "G(T / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a TLS handshake", "\x16\x03\x01\x02", "400", 0, 0},
    NUL_CASE("a NUL", "GET /\0 HTTP/1.1\r\n" H "\r\n", "400", 0),
    {"RFC 9112 2.3: HTTP-name is case-sensitive", "GET / http/1.1\r\n" H "\r\n", "400", 0, 0},
    {"HTTP-version = HTTP-name \"/\" DIGIT \".\" DIGIT", "GET / HTTP/1.10\r\n" H "\r\n", "400", 0,
     0},
    {"RFC 9110 15.6.6: 505, \"the major version of HTTP that was used\"",
     "GET / HTTP/2.0\r\n" H "\r\n", "505", 0, 0},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", 0, 0},
    {"HTTP/1.2 is not one of ours", "GET / HTTP/1.2\r\n" H "\r\n", "505", 0, 0},
    {"HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n" H "\r\n", "505", 0, 0},

    /* -- the target -- */
    {"RFC 9112 3.2.2: \"a server MUST accept the absolute-form in requests\"",
     "GET http://a.example/status/404?q HTTP/1.1\r\nHost: other\r\n\r\n", "200", 1, 0},
    {"of https, with a port", "GET HTTPS://a.example:8443 HTTP/1.1\r\n" H "\r\n", "200", 1, 0},
    {"RFC 9110 4.2.4: user information in a URI is to be treated as an error",
     "GET http://user@a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9110 4.2.1: \"A recipient that processes such a URI reference MUST reject it\", of an "
     "empty "
     "host",
     "GET http:///x HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"another scheme", "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3.2.4: \"The asterisk-form of request-target is only used for a server-wide OPTIONS "
     "request\"",
     "OPTIONS * HTTP/1.1\r\n" H "\r\n", "200", 1, 0},
    {"and for nothing else", "GET * HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"an asterisk and more", "OPTIONS *x HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3.2.3: \"The authority-form of request-target is only used for CONNECT requests\"",
     "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"and for nothing else", "GET a.example:443 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"CONNECT has no other form", "CONNECT / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a relative path", "GET a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},

    /* -- Host -- */
    {"RFC 9112 3.2: \"A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 "
     "request message that lacks a Host header field\"",
     "GET / HTTP/1.1\r\n\r\n", "400", 0, 0},
    {"\"and to any request message that contains more than one Host header field line\"",
     "GET / HTTP/1.1\r\n" H "hOST: a\r\n\r\n", "400", 0, 0},
    {"the same, of HTTP/1.0", "GET / HTTP/1.0\r\n" H H "\r\n", "400", 0, 0},
    {"\"or a Host header field with an invalid field value\"",
     "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", 0, 0},
    {"a list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400", 0, 0},
    {"user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400", 0, 0},
    {"a port that is no number", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "400", 0, 0},
    {"an address of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200", 1, 0},
    {"an unfinished one", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400", 0, 0},
    {"RFC 9110 7.2: an empty one, where \"the authority component is missing or undefined\"",
     "GET / HTTP/1.1\r\nHost:\r\n\r\n", "200", 1, 0},

    /* -- header lines -- */
    {"RFC 9112 5.1: \"A server MUST reject, with a response status code of 400 (Bad Request), any "
     "received request message that contains whitespace between a header field name and colon\"",
     "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", 0, 0},
    {"RFC 9112 2.2: \"A recipient that receives whitespace between the start-line and the first "
     "header "
     "field MUST either reject the message as invalid\"",
     "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400", 0, 0},
    {"RFC 9112 5.2: \"A server that receives an obs-fold in a request message that is not within a "
     "message/http container MUST either reject the message by sending a 400 (Bad Request)\"",
     "GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n", "400", 0, 0},
    {"with a tab", "GET / HTTP/1.1\r\n" H "X: y\r\n\tz\r\n\r\n", "400", 0, 0},
    {"no name", "GET / HTTP/1.1\r\n" H ": y\r\n\r\n", "400", 0, 0},
    {"no colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", "400", 0, 0},
    {"RFC 9110 5.1: field-name = token", "GET / HTTP/1.1\r\n" H "X(y: z\r\n\r\n", "400", 0, 0},
    {"a name that is not ASCII", "GET / HTTP/1.1\r\n" H "X\xc3\xa9: z\r\n\r\n", "400", 0, 0},
    {"RFC 9110 5.5: \"Field values containing CR, LF, or NUL characters are invalid and "
     "dangerous\"",
     "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", "400", 0, 0},
    NUL_CASE("a NUL", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400", 0),
    {"another control", "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", "400", 0, 0},
    {"DEL", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", "400", 0, 0},
    {"obs-text is allowed", "GET / HTTP/1.1\r\n" H "X: \xe9\r\n\r\n", "200", 1, 0},
    {"an empty value is allowed", "GET / HTTP/1.1\r\n" H "X:\r\nY: \t \r\n\r\n", "200", 1, 0},
    {"a bare LF after a header line", "GET / HTTP/1.1\r\n" H "X: y\n\r\n", "400", 0, 0},
    {"a bare LF as the empty line", "GET / HTTP/1.1\r\n" H "\nGET / HTTP/1.1\r\n\r\n", "400", 0, 0},
    {"CVE-2023-30589: a CR that hides a header line",
     "GET / HTTP/1.1\r\n" H "X:\rTransfer-Encoding: chunked\r\n\r\n", "400", 0, 0},
    {"a CR before the end", "GET / HTTP/1.1\r\n" H "X: y\r\r\n\r\n", "400", 0, 0},

    /* -- the length of the body -- */
    {"RFC 9112 6.3: \"its decimal value defines the expected message body length in octets\"",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {"leading zeroes are digits",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: 003\r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {"RFC 9112 6.3: \"If a message is received without Transfer-Encoding and with an invalid "
     "Content-Length header field, then the message framing is invalid\"",
     "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", "400", 0, 0},
    {"a sign", "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", "400", 0, 0},
    {"empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc", "400", 0, 0},
    {"hexadecimal", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", "400", 0, 0},
    {"a blank within", "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc", "400", 0, 0},
    {"a fraction", "POST / HTTP/1.1\r\n" H "Content-Length: 3.0\r\n\r\nabc", "400", 0, 0},
    {"more than 64 bits", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551619\r\n\r\nabc",
     "400", 0, 0},
    {"a list of one value, twice: a recipient may take or refuse it",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", "400", 0, 0},
    {"twice", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", 0,
     0},
    {"twice, differing",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", 0, 0},
    {"RFC 9112 6.3: Content-Length and Transfer-Encoding: \"Such a message might indicate an "
     "attempt to "
     "perform request smuggling ... and ought to be handled as an error\"",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"in the other order",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"RFC 9112 6.3: \"If a Transfer-Encoding header field is present in a request and the chunked "
     "transfer coding is not the final encoding ... the server MUST respond with the 400\"",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\nabc", "400", 0, 0},
    {"chunked, not last",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"RFC 9112 6.1: \"A sender MUST NOT apply the chunked transfer coding more than once\"",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"on two lines",
     "POST / HTTP/1.1\r\n" H
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"a coding we do not know, before chunked",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"identity is no coding any more",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "400", 0, 0},
    {"something like it", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"in quotes", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400",
     0, 0},
    {"a vertical tab before it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"empty", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"RFC 9112 7: transfer-coding names are case-insensitive",
     "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n" GET_NEXT, "200 201",
     2, 0},
    {"RFC 9112 6.1: \"A server or client that receives an HTTP/1.0 message containing a "
     "Transfer-Encoding "
     "header field MUST treat the message as if the framing is faulty\"",
     "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {"RFC 9112 6.3: \"If this is a request message and none of the above are true, then the "
     "message body "
     "length is zero\"",
     "POST / HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"a GET may have a body, which is not the next request",
     "GET /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "200 201", 2, 0},

    /* -- chunks -- */
    {"RFC 9112 7.1: chunked-body = *chunk last-chunk trailer-section CRLF",
     CHUNKED("3\r\nabc\r\nA;n=v\r\n0123456789\r\n000\r\nX: y\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {"chunk-size = 1*HEXDIG", CHUNKED("\r\n"), "400", 0, 0},
    {"a sign", CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a prefix", CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a blank before", CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a blank after", CHUNKED("3 \r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"RFC 9112 7.1: \"recipients MUST anticipate potentially large hexadecimal numerals and "
     "prevent "
     "parsing errors due to integer conversion overflows\"",
     CHUNKED("10000000000000003\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF after the size", CHUNKED("3\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF in an extension", CHUNKED("3;a\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare CR in an extension", CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF after the data", CHUNKED("3\r\nabc\n0\r\n\r\n"), "400", 0, 0},
    {"data that is longer than said", CHUNKED("3\r\nabcd\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF for the empty line", CHUNKED("3\r\nabc\r\n0\r\n\n"), "400", 0, 0},
    {"a bare LF in the trailer", CHUNKED("0\r\nX: y\n\r\n"), "400", 0, 0},
    {"a bare LF after the trailer", CHUNKED("0\r\nX: y\r\n\n"), "400", 0, 0},
    {"a folded trailer", CHUNKED("0\r\nX: y\r\n z\r\n\r\n"), "400", 0, 0},
    {"a blank before the trailer", CHUNKED("0\r\n X: y\r\n\r\n"), "400", 0, 0},
    {"RFC 9110 6.5.1: a trailer does not change the framing",
     CHUNKED("0\r\nContent-Length: 5\r\n\r\n") GET_NEXT, "200 201", 2, 0},
};

static void assert_case(const struct framing_case *c, const struct conversation *conversation,
                        const char *how)
{
    const char *statuses = conversation_get_statuses(conversation);
    const bool is_refused = c->statuses[0] == '4' || c->statuses[0] == '5';
    if (strcmp(statuses, c->statuses) != 0 || conversation->handles != c->handles ||
        conversation->begins != conversation->ends || conversation->closed != is_refused ||
        (is_refused && conversation->rejected + conversation->begins != 1)) {
        fail_msg("%s (%s)\n--\n%s\n--\ngave %s, not %s; %u handled; told:\n%s", c->source, how,
                 c->bytes, statuses, c->statuses, conversation->handles,
                 conversation->story == NULL ? "" : conversation->story);
    }
}

static void each_case_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct framing_case *c = &cases[i];
        const struct sx_str bytes = {c->bytes, c->size > 0 ? c->size : strlen(c->bytes)};
        struct conversation whole;
        conversation_init(&whole, bytes, NULL, 0);
        assert_case(c, &whole, "at once");
        size_t cuts[1000];
        for (size_t j = 0; j < bytes.size; j++) {
            cuts[j] = j;
        }
        struct conversation pieces;
        conversation_init(&pieces, bytes, cuts, bytes.size);
        assert_case(c, &pieces, "byte by byte");
        assert_string_equal(pieces.output, whole.output);
        conversation_clean_up(&pieces);
        conversation_clean_up(&whole);
    }
}

/* A refusal says what was wrong, as JSON, and that it is the last word. */
static void a_rejection_explains_itself(void **state)
{
    (void)state;
    static const char bytes[] = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n";
    struct conversation conversation;
    conversation_init(&conversation, (struct sx_str){bytes, sizeof bytes - 1}, NULL, 0);
    assert_string_equal(conversation.output, "HTTP/1.1 400 Bad Request\r\n"
                                             "Date: DDDDDDDDDDDDDDDDDDDDDDDDDDDDD\r\n"
                                             "Content-Type: application/json\r\n"
                                             "Content-Length: 31\r\n"
                                             "Connection: close\r\n"
                                             "\r\n"
                                             "{\"message\": \"there is no Host\"}");
    assert_string_equal(conversation.story, "rejected 0\n");
    conversation_clean_up(&conversation);
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void a_rejected_head_gets_no_content(void **state)
{
    (void)state;
    static const char bytes[] = "HEAD / HTTP/1.1\r\n\r\n";
    struct conversation conversation;
    conversation_init(&conversation, (struct sx_str){bytes, sizeof bytes - 1}, NULL, 0);
    assert_string_equal(conversation_get_statuses(&conversation), "400");
    assert_string_equal(conversation.output + conversation.output_size - 4, "\r\n\r\n");
    conversation_clean_up(&conversation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_answer),
        cmocka_unit_test(a_rejection_explains_itself),
        cmocka_unit_test(a_rejected_head_gets_no_content),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
