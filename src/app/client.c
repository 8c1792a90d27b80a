/* The test client: writes a request as bytes, and reads the response from bytes, so that what it
 * tests is what a network client gets. */
#include "application.h"
#include "clock.h"
#include "inprocess.h"
#include "run_options.h"

#include <jansson.h>
#include <sextant/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIES_MAX 32
#define COOKIE_BYTES 4096

struct sx_client {
    struct sx_app *app;
    struct sx__inprocess *connection;
    char *cookies[COOKIES_MAX]; /* "name=value" */
    size_t cookie_count;
};

int sx_client_new(struct sx_client **client, struct sx_app *app)
{
    if (client == NULL || app == NULL) {
        return SX_EINVAL;
    }
    struct sx_client *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->app = app;
    int status = sx__worker_acquire(app);
    if (status < 0) {
        free(made);
        return status;
    }
    struct sx_run_options defaults;
    status = sx__run_options_resolve(&defaults, NULL);
    if (status == SX_OK) {
        struct sx__service service = sx__dispatch_service(app, defaults.request_line_bytes);
        static const struct sx__inprocess_clock clock = {sx__clock_now_ns, sx__clock_date};
        status = sx__inprocess_new(&made->connection, &service, &defaults, &clock);
    }
    if (status < 0) {
        sx__worker_release(app);
        free(made);
        return status;
    }
    *client = made;
    return SX_OK;
}

void sx_client_destroy(struct sx_client *client)
{
    if (client != NULL) {
        for (size_t i = 0; i < client->cookie_count; i++) {
            free(client->cookies[i]);
        }
        sx__inprocess_destroy(client->connection);
        sx__worker_release(client->app);
        free(client);
    }
}

static const char *find_header(struct sx_str headers, const char *name, size_t *value_size)
{
    size_t name_size = strlen(name);
    const char *end = headers.data + headers.size;
    for (const char *line = headers.data; line < end;) {
        const char *lf = memchr(line, '\n', (size_t)(end - line));
        const char *stop = lf == NULL ? end : lf;
        if ((size_t)(stop - line) > name_size && line[name_size] == ':' &&
            strncasecmp(line, name, name_size) == 0) {
            const char *value = line + name_size + 1;
            while (value < stop && (*value == ' ' || *value == '\t')) {
                value++;
            }
            while (stop > value && (stop[-1] == '\r' || stop[-1] == ' ')) {
                stop--;
            }
            *value_size = (size_t)(stop - value);
            return value;
        }
        line = lf == NULL ? end : lf + 1;
    }
    return NULL;
}

/* Whether the attributes of a cookie take it away: RFC 6265 5.2.2 has a Max-Age of 0 or less. */
static bool is_gone(struct sx_str attributes)
{
    static const char name[] = "max-age=";
    const size_t size = sizeof name - 1;
    for (size_t i = 0; i + size < attributes.size; i++) {
        if (strncasecmp(attributes.data + i, name, size) == 0) {
            /* A line ends behind it, so that strtol does. */
            const char *age = attributes.data + i + size;
            return *age == '-' || (*age >= '0' && *age <= '9' && strtol(age, NULL, 10) == 0);
        }
    }
    return false;
}

/* ---- cookies: names and values; a test has one app and no need of domains, paths and dates ----
 */

static void set_cookie(struct sx_client *client, const char *value, size_t size)
{
    const char *semicolon = memchr(value, ';', size);
    size_t pair_size = semicolon == NULL ? size : (size_t)(semicolon - value);
    const char *equals = memchr(value, '=', pair_size);
    if (equals == NULL) {
        return;
    }
    size_t name_size = (size_t)(equals - value) + 1;
    size_t at = 0;
    while (at < client->cookie_count && strncmp(client->cookies[at], value, name_size) != 0) {
        at++;
    }
    const bool gone = is_gone((struct sx_str){value + pair_size, size - pair_size});
    if (at < client->cookie_count) {
        free(client->cookies[at]);
        client->cookies[at] = client->cookies[--client->cookie_count];
    }
    char *pair = gone || client->cookie_count == COOKIES_MAX ? NULL : malloc(pair_size + 1);
    if (pair != NULL) {
        memcpy(pair, value, pair_size);
        pair[pair_size] = '\0';
        client->cookies[client->cookie_count++] = pair;
    }
}

static void keep_cookies(struct sx_client *client, struct sx_str headers)
{
    size_t size = 0;
    const char *value;
    while ((value = find_header(headers, "Set-Cookie", &size)) != NULL) {
        set_cookie(client, value, size);
        headers.size -= (size_t)(value + size - headers.data);
        headers.data = value + size;
    }
}

/* "Cookie: a=1; b=2\r\n", or nothing. */
static void write_cookies(const struct sx_client *client, char *line, size_t size)
{
    size_t used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < client->cookie_count; i++) {
        int wrote = snprintf(line + used, size - used, "%s%s", i == 0 ? "Cookie: " : "; ",
                             client->cookies[i]);
        if (wrote < 0 || (size_t)wrote + 3 > size - used) {
            line[used] = '\0';
            break;
        }
        used += (size_t)wrote;
    }
    if (used > 0) {
        memcpy(line + used, "\r\n", 3);
    }
}

/* ---- requests ---- */

static char *request_new(const struct sx_client *client, size_t *size, const char *method,
                         const char *target, const char *headers, struct sx_str body)
{
    char cookies[COOKIE_BYTES];
    write_cookies(client, cookies, sizeof cookies);
    char length[48] = "";
    if (body.size > 0) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", body.size);
    }
    const char *const parts[] = {
        method,  " ",    target, " HTTP/1.1\r\nHost: localhost\r\n", headers == NULL ? "" : headers,
        cookies, length, "\r\n"};
    size_t total = body.size;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        total += strlen(parts[i]);
    }
    char *bytes = malloc(total);
    if (bytes == NULL) {
        return NULL;
    }
    char *to = bytes;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t part = strlen(parts[i]);
        memcpy(to, parts[i], part);
        to += part;
    }
    if (body.size > 0) {
        memcpy(to, body.data, body.size);
    }
    *size = total;
    return bytes;
}

/* ---- replies ---- */

/* Joins the chunks of a body where they are. Errors: SX_EPROTO: the last one is missing. */
static int join_chunks(struct sx_str *body, char *bytes, char *end)
{
    char *to = bytes;
    for (const char *at = bytes; at < end;) {
        char *data = NULL;
        const size_t size = strtoul(at, &data, 16);
        data += 2; /* CRLF, here and behind the data */
        if (size == 0 || (size_t)(end - data) < size + 2) {
            *body = (struct sx_str){bytes, (size_t)(to - bytes)};
            *to = '\0';
            return size == 0 ? SX_OK : SX_EPROTO;
        }
        memmove(to, data, size);
        to += size;
        at = data + size + 2;
    }
    return SX_EPROTO;
}

/* Whether a body of a known length was cut off: a file that has become shorter, or is too long for
 * the server. */
static bool is_cut_off(const struct sx_reply *reply)
{
    size_t value_size;
    const char *length = find_header(reply->headers, "Content-Length", &value_size);
    return length != NULL && strtoull(length, NULL, 10) > reply->body.size;
}

/* Skips interim responses (100 Continue). The bytes were written by our own HTTP code. */
static int parse_reply(struct sx_reply *reply, char *bytes, size_t size, bool is_head)
{
    char *at = bytes;
    char *end = bytes + size;
    for (;;) {
        char *blank = at == end ? NULL : strstr(at, "\r\n\r\n");
        char *first_line = at == end ? NULL : strstr(at, "\r\n");
        if (blank == NULL || strncmp(at, "HTTP/1.", 7) != 0 || end - at < 12) {
            return SX_EPROTO;
        }
        reply->status = (int)strtol(at + 9, NULL, 10);
        reply->headers = (struct sx_str){first_line + 2, (size_t)(blank + 2 - (first_line + 2))};
        at = blank + 4;
        if (reply->status >= 200) {
            break;
        }
    }
    reply->body = (struct sx_str){at, (size_t)(end - at)};
    if (is_head || reply->status == 204 || reply->status == 304) {
        return SX_OK;
    }
    size_t value_size;
    const bool chunked = find_header(reply->headers, "Transfer-Encoding", &value_size) != NULL;
    return chunked ? join_chunks(&reply->body, at, end) : is_cut_off(reply) ? SX_EPROTO : SX_OK;
}

int sx_client_send(struct sx_client *client, struct sx_reply *reply, const char *method,
                   const char *target, const char *headers, struct sx_str body)
{
    if (client == NULL || reply == NULL || method == NULL || target == NULL ||
        (body.data == NULL && body.size > 0)) {
        return SX_EINVAL;
    }
    size_t size = 0;
    char *bytes = request_new(client, &size, method, target, headers, body);
    if (bytes == NULL) {
        return SX_ENOMEM;
    }
    char *out = NULL;
    size_t out_size = 0;
    int status = sx__inprocess_send(client->connection, bytes, size, &out, &out_size);
    free(bytes);
    if (status == SX_EPROTO && out_size > 0) {
        status = SX_OK; /* it answered, and then closed: the next request begins a new connection */
    }
    char *ended = status < 0 ? NULL : realloc(out, out_size + 1);
    struct sx_reply received = {.memory = ended};
    if (ended == NULL) {
        free(out);
        return status < 0 ? status : SX_ENOMEM;
    }
    ended[out_size] = '\0';
    status = parse_reply(&received, ended, out_size, strcmp(method, "HEAD") == 0);
    if (status < 0) {
        free(ended);
        return status;
    }
    keep_cookies(client, received.headers);
    sx_reply_clean_up(reply);
    *reply = received;
    return SX_OK;
}

int sx_client_get(struct sx_client *client, struct sx_reply *reply, const char *target)
{
    return sx_client_send(client, reply, "GET", target, NULL, (struct sx_str){NULL, 0});
}

bool sx_reply_get_header(const struct sx_reply *reply, const char *name, char *value, size_t size)
{
    size_t value_size = 0;
    const char *found = reply == NULL || name == NULL || reply->headers.data == NULL
                            ? NULL
                            : find_header(reply->headers, name, &value_size);
    if (found == NULL) {
        return false;
    }
    if (value != NULL && size > 0) {
        size_t copied = value_size < size ? value_size : size - 1;
        memcpy(value, found, copied);
        value[copied] = '\0';
    }
    return true;
}

json_t *sx_reply_get_json(const struct sx_reply *reply)
{
    return reply == NULL || reply->body.data == NULL
               ? NULL
               : json_loadb(reply->body.data, reply->body.size, JSON_DECODE_ANY, NULL);
}

void sx_reply_clean_up(struct sx_reply *reply)
{
    if (reply != NULL) {
        free(reply->memory);
        *reply = (struct sx_reply){0};
    }
}
