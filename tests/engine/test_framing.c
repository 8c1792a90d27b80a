/* What can be read in two ways is refused, what is merely unusual is not. Each case is said at once
 * and byte by byte, and quotes the sentence that it proves. */
#include "conversation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: a\r\n"
#define GET_NEXT "GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED(body) "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n" body

struct framing_case {
    const char *source; /* the sentence */
    const char *bytes;
    const char *statuses; /* of the responses; "200 closed": and no more is read */
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
    {"RFC 9112 2.2: \"a sequence of octets that does not match the HTTP-message grammar\": a byte "
     "order mark",
     "\xef\xbb\xbfGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a CR within the line", "GET /\r HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3.1: \"The request method is case-sensitive\": this is another one, and well-formed",
     "get / HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"RFC 9110 9.3.8: \"A client MUST NOT send content in a TRACE request\"; if it does, it is not "
     "the next request",
     "TRACE /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "200 201", 2, 0},
    NUL_CASE("a NUL", "GET /\0 HTTP/1.1\r\n" H "\r\n", "400", 0),
    {"RFC 9112 2.3: HTTP-name is case-sensitive", "GET / http/1.1\r\n" H "\r\n", "400", 0, 0},
    {"HTTP-version = HTTP-name \"/\" DIGIT \".\" DIGIT", "GET / HTTP/1.10\r\n" H "\r\n", "400", 0,
     0},
    {"RFC 9110 15.6.6: 505, \"the major version of HTTP that was used\"",
     "GET / HTTP/2.0\r\n" H "\r\n", "505", 0, 0},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", 0, 0},
    {"HTTP/1.2 is not one of ours", "GET / HTTP/1.2\r\n" H "\r\n", "505", 0, 0},
    {"HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n" H "\r\n", "505", 0, 0},
    {"a leading zero", "GET / HTTP/01.1\r\n" H "\r\n", "400", 0, 0},
    {"and a longer minor version", "GET / HTTP/1.01\r\n" H "\r\n", "400", 0, 0},
    {"a space within", "GET / HTTP /1.1\r\n" H "\r\n", "400", 0, 0},

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
    {"a query without a path", "GET ?a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9112 3.2.2: \"the origin server MUST ignore the received Host header field (if any)\"; "
     "3.2 "
     "asks for one all the same",
     "GET http://a.example/ HTTP/1.1\r\n\r\n", "400", 0, 0},
    {"the absolute-form with a query and no path",
     "GET http://a.example?q HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"of OPTIONS", "OPTIONS http://a.example HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"with an address of IPv6", "GET http://[::1]:80/ HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2,
     0},
    {"RFC 3986 3.2.3: port = *DIGIT, so it may be empty",
     "GET http://a.example:/ HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"a port that is no number", "GET http://a.example:x/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a port and no host", "GET http://:80/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"empty user information", "GET http://@a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a backslash, which some read as a slash", "GET http://a\\@b/ HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},
    {"RFC 3986 2.1: pct-encoded = \"%\" HEXDIG HEXDIG", "GET http://a%2/ HTTP/1.1\r\n" H "\r\n",
     "400", 0, 0},
    {"a scheme without an authority", "GET http:a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"RFC 9110 9.3.6: \"A server MUST reject a CONNECT request that targets an empty or invalid "
     "port "
     "number\"",
     "CONNECT a.example: HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"no port", "CONNECT a.example HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"port 0", "CONNECT a.example:0 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"a port that is too large", "CONNECT a.example:65536 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"one that no number holds", "CONNECT a:99999999999999999999999999 HTTP/1.1\r\n" H "\r\n",
     "400", 0, 0},
    {"the largest port", "CONNECT [::1]:65535 HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {"no host", "CONNECT :443 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"user information", "CONNECT u@a.example:443 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {"the absolute-form of CONNECT", "CONNECT http://a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},

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
    {"with more behind it", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400", 0, 0},
    {"RFC 3986 3.2.3: port = *DIGIT", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n" GET_NEXT, "200 201", 2,
     0},
    {"two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "400", 0, 0},
    {"RFC 3986 2.1: pct-encoded = \"%\" HEXDIG HEXDIG",
     "GET / HTTP/1.1\r\nHost: a%4a\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {"and nothing else", "GET / HTTP/1.1\r\nHost: a%4g\r\n\r\n", "400", 0, 0},
    {"nor less", "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "400", 0, 0},
    {"of HTTP/1.0 there need not be one",
     "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET_NEXT, "200 201", 2, 0},
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
    {"a control", "GET / HTTP/1.1\r\n" H "X\x01: z\r\n\r\n", "400", 0, 0},
    NUL_CASE("a NUL", "GET / HTTP/1.1\r\n" H "X\0: z\r\n\r\n", "400", 0),
    {"quotes", "GET / HTTP/1.1\r\n" H "\"X\": z\r\n\r\n", "400", 0, 0},
    {"no name before the first colon", "GET / HTTP/1.1\r\n:\r\n" H "\r\n", "400", 0, 0},
    {"an underscore is another name", "POST / HTTP/1.1\r\n" H "Content_Length: 3\r\n\r\n" GET_NEXT,
     "200 201", 2, 0},
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
    {"RFC 9110 5.5: white space around it is no part of a field value",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: \t3  \r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {"RFC 9112 6.3: \"If a message is received without Transfer-Encoding and with an invalid "
     "Content-Length header field, then the message framing is invalid\"",
     "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", "400", 0, 0},
    {"a sign", "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", "400", 0, 0},
    {"empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc", "400", 0, 0},
    {"hexadecimal", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", "400", 0, 0},
    {"a blank within", "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc", "400", 0, 0},
    {"a fraction", "POST / HTTP/1.1\r\n" H "Content-Length: 3.0\r\n\r\nabc", "400", 0, 0},
    {"a parameter", "POST / HTTP/1.1\r\n" H "Content-Length: 3;\r\n\r\nabc", "400", 0, 0},
    {"a digit that is not ASCII", "POST / HTTP/1.1\r\n" H "Content-Length: \xb2\r\n\r\nabc", "400",
     0, 0},
    {"RFC 9110 8.6: \"a recipient MUST anticipate potentially large decimal numerals\"",
     "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551615\r\n\r\nabc", "413", 0, 0},
    {"none and some, of a GET",
     "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc", "400", 0, 0},
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
    {"empty, beside Content-Length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc", "400", 0, 0},
    {"an empty element", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"at the end", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400", 0,
     0},
    {"a parameter", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"a space that is not ASCII",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \xa0"
     "chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {"a form feed", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \fchunked\r\n\r\n0\r\n\r\n", "400",
     0, 0},
    NUL_CASE("a NUL behind it",
             "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", "400", 0),
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
    {"RFC 9110 9.3.2: so may a HEAD",
     "HEAD /status/204 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "204 201", 2, 0},
    {"RFC 9110 9.3.6: \"A CONNECT request message does not have content\"; where it does, it is "
     "not "
     "the next request",
     "CONNECT a:1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "200 201", 2, 0},
    {"RFC 9112 2.2: \"an extra CRLF\" after a body is ignored",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc\r\n" GET_NEXT, "200 201", 2, 0},

    /* -- what follows the request -- */
    {"RFC 9112 9.6: \"The server MUST NOT process any further requests received on that "
     "connection\"",
     "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {"RFC 9110 5.6.1.2: \"A recipient MUST parse and ignore a reasonable number of empty list "
     "elements\"; 7.6.1: \"Connection options are case-insensitive\"",
     "GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: , ,CLOSE ,\r\n\r\n" GET_NEXT,
     "200 closed", 1, 0},
    {"RFC 9112 9.3: of HTTP/1.0 a connection \"will close after the current response\"",
     "GET / HTTP/1.0\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {"unless \"the \"keep-alive\" connection option is present\"",
     "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {"\"If the \"close\" connection option is present\", first of all",
     "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {"RFC 9112 C.2.2: Proxy-Connection is nothing",
     "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {"RFC 9110 7.8: \"A server MAY ignore a received Upgrade header field\"",
     "POST /echo HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     "HTTP2-Settings: x\r\nContent-Length: 3\r\n\r\nabc" GET_NEXT,
     "200 201", 2, 0},
    {"the same in chunks",
     "POST /echo HTTP/1.1\r\n" H
     "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n"
     "\r\n3\r\nabc\r\n0\r\n\r\n" GET_NEXT,
     "200 201", 2, 0},

    /* -- expectations -- */
    {"RFC 9110 10.1.1: \"an immediate 100 (Continue) response to encourage the client to send the "
     "request content\"; \"The Expect field value is case-insensitive\"",
     "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: , 100-Continue,\r\n\r\nabc" GET_NEXT,
     "100 200 201", 2, 0},
    {"where there is no content it is nothing",
     "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {"\"A server that receives an Expect field value containing a member other than 100-continue "
     "MAY "
     "respond with a 417\"",
     "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue, x=y\r\n\r\nabc", "417",
     0, 0},
    {"\"A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that "
     "expectation\"",
     "PUT /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nExpect: "
     "100-continue\r\n\r\n"
     "abc" GET_NEXT,
     "200 201", 2, 0},
    {"\"an immediate response with a final status code\", where the header says enough",
     "PUT / HTTP/1.1\r\n" H "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n", "413", 0, 0},
    {"content that is malformed after all",
     "PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\nx\r\n",
     "100 400", 0, 0},

    /* -- chunks -- */
    {"RFC 9112 7.1: chunked-body = *chunk last-chunk trailer-section CRLF",
     CHUNKED("3\r\nabc\r\nA;n=v\r\n0123456789\r\n000\r\nX: y\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {"chunk-size = 1*HEXDIG", CHUNKED("\r\n"), "400", 0, 0},
    {"a sign", CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a prefix", CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a blank before", CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a blank after", CHUNKED("3 \r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a tab after", CHUNKED("3\t\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"an underscore", CHUNKED("1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), "400", 0, 0},
    {"something that is no extension", CHUNKED("3 abc\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"zeroes before it are digits",
     CHUNKED("00000000000000000000000000000003\r\nabc\r\n0000000000000000000000\r\n\r\n") GET_NEXT,
     "200 201", 2, 0},
    {"RFC 9112 7.1: \"recipients MUST anticipate potentially large hexadecimal numerals and "
     "prevent "
     "parsing errors due to integer conversion overflows\"",
     CHUNKED("10000000000000003\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF after the size", CHUNKED("3\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare CR after the size", CHUNKED("3\rabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"two CRs", CHUNKED("3\r\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"RFC 9112 7.1.1: \"A recipient MUST ignore unrecognized chunk extensions\"",
     CHUNKED("3;a;b=\"c;d\"\r\nabc\r\n0;g=h\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {"a quoted value that does not end", CHUNKED("3;a=\"b\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a name that is no token", CHUNKED("3;((\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a control in an extension", CHUNKED("3;a\x01\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    NUL_CASE("a NUL in an extension", CHUNKED("3;a\0\r\nabc\r\n0\r\n\r\n"), "400", 0),
    {"a bare LF in an extension", CHUNKED("3;a\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare CR in an extension", CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare LF after the data", CHUNKED("3\r\nabc\n0\r\n\r\n"), "400", 0, 0},
    {"data that is longer than said", CHUNKED("3\r\nabcd\r\n0\r\n\r\n"), "400", 0, 0},
    {"data that is shorter", CHUNKED("4\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {"a bare CR after the data", CHUNKED("3\r\nabc\r0\r\n\r\n"), "400", 0, 0},
    {"a bare LF for the empty line", CHUNKED("3\r\nabc\r\n0\r\n\n"), "400", 0, 0},
    {"a bare LF in the trailer", CHUNKED("0\r\nX: y\n\r\n"), "400", 0, 0},
    {"a bare LF after the trailer", CHUNKED("0\r\nX: y\r\n\n"), "400", 0, 0},
    {"a folded trailer", CHUNKED("0\r\nX: y\r\n z\r\n\r\n"), "400", 0, 0},
    {"a blank before the trailer", CHUNKED("0\r\n X: y\r\n\r\n"), "400", 0, 0},
    {"RFC 9112 7.1.2: trailer-section = *( field-line CRLF ): no colon", CHUNKED("0\r\nX\r\n\r\n"),
     "400", 0, 0},
    {"no name", CHUNKED("0\r\n: y\r\n\r\n"), "400", 0, 0},
    {"no name in the second line", CHUNKED("0\r\nX: y\r\n:\r\n\r\n"), "400", 0, 0},
    {"a blank before the colon", CHUNKED("0\r\nX : y\r\n\r\n"), "400", 0, 0},
    {"a name that is no token", CHUNKED("0\r\nX(: y\r\n\r\n"), "400", 0, 0},
    {"a CR in a value", CHUNKED("0\r\nX: a\rb\r\n\r\n"), "400", 0, 0},
    {"a CR before the end", CHUNKED("0\r\nX: a\r\r\n\r\n"), "400", 0, 0},
    {"a control", CHUNKED("0\r\nX: \x01\r\n\r\n"), "400", 0, 0},
    NUL_CASE("a NUL", CHUNKED("0\r\nX: \0\r\n\r\n"), "400", 0),
    {"an end that is none", CHUNKED("0\r\nX: a\r\n\rX"), "400", 0, 0},
    {"RFC 9110 6.5.1: a sender MUST NOT generate a trailer field for \"message framing\": refused",
     CHUNKED("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400", 0, 0},
    {"\"routing\" is ignored",
     CHUNKED("0\r\nHost: b\r\nConnection: close\r\nExpect: x\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {"an upgrade in the trailer",
     CHUNKED("0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {"RFC 9110 6.5.1: a trailer does not change the framing",
     CHUNKED("0\r\nContent-Length: 5\r\n\r\n") GET_NEXT, "200 201", 2, 0},
};

static void assert_case(const struct framing_case *c, const struct conversation *conversation,
                        const char *how)
{
    char statuses[200];
    snprintf(statuses, sizeof statuses, "%s", conversation_get_statuses(conversation));
    const bool is_refused = c->handles == 0;
    if (conversation->closed && !is_refused) {
        strcat(statuses, " closed");
    }
    if (strcmp(statuses, c->statuses) != 0 || conversation->handles != c->handles ||
        conversation->begins != conversation->ends || (is_refused && !conversation->closed) ||
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
