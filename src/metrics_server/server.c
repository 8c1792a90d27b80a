/* server.c: one thread, one poll, a few connections. */
#include "host_port.h"
#include "scraper.h"
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

/* Everything but `stop_fd` belongs to the thread as long as it runs. */
struct sx_metrics_server {
    pid_t process;
    pthread_t thread;
    int listen_fd;
    int stop_fd; /* an eventfd that does not block; not 0: the thread is to end */
    uint16_t port;
    struct sx__site site;
    char *path;
    sx_metrics_server_log_fn *log;
    void *log_context;
    int64_t accept_from_ms; /* no connection is accepted before */
    size_t scraper_count;
    struct sx__scraper *scrapers;
    struct pollfd *polls; /* the two above, then one for each connection */
    nfds_t poll_count;    /* up to the last that is in use */
};

static int64_t now_in_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(const struct sx_metrics_server *server, const char *message)
{
    if (server->log != NULL) {
        server->log(server->log_context, message);
    }
}

/* ---- connections ---- */

/* A place for a new one: a free one, or that of whoever has waited longest and not asked, or then
 * of who is slowest to; those that are being answered stay. NULL: all are. */
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

/* One at a time: who is here already has the next turn. */
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
        /* The client stays in the queue, and poll would report it again at once. */
        server->accept_from_ms = now_ms + ACCEPT_PAUSE_MS;
        tell(server, "metrics cannot be served for a moment: no descriptors or memory are left");
    }
}

/* ---- the thread ---- */

static void watch(struct pollfd *poll, int fd, short events)
{
    /* A negative descriptor is left out. */
    *poll = (struct pollfd){.fd = events == 0 ? -1 : fd, .events = events};
}

/* Fills the polls; gives how long to wait, -1 for ever. The first free place is the next one taken,
 * so never more are in use than there were descriptors: poll takes no more than the limit on them.
 */
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

/* Where poll fails, because the limit on descriptors was lowered below their number or for want of
 * memory, all of them are tried after a pause: none blocks. */
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

/* The program's signals are for its own threads, and so the new one has all of them blocked. */
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

/* ---- its life ---- */

/* Of what the thread does not use, or did. */
static void release(struct sx_metrics_server *server)
{
    for (size_t i = 0; server->scrapers != NULL && i < server->scraper_count; i++) {
        sx__scraper_close(&server->scrapers[i], &server->site);
    }
    sx_page_clean_up(&server->site.spare);
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

static int listen_on(struct sx_metrics_server *server, const char *address)
{
    struct sx__host_port parts;
    const char *reason = sx__host_port_parse(&parts, address);
    if (reason == NULL) {
        server->listen_fd = sx__tcp_listen(parts.host, parts.port, &reason);
    }
    if (server->listen_fd < 0) {
        char message[256];
        snprintf(message, sizeof message, "cannot listen on %.120s: %s", address, reason);
        tell(server, message);
        return sx__tcp_is_exhausted(-server->listen_fd) ? SX_ESYSTEM : SX_EADDRESS;
    }
    server->port = sx__tcp_port(server->listen_fd);
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
        /* The thread is the parent's; what it was writing when the fork came is not to be trusted.
         */
        close(server->listen_fd);
        close(server->stop_fd);
        return;
    }
    /* An eventfd takes a 1 whenever it is not full. */
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
    struct sx_metrics_server *server = NULL; /* its thread keeps it, and ends with the process */
    return sx_metrics_server_new(&server, registry, address, options);
}
