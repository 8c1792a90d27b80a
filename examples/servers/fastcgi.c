/* fastcgi.c: request metrics for a FastCGI program with several threads, behind nginx or another
 * web server.
 *
 *     build/examples/servers/fastcgi /run/example.socket
 *
 * Prints its address. SIGTERM ends it. The first part measures the requests by
 * sextant/http_metrics.h; docs/servers/fastcgi.md explains it, says how to set up nginx, and lists
 * what cannot be measured.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the metrics of requests ---- */

static struct sx_http_metrics *http;

/* A request that is measured, on the stack of the thread that serves it. */
struct tracked {
    FCGX_Request *request;
    struct sx_http_request measured;
};

static const char *param(const struct tracked *tracked, const char *name)
{
    const char *value = FCGX_GetParam(name, tracked->request->envp);
    return value == NULL ? "" : value;
}

/* Call it when FCGX_Accept_r has returned a request. */
static void begin(struct tracked *tracked, struct sx_http_handler *handler)
{
    sx_http_begin(&tracked->measured, handler, param(tracked, "REQUEST_METHOD"), 0);
}

/* Call it before the first byte of the response. */
static void respond(struct tracked *tracked, int code)
{
    sx_http_respond(&tracked->measured, code);
}

/* Call it before FCGX_Finish_r, or before the next FCGX_Accept_r. Flushes the response, and thereby
 * learns whether the web server has taken it. */
static void end(struct tracked *tracked)
{
    FCGX_FClose(tracked->request->err);
    const bool is_sent = FCGX_FClose(tracked->request->out) == 0;
    sx_http_end(&tracked->measured, is_sent ? SX_HTTP_COMPLETE : SX_HTTP_RESPONSE_ABORTED, NULL);
}

/* ---- the handlers ---- */

static void start_response(struct tracked *tracked, int code, const char *type, size_t size)
{
    char head[256];
    int length =
        snprintf(head, sizeof head, "Status: %d\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                 code, type, size);
    respond(tracked, code);
    FCGX_PutStr(head, length, tracked->request->out);
}

static void write_body(struct tracked *tracked, const char *body, size_t size)
{
    FCGX_PutStr("\r\n", 2, tracked->request->out);
    if (strcmp(param(tracked, "REQUEST_METHOD"), "HEAD") != 0) {
        FCGX_PutStr(body, (int)size, tracked->request->out);
    }
}

static void reply(struct tracked *tracked, int code, const char *body, size_t size)
{
    start_response(tracked, code, "text/plain", size);
    write_body(tracked, body, size);
}

static void reply_text(struct tracked *tracked, int code, const char *text)
{
    reply(tracked, code, text, strlen(text));
}

static void hello(struct tracked *tracked)
{
    reply_text(tracked, 200, "hello\n");
}

#define BODY_MAX (1 << 20)

static void echo(struct tracked *tracked)
{
    const long expected = strtol(param(tracked, "CONTENT_LENGTH"), NULL, 10); /* 0: chunked */
    char *body = malloc(BODY_MAX);
    const int size = body == NULL ? 0 : FCGX_GetStr(body, BODY_MAX, tracked->request->in);
    if (body == NULL || size == BODY_MAX) {
        reply_text(tracked, 413, "less than 1 MiB\n");
    } else if (size >= expected) {
        reply(tracked, 200, body, (size_t)size);
    } /* otherwise the client has left, and gets no response */
    free(body);
}

static void fail(struct tracked *tracked)
{
    reply_text(tracked, 500, "this always fails\n");
}

static void not_found(struct tracked *tracked)
{
    reply_text(tracked, 404, "not found\n");
}

/* 64 MiB, more than nginx buffers: a client can leave half-way. */
static void big(struct tracked *tracked)
{
    static const char body[64 << 20];
    start_response(tracked, 200, "application/octet-stream", sizeof body);
    write_body(tracked, body, sizeof body);
}

/* /slow?ms=1500 */
static void slow(struct tracked *tracked)
{
    const char *query = param(tracked, "QUERY_STRING");
    const long ms = strncmp(query, "ms=", 3) == 0 ? strtol(query + 3, NULL, 10) : 100;
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&wait, NULL); /* here would be work */
    reply_text(tracked, 200, "slow\n");
}

static void metrics(struct tracked *tracked)
{
    const char *accept = param(tracked, "HTTP_ACCEPT");
    const struct sx_exposition_request scrape = {.accept = {accept, strlen(accept)}};
    struct sx_exposition_response response;
    struct sx_page page = {0};
    if (sx_exposition_respond(&response, &page, NULL, &scrape) != SX_OK) {
        reply_text(tracked, 500, "no page\n");
        return;
    }
    start_response(tracked, response.status, response.content_type, response.content_length);
    for (size_t i = 0; i < response.header_count; i++) {
        char line[256];
        int length = snprintf(line, sizeof line, "%s: %s\r\n", response.headers[i].name,
                              response.headers[i].value);
        FCGX_PutStr(line, length, tracked->request->out);
    }
    write_body(tracked, response.body.data, response.body.size);
    sx_page_clean_up(&page);
}

/* ---- the routes ---- */

static struct route {
    const char *path, *label, *methods[2]; /* any method: NULL */
    void (*answer)(struct tracked *tracked);
    struct sx_http_handler *handler;
} routes[] = {
    {"/hello", "hello", {"GET", "HEAD"}, hello, NULL},
    {"/echo", "echo", {"POST", "POST"}, echo, NULL},
    {"/fail", "fail", {"GET", "HEAD"}, fail, NULL},
    {"/big", "big", {"GET", "HEAD"}, big, NULL},
    {"/slow", "slow", {"GET", "HEAD"}, slow, NULL},
    {"/metrics", "metrics", {"GET", "HEAD"}, metrics, NULL},
    {NULL, NULL, {NULL, NULL}, not_found, NULL}, /* any other path; "<builtin>" on the page */
};

static const struct route *find_route(const char *path)
{
    const struct route *route = routes;
    while (route->path != NULL && strcmp(route->path, path) != 0) {
        route++;
    }
    return route;
}

static void serve(FCGX_Request *request)
{
    struct tracked tracked = {.request = request};
    const struct route *route = find_route(param(&tracked, "SCRIPT_NAME"));
    const char *method = param(&tracked, "REQUEST_METHOD");
    begin(&tracked, route->handler);
    if (route->methods[0] == NULL || strcmp(method, route->methods[0]) == 0 ||
        strcmp(method, route->methods[1]) == 0) {
        route->answer(&tracked);
    } else {
        reply_text(&tracked, 405, "not with this method\n");
    }
    end(&tracked);
}

/* ---- start and stop ---- */

#define THREADS 12

static void *serve_requests(void *listener)
{
    FCGX_Request request;
    FCGX_InitRequest(&request, *(int *)listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
        serve(&request);
    }
    FCGX_Free(&request, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    sigset_t ends; /* blocked in the threads, too */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN); /* if the web server has closed, write() shall fail */
    int listener = argc == 2 && FCGX_Init() == 0 ? FCGX_OpenSocket(argv[1], 128) : -1;
    if (listener < 0 || sx_http_metrics_new(&http, NULL) != SX_OK) {
        fprintf(stderr, "usage: fastcgi SOCKET\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        routes[i].handler = sx_http_get_handler(http, routes[i].label);
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, serve_requests, &listener) != 0) {
            abort();
        }
    }
    printf("unix:%s\n", argv[1]);
    fflush(stdout);
    int number;
    sigwait(&ends, &number);
    FCGX_ShutdownPending();
    shutdown(listener, SHUT_RDWR); /* makes FCGX_Accept_r fail in the threads */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    unlink(argv[1]);
    sx_http_metrics_destroy(http);
    return 0;
}
