/* server.c: the server: one thread that polls its sockets, and the functions that start and stop
 * it.
 */
#include "clock.h"
#include "open_address.h"
#include "scraper.h"
#include "socket_file.h"
#include "tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sextant/metrics_server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 16
#define CONNECTIONS_MOST 1024
#define TIMEOUT_DEFAULT_MS 10000
#define ACCEPT_PAUSE_MS 1000 /* after descriptors ran out */
#define POLL_PAUSE_MS 100    /* after poll failed */
#define REASON_BYTES 256

/* While the thread runs, only the thread uses these fields, except `stop_fd`. */
struct sx_metrics_server {
    pid_t process;
    pthread_t thread;
    int listen_fd;
    int stop_fd; /* a non-blocking eventfd; a count other than 0 stops the thread */
    uint16_t port;
    struct sx__socket_file file; /* of a Unix socket */
    struct sx__site site;
    char *path;
    sx_metrics_server_log_fn *log;
    void *log_context;
    int64_t accept_from_ms; /* no connection is accepted before this time */
    size_t scraper_count;
    struct sx__scraper *scrapers;
    struct pollfd *polls; /* of the two descriptors above, then of each connection */
    nfds_t poll_count;    /* up to the last connection that is in use */
};

static int64_t now_in_ms(void)
{
    return (int64_t)(sx__clock_now_ns() / 1000000);
}

static void tell(const struct sx_metrics_server *server, const char *message)
{
    if (server->log != NULL) {
        server->log(server->log_context, message);
    }
}

/* ---- connections ---- */

/* Returns the place for a new connection: a free one; or that of the connection that has waited
 * longest without sending anything; or that of the slowest request. Returns NULL if all connections
 * are being answered, because these stay. */
static struct sx__scraper *find_place(struct sx_metrics_server *server)
{
    struct sx__scraper *found = NULL;
    for (size_t i = 0; i < server->scraper_count; i++) {
        struct sx__scraper *one = &server->scrapers[i];
        if (one->state == SX__SCRAPER_FREE) {
            return one;
        }
        bool asked = one->state == SX__SCRAPER_READING && one->asked;
        bool found_asked = found != NULL && found->state == SX__SCRAPER_READING && found->asked;
        if (one->state != SX__SCRAPER_WRITING &&
            (found == NULL || asked < found_asked ||
             (asked == found_asked && one->since_ms < found->since_ms))) {
            found = one;
        }
    }
    return found;
}

static int accept_client(const struct sx_metrics_server *server)
{
    int fd = accept(server->listen_fd, NULL, NULL);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        close(fd);
        errno = EAGAIN;
        return -1;
    }
    return fd;
}

/* Accepts one connection, so that the existing connections have their turn before the next. */
static void accept_one(struct sx_metrics_server *server, int64_t now_ms)
{
    struct sx__scraper *place = find_place(server);
    if (place == NULL) {
        return;
    }
    int fd = accept_client(server);
    if (fd >= 0) {
        sx__scraper_close(place, &server->site);
        sx__scraper_open(place, &server->site, fd, now_ms);
        sx__scraper_run(place, &server->site, now_ms);
    } else if (sx__tcp_is_exhausted(errno)) {
        /* The client stays in the backlog, and poll would report it again at once. */
        server->accept_from_ms = now_ms + ACCEPT_PAUSE_MS;
        tell(server, "no connection is accepted for a second: no descriptors or memory are left");
    }
}

/* ---- the thread ---- */

static void watch(struct pollfd *poll, int fd, short events)
{
    /* poll ignores negative descriptors. */
    *poll = (struct pollfd){.fd = events == 0 ? -1 : fd, .events = events};
}

/* Fills the polls. Returns how long to wait in milliseconds, -1: without a limit. poll fails with
 * more entries than the limit on descriptors; the first free place is used first, so the entries
 * are never more than the connections that were open at the same time. */
static int prepare(struct sx_metrics_server *server, int64_t now_ms)
{
    int64_t until_ms = INT64_MAX;
    bool may_accept = now_ms >= server->accept_from_ms;
    if (!may_accept) {
        until_ms = server->accept_from_ms;
    }
    server->poll_count = 2;
    watch(&server->polls[0], server->stop_fd, POLLIN);
    watch(&server->polls[1], server->listen_fd,
          may_accept && find_place(server) != NULL ? POLLIN : 0);
    for (size_t i = 0; i < server->scraper_count; i++) {
        const struct sx__scraper *one = &server->scrapers[i];
        bool is_free = one->state == SX__SCRAPER_FREE;
        watch(&server->polls[i + 2], one->fd, is_free ? 0 : sx__scraper_events(one));
        server->poll_count = is_free ? server->poll_count : (nfds_t)i + 3;
        if (!is_free && one->deadline_ms < until_ms) {
            until_ms = one->deadline_ms;
        }
    }
    if (until_ms == INT64_MAX) {
        return -1;
    }
    return until_ms <= now_ms ? 0 : (int)(until_ms - now_ms < 60000 ? until_ms - now_ms : 60000);
}

/* poll fails if memory is exhausted, or if the limit on descriptors was lowered below their number.
 * Then all descriptors are tried after a pause; none blocks. */
static void wait_for_events(struct sx_metrics_server *server)
{
    int wait_ms = prepare(server, now_in_ms());
    if (poll(server->polls, server->poll_count, wait_ms) >= 0) {
        return;
    }
    (void)poll(NULL, 0, POLL_PAUSE_MS);
    for (size_t i = 0; i < server->poll_count; i++) {
        server->polls[i].revents = server->polls[i].fd < 0 ? 0 : server->polls[i].events;
    }
}

static bool is_to_stop(const struct sx_metrics_server *server)
{
    uint64_t count;
    return server->polls[0].revents != 0 &&
           read(server->stop_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static void *run(void *context)
{
    struct sx_metrics_server *server = context;
    for (;;) {
        wait_for_events(server);
        int64_t now_ms = now_in_ms();
        if (is_to_stop(server)) {
            return NULL;
        }
        for (size_t i = 0; i < server->scraper_count; i++) {
            if (server->polls[i + 2].revents != 0) {
                sx__scraper_run(&server->scrapers[i], &server->site, now_ms);
            }
            sx__scraper_expire(&server->scrapers[i], &server->site, now_ms);
        }
        if (server->polls[1].revents != 0) {
            accept_one(server, now_ms);
        }
    }
}

/* The new thread has all signals blocked, so that the program's own threads handle them. */
static int start_thread(struct sx_metrics_server *server)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return SX_ESYSTEM;
    }
    int error = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? SX_OK : SX_ESYSTEM;
}

/* ---- start and stop ---- */

/* Frees the server. Its thread does not run, or has ended. */
static void release(struct sx_metrics_server *server)
{
    for (size_t i = 0; server->scrapers != NULL && i < server->scraper_count; i++) {
        sx__scraper_close(&server->scrapers[i], &server->site);
    }
    sx_page_clean_up(&server->site.spare);
    sx__socket_file_remove(&server->file);
    if (server->listen_fd >= 0) {
        close(server->listen_fd);
    }
    if (server->stop_fd >= 0) {
        close(server->stop_fd);
    }
    free(server->scrapers);
    free(server->polls);
    free(server->path);
    free(server);
}

static int allocate(struct sx_metrics_server *server,
                    const struct sx_metrics_server_options *options)
{
    size_t count = options->connections_max == 0 ? CONNECTIONS_DEFAULT : options->connections_max;
    server->scraper_count = count < CONNECTIONS_MOST ? count : CONNECTIONS_MOST;
    server->scrapers = calloc(server->scraper_count, sizeof *server->scrapers);
    server->polls = calloc(server->scraper_count + 2, sizeof *server->polls);
    server->path = strdup(options->path == NULL ? "/metrics" : options->path);
    server->site.path = server->path;
    return server->scrapers == NULL || server->polls == NULL || server->path == NULL ? SX_ENOMEM
                                                                                     : SX_OK;
}

/* Returns a descriptor, or -errno after logging the reason. */
static int open_socket(struct sx_metrics_server *server, struct sx__listen_address *parsed,
                       const char *address)
{
    char reason[REASON_BYTES];
    const char *wrong = sx__listen_address_parse(parsed, address);
    if (wrong == NULL && parsed->says_https) {
        wrong = "the metrics server has no TLS";
    }
    const int fd = wrong == NULL ? sx__open_address(parsed, reason, sizeof reason) : -EINVAL;
    if (fd < 0) {
        char message[2 * REASON_BYTES];
        snprintf(message, sizeof message, "cannot listen on %.120s: %s", address,
                 wrong == NULL ? reason : wrong);
        tell(server, message);
    }
    return fd;
}

static int listen_on(struct sx_metrics_server *server, const char *address)
{
    struct sx__listen_address parsed;
    server->listen_fd = open_socket(server, &parsed, address);
    if (server->listen_fd < 0) {
        return sx__tcp_is_exhausted(-server->listen_fd) ? SX_ESYSTEM : SX_EADDRESS;
    }
    server->port = sx__tcp_port(server->listen_fd);
    if (parsed.path != NULL && sx__socket_file_keep(&server->file, parsed.path) < 0) {
        return SX_ENOMEM;
    }
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return server->stop_fd < 0 ? SX_ESYSTEM : SX_OK;
}

int sx_metrics_server_new(struct sx_metrics_server **server, struct sx_registry *registry,
                          const char *address, const struct sx_metrics_server_options *options)
{
    static const struct sx_metrics_server_options defaults;
    options = options == NULL ? &defaults : options;
    if (server == NULL || address == NULL || (options->path != NULL && options->path[0] != '/')) {
        return SX_EINVAL;
    }
    struct sx_metrics_server *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->process = getpid();
    made->listen_fd = -1;
    made->stop_fd = -1;
    made->log = options->log;
    made->log_context = options->log_context;
    made->site.registry = registry;
    made->site.timeout_ms = options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms;
    int status = allocate(made, options);
    if (status == SX_OK) {
        status = listen_on(made, address);
    }
    if (status == SX_OK) {
        status = start_thread(made);
    }
    if (status != SX_OK) {
        release(made);
        return status;
    }
    *server = made;
    return SX_OK;
}

void sx_metrics_server_destroy(struct sx_metrics_server *server)
{
    const uint64_t one = 1;
    if (server == NULL) {
        return;
    }
    if (server->process != getpid()) {
        /* The thread runs in the parent only. What it was writing during the fork is inconsistent
         * here. */
        close(server->listen_fd);
        close(server->stop_fd);
        return;
    }
    /* The write adds 1 to the count; it fails only if a signal interrupts it. */
    while (write(server->stop_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    pthread_join(server->thread, NULL);
    release(server);
}

uint16_t sx_metrics_server_get_port(const struct sx_metrics_server *server)
{
    return server == NULL ? 0 : server->port;
}

int sx_metrics_serve(struct sx_registry *registry, const char *address,
                     const struct sx_metrics_server_options *options)
{
    struct sx_metrics_server *server = NULL; /* its thread uses it until the process ends */
    return sx_metrics_server_new(&server, registry, address, options);
}
