/* evhttp.c: request metrics for a server that uses libevent's evhttp.
 *
 *     build/examples/servers/evhttp [--untracked]
 *     curl http://127.0.0.1:PORT/metrics
 *
 * Prints its address. SIGTERM ends it. The first part measures the requests by
 * sextant/http_metrics.h; docs/servers/evhttp.md explains it, and lists what cannot be measured.
 * --untracked leaves it out, to compare the cost.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the metrics of requests ---- */

static struct sx_http_metrics *http; /* NULL with --untracked */
static bool replying;                /* what evhttp writes now is a response of the program */

/* A request that is measured. It is freed when the connection has ended the request and the handler
 * has replied, whichever comes last. */
struct tracked {
    struct sx_http_request measured;
    bool replied, connection_lost;
};

/* evhttp calls it when it has written the last byte of the response. */
static void on_complete(struct evhttp_request *request, void *context)
{
    struct tracked *tracked = context;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
    sx_http_end(&tracked->measured, SX_HTTP_COMPLETE, NULL);
    free(tracked);
}

/* evhttp calls it when the connection closes before on_complete. Before the handler has replied,
 * the request is counted as aborted in phase `request`, otherwise in phase `response`. */
static void on_close(struct evhttp_connection *connection, void *context)
{
    struct tracked *tracked = context;
    (void)connection;
    sx_http_end(&tracked->measured, SX_HTTP_RESPONSE_ABORTED, NULL);
    tracked->connection_lost = true;
    if (tracked->replied) {
        free(tracked);
    }
}

static const char *method_name(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    case EVHTTP_REQ_TRACE:
        return "TRACE";
    case EVHTTP_REQ_CONNECT:
        return "CONNECT";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    }
    return NULL; /* a method that evhttp does not know: "_OTHER" on the page */
}

/* Call it first in each callback of evhttp_set_cb and evhttp_set_gencb. Returns NULL if the request
 * is not measured. */
static struct tracked *begin(struct evhttp_request *request, struct sx_http_handler *handler)
{
    struct tracked *tracked = http == NULL ? NULL : calloc(1, sizeof *tracked);
    if (tracked != NULL) {
        sx_http_begin(&tracked->measured, handler, method_name(request), 0);
        evhttp_request_set_on_complete_cb(request, on_complete, tracked);
        evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, tracked);
    }
    return tracked;
}

/* Use it in place of evhttp_send_reply. */
static void reply(struct evhttp_request *request, struct tracked *tracked, int code,
                  struct evbuffer *body)
{
    bool is_lost = tracked != NULL && tracked->connection_lost;
    if (tracked != NULL && !is_lost) {
        sx_http_respond(&tracked->measured, code);
        tracked->replied = true;
    }
    replying = true;
    evhttp_send_reply(request, code, NULL, body);
    replying = false;
    if (is_lost) {
        free(tracked);
    }
}

/* Called when something is written to a connection. evhttp answers malformed requests and calls no
 * callback, so a status line that `reply` does not write means a rejected request. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *unused)
{
    char line[] = "HTTP/1.1 400";
    struct evbuffer_ptr start;
    (void)unused;
    if (replying || info->n_added < sizeof line ||
        evbuffer_ptr_set(output, &start, info->orig_size, EVBUFFER_PTR_SET) != 0) {
        return;
    }
    evbuffer_copyout_from(output, &start, line, sizeof line - 1);
    const long code = strtol(line + strlen("HTTP/1.1 "), NULL, 10);
    if (strncmp(line, "HTTP/1.", strlen("HTTP/1.")) == 0 && code >= 400) { /* not 100 Continue */
        sx_http_reject(http, code == HTTP_ENTITYTOOLARGE ? "too_large" : "malformed");
    }
}

static struct bufferevent *on_connection(struct event_base *base, void *unused)
{
    struct bufferevent *connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    (void)unused;
    if (connection != NULL) {
        evbuffer_add_cb(bufferevent_get_output(connection), on_output, NULL);
    }
    return connection;
}

/* ---- the handlers ---- */

static void set_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

/* Leaves out the body of a response to HEAD, which evhttp would send. Frees the body. */
static void reply_body(struct evhttp_request *request, struct tracked *tracked, int code,
                       struct evbuffer *body)
{
    const bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    if (is_head && body != NULL) {
        char length[24];
        snprintf(length, sizeof length, "%zu", evbuffer_get_length(body));
        set_header(request, "Content-Length", length);
    }
    reply(request, tracked, code, is_head ? NULL : body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

static void reply_text(struct evhttp_request *request, struct tracked *tracked, int code,
                       const char *text)
{
    struct evbuffer *body = evbuffer_new();
    if (body != NULL) {
        evbuffer_add(body, text, strlen(text));
    }
    set_header(request, "Content-Type", "text/plain");
    reply_body(request, tracked, code, body);
}

static void hello(struct evhttp_request *request, struct tracked *tracked)
{
    reply_text(request, tracked, 200, "hello\n");
}

static void echo(struct evhttp_request *request, struct tracked *tracked)
{
    reply(request, tracked, 200, evhttp_request_get_input_buffer(request));
}

static void fail(struct evhttp_request *request, struct tracked *tracked)
{
    reply_text(request, tracked, 500, "this always fails\n");
}

static void not_found(struct evhttp_request *request, struct tracked *tracked)
{
    reply_text(request, tracked, 404, "not found\n");
}

/* 64 MiB, more than a socket buffers: a client can leave half-way. */
static void big(struct evhttp_request *request, struct tracked *tracked)
{
    static const char block[1 << 20];
    struct evbuffer *body = evbuffer_new();
    for (int i = 0; body != NULL && i < 64; i++) {
        evbuffer_add_reference(body, block, sizeof block, NULL, NULL);
    }
    reply_body(request, tracked, body != NULL ? 200 : 500, body);
}

/* A request to /slow, which is answered later. */
struct waiting {
    struct evhttp_request *request;
    struct tracked *tracked;
};
static struct event_base *base;
static unsigned waiting_count;
static bool stopping;

static void on_waited(evutil_socket_t fd, short events, void *context)
{
    struct waiting *waiting = context;
    (void)fd, (void)events;
    reply_text(waiting->request, waiting->tracked, 200, "slow\n");
    free(waiting);
    waiting_count--;
    if (stopping && waiting_count == 0) {
        event_base_loopexit(base, NULL);
    }
}

/* /slow?ms=1500 */
static void slow(struct evhttp_request *request, struct tracked *tracked)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    const long ms =
        query != NULL && strncmp(query, "ms=", 3) == 0 ? strtol(query + 3, NULL, 10) : 100;
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    struct waiting *waiting = malloc(sizeof *waiting);
    if (waiting != NULL) {
        *waiting = (struct waiting){request, tracked};
    }
    if (waiting == NULL || event_base_once(base, -1, EV_TIMEOUT, on_waited, waiting, &wait) != 0) {
        free(waiting);
        reply_text(request, tracked, 500, "no memory\n");
        return;
    }
    waiting_count++;
}

static struct sx_page page; /* its buffer is reused */

static void metrics(struct evhttp_request *request, struct tracked *tracked)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");
    struct sx_exposition_request scrape = {.accept = {accept, accept == NULL ? 0 : strlen(accept)}};
    struct sx_exposition_response response;
    struct evbuffer *body = evbuffer_new();
    if (body == NULL || sx_exposition_respond(&response, &page, NULL, &scrape) != SX_OK) {
        reply_body(request, tracked, 500, body);
        return;
    }
    set_header(request, "Content-Type", response.content_type);
    for (size_t i = 0; i < response.header_count; i++) {
        set_header(request, response.headers[i].name, response.headers[i].value);
    }
    evbuffer_add(body, response.body.data, response.body.size);
    reply_body(request, tracked, response.status, body);
}

/* ---- the routes ---- */

static struct route {
    const char *path, *label;
    int methods;
    void (*answer)(struct evhttp_request *request, struct tracked *tracked);
    struct sx_http_handler *handler;
} routes[] = {
    {"/hello", "hello", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, hello, NULL},
    {"/echo", "echo", EVHTTP_REQ_POST, echo, NULL},
    {"/fail", "fail", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, fail, NULL},
    {"/big", "big", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, big, NULL},
    {"/slow", "slow", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, slow, NULL},
    {"/metrics", "metrics", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, metrics, NULL},
    {NULL, NULL, ~0, not_found, NULL}, /* any other path; "<builtin>" on the page */
};

static void on_request(struct evhttp_request *request, void *context)
{
    const struct route *route = context;
    struct tracked *tracked = begin(request, route->handler);
    if (((int)evhttp_request_get_command(request) & route->methods) == 0) {
        reply_text(request, tracked, 405, "not with this method\n");
        return;
    }
    route->answer(request, tracked);
}

static void add_routes(struct evhttp *server)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        routes[i].handler = sx_http_get_handler(http, routes[i].label);
        if (routes[i].path == NULL) {
            evhttp_set_gencb(server, on_request, &routes[i]);
        } else {
            evhttp_set_cb(server, routes[i].path, on_request, &routes[i]);
        }
    }
}

/* ---- start and stop ---- */

static struct evhttp_bound_socket *listener;

/* evhttp_free would free the requests that still wait for their answer. */
static void on_stop(evutil_socket_t number, short events, void *server)
{
    (void)number, (void)events;
    if (stopping) {
        return; /* a second signal */
    }
    stopping = true;
    evhttp_del_accept_socket(server, listener);
    if (waiting_count == 0) {
        event_base_loopexit(base, NULL);
    }
}

static bool start(struct evhttp *server)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (http != NULL) {
        evhttp_set_bevcb(server, on_connection, NULL);
    }
    /* Every method, also one that evhttp does not know, for which it would answer 501 by itself. */
    evhttp_set_allowed_methods(server, UINT16_MAX);
    evhttp_set_max_headers_size(server, 16384);
    evhttp_set_max_body_size(server, 1 << 20);
    evhttp_set_timeout(server, 60); /* for a client that does not read, too */
    add_routes(server);
    listener = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
    if (listener == NULL || getsockname(evhttp_bound_socket_get_fd(listener),
                                        (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    printf("http://127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    const bool is_untracked = argc > 1 && strcmp(argv[1], "--untracked") == 0;
    signal(SIGPIPE, SIG_IGN); /* a client that has left is an error of write(), not the end */
    base = event_base_new();
    struct evhttp *server = base == NULL ? NULL : evhttp_new(base);
    struct event *stop = server == NULL ? NULL : evsignal_new(base, SIGTERM, on_stop, server);
    bool works = stop != NULL && event_add(stop, NULL) == 0 &&
                 (is_untracked || sx_http_metrics_new(&http, NULL) == SX_OK) && start(server);
    if (works) {
        event_base_dispatch(base);
    } else {
        fprintf(stderr, "evhttp: cannot start\n");
    }
    if (server != NULL) {
        evhttp_free(server); /* calls on_close for what is still open */
    }
    if (stop != NULL) {
        event_free(stop);
    }
    if (base != NULL) {
        event_base_free(base);
    }
    sx_http_metrics_destroy(http);
    sx_page_clean_up(&page);
    return works ? 0 : 1;
}
