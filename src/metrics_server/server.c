/* server.c: the server: the thread that polls its sockets, and the functions that start and stop
 * its threads. No function that may wait, but the log, runs in that thread.
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
#define STALLED_MS 1000      /* after that a client that does not read makes room for another */
#define REASON_BYTES 256

/* What is polled: three descriptors, then each connection. */
enum { POLL_STOP, POLL_LISTEN, POLL_RENDERED, POLL_SCRAPERS };

/* While the thread runs, only the thread uses these fields, except `stop_fd`, the renderers, and
 * the site, which does not change. */
struct sx_metrics_server {
    pid_t process;
    pthread_t thread;
    int listen_fd;
    int stop_fd; /* a non-blocking eventfd; a count other than 0 stops the thread */
    uint16_t port;
    struct sx__socket_file file; /* of a Unix socket */
    struct sx__site site;
    struct sx__renderers renderers;
    struct sx__scrapers all;
    int64_t accept_from_ms; /* no connection is accepted before this time */
    size_t scraper_count;
    struct sx__scraper *scrapers;
    struct pollfd *polls;
    nfds_t poll_count; /* up to the last connection that is in use */
};

static int64_t now_in_ms(void)
{
    return (int64_t)(sx__clock_now_ns() / 1000000);
}

/* ---- connections ---- */

/* Returns when a connection that is being answered may make room for a new one, INT64_MAX: never,
 * because its page is being rendered. */
static int64_t stalled_from_ms(struct sx_metrics_server *server, const struct sx__scraper *scraper)
{
    if (scraper->state == SX__SCRAPER_WRITING) {
        return scraper->since_ms + STALLED_MS;
    }
    return sx__renderers_has_queued(&server->renderers, &scraper->rendering)
               ? scraper->since_ms + server->site.timeout_ms
               : INT64_MAX;
}

/* Which connections make room for a new one, in this order. */
enum rank { RANK_SILENT, RANK_ASKING, RANK_STALLED, RANK_STAYS };

static enum rank rank_of(struct sx_metrics_server *server, const struct sx__scraper *scraper,
                         int64_t now_ms)
{
    switch (scraper->state) {
    case SX__SCRAPER_READING:
        return scraper->asked ? RANK_ASKING : RANK_SILENT;
    case SX__SCRAPER_DRAINING:
        return RANK_SILENT;
    default:
        return now_ms >= stalled_from_ms(server, scraper) ? RANK_STALLED : RANK_STAYS;
    }
}

/* Returns the place for a new connection: a free one, or that of the connection that has waited
 * longest among those of the first rank. Returns NULL if all connections stay. */
static struct sx__scraper *find_place(struct sx_metrics_server *server, int64_t now_ms)
{
    struct sx__scraper *found = NULL;
    enum rank found_rank = RANK_STAYS;
    for (size_t i = 0; i < server->scraper_count; i++) {
        struct sx__scraper *one = &server->scrapers[i];
        if (one->state == SX__SCRAPER_FREE) {
            return one;
        }
        enum rank rank = rank_of(server, one, now_ms);
        if (rank < found_rank ||
            (rank == found_rank && found != NULL && one->since_ms < found->since_ms)) {
            found = one;
            found_rank = rank;
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

/* Closes a connection that waits for its page. Returns false if the page is being rendered. */
static bool drop_queued(struct sx_metrics_server *server, struct sx__scraper *scraper)
{
    if (!sx__renderers_take_back(&server->renderers, &scraper->rendering)) {
        return false;
    }
    sx__scraper_cut_off(scraper, &server->all,
                        "other pages took too long, and another client needed the connection");
    return true;
}

/* Accepts one connection, so that the existing connections have their turn before the next. */
static void accept_one(struct sx_metrics_server *server, int64_t now_ms)
{
    struct sx__scraper *place = find_place(server, now_ms);
    if (place == NULL || (place->state == SX__SCRAPER_RENDERING && !drop_queued(server, place))) {
        return;
    }
    int fd = accept_client(server);
    if (fd >= 0) {
        sx__scraper_cut_off(place, &server->all,
                            "the client did not read it, and another needed the connection");
        sx__scraper_open(place, &server->all, fd, now_ms);
        sx__scraper_run(place, &server->all, now_ms);
    } else if (sx__tcp_is_exhausted(errno)) {
        /* The client stays in the backlog, and poll would report it again at once. */
        server->accept_from_ms = now_ms + ACCEPT_PAUSE_MS;
        sx__site_log(&server->site,
                     "no connection is accepted for a second: no descriptors or memory are left");
    }
}

/* ---- the thread ---- */

static void watch(struct pollfd *poll, int fd, short events)
{
    /* poll ignores negative descriptors. */
    *poll = (struct pollfd){.fd = events == 0 ? -1 : fd, .events = events};
}

/* The listening socket is polled if a new connection could have a place. Returns when to look
 * again, INT64_MAX: when something has happened. */
static int64_t prepare_to_accept(struct sx_metrics_server *server, int64_t now_ms)
{
    const bool is_paused = now_ms < server->accept_from_ms;
    const bool has_place = find_place(server, now_ms) != NULL;
    int64_t until_ms = is_paused ? server->accept_from_ms : INT64_MAX;
    watch(&server->polls[POLL_LISTEN], server->listen_fd, has_place && !is_paused ? POLLIN : 0);
    for (size_t i = 0; !has_place && i < server->scraper_count; i++) {
        const int64_t stalled_ms = stalled_from_ms(server, &server->scrapers[i]);
        until_ms = stalled_ms < until_ms ? stalled_ms : until_ms;
    }
    return until_ms;
}

/* Fills the polls. Returns how long to wait in milliseconds, -1: without a limit. poll fails with
 * more entries than the limit on descriptors; the first free place is used first, so the entries
 * are never more than the connections that were open at the same time. */
static int prepare(struct sx_metrics_server *server, int64_t now_ms)
{
    int64_t until_ms = prepare_to_accept(server, now_ms);
    server->poll_count = POLL_SCRAPERS;
    watch(&server->polls[POLL_STOP], server->stop_fd, POLLIN);
    watch(&server->polls[POLL_RENDERED], server->renderers.done_fd, POLLIN);
    for (size_t i = 0; i < server->scraper_count; i++) {
        const struct sx__scraper *one = &server->scrapers[i];
        bool is_free = one->state == SX__SCRAPER_FREE;
        watch(&server->polls[POLL_SCRAPERS + i], one->fd, is_free ? 0 : sx__scraper_events(one));
        server->poll_count = is_free ? server->poll_count : (nfds_t)(POLL_SCRAPERS + i + 1);
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

/* Resets the count of an eventfd. Returns whether it was other than 0. */
static bool take_count(const struct sx_metrics_server *server, int poll_index, int fd)
{
    uint64_t count;
    return server->polls[poll_index].revents != 0 &&
           read(fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static void close_all(struct sx_metrics_server *server)
{
    static const char reason[] = "the server stops";
    for (size_t i = 0; i < server->scraper_count; i++) {
        if (server->scrapers[i].state != SX__SCRAPER_RENDERING) {
            sx__scraper_cut_off(&server->scrapers[i], &server->all, reason);
        }
    }
    /* The other connections belong to the threads that render until these have ended. */
    sx__renderers_stop(&server->renderers);
    for (size_t i = 0; i < server->scraper_count; i++) {
        sx__scraper_cut_off(&server->scrapers[i], &server->all, reason);
    }
    sx__scraper_log_left_out(&server->all);
}

static void *run(void *context)
{
    struct sx_metrics_server *server = context;
    for (;;) {
        wait_for_events(server);
        int64_t now_ms = now_in_ms();
        if (take_count(server, POLL_STOP, server->stop_fd)) {
            close_all(server);
            return NULL;
        }
        (void)take_count(server, POLL_RENDERED, server->renderers.done_fd);
        for (size_t i = 0; i < server->scraper_count; i++) {
            struct sx__scraper *one = &server->scrapers[i];
            if (server->polls[POLL_SCRAPERS + i].revents != 0 ||
                one->state == SX__SCRAPER_RENDERING) {
                sx__scraper_run(one, &server->all, now_ms);
            }
            sx__scraper_expire(one, &server->all, now_ms);
        }
        if (server->polls[POLL_LISTEN].revents != 0) {
            accept_one(server, now_ms);
        }
    }
}

/* The new threads have all signals blocked, so that the program's own threads handle them. */
static int start_threads(struct sx_metrics_server *server)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return SX_ESYSTEM;
    }
    int status = sx__renderers_start(&server->renderers);
    if (status == SX_OK && pthread_create(&server->thread, NULL, run, server) != 0) {
        status = SX_ESYSTEM;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* ---- start and stop ---- */

/* Frees the server. Its own thread does not run, or has ended. */
static void release(struct sx_metrics_server *server)
{
    sx__renderers_stop(&server->renderers);
    for (size_t i = 0; server->scrapers != NULL && i < server->scraper_count; i++) {
        sx__scraper_close(&server->scrapers[i], &server->all);
    }
    sx__renderers_clean_up(&server->renderers);
    sx_page_clean_up(&server->all.spare);
    sx__socket_file_remove(&server->file);
    if (server->listen_fd >= 0) {
        shutdown(server->listen_fd, SHUT_RDWR); /* a child of fork() may have it, too */
        close(server->listen_fd);
    }
    if (server->stop_fd >= 0) {
        close(server->stop_fd);
    }
    free(server->scrapers);
    free(server->polls);
    sx__site_clean_up(&server->site);
    free(server);
}

/* The metrics of scrapes are in the first registry of the page. */
static int make_scrapes(struct sx__site *site, const struct sx_metrics_server_options *options)
{
    const struct sx_scrapes_options scrapes = {.scrapes_max = options->scrapes_max,
                                               .render_timeout_ms = options->render_timeout_ms,
                                               .measure = options->measure_scrapes};
    return sx_scrapes_new(
        &site->scrapes, site->registry_count > 0 ? site->registries[0] : site->registry, &scrapes);
}

static int allocate(struct sx_metrics_server *server,
                    const struct sx_metrics_server_options *options)
{
    size_t count = options->connections_max == 0 ? CONNECTIONS_DEFAULT : options->connections_max;
    server->scraper_count = count < CONNECTIONS_MOST ? count : CONNECTIONS_MOST;
    server->scrapers = calloc(server->scraper_count, sizeof *server->scrapers);
    server->polls = calloc(POLL_SCRAPERS + server->scraper_count, sizeof *server->polls);
    if (server->scrapers == NULL || server->polls == NULL) {
        return SX_ENOMEM;
    }
    int status =
        sx__site_set_registries(&server->site, options->registries, options->registry_count);
    if (status == SX_OK) {
        status =
            sx__site_set_path(&server->site, options->path == NULL ? "/metrics" : options->path);
    }
    return status == SX_OK ? make_scrapes(&server->site, options) : status;
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
        sx__site_log(&server->site, message);
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
    if (options->registry_count > 0 && (registry != NULL || options->registries == NULL)) {
        return SX_EINVAL;
    }
    struct sx_metrics_server *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->process = getpid();
    made->listen_fd = -1;
    made->stop_fd = -1;
    made->site = (struct sx__site){
        .registry = registry,
        .timeout_ms = options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms,
        .render_timeout_ms = options->render_timeout_ms,
        .log = options->log,
        .log_context = options->log_context,
    };
    made->all = (struct sx__scrapers){.site = &made->site, .renderers = &made->renderers};
    int status = sx__renderers_init(&made->renderers, &made->site);
    if (status == SX_OK) {
        status = allocate(made, options);
    }
    if (status == SX_OK) {
        status = listen_on(made, address);
    }
    if (status == SX_OK) {
        status = start_threads(made);
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
        /* The threads run in the parent only. What they were writing during the fork is
         * inconsistent here. */
        close(server->listen_fd);
        close(server->stop_fd);
        close(server->renderers.done_fd);
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
