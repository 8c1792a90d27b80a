/* The test client: writes a request as bytes, and reads the response from bytes, so that what it
 * tests is what a network client gets. */
#include "application.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct sx_client {
    struct sx_app *app;
    struct sx__inprocess *connection;
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
        status = sx__inprocess_new(&made->connection, &service);
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
        sx__inprocess_destroy(client->connection);
        sx__worker_release(client->app);
        free(client);
    }
}

/* ---- requests ---- */

static char *request_new(size_t *size, const char *method, const char *target, const char *headers,
                         struct sx_str body)
{
    char length[48] = "";
    if (body.size > 0) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", body.size);
    }
    const char *const parts[] = {
        method, " ",   target, " HTTP/1.1\r\nHost: localhost\r\n", headers == NULL ? "" : headers,
        length, "\r\n"};
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

/* Skips interim responses (100 Continue). The bytes were written by our own engine. */
static int parse_reply(struct sx_reply *reply, char *bytes, size_t size)
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
    return SX_OK;
}

int sx_client_send(struct sx_client *client, struct sx_reply *reply, const char *method,
                   const char *target, const char *headers, struct sx_str body)
{
    if (client == NULL || reply == NULL || method == NULL || target == NULL ||
        (body.data == NULL && body.size > 0)) {
        return SX_EINVAL;
    }
    size_t size = 0;
    char *bytes = request_new(&size, method, target, headers, body);
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
    status = parse_reply(&received, ended, out_size);
    if (status < 0) {
        free(ended);
        return status;
    }
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

void sx_reply_clean_up(struct sx_reply *reply)
{
    if (reply != NULL) {
        free(reply->memory);
        *reply = (struct sx_reply){0};
    }
}
