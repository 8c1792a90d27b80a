/* ulfius.c: request metrics for a server that uses ulfius.
 *
 *     build/examples/servers/ulfius [--untracked]
 *     curl http://127.0.0.1:PORT/metrics
 *
 * Prints its address. SIGTERM ends it. The first part measures the requests by
 * sextant/http_metrics.h; docs/servers/ulfius.md explains it, and lists what cannot be measured.
 * --untracked leaves it out, to compare the cost.
 */
#include <arpa/inet.h>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ulfius.h>

/* ---- the metrics of requests ---- */

typedef int answer_fn(const struct _u_request *request, struct _u_response *response);

struct route {
    const char *path, *label, *methods[2]; /* any method: NULL */
    answer_fn *answer;
    struct sx_http_handler *handler;
};

static const struct route *find_route(const char *path);

static struct sx_http_metrics *http; /* NULL with --untracked */

/* The request that this thread serves: ulfius has a thread for each connection. */
static _Thread_local struct {
    struct sx_http_request measured;
    uint64_t started_ns;
    bool is_begun; /* sx_http_begin was called */
} current;

static void begin(const struct _u_request *request, const struct route *route)
{
    current.is_begun = true;
    sx_http_begin(&current.measured, route->handler, request->http_verb, current.started_ns);
}

/* The callback of MHD_OPTION_URI_LOG_CALLBACK: the request line has arrived. */
static void *on_request_line(void *context, const char *uri)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    current.started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    current.is_begun = false;
    return ulfius_uri_logger(context, uri);
}

/* The code that ulfius sends for the result of a callback. */
static int code_of(int result, const struct _u_response *response)
{
    switch (result) {
    case U_CALLBACK_ERROR:
        return 500;
    case U_CALLBACK_UNAUTHORIZED:
        return 401;
    default:
        return (int)response->status;
    }
}

/* The callback of every endpoint: calls the handler of the route, and measures the request. */
static int on_request(const struct _u_request *request, struct _u_response *response, void *context)
{
    const struct route *route = context;
    begin(request, route);
    int result = U_CALLBACK_COMPLETE;
    if (route->methods[0] == NULL || strcmp(request->http_verb, route->methods[0]) == 0 ||
        strcmp(request->http_verb, route->methods[1]) == 0) {
        result = route->answer(request, response);
    } else {
        ulfius_set_string_body_response(response, 405, "not with this method\n");
    }
    sx_http_respond(&current.measured, code_of(result, response));
    return result;
}

/* Measures a request for which on_request was not called: the client has left, or libmicrohttpd has
 * answered by itself. */
static void end_without_callback(struct MHD_Connection *connection,
                                 const struct connection_info_struct *info)
{
    const union MHD_ConnectionInfo *answer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    if (info != NULL && info->request->http_verb != NULL) { /* the header was complete */
        begin(info->request, find_route(info->request->url_path));
        if (answer != NULL) {
            sx_http_respond(&current.measured, (int)answer->http_status);
        }
        sx_http_end(&current.measured, SX_HTTP_COMPLETE, NULL); /* without a code: aborted */
    } else if (answer != NULL) {
        sx_http_reject(http, "malformed");
    }
}

/* The callback of MHD_OPTION_NOTIFY_COMPLETED: the request has ended, complete or not. */
static void on_completed(void *context, struct MHD_Connection *connection, void **info,
                         enum MHD_RequestTerminationCode code)
{
    if (current.is_begun) {
        sx_http_end(&current.measured,
                    code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? SX_HTTP_COMPLETE
                                                                : SX_HTTP_RESPONSE_ABORTED,
                    NULL);
    } else {
        end_without_callback(connection, *info);
    }
    mhd_request_completed(context, connection, info, code);
}

/* Does what ulfius_start_framework does, with these two callbacks. */
static int start(struct _u_instance *instance)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_URI_LOG_CALLBACK,
         http == NULL ? (intptr_t)ulfius_uri_logger : (intptr_t)on_request_line, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED,
         http == NULL ? (intptr_t)mhd_request_completed : (intptr_t)on_completed, NULL},
        {MHD_OPTION_SOCK_ADDR, 0, instance->bind_address},
        {MHD_OPTION_CONNECTION_TIMEOUT, 60, NULL}, /* ends responses that a client does not read */
        {MHD_OPTION_END, 0, NULL},
    };
    return ulfius_start_framework_with_mhd_options(
        instance, MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, options);
}

/* ---- the handlers ---- */

static int hello(const struct _u_request *request, struct _u_response *response)
{
    (void)request;
    ulfius_set_string_body_response(response, 200, "hello\n");
    return U_CALLBACK_COMPLETE;
}

static int echo(const struct _u_request *request, struct _u_response *response)
{
    ulfius_set_binary_body_response(response, 200, request->binary_body,
                                    request->binary_body_length);
    return U_CALLBACK_COMPLETE;
}

static int fail(const struct _u_request *request, struct _u_response *response)
{
    (void)request, (void)response;
    return U_CALLBACK_ERROR; /* ulfius answers 500 */
}

static int not_found(const struct _u_request *request, struct _u_response *response)
{
    (void)request;
    ulfius_set_string_body_response(response, 404, "not found\n");
    return U_CALLBACK_COMPLETE;
}

static ssize_t write_zeros(void *context, uint64_t offset, char *data, size_t size)
{
    (void)context, (void)offset;
    memset(data, 0, size);
    return (ssize_t)size;
}

/* 64 MiB, more than a socket buffers: a client can leave half-way. */
static int big(const struct _u_request *request, struct _u_response *response)
{
    (void)request;
    ulfius_set_stream_response(response, 200, write_zeros, NULL, 64 << 20, 1 << 16, NULL);
    return U_CALLBACK_COMPLETE;
}

/* /slow?ms=1500 */
static int slow(const struct _u_request *request, struct _u_response *response)
{
    const char *text = u_map_get(request->map_url, "ms");
    const long ms = text == NULL ? 100 : strtol(text, NULL, 10);
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&wait, NULL); /* here would be work */
    ulfius_set_string_body_response(response, 200, "slow\n");
    return U_CALLBACK_COMPLETE;
}

static int metrics(const struct _u_request *request, struct _u_response *response)
{
    const char *accept = u_map_get_case(request->map_header, "Accept");
    struct sx_exposition_request scrape = {.accept = {accept, accept == NULL ? 0 : strlen(accept)}};
    struct sx_exposition_response page_response;
    struct sx_page page = {0};
    if (sx_exposition_respond(&page_response, &page, NULL, &scrape) != SX_OK) {
        return U_CALLBACK_ERROR;
    }
    ulfius_set_binary_body_response(response, (unsigned)page_response.status,
                                    page_response.body.data, page_response.body.size);
    u_map_put(response->map_header, "Content-Type", page_response.content_type);
    for (size_t i = 0; i < page_response.header_count; i++) {
        u_map_put(response->map_header, page_response.headers[i].name,
                  page_response.headers[i].value);
    }
    sx_page_clean_up(&page);
    return U_CALLBACK_COMPLETE;
}

/* ---- the routes ---- */

static struct route routes[] = {
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

static void add_routes(struct _u_instance *instance)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct route *route = &routes[i];
        route->handler = sx_http_get_handler(http, route->label);
        if (route->path == NULL) {
            ulfius_set_default_endpoint(instance, on_request, route);
        } else {
            ulfius_add_endpoint_by_val(instance, "*", route->path, NULL, 0, on_request, route);
        }
    }
}

int main(int argc, char **argv)
{
    const bool is_untracked = argc > 1 && strcmp(argv[1], "--untracked") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct _u_instance instance;
    sigset_t ends; /* blocked in the threads of libmicrohttpd, too */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if ((!is_untracked && sx_http_metrics_new(&http, NULL) != SX_OK) ||
        ulfius_init_instance(&instance, 8080, &address, NULL) != U_OK) {
        return 1;
    }
    instance.port = 0; /* any port, which ulfius_init_instance does not accept */
    add_routes(&instance);
    const bool works = start(&instance) == U_OK;
    if (works) {
        printf("http://127.0.0.1:%u\n",
               (unsigned)MHD_get_daemon_info(instance.mhd_daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
        fflush(stdout);
        int number;
        sigwait(&ends, &number);
        ulfius_stop_framework(&instance);
    }
    ulfius_clean_instance(&instance);
    sx_http_metrics_destroy(http);
    return works ? 0 : 1;
}
