/* microhttpd.c: request metrics for a server that uses libmicrohttpd.
 *
 *     build/examples/servers/microhttpd [--untracked] [thread|poll|pool|connection|select|epoll]
 *     curl http://127.0.0.1:PORT/metrics
 *
 * The last argument is the threading mode. Prints its address. SIGTERM ends it. The first part
 * measures the requests by sextant/http_metrics.h; docs/servers/microhttpd.md explains it, and
 * lists what cannot be measured. --untracked leaves it out, to compare the cost.
 */
#define _GNU_SOURCE /* ppoll */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

/* ---- the metrics of requests ---- */

static struct sx_http_metrics *http; /* NULL with --untracked */

/* What is measured of a connection: it has one request at a time. */
struct tracked {
    struct sx_http_request measured;
    uint64_t started_ns;
    bool is_awaited; /* there is a request line, but no complete header yet */
};

/* Returns NULL if the connection is not measured. */
static struct tracked *tracked_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        http == NULL ? NULL
                     : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* The callback of MHD_OPTION_NOTIFY_CONNECTION. */
static void on_connection(void *unused, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)unused, (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = calloc(1, sizeof(struct tracked)); /* NULL: it is not measured */
    } else {
        free(*socket_context);
    }
}

/* The callback of MHD_OPTION_URI_LOG_CALLBACK: the request line has arrived. */
static void *on_request_line(void *unused, const char *uri, struct MHD_Connection *connection)
{
    struct tracked *tracked = tracked_of(connection);
    (void)unused, (void)uri;
    if (tracked != NULL) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        tracked->started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        tracked->is_awaited = true;
    }
    return NULL; /* the initial `state` of the access handler */
}

/* Call it in the first call of the access handler for a request. */
static void begin(struct MHD_Connection *connection, struct sx_http_handler *handler,
                  const char *method)
{
    struct tracked *tracked = tracked_of(connection);
    if (tracked != NULL) {
        tracked->is_awaited = false;
        sx_http_begin(&tracked->measured, handler, method, tracked->started_ns);
    }
}

/* Use it in place of MHD_queue_response. */
static enum MHD_Result queue_response(struct MHD_Connection *connection, unsigned code,
                                      struct MHD_Response *response)
{
    struct tracked *tracked = tracked_of(connection);
    if (tracked != NULL) {
        sx_http_respond(&tracked->measured, (int)code);
    }
    return MHD_queue_response(connection, code, response);
}

/* Call it first in the callback of MHD_OPTION_NOTIFY_COMPLETED. */
static void end(struct MHD_Connection *connection, enum MHD_RequestTerminationCode code)
{
    struct tracked *tracked = tracked_of(connection);
    const bool is_complete = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    const bool has_left =
        code == MHD_REQUEST_TERMINATED_READ_ERROR || code == MHD_REQUEST_TERMINATED_CLIENT_ABORT;
    if (tracked != NULL && tracked->is_awaited) { /* the access handler was not called */
        tracked->is_awaited = false;
        if (!has_left) {
            sx_http_reject(http, code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED ? "header_timeout"
                                                                                : "malformed");
        }
    } else if (tracked != NULL) {
        sx_http_end(&tracked->measured, is_complete ? SX_HTTP_COMPLETE : SX_HTTP_RESPONSE_ABORTED,
                    NULL);
    }
}

/* ---- the handlers ---- */

#define BODY_BYTES_MAX ((size_t)1 << 20)
#define BIG_BYTES ((uint64_t)64 << 20)

/* The state of a request points to the body of /echo, or to one of these: its header was seen; it
 * was suspended. */
static char seen, waited;
struct body {
    size_t size; /* more than BODY_BYTES_MAX: the body is too large */
    char data[BODY_BYTES_MAX];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned code,
                             struct MHD_Response *response)
{
    enum MHD_Result result = response == NULL ? MHD_NO : queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned code,
                                  const char *text)
{
    return reply(connection, code,
                 MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                 MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result hello(struct MHD_Connection *connection, void **state)
{
    (void)state;
    return reply_text(connection, MHD_HTTP_OK, "hello\n");
}

static enum MHD_Result fail(struct MHD_Connection *connection, void **state)
{
    (void)state;
    return reply_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "this always fails\n");
}

static enum MHD_Result not_found(struct MHD_Connection *connection, void **state)
{
    (void)state;
    return reply_text(connection, MHD_HTTP_NOT_FOUND, "not found\n");
}

static enum MHD_Result echo(struct MHD_Connection *connection, void **state)
{
    struct body *body = *state;
    if (body->size > BODY_BYTES_MAX) {
        return reply_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
    }
    return reply(connection, MHD_HTTP_OK,
                 MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_COPY));
}

/* 64 MiB, more than a socket buffers: a client can leave half-way. */
static ssize_t read_big(void *unused, uint64_t position, char *data, size_t size)
{
    (void)unused, (void)position;
    memset(data, 'x', size);
    return (ssize_t)size;
}

static enum MHD_Result big(struct MHD_Connection *connection, void **state)
{
    (void)state;
    return reply(connection, MHD_HTTP_OK,
                 MHD_create_response_from_callback(BIG_BYTES, 1 << 16, read_big, NULL, NULL));
}

static bool has_connection_threads;
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER; /* of the two variables below */
static pthread_cond_t waiting_ended = PTHREAD_COND_INITIALIZER;
static unsigned waiting_count; /* suspended connections; the daemon can be stopped at 0 */
static bool is_draining;       /* no further connection may be suspended */
static pthread_t main_thread;

static void sleep_ms(const char *text)
{
    const long ms = text == NULL ? 100 : strtol(text, NULL, 10);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void *resume_later(void *connection)
{
    sleep_ms(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ms"));
    MHD_resume_connection(connection);
    pthread_kill(main_thread, SIGUSR1); /* wakes the program's own loop, which MHD does not */
    pthread_mutex_lock(&waiting_lock);
    waiting_count--;
    pthread_cond_signal(&waiting_ended);
    pthread_mutex_unlock(&waiting_lock);
    return NULL;
}

/* Returns whether the connection may be suspended: not while the server stops. */
static bool begin_to_wait(void)
{
    pthread_mutex_lock(&waiting_lock);
    const bool may_wait = !is_draining;
    waiting_count += may_wait;
    pthread_mutex_unlock(&waiting_lock);
    return may_wait;
}

/* /slow?ms=1500. A connection that has no thread of its own is suspended meanwhile. */
static enum MHD_Result slow(struct MHD_Connection *connection, void **state)
{
    pthread_t thread;
    if (has_connection_threads) {
        sleep_ms(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ms"));
    } else if (*state == &seen && begin_to_wait()) {
        *state = &waited;
        MHD_suspend_connection(connection);
        if (pthread_create(&thread, NULL, resume_later, connection) != 0) {
            abort();
        }
        pthread_detach(thread);
        return MHD_YES;
    }
    return reply_text(connection, MHD_HTTP_OK, "slow\n");
}

static enum MHD_Result metrics(struct MHD_Connection *connection, void **state)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    struct sx_exposition_request scrape = {.accept = {accept, accept == NULL ? 0 : strlen(accept)}};
    struct sx_exposition_response answer;
    struct sx_page page = {0};
    (void)state;
    if (sx_exposition_respond(&answer, &page, NULL, &scrape) != SX_OK) {
        return MHD_NO;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer.body.size, (void *)(uintptr_t)answer.body.data, MHD_RESPMEM_MUST_COPY);
    sx_page_clean_up(&page);
    if (response != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type);
    }
    for (size_t i = 0; response != NULL && i < answer.header_count; i++) {
        MHD_add_response_header(response, answer.headers[i].name, answer.headers[i].value);
    }
    return reply(connection, (unsigned)answer.status, response);
}

/* ---- the routes ---- */

static struct route {
    const char *path, *label, *methods;
    enum MHD_Result (*answer)(struct MHD_Connection *connection, void **state);
    struct sx_http_handler *handler;
} routes[] = {
    {"/hello", "hello", " GET HEAD ", hello, NULL},
    {"/echo", "echo", " POST ", echo, NULL},
    {"/fail", "fail", " GET HEAD ", fail, NULL},
    {"/big", "big", " GET HEAD ", big, NULL},
    {"/slow", "slow", " GET HEAD ", slow, NULL},
    {"/metrics", "metrics", " GET HEAD ", metrics, NULL},
    {NULL, NULL, NULL, not_found, NULL}, /* any other path; "<builtin>" on the page */
};

static const struct route *find_route(const char *path)
{
    const struct route *route = routes;
    while (route->path != NULL && strcmp(route->path, path) != 0) {
        route++;
    }
    return route;
}

static bool has_method(const struct route *route, const char *method)
{
    const size_t size = strlen(method);
    const char *found = route->methods == NULL ? method : strstr(route->methods, method);
    return route->methods == NULL ||
           (size > 0 && found != NULL && found[-1] == ' ' && found[size] == ' ');
}

/* The header is complete. libmicrohttpd closes the connection if the response comes before the
 * body, so this answers only if the body is too large. */
static enum MHD_Result on_header(struct MHD_Connection *connection, const struct route *route,
                                 const char *method, void **state)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL && strtoull(length, NULL, 10) > BODY_BYTES_MAX) {
        return reply_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
    }
    *state = &seen;
    if (route->answer == echo && has_method(route, method)) {
        *state = calloc(1, sizeof(struct body));
    }
    return *state == NULL ? MHD_NO : MHD_YES;
}

static void keep(struct body *body, const char *data, size_t size)
{
    if (body->size + size <= BODY_BYTES_MAX) {
        memcpy(body->data + body->size, data, size);
        body->size += size;
    } else {
        body->size = BODY_BYTES_MAX + 1;
    }
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    const struct route *route = find_route(path);
    (void)unused, (void)version;
    if (*state == NULL) {
        begin(connection, route->handler, method);
        return on_header(connection, route, method, state);
    }
    if (*upload_size > 0) {
        if (*state != &seen) {
            keep(*state, upload, *upload_size);
        }
        *upload_size = 0;
        return MHD_YES;
    }
    return has_method(route, method)
               ? route->answer(connection, state)
               : reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method\n");
}

/* The callback of MHD_OPTION_NOTIFY_COMPLETED. */
static void on_completed(void *unused, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)unused;
    end(connection, code);
    if (*state != &seen && *state != &waited) {
        free(*state);
    }
}

/* ---- start and stop ---- */

static const struct mode {
    const char *name;
    unsigned flags, pool_size;
} modes[] = {
    {"thread", MHD_USE_INTERNAL_POLLING_THREAD, 0}, /* which calls select */
    {"poll", MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0},
    {"pool", MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 4},
    {"connection", MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0},
    {"select", 0, 0},
    {"epoll", MHD_USE_EPOLL, 0},
};

static struct MHD_Daemon *start(const struct mode *mode)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct MHD_OptionItem tracking[] = {
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_request_line, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)mode->pool_size, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    has_connection_threads = (mode->flags & MHD_USE_THREAD_PER_CONNECTION) != 0;
    return MHD_start_daemon(mode->flags | (has_connection_threads ? 0 : MHD_ALLOW_SUSPEND_RESUME),
                            0, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &address,
                            MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, NULL, MHD_OPTION_ARRAY,
                            http == NULL ? &tracking[2] : tracking, MHD_OPTION_ARRAY,
                            mode->pool_size == 0 ? &pool[1] : pool, MHD_OPTION_END);
}

static volatile sig_atomic_t is_stopping;

static void on_signal(int number)
{
    if (number == SIGTERM) {
        is_stopping = 1;
    }
}

/* The longest time until the next MHD_run; NULL: no limit. */
static const struct timespec *timeout_of(struct MHD_Daemon *daemon, struct timespec *timeout)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(daemon, &ms) != MHD_YES) {
        return NULL;
    }
    *timeout =
        (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    return timeout;
}

/* Waits for SIGTERM. Runs the program's own loop for a daemon without threads. Signals are blocked
 * except within the system calls that wait. */
static void run_until_stopped(struct MHD_Daemon *daemon, const struct mode *mode,
                              const sigset_t *unblocked)
{
    struct timespec timeout;
    while (!is_stopping && (mode->flags & MHD_USE_INTERNAL_POLLING_THREAD) != 0) {
        sigsuspend(unblocked);
    }
    while (!is_stopping && (mode->flags & MHD_USE_EPOLL) != 0) {
        struct pollfd events = {.fd =
                                    MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                                .events = POLLIN};
        ppoll(&events, 1, timeout_of(daemon, &timeout), unblocked);
        MHD_run(daemon);
    }
    while (!is_stopping) {
        fd_set read_set, write_set, except_set;
        MHD_socket highest = 0;
        const struct timespec *wait = timeout_of(daemon, &timeout); /* before MHD_get_fdset */
        FD_ZERO(&read_set);
        FD_ZERO(&write_set);
        FD_ZERO(&except_set);
        MHD_get_fdset(daemon, &read_set, &write_set, &except_set, &highest);
        pselect(highest + 1, &read_set, &write_set, &except_set, wait, unblocked);
        MHD_run(daemon);
    }
}

static void run(struct MHD_Daemon *daemon, const struct mode *mode, const sigset_t *unblocked)
{
    printf("http://127.0.0.1:%u\n",
           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    run_until_stopped(daemon, mode, unblocked);
    pthread_mutex_lock(&waiting_lock);
    is_draining = true;
    while (waiting_count > 0) {
        pthread_cond_wait(&waiting_ended, &waiting_lock);
    }
    pthread_mutex_unlock(&waiting_lock);
    MHD_stop_daemon(daemon);
}

int main(int argc, char **argv)
{
    const bool is_untracked = argc > 1 && strcmp(argv[1], "--untracked") == 0;
    const char *name = argc > 1 + is_untracked ? argv[1 + is_untracked] : "thread";
    const struct mode *mode = modes;
    const struct mode *end_of_modes = modes + sizeof modes / sizeof *modes;
    while (mode < end_of_modes && strcmp(mode->name, name) != 0) {
        mode++;
    }
    if (mode == end_of_modes) {
        fprintf(stderr, "microhttpd: unknown mode: %s\n", name);
        return 2;
    }
    sigset_t blocked, unblocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &unblocked);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
    main_thread = pthread_self();
    if (!is_untracked && sx_http_metrics_new(&http, NULL) < 0) {
        fprintf(stderr, "microhttpd: requests are not measured\n");
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        routes[i].handler = sx_http_get_handler(http, routes[i].label);
    }
    struct MHD_Daemon *daemon = start(mode);
    if (daemon == NULL) {
        fprintf(stderr, "microhttpd: cannot start\n");
    } else {
        run(daemon, mode, &unblocked);
    }
    sx_http_metrics_destroy(http);
    return daemon == NULL ? 1 : 0;
}
