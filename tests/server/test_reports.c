/* test_reports.c: defects that were reported of other HTTP/1.1 servers and parsers do not happen
 * here.
 *
 * Each row names a public report (a CVE, an advisory or an issue), what went wrong there, and the
 * bytes that a client sends. A valid request for /status/201 always follows them. The responses
 * must be exactly those of `statuses`: after a refusal the connection closes and nothing after the
 * refused message is read, so 201 does not appear. In many rows a request for /evil is hidden in a
 * body, a header value or a refused message; that request must never begin (request smuggling). The
 * bytes are sent at once, byte by byte, and in two pieces with every possible split.
 *
 * Reports that other tests cover:
 *   - slow headers, CVE-2007-6750 (Apache, slowloris) and CVE-2018-12122 (Node.js):
 *     a_header_without_an_end_is_rejected_at_its_deadline in test_bad_clients.c
 *   - slow bodies, CVE-2020-8251 (Node.js):
 *     a_body_without_an_end_is_rejected_at_its_deadline in test_bad_clients.c
 *   - persistent connections that starve all others, CVE-2019-16770 and CVE-2021-29509 (Puma):
 *     a_flood_of_requests_does_not_delay_other_clients in test_bad_clients.c
 *   - ranges, CVE-2011-3192 (Apache), CVE-2015-1635 (IIS), CVE-2017-7529 (nginx) and CVE-2024-26141
 *     (Rack): test_a_part_of_a_file_can_be_had in tests/app/test_files.c
 *   - path traversal, CVE-2021-41773 (Apache) and CVE-2025-11149 (node-static): tests/app/
 *     test_target.c and test_nothing_outside_of_the_folder_is_found in tests/app/test_files.c
 *   - response splitting, CVE-2020-5247 (Puma), CVE-2018-1000164 (gunicorn) and CVE-2020-7695
 *     (uvicorn): test_what_could_split_a_response_is_refused in tests/app/test_header_lines.c
 *   - a redirect of //host that leads to another host, CVE-2021-28861 (Python http.server):
 *     test_a_slash_too_many_or_too_few_is_a_308_with_the_query in tests/app/test_routes.c
 */
#include "conversation.h"
#include "fixture.h"
#include "responses.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define H "Host: a\r\n"
#define NEXT "GET /status/201 HTTP/1.1\r\n" H "\r\n"
#define EVIL "GET /evil HTTP/1.1\r\n" H "\r\n" /* 31 bytes, 1f in hexadecimal */
#define POST "POST /echo HTTP/1.1\r\n" H
#define CHUNKED(body) POST "Transfer-Encoding: chunked\r\n\r\n" body

struct report {
    const char *id;
    const char *fault; /* what went wrong in the other server */
    const char *bytes;
    size_t size;
    const char *statuses; /* of all responses, "100 200 201"; "400 closed": nothing more is read */
    const char *told;     /* the service must have received this; NULL: nothing in particular */
    const char *not_told; /* the service must not have received this */
    const char *not_sent; /* the responses must not contain this */
    bool is_head;         /* the first request is a HEAD */
    const char *unit;     /* sent `unit_count` times after the bytes, then `rest`; NULL: nothing */
    size_t unit_count;
    const char *rest;
};

/* The bytes are a literal and may contain a NUL. */
#define REPORT(id_, fault_, bytes_, statuses_)                                     \
    .id = (id_), .fault = (fault_), .bytes = (bytes_), .size = sizeof(bytes_) - 1, \
    .statuses = (statuses_)

/* ---- framing: where a request ends ---- */

static const struct report framing[] = {
    /* -- line ends in the header -- */
    {REPORT("CVE-2023-37276 (aiohttp)",
            "A CR alone ended a header line, so the value became a header.",
            POST "X-Abc: \rxTransfer-Encoding: chunked\r\n\r\n1f\r\n" EVIL "\r\n0\r\n\r\n",
            "400 closed")},
    {REPORT("lpereira/lwan#368", "A CR and any byte ended a header line.",
            "POST /echo HTTP/1.1\r\nHost: a\rXContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2019-16785 (Waitress)", "An LF within a value began a new header line.",
            POST "Content-Length: 31\r\nX: x\nContent-Length: 0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-32214 (llhttp)", "An LF alone ended a header line.",
            POST "X: y\nContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-35256 (llhttp)", "A header line with an empty value did not need its CRLF.",
            POST "X:\nTransfer-Encoding: chunked\r\n\r\n1f\r\n" EVIL "\r\n0\r\n\r\n",
            "400 closed")},
    {REPORT("CVE-2025-23167 (Node.js)", "CR, LF, CR and any byte ended the header.",
            "GET / HTTP/1.1\r\n" H "X: y\r\n\rX" EVIL, "400 closed")},
    {REPORT("CVE-2020-8201 (Node.js)", "A CR within a header name was read as a hyphen.",
            POST "Content\rLength: 31\r\n\r\n" EVIL, "400 closed")},

    /* -- names that only resemble those of the framing -- */
    {REPORT("CVE-2019-16276 (Go)", "A space before the colon was removed from the name.",
            POST "Transfer-Encoding : chunked\r\n\r\n1f\r\n" EVIL "\r\n0\r\n\r\n", "400 closed")},
    {REPORT("CVE-2021-22959 (llhttp)", "A space before the colon was ignored.",
            POST "Content-Length : 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2019-16869 (Netty)", "White space before the colon was ignored.",
            POST "Transfer-Encoding\t: chunked\r\nContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2024-27982 (Node.js)", "A space before the name hid Content-Length.",
            "POST /echo HTTP/1.1\r\n Content-Length: 31\r\n" H "\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2015-5739 (Go)", "A space within the name was read as a hyphen.",
            POST "Content Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2019-20444 (Netty)", "A line without a colon was taken for a header or a fold.",
            POST "Content-Length: 31\r\nTransfer-Encoding\r\n\r\n" EVIL, "400 closed")},
    {REPORT("cesanta/mongoose#2293", "White space could replace the colon.",
            POST "Content-Length 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2024-52530 (libsoup)", "NULs at the end of a header name were ignored.",
            POST "Transfer-Encoding\0: chunked\r\n\r\n1f\r\n" EVIL "\r\n0\r\n\r\n", "400 closed")},
    {REPORT("CVE-2023-25725 (HAProxy)", "An empty header name cut off the headers behind it.",
            POST ": x\r\nContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2021-40346 (HAProxy)",
            "A name of 270 bytes overflowed its length and hid Content-Length.",
            POST "Content-Length0", "200 201"),
     .told = "handle 31 [GET /evil", .unit = "a", .unit_count = 255,
     .rest = ":\r\nContent-Length: 31\r\n\r\n" EVIL},

    /* -- Content-Length -- */
    {REPORT("cesanta/mongoose#4", "A large negative Content-Length crashed the server.",
            "GET /index.html HTTP/1.0\r\nContent-Length: -268435455700\r\n\r\n", "400 closed")},
    {REPORT("CVE-2021-32715 (hyper)", "A plus before the digits was accepted.",
            POST "Content-Length: +31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2023-40167 (Jetty)", "A plus before the digits was accepted, here before a zero.",
            POST "Content-Length: +0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("apple/servicetalk#1427", "A minus before the digits was accepted.",
            POST "Content-Length: -0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2023-38697 (protocol-http1)", "The length could be hexadecimal.",
            POST "Content-Length: 0x1f\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-24801 (Twisted)", "An underscore between the digits was accepted.",
            POST "Content-Length: 3_1\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2018-7159 (Node.js)", "A space between the digits was accepted.",
            POST "Content-Length: 3 1\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2023-47627 (aiohttp)", "Digits of other scripts were read as digits.",
            POST "Content-Length: \xd9\xa3\xd9\xa1\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-42252 (Tomcat)",
            "A request with an invalid Content-Length was served without it.",
            POST "Content-Length: 31x\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2023-40225 (HAProxy)", "An empty Content-Length was passed on beside a valid one.",
            POST "Content-Length:\r\nContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2023-40175 (Puma)", "A blank Content-Length meant a body of no bytes.",
            POST "Content-Length: \r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2020-10108 (Twisted)", "The second of two Content-Lengths was ignored.",
            POST "Content-Length: 0\r\nContent-Length: 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("mopemope/meinheld#111", "The first of two Content-Lengths was ignored.",
            POST "Content-Length: 31\r\nContent-Length: 0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("unbit/uwsgi#2775", "The first length of a list was taken.",
            POST "Content-Length: 0, 31\r\n\r\n" EVIL, "400 closed")},
    {REPORT("ohler55/agoo#139", "The largest number of 64 bits overflowed an allocation.",
            POST "Content-Length: 18446744073709551615\r\n\r\n" EVIL, "413 closed")},
    {REPORT("unbit/uwsgi#2775", "A length of more than 32 bits wrapped around.",
            POST "Content-Length: 4294967296\r\n\r\n" EVIL, "413 closed")},

    /* -- Transfer-Encoding -- */
    {REPORT("CVE-2022-32213 (llhttp)", "A value that ends in chunked was taken for chunked.",
            POST "Transfer-Encoding: chunkedchunked\r\n\r\n0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-32215 (llhttp)", "A Transfer-Encoding of two lines was read in two ways.",
            POST "Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2019-15605 (Node.js)", "A malformed Transfer-Encoding was accepted.",
            POST "Transfer-Encoding: chunked, \x0b\r\nContent-Length: 31\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2020-8287 (Node.js)", "The second of two Transfer-Encodings was ignored.",
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: eee\r\n\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2019-18277 (HAProxy)",
            "A vertical tab hid chunked, and Content-Length counted instead.",
            POST "Content-Length: 36\r\nTransfer-Encoding:\x0b"
                 "chunked\r\n\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2019-16789 (Waitress)", "White space other than blanks and tabs was removed.",
            POST "Content-Length: 36\r\nTransfer-Encoding: \x0c"
                 "chunked\x0c\r\n\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT(
        "CVE-2019-16786 (Waitress)", "A coding before chunked made it fall back on Content-Length.",
        POST "Content-Length: 0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2020-25613 (WEBrick)", "A value that contains chunked was taken for chunked.",
            POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2022-1705 (Go)", "Invalid values were taken for chunked.",
            POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2024-1135 (gunicorn)",
            "A body was chunked although chunked was not the last coding.",
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2024-6827 (gunicorn)",
            "An unknown Transfer-Encoding made it fall back on Content-Length.",
            POST "Transfer-Encoding: xyz\r\nContent-Length: 0\r\n\r\n" EVIL, "400 closed")},
    {REPORT("CVE-2020-10109 (Twisted)", "Content-Length won against Transfer-Encoding.",
            POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2026-1760 (libsoup)", "A connection with both kinds of framing was kept alive.",
            POST "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 36\r\n"
                 "\r\n0\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("CVE-2026-73256 (Mongoose)", "An HTTP/1.0 request could be chunked.",
            "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\n" EVIL,
            "400 closed")},

    /* -- sizes of chunks -- */
    {REPORT("ruby/webrick#124",
            "The x of a size was ignored with all behind it, so the size was 0.",
            CHUNKED("0x1f\r\n\r\n" EVIL "\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("CVE-2022-24761 (Waitress)", "A plus and a 0x before the size were accepted.",
            CHUNKED("+1f\r\n" EVIL "\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("graygnuorg/pound#19", "A minus and a 0x before the size were accepted.",
            CHUNKED("-0x0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("openwrt/uhttpd#3", "A size of zero could go on with anything.",
            CHUNKED("0_0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("openwrt/uhttpd#3", "A CR before the size was ignored.", CHUNKED("\r0\r\n\r\n" EVIL),
            "400 closed")},
    {REPORT("apache/trafficserver#10580", "Bytes behind the digits were not checked.",
            CHUNKED("1these-bytes\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("cesanta/mongoose#2552", "A chunk without a size was the last one.",
            CHUNKED("1\r\nZ\r\n\r\n\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2026-45352 (cpp-httplib)", "A negative size became a huge one.",
            CHUNKED("-2\r\nab\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2002-0392 (Apache)", "A size with the sign bit of 32 bits was negative.",
            CHUNKED("fffffff0\r\n" EVIL), "413 closed")},
    {REPORT("CVE-2013-2028 (nginx)", "A size with the sign bit of 64 bits was negative.",
            CHUNKED("ffffffffffffffed\r\n" EVIL), "413 closed")},
    {REPORT("CVE-2017-12425 (Varnish)", "The largest size of 64 bits failed an assertion.",
            CHUNKED("ffffffffffffffff\r\n" EVIL), "413 closed")},
    {REPORT("CVE-2017-7657 (Jetty)", "A size of more than 32 bits wrapped around.",
            CHUNKED("100000001\r\nZ\r\n0\r\n\r\n" EVIL), "413 closed")},
    {REPORT("CVE-2021-32714 (hyper)", "A size of more than 64 bits wrapped around.",
            CHUNKED("f0000000000000001\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},

    /* -- line ends in a chunked body -- */
    {REPORT("CVE-2025-22871 (Go)", "An LF alone ended the line of a size.",
            CHUNKED("1f\n" EVIL "\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("CVE-2025-55315 (ASP.NET Core)", "An LF within an extension did not end it.",
            CHUNKED("2;\nxx\r\n1f\r\n" EVIL "\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("CVE-2021-22960 (llhttp)", "All of an extension was skipped, LFs included.",
            CHUNKED("1;a\n\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2025-58056 (Netty)", "An LF alone ended a size with an extension.",
            CHUNKED("1;a\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2024-52304 (aiohttp)", "An LF within the value of an extension was accepted.",
            CHUNKED("1;a=b\nc\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("boostorg/beast#3102", "An LF within a quoted extension was accepted.",
            CHUNKED("1;a=\"\n\"\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("graygnuorg/pound#62", "A CRLF within a quoted extension was accepted.",
            CHUNKED("1;a=\"\r\nZ\r\n0\r\n\r\n" EVIL "\"\r\nZ\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("nginx/nginx#1016", "LFs alone ended the lines of a chunked body.",
            CHUNKED("1\r\nZ\n0\n\n" EVIL), "400 closed")},
    {REPORT("CVE-2025-43859 (h11)", "Any two bytes ended the data of a chunk.",
            CHUNKED("1\r\nZxx1f\r\n" EVIL "\r\n0\r\n\r\n"), "400 closed")},
    {REPORT("graygnuorg/pound#43", "A chunk could have more data than its size.",
            CHUNKED("5\r\nAAAAAXXX\r\n0\r\n\r\n" EVIL), "400 closed")},

    /* -- extensions -- */
    {REPORT("netty/netty#16579", "A chunk with several extensions was refused.",
            CHUNKED("1;a=b;c;d=e\r\nZ\r\n0;f=g;h\r\n\r\n"), "200 201"),
     .told = "handle 1 [Z]"},
    {REPORT("nodejs/llhttp#253", "A quote after a backslash ended a quoted extension.",
            CHUNKED("1;a=\"b\\\"c;\"\r\nZ\r\n0\r\n\r\n"), "200 201"),
     .told = "handle 1 [Z]"},
    {REPORT("httpwg/http-core#101", "Blanks that the grammar allows in an extension were refused.",
            CHUNKED("1 ; a = b\r\nZ\r\n0\t;\tc\t=\t\"d\"\r\n\r\n"), "200 201"),
     .told = "handle 1 [Z]"},
    {REPORT("hyperium/hyper#228", "Blanks within the name of an extension were accepted.",
            CHUNKED("1;name with blanks=value\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("netty/netty#16537", "An extension without a name was accepted.",
            CHUNKED("1;=b\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},
    {REPORT("netty/netty#16537", "An extension with a quote in a token was accepted.",
            CHUNKED("1;a=b\"c\"\r\nZ\r\n0\r\n\r\n" EVIL), "400 closed")},

    /* -- trailers -- */
    {REPORT("CVE-2023-45648 (Tomcat)", "A control character in a trailer began another request.",
            CHUNKED("0\r\nX: a\x02" EVIL), "400 closed")},
    {REPORT("CVE-2023-41419 (gevent)", "An invalid trailer was parsed as the next request.",
            CHUNKED("0\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2025-59822 (http4s)", "A trailer without a colon ended the request.",
            CHUNKED("0\r\nX: y\r\nX\r\n" EVIL), "400 closed")},
    {REPORT("CVE-2025-58068 (eventlet)",
            "A trailer was not skipped, so it was parsed as the next request.",
            CHUNKED("0\r\nX: y\r\nEvil: GET /evil HTTP/1.1\r\n\r\n"), "200 201")},
    {REPORT("CVE-2025-12642 (lighttpd)", "Trailers became headers of the request.",
            CHUNKED("0\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: Basic YTpi\r\n\r\n"),
            "200 201"),
     .not_told = "1.2.3.4"},
    {REPORT("CVE-2025-12642 (lighttpd)",
            "Content-Length in a trailer became the length of the request.",
            CHUNKED("0\r\nContent-Length: 31\r\n\r\n" EVIL), "400 closed")},

    /* -- bodies that were not read as bodies -- */
    {REPORT("NanoHttpd/nanohttpd#217",
            "A body that the handler did not read was parsed as the next request.",
            "POST /status/202 HTTP/1.1\r\n" H "Content-Length: 31\r\n\r\n" EVIL, "202 201"),
     .told = "handle 31 [GET /evil"},
    {REPORT("diennea/carapaceproxy#542", "The body of a GET was parsed as the next request.",
            "GET /status/202 HTTP/1.1\r\n" H "Content-Length: 31\r\n\r\n" EVIL, "202 201"),
     .told = "handle 31 [GET /evil"},
    {REPORT("denoland/deno#34446", "The body of a refused upgrade was parsed as the next request.",
            POST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 31\r\n\r\n" EVIL,
            "200 201"),
     .told = "handle 31 [GET /evil"},
    {REPORT("Field-of-Dream-Studio/hotaru#28",
            "The rest of a body that was too large was read as a request.",
            POST "Content-Length: 1048577\r\n\r\n", "413 closed"),
     .unit = EVIL, .unit_count = 40, .rest = ""},
};

/* ---- head: the request line and the headers ---- */

static const struct report head[] = {
    {REPORT("CVE-2017-7656 (Jetty)", "HTTP/0.9 was served, so a body could be a request.",
            "GET /evil\r\n\r\n", "400 closed")},
    {REPORT("CVE-2016-8743 (Apache)",
            "White space of any kind separated the parts of the request line.",
            "GET\x0b/evil\x0cHTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2013-4547 (nginx)", "A space and a NUL in the target were accepted.",
            "GET /evil \0.php HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2016-6816 (Tomcat)", "Invalid characters in the request line were accepted.",
            "GET /evil\x01 HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2017-2666 (Undertow)", "A CR in the request line was accepted.",
            "GET /evil\rX HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2024-23829 (aiohttp)", "Header names that are no tokens were accepted.",
            "GET /evil HTTP/1.1\r\n" H "X\x1f: y\r\n\r\n", "400 closed")},
    {REPORT("CVE-2026-50020 (Netty)", "Control characters before the request line were skipped.",
            "\0\x01" EVIL, "400 closed")},
    {REPORT("CVE-2007-3947 (lighttpd)", "Two headers of one name crashed the server.",
            "GET / HTTP/1.1\r\n" H "Location: x\r\nLocation: y\r\n\r\n", "200 201"),
     .told = "[Location]=[x] [Location]=[y]"},
    {REPORT("CVE-2012-5533 (lighttpd)", "An empty element in Connection was an endless loop.",
            "GET / HTTP/1.1\r\n" H "Connection: TE,,Keep-Alive\r\n\r\n", "200 201")},
    {REPORT("benoitc/gunicorn#2799", "X_Forwarded_For became X-Forwarded-For.",
            "GET / HTTP/1.1\r\n" H "X_Forwarded_For: 1\r\nX-Forwarded-For: 2\r\n\r\n", "200 201"),
     .told = "[X_Forwarded_For]=[1] [X-Forwarded-For]=[2]"},
    {REPORT("CVE-2022-39348 (Twisted)", "The Host was repeated in an error page as it was.",
            "GET /evil HTTP/1.1\r\nHost: <script>\r\n\r\n", "400 closed"),
     .not_sent = "<script>"},
    {REPORT("CVE-2007-6203 (Apache)", "The method was repeated in an error page as it was.",
            "<script> /evil HTTP/1.1\r\n" H "Content-Length: x\r\n\r\n", "400 closed"),
     .not_sent = "<script>"},
    {REPORT("CVE-2006-3918 (Apache)", "The expectation was repeated in an error page as it was.",
            POST "Expect: <script>\r\nContent-Length: 31\r\n\r\n" EVIL, "417 closed"),
     .not_sent = "<script>"},
    {REPORT("CVE-2009-4487 (nginx)", "An escape sequence in the target reached the log.",
            "GET /evil\x1b]2;owned\x07 HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2015-2080 (Jetty)", "The response to a bad byte held parts of earlier requests.",
            "GET / HTTP/1.1\r\n" H "Cookie: secret\r\n\r\n"
            "GET /evil HTTP/1.1\r\n" H "Referer: \0\r\n\r\n",
            "200 400 closed"),
     .not_sent = "secret"},
    {REPORT("CVE-2025-32094 (Akamai)", "An expectation on a folded line was read in two ways.",
            "OPTIONS /echo HTTP/1.1\r\n" H
            "Expect:\r\n 100-continue\r\nContent-Length: 31\r\n\r\n" EVIL,
            "400 closed")},
    {REPORT("PortSwigger, HTTP/1.1 must die (2025)",
            "An expectation that is not quite 100-continue made front end and back end disagree.",
            POST "Expect: y 100-continue\r\nContent-Length: 31\r\n\r\n" EVIL, "417 closed")},
    {REPORT("seanmonstar/warp#383", "100 was sent although the length was too large.",
            POST "Expect: 100-continue\r\nContent-Length: 11534536\r\n\r\n" EVIL, "413 closed")},
    {REPORT("xrootd/xrootd#1120", "The interim response had header fields and a length.",
            POST "Expect: 100-continue\r\nContent-Length: 31\r\n\r\n" EVIL, "100 200 201"),
     .told = "handle 31 [GET /evil"},
    {REPORT("mongrel2/mongrel2#235", "A minor version above 1 was refused.",
            "GET / HTTP/1.2\r\n" H "\r\n", "200 201")},
    {REPORT("snapframework/snap-server#28", "HTTP/2.0 was served as if it were HTTP/1.1.",
            "GET /evil HTTP/2.0\r\n" H "\r\n", "505 closed")},
};

/* ---- target: HTTP rejects it or passes it on, and decodes nothing ---- */

static const struct report target[] = {
    {REPORT("CVE-2023-45539 (HAProxy)",
            "A # in the target was accepted, and hid the end of the path.",
            "GET /evil#.png HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2021-41773 (Apache)",
            "Dot segments were decoded after the check for dot segments.",
            "GET /cgi-bin/.%2e/.%2e/etc/passwd HTTP/1.1\r\n" H "\r\n", "200 201"),
     .told = "[/cgi-bin/.%2e/.%2e/etc/passwd]"},
    {REPORT("CVE-2009-2629 (nginx)",
            "Dot segments made the server write before the start of a buffer.",
            "GET /../../%2e%2e/./..//.. HTTP/1.1\r\n" H "\r\n", "200 201")},
    {REPORT("CVE-2025-55763 (civetweb)",
            "A long target overflowed a buffer while it was made absolute.", "GET /", "200 201"),
     .unit = "../", .unit_count = 2700, .rest = " HTTP/1.1\r\n" H "\r\n"},
    {REPORT("CVE-2025-53628 (cpp-httplib)", "The length of a line had no limit.", "GET /evil",
            "414 closed"),
     .unit = "aaaaaaaa", .unit_count = 100000, .rest = " HTTP/1.1\r\n" H "\r\n"},
    {REPORT("CVE-2021-28861 (Python http.server)",
            "The first segment of a target with two slashes became a host.",
            "GET //evil.example/%2e%2e HTTP/1.1\r\n" H "\r\n", "200 201"),
     .told = "[//evil.example/%2e%2e]"},
    {REPORT("CVE-2012-4520 (Django)", "A user name in Host got into generated URLs.",
            "GET /evil HTTP/1.1\r\nHost: good.example:80@evil.example\r\n\r\n", "400 closed")},
    {REPORT("oven-sh/bun#33717", "The URL had the first of two Hosts, and the headers had both.",
            "GET /evil HTTP/1.1\r\nHost: good.example\r\nHost: evil.example\r\n\r\n",
            "400 closed")},
    {REPORT("aspnet/KestrelHttpServer#839", "An HTTP/1.1 request without a Host was served.",
            "GET /evil HTTP/1.1\r\nX: y\r\n\r\n", "400 closed")},
    {REPORT("dotnet/aspnetcore#68636", "Backslashes in a path were read as slashes.",
            "GET http://a/x\\..\\evil HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("CVE-2007-0450 (Tomcat)", "Dot segments after a backslash left the folder.",
            "GET /x/\\../evil HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("benoitc/gunicorn#3373", "Angle brackets in a target were accepted.",
            "GET /evil?<script> HTTP/1.1\r\n" H "\r\n", "400 closed"),
     .not_sent = "<script>"},
    {REPORT("benoitc/gunicorn#3373", "A quote in a target was accepted.",
            "GET /evil?a=\"b\" HTTP/1.1\r\n" H "\r\n", "400 closed")},
    {REPORT("benoitc/gunicorn#3373", "Characters that browsers do not encode were refused.",
            "GET /^{|}`?\\^{|}` HTTP/1.1\r\n" H "\r\n", "200 201")},
    {REPORT("httpwg/http-extensions#3048", "Bytes after a refused CONNECT were read as requests.",
            "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n" EVIL, "501 closed")},
};

/* ---- use of resources ---- */

static const struct report resources[] = {
    {REPORT("CVE-2018-12121 (Node.js)",
            "The limit of a header was so high that headers used up memory.",
            "GET /evil HTTP/1.1\r\n" H "X: ", "431 closed"),
     .unit = "aaaaaaaa", .unit_count = 10000, .rest = "\r\n\r\n"},
    {REPORT("CVE-2025-52887 (cpp-httplib)", "The number of headers had no limit.",
            "GET /evil HTTP/1.1\r\n" H, "431 closed"),
     .unit = "A: b\r\n", .unit_count = 100, .rest = "\r\n"},
    {REPORT("CVE-2004-0493 (Apache)", "Folded lines of blanks took memory without limit.",
            "GET /evil HTTP/1.1\r\n" H "X: y\r\n", "400 closed"),
     .unit = " \t\t\t\t\t\t\r\n", .unit_count = 2000, .rest = "\r\n"},
    {REPORT("CVE-2010-0295 (lighttpd)", "Each piece of a header took a buffer of its own.",
            "GET / HTTP/1.1\r\n" H, "200 201"),
     .unit = "X: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", .unit_count = 99, .rest = "\r\n"},
    {REPORT("CVE-2025-46728 (cpp-httplib)", "The limit of a body did not hold for chunks.",
            CHUNKED(""), "413 closed"),
     .unit = "20\r\n0123456789abcdef0123456789abcdef\r\n", .unit_count = 40000,
     .rest = "0\r\n\r\n"},
    {REPORT("CVE-2024-22019 (Node.js), CVE-2024-21647 (Puma)",
            "The size of an extension had no limit.", CHUNKED("1;"), "413 closed"),
     .unit = "aaaaaaaaaaaaaaaa", .unit_count = 140000, .rest = "\r\nZ\r\n0\r\n\r\n"},
    {REPORT("CVE-2023-39326 (Go)", "Extensions many times as large as the data were read.",
            CHUNKED(""), "413 closed"),
     .unit = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nZ\r\n",
     .unit_count = 40000, .rest = "0\r\n\r\n"},
    {REPORT("CVE-2023-46589 (Tomcat)", "A trailer above the limit began another request.",
            CHUNKED("0\r\nX: "), "413 closed"),
     .unit = "GET /evil HTTP/1.1 ", .unit_count = 150000, .rest = "\r\n\r\n"},
    {REPORT("h2o/picohttpparser#81", "Many chunks of one byte were taken for an attack.",
            CHUNKED(""), "200 201"),
     .told = "handle 500000 [ZZ", .unit = "1\r\nZ\r\n", .unit_count = 500000, .rest = "0\r\n\r\n"},
};

/* ---- persistent connections ---- */

static const struct report keep_alive[] = {
    {REPORT("lpereira/lwan#381", "A stale pointer to the next request pointed into a header.",
            "GET / HTTP/1.1\r\n" H "\r\n"
            "GET / HTTP/1.1\r\n" H "X: GET /evil HTTP/1.1\r\n\r\n",
            "200 200 201")},
    {REPORT("lpereira/lwan#382", "The request after a malformed one was served.",
            "GET / HTTP/1.1\r\n" H "\r\n"
            "GET / HTTP/1.1\r\nHost a\r\n\r\n" EVIL,
            "200 400 closed")},
    {REPORT("CVE-2024-49768 (Waitress)", "The request after a refused one was served.",
            "GET / HTTP/1.1\r\n" H "X y\r\n\r\n" EVIL EVIL, "400 closed")},
    {REPORT("phusion/passenger#2553", "The connection stayed open where two things were wrong.",
            "POST /echo HTTP/1.1\r\nTransfer-Encoding: xyz\r\n\r\n" EVIL, "400 closed")},
    {REPORT("oven-sh/bun#33005", "A request after Connection: close was served.",
            "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n" EVIL, "200 closed")},
    {REPORT("oven-sh/bun#33005",
            "A malformed request after Connection: close got a second response.",
            "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
            "G(T /evil HTTP/9\r\n\r\n",
            "200 closed")},
    {REPORT("CVE-2023-46137, CVE-2024-41671 (Twisted)",
            "Pipelined requests were answered out of order.",
            "POST /status/202 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
            "GET /status/203 HTTP/1.1\r\n" H "\r\n"
            "GET /status/206 HTTP/1.1\r\n" H "\r\n",
            "202 203 206 201")},
    {REPORT("CVE-2022-38667 (Crow)", "Pipelined requests used freed memory of the one before.",
            "GET /stream/pausing HTTP/1.1\r\n" H "\r\n"
            "GET /big HTTP/1.1\r\n" H "\r\n"
            "GET /long-headers HTTP/1.1\r\n" H "\r\n",
            "200 200 200 201")},
    {REPORT("puma/puma#3970", "More chunks were read after a last chunk that came in two pieces.",
            CHUNKED("0\r\n\r\n1\r\nX\r\n0\r\n\r\n"), "200 400 closed"),
     .told = "handle 0 []"},
    {REPORT("cherrypy/cheroot#69", "A trailer was not read, so it was parsed as the next request.",
            CHUNKED("1\r\nZ\r\n0\r\nX-Trailer: value\r\n\r\n"), "200 201"),
     .told = "handle 1 [Z]"},
};

/* ---- responses ---- */

static const struct report responses[] = {
    {REPORT("mar10/wsgidav#123",
            "The response to HEAD had a body, which was read as the next response.",
            "HEAD / HTTP/1.1\r\n" H "\r\n", "200 201"),
     .is_head = true},
    {REPORT("JuliaWeb/HTTP.jl#1112", "The response to HEAD had the chunks of a stream.",
            "HEAD /stream/short HTTP/1.1\r\n" H "\r\n", "200 201"),
     .is_head = true},
    {REPORT("qoretechnologies/qore#3116", "The response to a HEAD that is refused had a body.",
            "HEAD /evil HTTP/1.1\r\n" H "Content-Length: x\r\n\r\n", "400 closed"),
     .is_head = true},
    {REPORT("qoretechnologies/qore#3116", "So did the response to a HEAD whose expectation fails.",
            "HEAD / HTTP/1.1\r\n" H "Expect: x\r\n\r\n", "417 closed"),
     .is_head = true},
    {REPORT("qoretechnologies/qore#3116", "So did the response to a HEAD of an unknown version.",
            "HEAD /evil HTTP/2.0\r\n" H "\r\n", "505 closed"),
     .is_head = true},
    {REPORT("qoretechnologies/qore#3116", "So did the response to a HEAD with an invalid target.",
            "HEAD /evil# HTTP/1.1\r\n" H "\r\n", "400 closed"),
     .is_head = true},
    {REPORT("qoretechnologies/qore#3116", "So did the response to a HEAD with a target too long.",
            "HEAD /evil", "414 closed"),
     .is_head = true, .unit = "aaaaaaaaaa", .unit_count = 900, .rest = " HTTP/1.1\r\n" H "\r\n"},
    {REPORT("e2guardian/e2guardian#136", "A 304 had a body, which was read as the next response.",
            "GET /status/304 HTTP/1.1\r\n" H "\r\n", "304 201")},
    {REPORT("pallets/werkzeug#1025", "A 204 had a Content-Length.",
            "GET /status/204 HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "204 closed"),
     .not_sent = "Content-Length"},
    {REPORT("ninenines/cowboy#140", "A client of HTTP/1.0 got chunks.",
            "GET /stream/short HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 closed"),
     .not_sent = "Transfer-Encoding"},
};

/* ---- running the rows ---- */

/* Returns the bytes that the client sends. */
static char *join(const struct report *report, size_t *size)
{
    const size_t unit_size = report->unit == NULL ? 0 : strlen(report->unit);
    const size_t rest_size = report->rest == NULL ? 0 : strlen(report->rest);
    *size = report->size + unit_size * report->unit_count + rest_size + sizeof NEXT - 1;
    char *bytes = malloc(*size);
    assert_non_null(bytes);
    char *at = bytes;
    memcpy(at, report->bytes, report->size);
    at += report->size;
    for (size_t i = 0; i < report->unit_count; i++) {
        memcpy(at, report->unit, unit_size);
        at += unit_size;
    }
    if (rest_size > 0) {
        memcpy(at, report->rest, rest_size);
    }
    memcpy(at + rest_size, NEXT, sizeof NEXT - 1);
    return bytes;
}

/* Returns how many of the statuses come from a handler. */
static unsigned count_handled(const char *statuses)
{
    unsigned count = 0;
    for (const char *at = statuses; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        count += *at == '2' || *at == '3';
    }
    return count;
}

static const char *find_fault(const struct report *report, const struct conversation *conversation)
{
    const char *story = conversation->story == NULL ? "" : conversation->story;
    char statuses[RESPONSES_STATUSES_BYTES + sizeof " closed"];
    responses_read(statuses, RESPONSES_STATUSES_BYTES,
                   (struct sx_str){conversation->output, conversation->output_size},
                   report->is_head);
    if (conversation->closed) {
        strcat(statuses, statuses[0] == '\0' ? "closed" : " closed");
    }
    if (strcmp(statuses, report->statuses) != 0) {
        static char text[300];
        snprintf(text, sizeof text, "the responses were %s, not %s", statuses, report->statuses);
        return text;
    }
    if (conversation->handles != count_handled(statuses)) {
        return "the number of handled requests is not that of the responses";
    }
    if (conversation->begins != conversation->ends) {
        return "a request began and did not end";
    }
    if (strstr(story, "] [/evil") != NULL) {
        return "the hidden request was read as one";
    }
    if (strstr(story, "\nnow ") != NULL) {
        return "a request got other headers after it began";
    }
    if (report->told != NULL && strstr(story, report->told) == NULL) {
        return "the service did not receive what it should";
    }
    if (report->not_told != NULL && strstr(story, report->not_told) != NULL) {
        return "the service received what it should not";
    }
    if (report->not_sent != NULL && strstr(conversation->output, report->not_sent) != NULL) {
        return "a response contains what it should not";
    }
    return NULL;
}

static bool check_pieces(const struct report *report, struct sx_str bytes, const size_t *cuts,
                         size_t count)
{
    struct conversation conversation;
    conversation_init(&conversation, bytes, cuts, count);
    const char *fault = find_fault(report, &conversation);
    if (fault != NULL) {
        /* cmocka truncates each of them after a thousand bytes. */
        print_error("%s: %s\nHere, in %zu pieces with the first cut at %zu, %s.\n", report->id,
                    report->fault, count + 1, count > 0 ? cuts[0] : 0, fault);
        print_error("-- sent:\n%.400s\n", report->bytes);
        print_error("-- received:\n%.800s\n", conversation.output);
        print_error("-- the service received:\n%.800s\n",
                    conversation.story == NULL ? "" : conversation.story);
    }
    conversation_clean_up(&conversation);
    return fault == NULL;
}

#define SMALL_BYTES 2000   /* up to this size, every split is tried */
#define LARGE_BYTES 200000 /* from this size on, the pieces have PIECE_BYTES, not one byte */
#define PIECE_BYTES 1000

static bool check_report(const struct report *report)
{
    size_t size;
    char *sent = join(report, &size);
    const struct sx_str bytes = {sent, size};
    size_t *cuts = malloc(size * sizeof *cuts);
    assert_non_null(cuts);
    size_t count = 0;
    const size_t step = size < LARGE_BYTES ? 1 : PIECE_BYTES;
    for (size_t at = step; at < size; at += step) {
        cuts[count++] = at;
    }
    bool good = check_pieces(report, bytes, NULL, 0) && check_pieces(report, bytes, cuts, count);
    for (size_t i = 0; good && size < SMALL_BYTES && i < count; i++) {
        good = check_pieces(report, bytes, &cuts[i], 1);
    }
    free(cuts);
    free(sent);
    return good;
}

static void check_reports(const struct report *reports, size_t count)
{
    unsigned bad = 0;
    for (size_t i = 0; i < count; i++) {
        bad += check_report(&reports[i]) ? 0 : 1;
    }
    assert_int_equal(bad, 0);
}

#define COUNT(reports) (sizeof(reports) / sizeof *(reports))

static void a_request_ends_where_its_framing_says(void **state)
{
    (void)state;
    check_reports(framing, COUNT(framing));
}

static void a_malformed_head_is_refused_as_a_whole(void **state)
{
    (void)state;
    check_reports(head, COUNT(head));
}

static void a_target_is_passed_on_unchanged_or_refused(void **state)
{
    (void)state;
    check_reports(target, COUNT(target));
}

static void a_request_without_an_end_is_refused(void **state)
{
    (void)state;
    check_reports(resources, COUNT(resources));
}

static void nothing_after_a_refusal_or_a_close_is_read(void **state)
{
    (void)state;
    check_reports(keep_alive, COUNT(keep_alive));
}

static void a_client_finds_the_end_of_each_response(void **state)
{
    (void)state;
    check_reports(responses, COUNT(responses));
}

/* ---- time, clients and closing: over sockets ---- */

/* CVE-2022-41556 (lighttpd): a client that half-closed within a chunked body occupied its
 * connection for ever. */
static void a_half_close_within_a_body_frees_the_connection(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    for (int i = 0; i < 20; i++) {
        const int fd = connect_to(fixture);
        send_text(fd, CHUNKED("5\r\nab"));
        shutdown(fd, SHUT_WR);
        assert_closed(fd);
    }
    wait_for_connections(fixture, 0);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED], 20);
    assert_int_equal(fixture->fake.handles, 0);
}

/* CVE-2024-49769 (Waitress): a client that closed before the server handled the connection caused
 * an endless loop. */
static void a_client_that_is_gone_at_once_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    for (int i = 0; i < 200; i++) {
        reset(connect_to(fixture));
    }
    get(fixture, GET("/"), 200);
    wait_for_connections(fixture, 0);
}

/* CVE-2019-5737 (Node.js): the time limit of a header applied only to the first request of a
 * connection. */
static void a_slow_header_is_late_on_a_kept_connection_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.header_timeout_ms = 100;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    send_text(fd, "GET /evil HTTP/1.1\r\nX: ");
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    const uint64_t deadline_ms = now_ms() + 15000;
    while (poll(&poll_fd, 1, 5) == 0) {
        assert_true(now_ms() < deadline_ms);
        assert_int_equal(send(fd, "a", 1, MSG_NOSIGNAL), 1);
    }
    assert_int_equal(receive_response(fd, NULL), 408);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.handles, 1);
}

/* CVE-2013-4450 (Node.js): a client that sent requests and read no response filled the memory of
 * the server. Here the server reads no further request until it has sent the response to the one
 * before. */
static void no_further_request_of_a_client_that_reads_nothing_is_served(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_with_room(fixture, 4096);
    static const char request[] = GET("/big");
    char many[100 * (sizeof request - 1)];
    for (size_t i = 0; i < 100; i++) {
        memcpy(many + i * (sizeof request - 1), request, sizeof request - 1);
    }
    send_all(fd, many, sizeof many);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, 1));
    get(fixture, GET("/status/201"), 201);
    reset(fd);
    wait_for_connections(fixture, 0);
    stop(fixture);
    /* One of its requests, and the one of the other client. */
    assert_int_equal(fixture->fake.handles, 2);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_ends_where_its_framing_says),
        cmocka_unit_test(a_malformed_head_is_refused_as_a_whole),
        cmocka_unit_test(a_target_is_passed_on_unchanged_or_refused),
        cmocka_unit_test(a_request_without_an_end_is_refused),
        cmocka_unit_test(nothing_after_a_refusal_or_a_close_is_read),
        cmocka_unit_test(a_client_finds_the_end_of_each_response),
        TEST(a_half_close_within_a_body_frees_the_connection),
        TEST(a_client_that_is_gone_at_once_is_forgotten),
        TEST(a_slow_header_is_late_on_a_kept_connection_too),
        TEST(no_further_request_of_a_client_that_reads_nothing_is_served),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
