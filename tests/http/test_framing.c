/* Ambiguous requests are rejected, requests that are merely unusual are not (request smuggling).
 * Each case is sent at once and byte by byte, and names the rule that it proves: a sentence of RFC
 * 9110, 9112 or 3986, word for word, or a rule of their grammar. */
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

enum sentence {
    NO_SENTENCE,
    EMPTY_LINE,
    BARE_CR,
    BARE_LF,
    EXTRA_CRLF,
    GRAMMAR,
    BLANK_BEFORE_FIELDS,
    VERSION_CASE,
    VERSION,
    MAJOR_VERSION,
    MINOR_VERSION,
    REQUEST_LINE,
    METHOD,
    METHOD_CASE,
    NO_WHITESPACE,
    TARGET,
    ORIGIN_FORM,
    ABSOLUTE_FORM,
    AUTHORITY_ONLY,
    AUTHORITY_FORM,
    CONNECT_TARGET,
    CONNECT_PORT,
    ASTERISK_ONLY,
    URI_BYTES,
    NOT_IMPLEMENTED,
    SCHEME,
    HTTP_URI,
    EMPTY_HOST,
    USERINFO,
    PORT,
    REG_NAME,
    PERCENT,
    HOST,
    HOST_FORM,
    NO_AUTHORITY,
    FIELD_LINE,
    BLANK_BEFORE_COLON,
    OBS_FOLD,
    FIELD_NAME,
    FIELD_BLANKS,
    FIELD_CONTENT,
    FIELD_BYTES,
    FIELD_BREAKS,
    FIELD_CONTROLS,
    LENGTH,
    LENGTH_DIGITS,
    LENGTH_LARGE,
    LENGTH_INVALID,
    LENGTH_TWICE,
    BOTH_LENGTHS,
    CHUNKED_LAST,
    CHUNKED_ONCE,
    CODING_UNKNOWN,
    CODING,
    CODING_CASE,
    CODING_PARAMETERS,
    CODING_OF_1_0,
    NO_EMPTY_ELEMENTS,
    EMPTY_ELEMENTS,
    NO_BODY,
    ANY_METHOD,
    TRACE,
    CONNECT_BODY,
    CLOSES,
    CLOSE_OPTION,
    KEEP_ALIVE,
    WILL_CLOSE,
    UPGRADE,
    CONTINUE,
    FINAL_STATUS,
    NO_CONTENT,
    UNREAD_BODY,
    OTHER_EXPECTATION,
    EXPECTATION_OF_1_0,
    CHUNKED_BODY,
    CHUNK,
    LAST_CHUNK,
    CHUNK_SIZE,
    CHUNK_LARGE,
    EXTENSION_UNKNOWN,
    EXTENSION,
    WHITESPACE_BAD,
    QUOTED_STRING,
    QUOTED_PAIR,
    TRAILER,
    TRAILER_DISCARDED,
    TRAILER_FRAMING,
    SENTENCES,
};

static const struct {
    const char *document, *section, *words;
} sentences[SENTENCES] = {
    [EMPTY_LINE] = {"RFC 9112", "2.2",
                    "a server that is expecting to receive and parse a request-line SHOULD ignore "
                    "at least one empty line (CRLF) received prior to the request-line"},
    [BARE_CR] = {"RFC 9112", "2.2",
                 "A recipient of such a bare CR MUST consider that element to be invalid or "
                 "replace each bare CR with SP"},
    [BARE_LF] = {"RFC 9112", "2.2",
                 "Although the line terminator for the start-line and fields is the sequence CRLF, "
                 "a recipient MAY recognize a single LF as a line terminator"},
    [EXTRA_CRLF] =
        {"RFC 9112", "2.2",
         "Older HTTP/1.0 user agent implementations might send an extra CRLF after a POST request"},
    [GRAMMAR] = {"RFC 9112", "2.2",
                 "receives a sequence of octets that does not match the HTTP-message grammar aside "
                 "from the robustness exceptions listed above, the server SHOULD respond with a "
                 "400 (Bad Request) response and close the connection"},
    [BLANK_BEFORE_FIELDS] =
        {"RFC 9112", "2.2",
         "A recipient that receives whitespace between the start-line and the first header field "
         "MUST either reject the message as invalid or consume each whitespace-preceded line "
         "without further processing of it"},
    [VERSION_CASE] = {"RFC 9112", "2.3", "HTTP-version is case-sensitive."},
    [VERSION] = {"RFC 9112", "2.3", "HTTP-version = HTTP-name \"/\" DIGIT \".\" DIGIT"},
    [MAJOR_VERSION] = {"RFC 9110", "15.6.6",
                       "the server does not support, or refuses to support, the major version of "
                       "HTTP that was used in the request message"},
    [MINOR_VERSION] = {"RFC 9110", "6.2",
                       "A recipient that receives a message with a major version number that it "
                       "implements and a minor version number higher than what it implements "
                       "SHOULD process the message as if it were in the highest minor version"},
    [REQUEST_LINE] = {"RFC 9112", "3", "request-line = method SP request-target SP HTTP-version"},
    [METHOD] = {"RFC 9110", "9.1", "method = token"},
    [METHOD_CASE] = {"RFC 9112", "3.1", "The request method is case-sensitive."},
    [NO_WHITESPACE] = {"RFC 9112", "3.2", "No whitespace is allowed in the request-target."},
    [TARGET] = {"RFC 9112", "3.2",
                "request-target = origin-form / absolute-form / authority-form / asterisk-form"},
    [ORIGIN_FORM] = {"RFC 9112", "3.2.1", "origin-form = absolute-path [ \"?\" query ]"},
    [ABSOLUTE_FORM] = {"RFC 9112", "3.2.2",
                       "A server MUST accept the absolute-form in requests even though most "
                       "HTTP/1.1 clients will only send the absolute-form to a proxy."},
    [AUTHORITY_ONLY] = {"RFC 9112", "3.2.3",
                        "The authority-form of request-target is only used for CONNECT requests"},
    [AUTHORITY_FORM] = {"RFC 9112", "3.2.3", "authority-form = uri-host \":\" port"},
    [CONNECT_TARGET] = {"RFC 9112", "3.2.3",
                        "a client MUST send only the host and port of the tunnel destination as "
                        "the request-target"},
    [CONNECT_PORT] =
        {"RFC 9110", "9.3.6",
         "A server MUST reject a CONNECT request that targets an empty or invalid port number"},
    [ASTERISK_ONLY] =
        {"RFC 9112", "3.2.4",
         "The asterisk-form of request-target is only used for a server-wide OPTIONS request"},
    [URI_BYTES] = {"RFC 9112", "3.2",
                   "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad "
                   "Request) error or a 301 (Moved Permanently) redirect with the request-target "
                   "properly encoded."},
    [NOT_IMPLEMENTED] = {"RFC 9110", "9.1",
                         "An origin server that receives a request method that is unrecognized or "
                         "not implemented SHOULD respond with the 501 (Not Implemented) status "
                         "code."},
    [SCHEME] = {"RFC 9110", "7.4",
                "an origin server MUST reject a request if any scheme-specific requirements for "
                "the target URI are not met"},
    [HTTP_URI] = {"RFC 9110", "4.2.1",
                  "http-URI = \"http\" \"://\" authority path-abempty [ \"?\" query ]"},
    [EMPTY_HOST] = {"RFC 9110", "4.2.1",
                    "A recipient that processes such a URI reference MUST reject it as invalid."},
    [USERINFO] = {"RFC 9110", "4.2.4",
                  "a recipient SHOULD parse for userinfo and treat its presence as an error"},
    [PORT] = {"RFC 3986", "3.2.3", "port = *DIGIT"},
    [REG_NAME] = {"RFC 3986", "3.2.2", "reg-name = *( unreserved / pct-encoded / sub-delims )"},
    [PERCENT] = {"RFC 3986", "2.1", "pct-encoded = \"%\" HEXDIG HEXDIG"},
    [HOST] =
        {"RFC 9112", "3.2",
         "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request "
         "message that lacks a Host header field and to any request message that contains more "
         "than one Host header field line or a Host header field with an invalid field value."},
    [HOST_FORM] = {"RFC 9110", "7.2", "Host = uri-host [ \":\" port ]"},
    [NO_AUTHORITY] = {"RFC 9112", "3.2",
                      "If the authority component is missing or undefined for the target URI, then "
                      "a client MUST send a Host header field with an empty field value."},
    [FIELD_LINE] = {"RFC 9112", "5", "field-line = field-name \":\" OWS field-value OWS"},
    [BLANK_BEFORE_COLON] =
        {"RFC 9112", "5.1",
         "A server MUST reject, with a response status code of 400 (Bad Request), any received "
         "request message that contains whitespace between a header field name and colon."},
    [OBS_FOLD] = {"RFC 9112", "5.2",
                  "A server that receives an obs-fold in a request message that is not within a "
                  "\"message/http\" container MUST either reject the message by sending a 400 (Bad "
                  "Request)"},
    [FIELD_NAME] = {"RFC 9110", "5.1", "field-name = token"},
    [FIELD_BLANKS] = {"RFC 9110", "5.5",
                      "A field value does not include leading or trailing whitespace."},
    [FIELD_CONTENT] = {"RFC 9110", "5.5", "field-value = *field-content"},
    [FIELD_BYTES] = {"RFC 9110", "5.5", "field-vchar = VCHAR / obs-text"},
    [FIELD_BREAKS] =
        {"RFC 9110", "5.5",
         "Field values containing CR, LF, or NUL characters are invalid and dangerous"},
    [FIELD_CONTROLS] = {"RFC 9110", "5.5",
                        "Field values containing other CTL characters are also invalid"},
    [LENGTH] = {"RFC 9112", "6.3",
                "If a valid Content-Length header field is present without Transfer-Encoding, its "
                "decimal value defines the expected message body length in octets."},
    [LENGTH_DIGITS] = {"RFC 9110", "8.6", "Content-Length = 1*DIGIT"},
    [LENGTH_LARGE] = {"RFC 9110", "8.6",
                      "a recipient MUST anticipate potentially large decimal numerals and prevent "
                      "parsing errors due to integer conversion overflows"},
    [LENGTH_INVALID] = {"RFC 9112", "6.3",
                        "If a message is received without Transfer-Encoding and with an invalid "
                        "Content-Length header field, then the message framing is invalid"},
    [LENGTH_TWICE] =
        {"RFC 9110", "8.6",
         "a recipient of a Content-Length header field value consisting of the same decimal value "
         "repeated as a comma-separated list (e.g, \"Content-Length: 42, 42\") MAY either reject "
         "the message as invalid or replace that invalid field value"},
    [BOTH_LENGTHS] =
        {"RFC 9112", "6.3",
         "Such a message might indicate an attempt to perform request smuggling (Section 11.2) or "
         "response splitting (Section 11.1) and ought to be handled as an error."},
    [CHUNKED_LAST] =
        {"RFC 9112", "6.3",
         "If a Transfer-Encoding header field is present in a request and the chunked transfer "
         "coding is not the final encoding, the message body length cannot be determined reliably; "
         "the server MUST respond with the 400 (Bad Request) status code"},
    [CHUNKED_ONCE] =
        {"RFC 9112", "6.1",
         "A sender MUST NOT apply the chunked transfer coding more than once to a message body"},
    [CODING_UNKNOWN] = {"RFC 9112", "6.1",
                        "A server that receives a request message with a transfer coding it does "
                        "not understand SHOULD respond with 501 (Not Implemented)."},
    [CODING] = {"RFC 9110", "10.1.4",
                "transfer-coding = token *( OWS \";\" OWS transfer-parameter )"},
    [CODING_CASE] = {"RFC 9112", "7", "All transfer-coding names are case-insensitive"},
    [CODING_PARAMETERS] = {"RFC 9112", "7.1",
                           "The chunked coding does not define any parameters. Their presence "
                           "SHOULD be treated as an error."},
    [CODING_OF_1_0] =
        {"RFC 9112", "6.1",
         "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding "
         "header field MUST treat the message as if the framing is faulty"},
    [NO_EMPTY_ELEMENTS] = {"RFC 9110", "5.6.1.1", "a sender MUST NOT generate empty list elements"},
    [EMPTY_ELEMENTS] =
        {"RFC 9110", "5.6.1.2",
         "A recipient MUST parse and ignore a reasonable number of empty list elements"},
    [NO_BODY] = {"RFC 9112", "6.3",
                 "If this is a request message and none of the above are true, then the message "
                 "body length is zero (no message body is present)."},
    [ANY_METHOD] = {"RFC 9112", "6", "Request message framing is independent of method semantics."},
    [TRACE] = {"RFC 9110", "9.3.8", "A client MUST NOT send content in a TRACE request."},
    [CONNECT_BODY] = {"RFC 9110", "9.3.6", "A CONNECT request message does not have content."},
    [CLOSES] = {"RFC 9112", "9.6",
                "The server MUST NOT process any further requests received on that connection."},
    [CLOSE_OPTION] = {"RFC 9112", "9.3",
                      "If the \"close\" connection option is present (Section 9.6), the connection "
                      "will not persist after the current response"},
    [KEEP_ALIVE] = {"RFC 9112", "9.3",
                    "If the received protocol is HTTP/1.0, the \"keep-alive\" connection option is "
                    "present, either the recipient is not a proxy or the message is a response, "
                    "and the recipient wishes to honor the HTTP/1.0 \"keep-alive\" mechanism, the "
                    "connection will persist after the current response"},
    [WILL_CLOSE] = {"RFC 9112", "9.3", "The connection will close after the current response."},
    [UPGRADE] = {"RFC 9110", "7.8", "A server MAY ignore a received Upgrade header field"},
    [CONTINUE] = {"RFC 9110", "10.1.1",
                  "an immediate 100 (Continue) response to encourage the client to send the "
                  "request content"},
    [FINAL_STATUS] = {"RFC 9110", "10.1.1",
                      "an immediate response with a final status code, if that status can be "
                      "determined by examining just the method, target URI, and header fields"},
    [NO_CONTENT] = {"RFC 9110", "10.1.1",
                    "A server MAY omit sending a 100 (Continue) response if it has already "
                    "received some or all of the content for the corresponding request, or if the "
                    "framing indicates that there is no content."},
    [UNREAD_BODY] = {"RFC 9112", "9.3",
                     "a server MUST read the entire request message body or close the connection "
                     "after sending its response; otherwise, the remaining data on a persistent "
                     "connection would be misinterpreted as the next request"},
    [OTHER_EXPECTATION] =
        {"RFC 9110", "10.1.1",
         "A server that receives an Expect field value containing a member other than 100-continue "
         "MAY respond with a 417 (Expectation Failed) status code"},
    [EXPECTATION_OF_1_0] = {"RFC 9110", "10.1.1",
                            "A server that receives a 100-continue expectation in an HTTP/1.0 "
                            "request MUST ignore that expectation."},
    [CHUNKED_BODY] = {"RFC 9112", "7.1", "chunked-body = *chunk last-chunk trailer-section CRLF"},
    [CHUNK] = {"RFC 9112", "7.1", "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF"},
    [LAST_CHUNK] = {"RFC 9112", "7.1", "last-chunk = 1*(\"0\") [ chunk-ext ] CRLF"},
    [CHUNK_SIZE] = {"RFC 9112", "7.1", "chunk-size = 1*HEXDIG"},
    [CHUNK_LARGE] = {"RFC 9112", "7.1",
                     "recipients MUST anticipate potentially large hexadecimal numerals and "
                     "prevent parsing errors due to integer conversion overflows"},
    [EXTENSION_UNKNOWN] = {"RFC 9112", "7.1.1",
                           "A recipient MUST ignore unrecognized chunk extensions."},
    [EXTENSION] = {"RFC 9112", "7.1.1",
                   "chunk-ext = *( BWS \";\" BWS chunk-ext-name [ BWS \"=\" BWS chunk-ext-val ] )"},
    [WHITESPACE_BAD] = {"RFC 9110", "5.6.3",
                        "A recipient MUST parse for such bad whitespace and remove it before "
                        "interpreting the protocol element."},
    [QUOTED_STRING] = {"RFC 9110", "5.6.4",
                       "qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text"},
    [QUOTED_PAIR] = {"RFC 9110", "5.6.4", "quoted-pair = \"\\\" ( HTAB / SP / VCHAR / obs-text )"},
    [TRAILER] = {"RFC 9112", "7.1.2", "trailer-section = *( field-line CRLF )"},
    [TRAILER_DISCARDED] = {"RFC 9112", "7.1.2",
                           "A recipient that removes the chunked coding from a message MAY "
                           "selectively retain or discard the received trailer fields."},
    [TRAILER_FRAMING] =
        {"RFC 9110", "6.5.1",
         "Many fields cannot be processed outside the header section because their evaluation is "
         "necessary prior to receiving the content, such as those that describe message framing"},
};

struct framing_case {
    enum sentence sentence;
    const char *what; /* the case in a few words */
    const char *bytes;
    const char *statuses; /* the responses; "200 closed": nothing more is read */
    unsigned handles;
    size_t size; /* set if the bytes contain a NUL, otherwise 0 */
};

#define NUL_CASE(sentence, what, bytes, statuses, handles)          \
    {                                                               \
        sentence, what, bytes, statuses, handles, sizeof(bytes) - 1 \
    }

static const struct framing_case cases[] = {
    /* -- the request line -- */
    {EMPTY_LINE, "two of them", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n\r\n" GET_NEXT, "200 201", 2,
     0},
    {EMPTY_LINE, "with a bound", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET_NEXT, "400", 0,
     0},
    {BARE_CR, "a CR before the request line", "\rGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {BARE_LF, "after the request line; we do not", "GET / HTTP/1.1\n" H "\r\n", "400", 0, 0},
    {BARE_LF, "before the request line", "\nGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "two buffers before the target", "GET  / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "two buffers before the version", "GET /  HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "a space after the version", "GET / HTTP/1.1 \r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "a space before the method", " GET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "a tab for a space", "GET\t/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {NO_WHITESPACE, "a space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {NO_WHITESPACE, "a tab in the target", "GET /a\tb HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {ORIGIN_FORM, "a byte that is not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {ORIGIN_FORM, "a fragment, which is no part of it", "GET /#a HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},
    {REQUEST_LINE, "no target", "GET HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {REQUEST_LINE, "HTTP/0.9", "GET /\r\n", "400", 0, 0},
    {METHOD, "a parenthesis", "G(T / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {GRAMMAR, "a TLS handshake", "\x16\x03\x01\x02", "400", 0, 0},
    {GRAMMAR, "a byte order mark", "\xef\xbb\xbfGET / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {BARE_CR, "a CR within the line", "GET /\r HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {METHOD_CASE, "another one, and well-formed", "get / HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201",
     2, 0},
    {TRACE, "if it does, it is not the next request",
     "TRACE /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "200 201", 2, 0},
    NUL_CASE(ORIGIN_FORM, "a NUL", "GET /\0 HTTP/1.1\r\n" H "\r\n", "400", 0),
    {VERSION_CASE, "in small letters", "GET / http/1.1\r\n" H "\r\n", "400", 0, 0},
    {VERSION, "a digit more", "GET / HTTP/1.10\r\n" H "\r\n", "400", 0, 0},
    {MAJOR_VERSION, "HTTP/2", "GET / HTTP/2.0\r\n" H "\r\n", "505", 0, 0},
    {MAJOR_VERSION, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", 0, 0},
    {MINOR_VERSION, "HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {MINOR_VERSION, "HTTP/1.9 with chunks and an expectation",
     "PUT /echo HTTP/1.9\r\n" H "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
     "1\r\na\r\n0\r\n\r\n" GET_NEXT,
     "100 200 201", 2, 0},
    {MINOR_VERSION, "of HTTP/1.1 it has to have a Host", "GET / HTTP/1.2\r\n\r\n", "400", 0, 0},
    {MAJOR_VERSION, "HTTP/3.1", "GET / HTTP/3.1\r\n" H "\r\n", "505", 0, 0},
    {MAJOR_VERSION, "HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n" H "\r\n", "505", 0, 0},
    {VERSION, "a leading zero", "GET / HTTP/01.1\r\n" H "\r\n", "400", 0, 0},
    {VERSION, "and a longer minor version", "GET / HTTP/1.01\r\n" H "\r\n", "400", 0, 0},
    {VERSION, "a space within", "GET / HTTP /1.1\r\n" H "\r\n", "400", 0, 0},

    /* -- the target -- */
    {ABSOLUTE_FORM, "of http, with a query",
     "GET http://a.example/status/404?q HTTP/1.1\r\nHost: other\r\n\r\n", "200", 1, 0},
    {ABSOLUTE_FORM, "of https, with a port", "GET HTTPS://a.example:8443 HTTP/1.1\r\n" H "\r\n",
     "200", 1, 0},
    {USERINFO, "user information", "GET http://user@a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {EMPTY_HOST, "no host", "GET http:///x HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {SCHEME, "another scheme", "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {ASTERISK_ONLY, "OPTIONS", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "200", 1, 0},
    {ASTERISK_ONLY, "of GET", "GET * HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {ASTERISK_ONLY, "an asterisk and more", "OPTIONS *x HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {NOT_IMPLEMENTED, "CONNECT, and the tunnel's bytes are no request",
     "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n" GET_NEXT, "501", 0, 0},
    {AUTHORITY_ONLY, "CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", "501", 0, 0},
    {URI_BYTES, "a quote in the path", "GET /a\"b HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "a quote in the query", "GET /?a=\"b HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "angle brackets in the path", "GET /<a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "angle brackets in the query", "GET /?a> HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "a backslash in the path", "GET /a\\b HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "a backslash in the path of the absolute-form",
     "GET http://a/b\\c?d HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {URI_BYTES, "those that browsers send nevertheless are let through",
     "GET /^{|}`?^{|}`\\ HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {AUTHORITY_ONLY, "of GET", "GET a.example:443 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {CONNECT_TARGET, "CONNECT has no other form", "CONNECT / HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {TARGET, "a relative path", "GET a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {TARGET, "a query without a path", "GET ?a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {HOST, "the absolute-form asks for one all the same", "GET http://a.example/ HTTP/1.1\r\n\r\n",
     "400", 0, 0},
    {ABSOLUTE_FORM, "the absolute-form with a query and no path",
     "GET http://a.example?q HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {ABSOLUTE_FORM, "of OPTIONS", "OPTIONS http://a.example HTTP/1.1\r\n" H "\r\n" GET_NEXT,
     "200 201", 2, 0},
    {ABSOLUTE_FORM, "with an address of IPv6",
     "GET http://[::1]:80/ HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {PORT, "it may be empty", "GET http://a.example:/ HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2,
     0},
    {PORT, "a port that is no number", "GET http://a.example:x/ HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},
    {EMPTY_HOST, "a port and no host", "GET http://:80/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {USERINFO, "empty user information", "GET http://@a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},
    {REG_NAME, "a backslash, which some read as a slash", "GET http://a\\@b/ HTTP/1.1\r\n" H "\r\n",
     "400", 0, 0},
    {PERCENT, "one digit", "GET http://a%2/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {HTTP_URI, "a scheme without an authority", "GET http:a HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {CONNECT_PORT, "an empty port", "CONNECT a.example: HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {AUTHORITY_FORM, "no port", "CONNECT a.example HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {CONNECT_PORT, "port 0", "CONNECT a.example:0 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {CONNECT_PORT, "a port that is too large", "CONNECT a.example:65536 HTTP/1.1\r\n" H "\r\n",
     "400", 0, 0},
    {CONNECT_PORT, "one that no number holds",
     "CONNECT a:99999999999999999999999999 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {AUTHORITY_FORM, "the largest port", "CONNECT [::1]:65535 HTTP/1.1\r\n" H "\r\n" GET_NEXT,
     "501", 0, 0},
    {AUTHORITY_FORM, "no host", "CONNECT :443 HTTP/1.1\r\n" H "\r\n", "400", 0, 0},
    {AUTHORITY_FORM, "user information", "CONNECT u@a.example:443 HTTP/1.1\r\n" H "\r\n", "400", 0,
     0},
    {CONNECT_TARGET, "the absolute-form of CONNECT",
     "CONNECT http://a.example/ HTTP/1.1\r\n" H "\r\n", "400", 0, 0},

    /* -- Host -- */
    {HOST, "none", "GET / HTTP/1.1\r\n\r\n", "400", 0, 0},
    {HOST, "two of them, in different letters", "GET / HTTP/1.1\r\n" H "hOST: a\r\n\r\n", "400", 0,
     0},
    {HOST, "two of them, of HTTP/1.0", "GET / HTTP/1.0\r\n" H H "\r\n", "400", 0, 0},
    {HOST, "a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", 0, 0},
    {HOST, "a list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400", 0, 0},
    {HOST, "user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400", 0, 0},
    {HOST, "a port that is no number", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "400", 0, 0},
    {HOST_FORM, "an address of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200", 1, 0},
    {HOST, "an unfinished one", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400", 0, 0},
    {HOST, "with more behind it", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400", 0, 0},
    {PORT, "it may be empty", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {HOST, "two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "400", 0, 0},
    {PERCENT, "two digits", "GET / HTTP/1.1\r\nHost: a%4a\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {PERCENT, "a letter that is no digit", "GET / HTTP/1.1\r\nHost: a%4g\r\n\r\n", "400", 0, 0},
    {PERCENT, "one digit", "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "400", 0, 0},
    {HOST, "of HTTP/1.0 there need not be one",
     "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {NO_AUTHORITY, "an empty one", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "200", 1, 0},

    /* -- header lines -- */
    {BLANK_BEFORE_COLON, "before the colon of Host", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", 0,
     0},
    {BLANK_BEFORE_FIELDS, "before Host", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400", 0, 0},
    {OBS_FOLD, "with a space", "GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n", "400", 0, 0},
    {OBS_FOLD, "with a tab", "GET / HTTP/1.1\r\n" H "X: y\r\n\tz\r\n\r\n", "400", 0, 0},
    {FIELD_LINE, "no name", "GET / HTTP/1.1\r\n" H ": y\r\n\r\n", "400", 0, 0},
    {FIELD_LINE, "no colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", "400", 0, 0},
    {FIELD_NAME, "a parenthesis", "GET / HTTP/1.1\r\n" H "X(y: z\r\n\r\n", "400", 0, 0},
    {FIELD_NAME, "a name that is not ASCII", "GET / HTTP/1.1\r\n" H "X\xc3\xa9: z\r\n\r\n", "400",
     0, 0},
    {FIELD_NAME, "a control", "GET / HTTP/1.1\r\n" H "X\x01: z\r\n\r\n", "400", 0, 0},
    NUL_CASE(FIELD_NAME, "a NUL", "GET / HTTP/1.1\r\n" H "X\0: z\r\n\r\n", "400", 0),
    {FIELD_NAME, "quotes", "GET / HTTP/1.1\r\n" H "\"X\": z\r\n\r\n", "400", 0, 0},
    {FIELD_LINE, "no name before the first colon", "GET / HTTP/1.1\r\n:\r\n" H "\r\n", "400", 0, 0},
    {FIELD_NAME, "an underscore is another name",
     "POST / HTTP/1.1\r\n" H "Content_Length: 3\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {FIELD_BREAKS, "a CR", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", "400", 0, 0},
    NUL_CASE(FIELD_BREAKS, "a NUL", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400", 0),
    {FIELD_CONTROLS, "another control", "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", "400", 0, 0},
    {FIELD_CONTROLS, "DEL", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", "400", 0, 0},
    {FIELD_BYTES, "obs-text is allowed", "GET / HTTP/1.1\r\n" H "X: \xe9\r\n\r\n", "200", 1, 0},
    {FIELD_CONTENT, "an empty value is allowed", "GET / HTTP/1.1\r\n" H "X:\r\nY: \t \r\n\r\n",
     "200", 1, 0},
    {BARE_LF, "a bare LF after a header line", "GET / HTTP/1.1\r\n" H "X: y\n\r\n", "400", 0, 0},
    {BARE_LF, "a bare LF as the empty line", "GET / HTTP/1.1\r\n" H "\nGET / HTTP/1.1\r\n\r\n",
     "400", 0, 0},
    {FIELD_BREAKS, "CVE-2023-30589: a CR that hides a header line",
     "GET / HTTP/1.1\r\n" H "X:\rTransfer-Encoding: chunked\r\n\r\n", "400", 0, 0},
    {BARE_CR, "a CR before the end", "GET / HTTP/1.1\r\n" H "X: y\r\r\n\r\n", "400", 0, 0},

    /* -- the length of the body -- */
    {LENGTH, "three bytes", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET_NEXT,
     "200 201", 2, 0},
    {LENGTH_DIGITS, "leading zeroes",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: 003\r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {FIELD_BLANKS, "on both sides",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: \t3  \r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {LENGTH_INVALID, "a plus", "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", "400", 0,
     0},
    {LENGTH_INVALID, "a minus", "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", "400", 0,
     0},
    {LENGTH_INVALID, "empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc", "400", 0, 0},
    {LENGTH_INVALID, "hexadecimal", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", "400",
     0, 0},
    {LENGTH_INVALID, "a blank within", "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc",
     "400", 0, 0},
    {LENGTH_INVALID, "a fraction", "POST / HTTP/1.1\r\n" H "Content-Length: 3.0\r\n\r\nabc", "400",
     0, 0},
    {LENGTH_INVALID, "a parameter", "POST / HTTP/1.1\r\n" H "Content-Length: 3;\r\n\r\nabc", "400",
     0, 0},
    {LENGTH_INVALID, "a digit that is not ASCII",
     "POST / HTTP/1.1\r\n" H "Content-Length: \xb2\r\n\r\nabc", "400", 0, 0},
    {LENGTH_LARGE, "the largest of 64 bits",
     "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551615\r\n\r\nabc", "413", 0, 0},
    {LENGTH_INVALID, "none and some, of a GET",
     "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc", "400", 0, 0},
    {LENGTH_LARGE, "more than 64 bits",
     "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551619\r\n\r\nabc", "400", 0, 0},
    {LENGTH_TWICE, "a list: we reject it",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", "400", 0, 0},
    {LENGTH_TWICE, "two lines",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", 0, 0},
    {LENGTH_INVALID, "twice, differing",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", 0, 0},
    {BOTH_LENGTHS, "the length first",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {BOTH_LENGTHS, "the length last",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {CHUNKED_LAST, "another coding alone",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\nabc", "400", 0, 0},
    {CHUNKED_LAST, "chunked, not last",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CHUNKED_ONCE, "on one line",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CHUNKED_ONCE, "on two lines",
     "POST / HTTP/1.1\r\n" H
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {CODING_UNKNOWN, "before chunked; we respond with 400, as the framing is not ours to guess",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CHUNKED_LAST, "identity is no coding any more",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "400", 0, 0},
    {CHUNKED_LAST, "something like it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CODING, "in quotes", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {CODING, "a vertical tab before it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CHUNKED_LAST, "empty", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400", 0,
     0},
    {BOTH_LENGTHS, "empty, beside Content-Length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc", "400", 0, 0},
    {NO_EMPTY_ELEMENTS, "before it; we refuse them where framing depends on it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {NO_EMPTY_ELEMENTS, "behind it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CODING_PARAMETERS, "a parameter",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {CODING, "a space that is not ASCII",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \xa0"
     "chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {CODING, "a form feed", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \fchunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    NUL_CASE(CODING, "a NUL behind it",
             "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", "400", 0),
    {CODING, "a tab after it, which we refuse where framing depends on it",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", "400", 0, 0},
    {LENGTH_INVALID, "a tab after it, which we refuse, too",
     "POST / HTTP/1.1\r\n" H "Content-Length: 3 \t\r\n\r\nabc", "400", 0, 0},
    {CODING_CASE, "a capital letter",
     "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n" GET_NEXT, "200 201",
     2, 0},
    {CODING_OF_1_0, "chunked", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400", 0, 0},
    {NO_BODY, "a POST without a length", "POST / HTTP/1.1\r\n" H "\r\n" GET_NEXT, "200 201", 2, 0},
    {ANY_METHOD, "a GET may have a body, which is not the next request",
     "GET /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "200 201", 2, 0},
    {ANY_METHOD, "so may a HEAD",
     "HEAD /status/204 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "204 201", 2, 0},
    {CONNECT_BODY, "where it does, it is not the next request",
     "CONNECT a:1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /" GET_NEXT, "501", 0, 0},
    {EXTRA_CRLF, "it is ignored",
     "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc\r\n" GET_NEXT, "200 201", 2, 0},

    /* -- what follows the request -- */
    {CLOSES, "another request behind it",
     "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {EMPTY_ELEMENTS, "and those that are not are read in any case",
     "GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: , ,CLOSE ,\r\n\r\n" GET_NEXT,
     "200 closed", 1, 0},
    {WILL_CLOSE, "HTTP/1.0 alone", "GET / HTTP/1.0\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {KEEP_ALIVE, "with a capital letter",
     "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {CLOSE_OPTION, "it counts before keep-alive",
     "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {WILL_CLOSE, "Proxy-Connection is nothing",
     "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {UPGRADE, "a length",
     "POST /echo HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     "HTTP2-Settings: x\r\nContent-Length: 3\r\n\r\nabc" GET_NEXT,
     "200 201", 2, 0},
    {UPGRADE, "chunks",
     "POST /echo HTTP/1.1\r\n" H
     "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n"
     "\r\n3\r\nabc\r\n0\r\n\r\n" GET_NEXT,
     "200 201", 2, 0},

    /* -- expectations -- */
    {CONTINUE, "in any case, beside empty elements",
     "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: , 100-Continue,\r\n\r\nabc" GET_NEXT,
     "100 200 201", 2, 0},
    {NO_CONTENT, "no content", "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n" GET_NEXT,
     "200 201", 2, 0},
    {OTHER_EXPECTATION, "one of each",
     "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue, x=y\r\n\r\nabc", "417",
     0, 0},
    {EXPECTATION_OF_1_0, "with a length",
     "PUT /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nExpect: "
     "100-continue\r\n\r\n"
     "abc" GET_NEXT,
     "200 201", 2, 0},
    {FINAL_STATUS, "a small body, and the client waits",
     "PUT /early HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "200 closed",
     1, 0},
    {UNREAD_BODY, "a large body",
     "PUT /early HTTP/1.1\r\n" H "Content-Length: 16385\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {UNREAD_BODY, "a body that is too large",
     "PUT /early HTTP/1.1\r\n" H "Content-Length: 9999999\r\n\r\n" GET_NEXT, "200 closed", 1, 0},
    {UNREAD_BODY, "chunks",
     "PUT /early HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" GET_NEXT,
     "200 closed", 1, 0},
    {UNREAD_BODY, "a small one is read, so that the next request is one",
     "PUT /early HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET_NEXT, "200 201", 2, 0},
    {NO_CONTENT, "no content, where it would be skipped",
     "PUT /early HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n" GET_NEXT, "200 201", 2, 0},
    {FINAL_STATUS, "too large a body",
     "PUT / HTTP/1.1\r\n" H "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n", "413", 0, 0},
    {CONTINUE, "content that is malformed after all",
     "PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\nx\r\n",
     "100 400", 0, 0},

    /* -- chunks -- */
    {CHUNKED_BODY, "all of it",
     CHUNKED("3\r\nabc\r\nA;n=v\r\n0123456789\r\n000\r\nX: y\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {CHUNK_SIZE, "no digit", CHUNKED("\r\n"), "400", 0, 0},
    {CHUNK_SIZE, "a sign", CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK_SIZE, "a prefix", CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK_SIZE, "a blank before", CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "a blank after the size", CHUNKED("3 \r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "a tab after the size", CHUNKED("3\t\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK_SIZE, "an underscore", CHUNKED("1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "something that is no extension", CHUNKED("3 abc\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {LAST_CHUNK, "zeroes before it are digits",
     CHUNKED("00000000000000000000000000000003\r\nabc\r\n0000000000000000000000\r\n\r\n") GET_NEXT,
     "200 201", 2, 0},
    {CHUNK_LARGE, "more than 64 bits", CHUNKED("10000000000000003\r\nabc\r\n0\r\n\r\n"), "400", 0,
     0},
    {CHUNK, "a bare LF after the size", CHUNKED("3\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "a bare CR after the size", CHUNKED("3\rabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "two CRs", CHUNKED("3\r\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION_UNKNOWN, "with and without values",
     CHUNKED("3;a;b=\"c;d\"\r\nabc\r\n0;g=h\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {EXTENSION, "a quoted value that does not end", CHUNKED("3;a=\"b\r\nabc\r\n0\r\n\r\n"), "400",
     0, 0},
    {EXTENSION, "a name that is no token", CHUNKED("3;((\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a control in an extension", CHUNKED("3;a\x01\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    NUL_CASE(EXTENSION, "a NUL in an extension", CHUNKED("3;a\0\r\nabc\r\n0\r\n\r\n"), "400", 0),
    {EXTENSION, "a bare LF in an extension", CHUNKED("3;a\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a bare CR in an extension", CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "several", CHUNKED("3;a=b;c=d;e\r\nabc\r\n0;f\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {WHITESPACE_BAD, "before a name", CHUNKED("3; a=b\r\nabc\r\n0\r\n\r\n") GET_NEXT, "200 201", 2,
     0},
    {WHITESPACE_BAD, "around the equals sign", CHUNKED("3;a \t=\t b\r\nabc\r\n0\r\n\r\n") GET_NEXT,
     "200 201", 2, 0},
    {WHITESPACE_BAD, "before the semicolons",
     CHUNKED("3 ;a=b\t;c ;d=\"e\" ;f\r\nabc\r\n0\t;a\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {EXTENSION, "a blank behind a name, and nothing", CHUNKED("3;a \r\nabc\r\n0\r\n\r\n"), "400", 0,
     0},
    {EXTENSION, "a blank behind a value", CHUNKED("3;a=b \r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a blank behind a quoted value", CHUNKED("3;a=\"b\" \r\nabc\r\n0\r\n\r\n"), "400",
     0, 0},
    {EXTENSION, "no name", CHUNKED("3;\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "no name between two", CHUNKED("3;a;;b\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a value without a name", CHUNKED("3;=b\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "no value", CHUNKED("3;a=\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "two values", CHUNKED("3;a=b=c\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "two words as a name", CHUNKED("3;a b\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "quotes within a value", CHUNKED("3;a=b\"c\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "more behind the quotes", CHUNKED("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a value that is no token", CHUNKED("3;a=b/c\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {EXTENSION, "a comma between two", CHUNKED("3;a,b\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_STRING, "all of it, and none",
     CHUNKED("3;a=\"\";b=\"\t !#[]~\x80\xff;=:\"\r\nabc\r\n0\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {QUOTED_STRING, "a control", CHUNKED("3;a=\"\x01\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_STRING, "DEL", CHUNKED("3;a=\"\x7f\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_STRING, "a line end", CHUNKED("3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_STRING, "a bare LF", CHUNKED("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_PAIR, "a quote and a backslash",
     CHUNKED("3;a=\"b\\\"c\\\\\"\r\nabc\r\n0\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {QUOTED_PAIR, "a line end", CHUNKED("3;a=\"\\\r\n\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {QUOTED_PAIR, "a control", CHUNKED("3;a=\"\\\x01\"\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "a bare LF after the data", CHUNKED("3\r\nabc\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "data that is longer than said", CHUNKED("3\r\nabcd\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "data that is shorter", CHUNKED("4\r\nabc\r\n0\r\n\r\n"), "400", 0, 0},
    {CHUNK, "a bare CR after the data", CHUNKED("3\r\nabc\r0\r\n\r\n"), "400", 0, 0},
    {CHUNKED_BODY, "a bare LF for the empty line", CHUNKED("3\r\nabc\r\n0\r\n\n"), "400", 0, 0},
    {BARE_LF, "a bare LF in the trailer", CHUNKED("0\r\nX: y\n\r\n"), "400", 0, 0},
    {BARE_LF, "a bare LF after the trailer", CHUNKED("0\r\nX: y\r\n\n"), "400", 0, 0},
    {OBS_FOLD, "a folded trailer", CHUNKED("0\r\nX: y\r\n z\r\n\r\n"), "400", 0, 0},
    {FIELD_NAME, "a blank before the name", CHUNKED("0\r\n X: y\r\n\r\n"), "400", 0, 0},
    {TRAILER, "no colon", CHUNKED("0\r\nX\r\n\r\n"), "400", 0, 0},
    {FIELD_LINE, "no name", CHUNKED("0\r\n: y\r\n\r\n"), "400", 0, 0},
    {FIELD_LINE, "no name in the second line", CHUNKED("0\r\nX: y\r\n:\r\n\r\n"), "400", 0, 0},
    {BLANK_BEFORE_COLON, "a blank before the colon", CHUNKED("0\r\nX : y\r\n\r\n"), "400", 0, 0},
    {FIELD_NAME, "a name that is no token", CHUNKED("0\r\nX(: y\r\n\r\n"), "400", 0, 0},
    {FIELD_BREAKS, "a CR in a value", CHUNKED("0\r\nX: a\rb\r\n\r\n"), "400", 0, 0},
    {FIELD_BREAKS, "a CR before the end", CHUNKED("0\r\nX: a\r\r\n\r\n"), "400", 0, 0},
    {FIELD_CONTROLS, "a control", CHUNKED("0\r\nX: \x01\r\n\r\n"), "400", 0, 0},
    NUL_CASE(FIELD_BREAKS, "a NUL", CHUNKED("0\r\nX: \0\r\n\r\n"), "400", 0),
    {CHUNKED_BODY, "an end that is none", CHUNKED("0\r\nX: a\r\n\rX"), "400", 0, 0},
    {TRAILER_FRAMING, "Transfer-Encoding is refused",
     CHUNKED("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400", 0, 0},
    {TRAILER_DISCARDED, "those of routing, too",
     CHUNKED("0\r\nHost: b\r\nConnection: close\r\nExpect: x\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {UPGRADE, "an upgrade in the trailer",
     CHUNKED("0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n") GET_NEXT, "200 201", 2, 0},
    {TRAILER_FRAMING, "so is Content-Length", CHUNKED("0\r\nContent-Length: 5\r\n\r\n") GET_NEXT,
     "400", 0, 0},
    {TRAILER_FRAMING, "so is Content-Length, in any case and with any value",
     CHUNKED("0\r\nX: y\r\ncontent-LENGTH:\r\n\r\n") GET_NEXT, "400", 0, 0},
    {TRAILER_DISCARDED, "names that only begin or end like these",
     CHUNKED("0\r\nContent-Lengthy: 5\r\nContent-Lengt: 5\r\nXContent-Length: 5\r\n\r\n") GET_NEXT,
     "200 201", 2, 0},
};

static bool is_as_said(const struct framing_case *c, const struct conversation *conversation,
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
        print_error("%s %s: \"%s\"\n%s (%s)\n--\n%s\n--\ngot %s, not %s; %u handled; the service "
                    "received:\n%s\n",
                    sentences[c->sentence].document, sentences[c->sentence].section,
                    sentences[c->sentence].words, c->what, how, c->bytes, statuses, c->statuses,
                    conversation->handles, conversation->story == NULL ? "" : conversation->story);
        return false;
    }
    return true;
}

/* Each rule must have a case. */
static void each_case_has_a_rule_and_each_rule_a_case(void **state)
{
    (void)state;
    bool is_proved[SENTENCES] = {false};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum sentence sentence = cases[i].sentence;
        if (sentence <= NO_SENTENCE || sentence >= SENTENCES || cases[i].what[0] == '\0') {
            fail_msg("case %zu has no sentence:\n%s", i, cases[i].bytes);
        }
        is_proved[sentence] = true;
    }
    for (size_t i = NO_SENTENCE + 1; i < SENTENCES; i++) {
        assert_non_null(sentences[i].document);
        assert_non_null(sentences[i].section);
        assert_non_null(sentences[i].words);
        if (!is_proved[i]) {
            fail_msg("no case for: %s", sentences[i].words);
        }
    }
}

static void each_case_gets_its_statuses(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct framing_case *c = &cases[i];
        const struct sx_str bytes = {c->bytes, c->size > 0 ? c->size : strlen(c->bytes)};
        struct conversation whole;
        conversation_init(&whole, bytes, NULL, 0);
        unsigned wrong = is_as_said(c, &whole, "at once") ? 0 : 1;
        size_t cuts[1000];
        for (size_t j = 0; j < bytes.size; j++) {
            cuts[j] = j;
        }
        struct conversation pieces;
        conversation_init(&pieces, bytes, cuts, bytes.size);
        wrong += is_as_said(c, &pieces, "byte by byte") ? 0 : 1;
        assert_string_equal(pieces.output, whole.output);
        failed += wrong;
        conversation_clean_up(&pieces);
        conversation_clean_up(&whole);
    }
    assert_int_equal(failed, 0);
}

/* A rejection has the error as JSON, and Connection: close. */
static void a_rejection_explains_itself(void **state)
{
    (void)state;
    static const char bytes[] = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n";
    struct conversation conversation;
    conversation_init(&conversation, (struct sx_str){bytes, sizeof bytes - 1}, NULL, 0);
    assert_string_equal(conversation.output, "HTTP/1.1 400 Bad Request\r\n"
                                             "Date: DDDDDDDDDDDDDDDDDDDDDDDDDDDDD\r\n"
                                             "Content-Type: application/json\r\n"
                                             "Content-Length: 41\r\n"
                                             "Connection: close\r\n"
                                             "\r\n"
                                             "{\"message\": \"the Host header is missing\"}");
    assert_string_equal(conversation.story, "rejected 0\n");
    conversation_clean_up(&conversation);
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void a_rejected_head_gets_no_content(void **state)
{
    (void)state;
    static char long_target[10000] = "HEAD /";
    memset(long_target + 6, 'x', sizeof long_target - 7);
    const char *const requests[][2] = {
        {"HEAD / HTTP/1.1\r\n\r\n", "400"},
        {"HEAD / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
        {"HEAD /# HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"HEAD /\x7f", "400"},
        {"HEAD /\n", "400"},
        {"HEAD\t/ HTTP/1.1\r\n", "400"},
        {"HEAD\r\n", "400"},
        {"HEAD / HTTP/1.1 \r\n", "400"},
        {"HEAD / HTTP/1.1\r\nX: y\n", "400"},
        {"HEAD / HTTP/1.1\r\n X: y\r\n", "400"},
        {"\r\nHEAD / HTTP/1.1\r\n\r\n", "400"},
        {"HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", "413"},
        {"HEAD /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", "400"},
        {"HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", "417"},
        {long_target, "414"},
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct conversation conversation;
        conversation_init(&conversation, (struct sx_str){requests[i][0], strlen(requests[i][0])},
                          NULL, 0);
        const char *end = strstr(conversation.output, "\r\n\r\n");
        if (strcmp(conversation_get_statuses(&conversation), requests[i][1]) != 0 || end == NULL ||
            end[4] != '\0') {
            fail_msg("%.40s:\n%s", requests[i][0], conversation.output);
        }
        conversation_clean_up(&conversation);
    }
}

/* A response to another method has a body. */
static void a_method_that_only_begins_like_head_gets_content(void **state)
{
    (void)state;
    static const char bytes[] = "HEADS / HTTP/2.0\r\n\r\n";
    struct conversation conversation;
    conversation_init(&conversation, (struct sx_str){bytes, sizeof bytes - 1}, NULL, 0);
    assert_string_equal(conversation_get_statuses(&conversation), "505");
    assert_non_null(strstr(conversation.output, "\r\n\r\n{\"message\": "));
    conversation_clean_up(&conversation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_a_rule_and_each_rule_a_case),
        cmocka_unit_test(each_case_gets_its_statuses),
        cmocka_unit_test(a_rejection_explains_itself),
        cmocka_unit_test(a_rejected_head_gets_no_content),
        cmocka_unit_test(a_method_that_only_begins_like_head_gets_content),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
