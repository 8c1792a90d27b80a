/* civetweb.c: request metrics for a server that uses civetweb.
 *
 *     build/examples/servers/civetweb [--untracked] [FOLDER]
 *     curl http://127.0.0.1:PORT/metrics
 *
 * Prints its address. Also serves the files of FOLDER. SIGTERM ends it. The first part measures the
 * requests by sextant/http_metrics.h; docs/servers/civetweb.md explains it, and lists what cannot
 * be measured. --untracked leaves it out, to compare the cost.
 */
#include <civetweb.h>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the metrics of requests ---- */

static struct sx_http_metrics *http; /* NULL with --untracked */

/* The request that this thread serves: civetweb serves each connection with one thread. */
static _Thread_local struct {
    struct sx_http_request measured;
    bool is_request; /* between on_begin and on_end */
    bool is_begun;   /* sx_http_begin was called */
    bool is_lost;    /* the client has left */
} current;

/* civetweb calls it when it has parsed a header, before it chooses the handler. */
static int on_begin(struct mg_connection *connection)
{
    (void)connection;
    current.is_request = true;
    current.is_begun = false;
    current.is_lost = false;
    return 0; /* civetweb shall serve the request */
}

/* Call it first in each request handler. */
static void begin(const struct mg_connection *connection, struct sx_http_handler *handler)
{
    current.is_begun = true;
    sx_http_begin(&current.measured, handler, mg_get_request_info(connection)->request_method, 0);
}

/* Call it before the first byte of the response. */
static void respond(int code)
{
    sx_http_respond(&current.measured, code);
}

/* Use it in place of mg_write. */
static void write_bytes(struct mg_connection *connection, const void *data, size_t size)
{
    if (size > 0 && mg_write(connection, data, size) != (int)size) {
        current.is_lost = true;
    }
}

/* civetweb calls it before it answers by itself: a malformed request, or one that has no handler.
 */
static int on_error(struct mg_connection *connection, int code, const char *message)
{
    (void)message;
    if (!current.is_request) {
        sx_http_reject(http, code == 413 ? "too_large" : "malformed");
        return 1; /* civetweb shall send its page of the error */
    }
    if (!current.is_begun) {
        begin(connection, sx_http_get_handler(http, NULL));
    }
    respond(code);
    return 1;
}

/* civetweb calls it once at the end of each request whose header it has parsed. */
static void on_end(const struct mg_connection *connection, int code)
{
    if (!current.is_begun) { /* no handler: civetweb has sent a file, or has answered OPTIONS */
        begin(connection, sx_http_get_handler(http, NULL));
    }
    if (!current.is_lost) {
        respond(code); /* nothing if the response was counted before */
    }
    sx_http_end(&current.measured, current.is_lost ? SX_HTTP_RESPONSE_ABORTED : SX_HTTP_COMPLETE,
                NULL);
    current.is_request = false;
}

static const struct mg_callbacks callbacks = {
    .begin_request = on_begin,
    .end_request = on_end,
    .http_error = on_error,
};

/* ---- the handlers: each returns the code, as civetweb expects ---- */

static bool has_method(const struct mg_connection *connection, const char *method)
{
    return strcmp(mg_get_request_info(connection)->request_method, method) == 0;
}

static void start_response(struct mg_connection *connection, int code, const char *type,
                           size_t size)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", size);
    respond(code);
    mg_response_header_start(connection, code);
    mg_response_header_add(connection, "Content-Type", type, -1);
    mg_response_header_add(connection, "Content-Length", length, -1);
}

static int reply(struct mg_connection *connection, int code, const void *body, size_t size)
{
    start_response(connection, code, "text/plain", size);
    mg_response_header_send(connection);
    if (!has_method(connection, "HEAD")) {
        write_bytes(connection, body, size);
    }
    return code;
}

static int reply_text(struct mg_connection *connection, int code, const char *text)
{
    return reply(connection, code, text, strlen(text));
}

static int hello(struct mg_connection *connection)
{
    return reply_text(connection, 200, "hello\n");
}

#define BODY_MAX (1 << 20)

static int echo(struct mg_connection *connection)
{
    const long long length = mg_get_request_info(connection)->content_length; /* -1: chunked */
    char *body = length > BODY_MAX ? NULL : malloc(BODY_MAX);
    size_t size = 0;
    int count = 0;
    while (body != NULL && size < BODY_MAX &&
           (count = mg_read(connection, body + size, BODY_MAX - size)) > 0) {
        size += (size_t)count;
    }
    int code = 499; /* for civetweb's access log if the client has left */
    if (body == NULL || size == BODY_MAX) {
        code = reply_text(connection, 413, "at most 1 MiB\n");
    } else if (count < 0 || (long long)size < length) {
        current.is_lost = true;
    } else {
        code = reply(connection, 200, body, size);
    }
    free(body);
    return code;
}

static int fail(struct mg_connection *connection)
{
    return reply_text(connection, 500, "this always fails\n");
}

/* 64 MiB, more than a socket buffers: a client can leave half-way. */
static int big(struct mg_connection *connection)
{
    static const char block[1 << 20];
    start_response(connection, 200, "application/octet-stream", 64 * sizeof block);
    mg_response_header_send(connection);
    for (int i = 0; i < 64 && !current.is_lost && !has_method(connection, "HEAD"); i++) {
        write_bytes(connection, block, sizeof block);
    }
    return 200;
}

/* /slow?ms=1500 */
static int slow(struct mg_connection *connection)
{
    const char *query = mg_get_request_info(connection)->query_string;
    const long ms =
        query != NULL && strncmp(query, "ms=", 3) == 0 ? strtol(query + 3, NULL, 10) : 100;
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&wait, NULL); /* here would be work */
    return reply_text(connection, 200, "slow\n");
}

static int metrics(struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *accept = mg_get_header(connection, "Accept");
    struct sx_exposition_request scrape = {
        .method = {request->request_method, strlen(request->request_method)},
        .accept = {accept, accept == NULL ? 0 : strlen(accept)},
    };
    struct sx_exposition_response response;
    struct sx_page page = {0};
    if (sx_exposition_respond(&response, &page, NULL, &scrape) != SX_OK) {
        return reply_text(connection, 500, "no page\n");
    }
    start_response(connection, response.status, response.content_type, response.content_length);
    for (size_t i = 0; i < response.header_count; i++) {
        mg_response_header_add(connection, response.headers[i].name, response.headers[i].value, -1);
    }
    mg_response_header_send(connection);
    write_bytes(connection, response.body.data, response.body.size);
    sx_page_clean_up(&page);
    return response.status;
}

/* ---- the routes ---- */

static struct route {
    const char *path, *label, *methods[2];
    int (*answer)(struct mg_connection *connection);
    struct sx_http_handler *handler;
} routes[] = {
    {"/hello", "hello", {"GET", "HEAD"}, hello, NULL},
    {"/echo", "echo", {"POST", "POST"}, echo, NULL},
    {"/fail", "fail", {"GET", "HEAD"}, fail, NULL},
    {"/big", "big", {"GET", "HEAD"}, big, NULL},
    {"/slow", "slow", {"GET", "HEAD"}, slow, NULL},
    {"/metrics", "metrics", {"GET", "HEAD"}, metrics, NULL},
};

static int on_request(struct mg_connection *connection, void *context)
{
    const struct route *route = context;
    begin(connection, route->handler);
    if (!has_method(connection, route->methods[0]) && !has_method(connection, route->methods[1])) {
        return reply_text(connection, 405, "not with this method\n");
    }
    return route->answer(connection);
}

int main(int argc, char **argv)
{
    const bool is_untracked = argc > 1 && strcmp(argv[1], "--untracked") == 0;
    const char *folder = argv[1 + is_untracked];
    const struct mg_callbacks none = {0};
    const char *root = folder != NULL ? "document_root" : NULL; /* NULL ends the options */
    const char *options[] = {"listening_ports",
                             "127.0.0.1:0",
                             "num_threads",
                             "32",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "5000",
                             "request_timeout_ms",
                             "30000",
                             "tcp_nodelay",
                             "1",
                             root,
                             folder,
                             NULL};
    struct mg_server_port port;
    sigset_t ends; /* blocked in the threads of civetweb, too */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    mg_init_library(0);
    struct mg_context *server = NULL;
    if (is_untracked || sx_http_metrics_new(&http, NULL) == SX_OK) {
        server = mg_start(is_untracked ? &none : &callbacks, NULL, options);
    }
    if (server == NULL || mg_get_server_ports(server, 1, &port) != 1) {
        fprintf(stderr, "civetweb: cannot start\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        routes[i].handler = sx_http_get_handler(http, routes[i].label);
        mg_set_request_handler(server, routes[i].path, on_request, &routes[i]);
    }
    printf("http://127.0.0.1:%d\n", port.port);
    fflush(stdout);
    int number;
    sigwait(&ends, &number);
    mg_stop(server); /* waits for the requests in progress */
    mg_exit_library();
    sx_http_metrics_destroy(http);
    return 0;
}
