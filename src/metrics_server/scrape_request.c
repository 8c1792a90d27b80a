/* scrape_request.c: the head of an HTTP/1.1 request, read strictly. */
#include "scrape_request.h"

#include "token.h"

#include <string.h>
#include <strings.h>

/* What is remembered of the headers until all are read. */
struct headers {
    size_t hosts;
    bool has_body;
    bool close;
};

static int refuse(struct sx__scrape_request *request, int status)
{
    request->refusal = status;
    return SX_EPROTO;
}

/* ---- where it ends ---- */

/* RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at
 * least one empty line (CRLF) received prior to the request-line." */
static size_t empty_lines_size(struct sx_str bytes)
{
    size_t size = 0;
    while (size + 2 <= bytes.size && memcmp(bytes.data + size, "\r\n", 2) == 0) {
        size += 2;
    }
    return size;
}

/* Returns the size of the head, its empty line included. Rejects early what cannot be HTTP. */
static ssize_t find_end(struct sx__scrape_request *request, struct sx_str bytes, size_t start)
{
    size_t most = bytes.size < SX__HEAD_SIZE_MAX ? bytes.size : SX__HEAD_SIZE_MAX;
    if (start < most && bytes.data[start] != '\r' &&
        sx__token_size((struct sx_str){bytes.data + start, 1}) == 0) {
        return refuse(request, 400);
    }
    for (size_t i = start; i < most; i++) {
        bool after_cr = i > start && bytes.data[i - 1] == '\r';
        if ((bytes.data[i] == '\n') != after_cr) {
            return refuse(request, 400); /* a bare line feed or carriage return */
        }
        if (after_cr && i >= start + 3 && memcmp(bytes.data + i - 3, "\r\n\r", 3) == 0) {
            return (ssize_t)i + 1;
        }
    }
    return bytes.size >= SX__HEAD_SIZE_MAX ? refuse(request, 431) : SX_EAGAIN;
}

/* ---- the request line ---- */

static int parse_version(struct sx__scrape_request *request, struct sx_str version)
{
    if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[5] < '0' ||
        version.data[5] > '9' || version.data[6] != '.' || version.data[7] < '0' ||
        version.data[7] > '9') {
        return refuse(request, 400);
    }
    if (version.data[5] != '1') {
        return refuse(request, 505);
    }
    request->keep_alive = version.data[7] != '0';
    return SX_OK;
}

/* "/metrics?x", or "http://host/metrics" as sent to a proxy. A target of any other form is taken as
 * a path, which is not found. */
static int parse_target(struct sx__scrape_request *request, struct sx_str target)
{
    static const char scheme[] = "http://";
    const size_t scheme_size = sizeof scheme - 1;
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] > '~') {
            return refuse(request, 400);
        }
    }
    if (target.size == 0) {
        return refuse(request, 400);
    }
    if (target.size > scheme_size && strncasecmp(target.data, scheme, scheme_size) == 0) {
        target.data += scheme_size;
        target.size -= scheme_size;
        while (target.size > 0 && target.data[0] != '/' && target.data[0] != '?') {
            target.data++;
            target.size--;
        }
    }
    request->path = sx__take_until(&target, '?');
    request->query = target;
    return SX_OK;
}

static int parse_request_line(struct sx__scrape_request *request, struct sx_str line)
{
    request->method = sx__take_until(&line, ' ');
    struct sx_str target = sx__take_until(&line, ' ');
    if (!sx__is_token(request->method)) {
        return refuse(request, 400);
    }
    int status = parse_target(request, target);
    return status == SX_OK ? parse_version(request, line) : status;
}

/* ---- the headers ---- */

/* RFC 9110 5.3: several headers of one name are joined by commas. */
static void join(struct sx__joined_header *header, struct sx_str value)
{
    size_t comma = header->size > 0;
    if (comma + value.size <= SX__JOINED_SIZE_MAX - header->size) {
        memcpy(header->text + header->size, ",", comma);
        memcpy(header->text + header->size + comma, value.data, value.size);
        header->size += comma + value.size;
    }
}

static bool is_zero(struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '0') {
            return false;
        }
    }
    return text.size > 0;
}

static bool has_close(struct sx_str list)
{
    bool found = false;
    while (list.size > 0 && !found) {
        found = sx__is_word(sx__trim(sx__take_until(&list, ',')), "close");
    }
    return found;
}

static void note_header(struct sx__scrape_request *request, struct headers *headers,
                        struct sx_str name, struct sx_str value)
{
    if (sx__is_word(name, "accept")) {
        join(&request->accept, value);
    } else if (sx__is_word(name, "accept-encoding")) {
        join(&request->accept_encoding, value);
    } else if (sx__is_word(name, "host")) {
        headers->hosts++;
    } else if (sx__is_word(name, "connection")) {
        headers->close = headers->close || has_close(value);
    } else if (sx__is_word(name, "content-length")) {
        headers->has_body = headers->has_body || !is_zero(value);
    } else if (sx__is_word(name, "transfer-encoding")) {
        headers->has_body = true;
    }
}

static int parse_header(struct sx__scrape_request *request, struct headers *headers,
                        struct sx_str line)
{
    size_t size = line.size;
    struct sx_str name = sx__take_until(&line, ':');
    if (name.size == size || !sx__is_token(name)) {
        return refuse(request, 400); /* a folded line begins with a blank, which is not a token */
    }
    for (size_t i = 0; i < line.size; i++) {
        unsigned char c = (unsigned char)line.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7F) {
            return refuse(request, 400);
        }
    }
    note_header(request, headers, name, sx__trim(line));
    return SX_OK;
}

/* Removes the first line from the text and returns it without its CR LF. */
static struct sx_str take_line(struct sx_str *rest)
{
    struct sx_str line = sx__take_until(rest, '\n');
    line.size--;
    return line;
}

ssize_t sx__scrape_request_parse(struct sx__scrape_request *request, struct sx_str bytes)
{
    struct headers headers = {.hosts = 0};
    size_t start = empty_lines_size(bytes);
    *request = (struct sx__scrape_request){.refusal = 0};
    ssize_t end = find_end(request, bytes, start);
    if (end < 0) {
        return end;
    }
    struct sx_str rest = {bytes.data + start, (size_t)end - start - 2};
    int status = parse_request_line(request, take_line(&rest));
    while (status == SX_OK && rest.size > 0) {
        status = parse_header(request, &headers, take_line(&rest));
    }
    /* RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
     * request message that lacks a Host header field and to any request message that contains more
     * than one Host header field line". Only HTTP/1.0 is without keep_alive yet. */
    if (status == SX_OK && (headers.hosts > 1 || (headers.hosts == 0 && request->keep_alive))) {
        status = refuse(request, 400);
    }
    request->keep_alive = request->keep_alive && !headers.close && !headers.has_body;
    return status == SX_OK ? end : status;
}
