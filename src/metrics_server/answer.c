/* answer.c: the response to a request: its head, and the body that sx_exposition_respond renders.
 * Pages are rendered in the threads of renderers.c; the rest runs in the server's thread. */
#include "answer.h"

#include "token.h"
#include "view.h"

#include <assert.h>
#include <sextant/gzip.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    size_t i = 0;
    while (i + 1 < sizeof reasons / sizeof reasons[0] && reasons[i].status != status) {
        i++;
    }
    return reasons[i].reason;
}

static void add_line(struct sx__answer *answer, const char *name, const char *value)
{
    size_t room = sizeof answer->head - answer->head_size;
    int size = snprintf(answer->head + answer->head_size, room, "%s: %s\r\n", name, value);
    assert(size > 0 && (size_t)size < room); /* all values are static and short */
    answer->head_size += (size_t)size;
}

/* RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", in every locale, so not by strftime. */
static void add_date(struct sx__answer *answer, time_t now)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm t;
    char text[64];
    if (gmtime_r(&now, &t) != NULL) {
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
        add_line(answer, "Date", text);
    }
}

static void write_head(struct sx__answer *answer, const struct sx_exposition_response *response,
                       time_t now)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", response->content_length);
    int size = snprintf(answer->head, sizeof answer->head, "HTTP/1.1 %d %s\r\n", response->status,
                        reason_of(response->status));
    answer->head_size = (size_t)size;
    add_date(answer, now);
    add_line(answer, "Content-Type", response->content_type);
    add_line(answer, "Content-Length", length);
    for (size_t i = 0; i < response->header_count; i++) {
        add_line(answer, response->headers[i].name, response->headers[i].value);
    }
    if (!answer->keep_alive) {
        add_line(answer, "Connection", "close");
    }
    memcpy(answer->head + answer->head_size, "\r\n", 2);
    answer->head_size += 2;
    answer->response = *response;
}

static struct sx_exposition_response plain(int status, const char *sentence)
{
    return (struct sx_exposition_response){.status = status,
                                           .content_type = "text/plain; charset=utf-8",
                                           .content_length = strlen(sentence),
                                           .body = sx__view(sentence)};
}

static struct sx_exposition_response front(const struct sx__site *site)
{
    return (struct sx_exposition_response){
        .status = 200,
        .content_type = "text/html; charset=utf-8",
        .content_length = strlen(site->front_page),
        .body = sx__view(site->front_page),
        .headers = {{"Content-Security-Policy", "default-src 'none'; base-uri 'none'; "
                                                "form-action 'none'; frame-ancestors 'none'"}},
        .header_count = 1,
    };
}

static bool is_read(const struct sx__scrape_request *request)
{
    return sx__view_is(request->method, "GET") || sx__view_is(request->method, "HEAD");
}

bool sx__answer_is_rendered(const struct sx__site *site, const struct sx__scrape_request *request)
{
    return sx__view_is(request->path, site->path) && is_read(request);
}

/* The pages besides the metrics. */
static struct sx_exposition_response respond(const struct sx__site *site,
                                             const struct sx__scrape_request *request)
{
    const bool is_front = sx__view_is(request->path, "/");
    struct sx_exposition_response response = plain(404, "nothing is at this path\n");
    if (is_front || sx__view_is(request->path, "/-/healthy")) {
        response = is_front ? front(site) : plain(200, "healthy\n");
        if (!is_read(request)) {
            response = plain(405, "only GET and HEAD are allowed here\n");
            response.headers[response.header_count++] =
                (struct sx_exposition_header){"Allow", "GET, HEAD"};
        }
    }
    if (sx__view_is(request->method, "HEAD")) {
        response.body.size = 0;
    }
    return response;
}

void sx__answer_request(struct sx__answer *answer, struct sx_page *page,
                        const struct sx__site *site, const struct sx__scrape_request *request,
                        time_t now)
{
    struct sx_exposition_response response;
    if (sx__view_is(request->path, site->path)) {
        const struct sx_exposition_request asked = {
            .method = request->method,
            .accept = {request->accept.text, request->accept.size},
            .accept_encoding = {request->accept_encoding.text, request->accept_encoding.size},
            .query = request->query,
            .gzip = sx_page_gzip,
            .scrapes = site->scrapes,
            .scrape_has_begun = is_read(request),
            .begun_ns = request->begun_ns,
            .registries = site->registries,
            .registry_count = site->registry_count};
        int status = sx_exposition_respond(&response, page, site->registry, &asked);
        assert(status == SX_OK); /* no argument is NULL, and there is a registry or a list */
        (void)status;
    } else {
        response = respond(site, request);
    }
    answer->keep_alive = request->keep_alive && response.status != 503;
    write_head(answer, &response, now);
}

void sx__answer_refusal(struct sx__answer *answer, int status, struct sx_str bytes, time_t now)
{
    struct sx_exposition_response response = plain(status, reason_of(status));
    if (sx__begins_with_token(bytes, "HEAD")) {
        response.body.size = 0;
    }
    answer->keep_alive = false;
    write_head(answer, &response, now);
}
