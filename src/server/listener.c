/* listener.c: opens the listening sockets and accepts connections. See listener.h. */
#define _GNU_SOURCE /* accept4, dup3 */
#include "listener.h"
#include "clock.h"
#include "listen_socket.h"
#include "run_options.h"
#include "server_types.h"
#include "tcp.h"
#include "tls.h"
#include "upgrade.h"
#include "wakeup.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16
#define MESSAGE_BYTES 512
#define SILENCE_NS ((uint64_t)10 * 1000000000)

/* ---- opening ---- */

static int set_up_tls(struct sx__server *server, struct sx__listener *listener,
                      const struct sx_tls_options *options)
{
    char message[MESSAGE_BYTES];
    const int status = sx__tls_new(&listener->tls, options, message, sizeof message);
    if (status == SX_ETLS) {
        sx__server_log(server, SX_LOG_ERROR, "%s", message);
    }
    return status;
}

static int open_listener(struct sx__server *server, struct sx__listener *listener,
                         const struct sx_listen_address *address)
{
    char message[MESSAGE_BYTES];
    struct sx__listen_address parsed;
    listener->admin = address->admin;
    if (address->tls != NULL) {
        const int status = set_up_tls(server, listener, address->tls);
        if (status < 0) {
            return status;
        }
    }
    listener->fd = sx__listen_socket_open(&parsed, address, message, sizeof message);
    if (listener->fd < 0) {
        sx__server_log(server, SX_LOG_ERROR, "%s", message);
        return listener->fd;
    }
    listener->port = sx__tcp_port(listener->fd);
    listener->address = address->listen_fd != 0 ? NULL : strdup(address->address);
    if (listener->address == NULL && address->listen_fd == 0) {
        return SX_ENOMEM;
    }
    if (parsed.path != NULL && sx__socket_file_keep(&listener->file, parsed.path) < 0) {
        return SX_ENOMEM;
    }
    return 0;
}

/* If some addresses serve only the admin routes, the other addresses leave them some connections
 * and descriptors. */
static void find_yielding(struct sx__server *server)
{
    bool has_admin = false;
    for (size_t i = 0; i < server->listener_count; i++) {
        has_admin |= server->listeners[i].admin == SX_ADMIN_ONLY;
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__listener *listener = &server->listeners[i];
        listener->yields = has_admin && listener->admin != SX_ADMIN_ONLY;
    }
}

int sx__listeners_open(struct sx__server *server)
{
    const struct sx_run_options *options = &server->protocol.options;
    const struct sx_listen_address first = {.address = options->address,
                                            .listen_fd = options->listen_fd,
                                            .admin = options->admin,
                                            .tls = options->tls};
    const size_t count = 1 + options->addresses.count;
    server->listeners = calloc(count, sizeof *server->listeners);
    if (server->listeners == NULL) {
        return SX_ENOMEM;
    }
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        struct sx__listener *listener = &server->listeners[i];
        listener->fd = -1;
        atomic_init(&listener->expected, 1);
        server->listener_count = i + 1;
        struct sx_listen_address address = i == 0 ? first : options->addresses.items[i - 1];
        address.address = address.address == NULL ? SX__ADDRESS_DEFAULT : address.address;
        status = open_listener(server, listener, &address);
    }
    sx__former_close_sockets();
    find_yielding(server);
    return status;
}

/* ---- the epoll set ---- */

/* Adds the listener to the epoll set, or removes it. Returns whether that succeeded. Adding it
 * makes its event come if a connection waits. */
static bool set_watched(struct sx__server *server, struct sx__listener *listener, bool is_watched)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = listener};
    const int operation = is_watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
    if (listener->is_watched != is_watched &&
        epoll_ctl(server->epoll_fd, operation, listener->fd, &event) == 0) {
        listener->is_watched = is_watched;
    }
    return listener->is_watched == is_watched;
}

int sx__listeners_watch(struct sx__server *server)
{
    bool done = true;
    for (size_t i = 0; i < server->listener_count && done; i++) {
        done = set_watched(server, &server->listeners[i], true);
    }
    if (done && server->spread != NULL) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &server->spread};
        done = epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, sx__spread_get_bell(server->spread),
                         &event) == 0;
    }
    if (!done) {
        sx__server_log(server, SX_LOG_ERROR, "cannot watch a socket: %s", strerror(errno));
    }
    return done ? 0 : SX_ESYSTEM;
}

void sx__listeners_forked(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        sx__socket_file_forget(&server->listeners[i].file);
    }
}

static void close_listener(struct sx__listener *listener)
{
    if (sx__former_is_there()) { /* the file is its, until this process serves */
        sx__socket_file_forget(&listener->file);
    }
    sx__socket_file_remove(&listener->file);
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}

void sx__listeners_leave(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        close_listener(&server->listeners[i]);
    }
}

void sx__listeners_clean_up(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        close_listener(&server->listeners[i]);
        free(server->listeners[i].address);
        sx__tls_destroy(server->listeners[i].tls);
    }
    free(server->listeners);
}

/* ---- accepting ---- */

/* Writes the client's address. An IPv4 client that connected over an IPv6 socket gets its IPv4
 * address. */
static void describe_peer(struct sx__peer *peer, const struct sockaddr *from)
{
    peer->address[0] = '\0';
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)from;
        inet_ntop(AF_INET, &four->sin_addr, peer->address, sizeof peer->address);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)from;
        const bool is_four = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
        const unsigned char *bytes = six->sin6_addr.s6_addr;
        inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? bytes + 12 : bytes, peer->address,
                  sizeof peer->address);
    }
}

/* Adds the socket to the epoll set, as an idle client. Errors: SX_ENOMEM, SX_ESYSTEM */
static int watch(struct sx__server *server, struct sx__listener *listener, int fd,
                 const struct sockaddr *from, struct sx__client_limit *limit)
{
    struct sx__client *client = sx__client_table_get(&server->clients, fd);
    if (client == NULL) {
        return SX_ENOMEM;
    }
    struct sx__tls_stream *tls = NULL;
    if (listener->tls != NULL && (tls = sx__tls_accept(listener->tls, fd)) == NULL) {
        return SX_ENOMEM;
    }
    sx__client_lock_free(client);
    client->fixed.fd = fd;
    client->fixed.tls = tls;
    client->fixed.limit = limit;
    memset(&client->owned, 0, sizeof client->owned);
    SX__SET_OWNER(client);
    atomic_store_explicit(&client->shared.resume_ns, UINT64_MAX, memory_order_relaxed);
    sx__connection_init(&client->owned.connection, &server->protocol, sx__clock_now_ns());
    client->fixed.peer.has_tls = tls != NULL;
    client->fixed.peer.admin = listener->admin;
    describe_peer(&client->fixed.peer, from);
    client->owned.connection.peer = &client->fixed.peer;
    atomic_store_explicit(&client->shared.deadline_ns, sx__client_get_deadline(client),
                          memory_order_relaxed);
    struct epoll_event event = {.events = SX__CLIENT_EVENTS, .data.ptr = client};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        sx__tls_stream_destroy(tls);
        sx__client_free(client);
        return SX_ESYSTEM;
    }
    sx__client_unlock(client);
    return 0;
}

static void give_place(struct sx__server *server)
{
    atomic_fetch_sub(&server->line->connections, 1);
}

/* Counts a connection. Returns false if there are too many. Several threads accept at once, so
 * comparing and counting is one step. */
static bool take_place(struct sx__server *server, const struct sx__listener *listener)
{
    const uint64_t most = server->protocol.options.connection_count;
    const unsigned spare = listener->admin == SX_ADMIN_ONLY ? SX__SPARE_PLACES : 0;
    const bool has_place = atomic_fetch_add(&server->line->connections, 1) < most + spare;
    if (!has_place) {
        give_place(server);
    }
    return has_place;
}

/* Makes an accepted socket a client. Returns false after closing the socket: there are too many
 * connections, or there is no memory. */
static bool admit(struct sx__server *server, struct sx__listener *listener, int fd,
                  const struct sockaddr *from)
{
    struct sx__client_limit *address = NULL;
    const bool is_counted = listener->admin != SX_ADMIN_ONLY;
    const bool has_place = take_place(server, listener);
    bool admitted =
        has_place && (!is_counted || sx__client_limits_add(&server->client_limits, from, &address));
    if (admitted && watch(server, listener, fd, from, address) < 0) {
        sx__client_limits_remove(&server->client_limits, address, false);
        admitted = false;
    }
    if (has_place && !admitted) {
        give_place(server);
    }
    if (!admitted) {
        close(fd);
    }
    return admitted;
}

/* The result of some calls of accept. */
struct accepted {
    unsigned count; /* connections, including refused ones */
    unsigned refused;
    int error;         /* 0: there may be more connections to accept */
    bool is_short;     /* all descriptors are in use, except for the spare ones */
    int news;          /* an errno to log; 0: none */
    unsigned left_out; /* log lines that were suppressed before that one */
};

/* Returns the first descriptor that the listener may not use. The kernel allocates the lowest free
 * descriptor, so the highest ones are used last. */
static uint64_t descriptors_end(const struct sx__listener *listener)
{
    struct rlimit limit;
    if (!listener->yields || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return UINT64_MAX;
    }
    return limit.rlim_cur > SX__SPARE_PLACES ? limit.rlim_cur - SX__SPARE_PLACES : 0;
}

/* Accepts one connection. The thread counts meanwhile, so that a stop waits for it: either it sees
 * that accepting is over, or the monitor sees the thread and then the connection. */
static void accept_one(struct sx__server *server, struct sx__listener *listener, uint64_t end,
                       struct accepted *accepted)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *from = (struct sockaddr *)&storage;
    socklen_t size = sizeof storage;
    atomic_fetch_add(&server->accepting.threads, 1);
    const bool is_over = atomic_load(&server->accepting.is_over);
    const int fd = is_over ? -1 : accept4(listener->fd, from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && (uint64_t)fd >= end) {
        close(fd);
        accepted->refused++;
        accepted->is_short = true;
    } else if (fd >= 0) {
        accepted->refused += admit(server, listener, fd, from) ? 0 : 1;
    } else if (is_over || errno == EAGAIN || sx__tcp_is_exhausted(errno)) {
        accepted->error = is_over ? EAGAIN : errno;
    }
    /* Any other error concerns that one connection only. */
    atomic_fetch_sub(&server->accepting.threads, 1);
}

static struct accepted accept_some(struct sx__server *server, struct sx__listener *listener,
                                   unsigned count)
{
    struct accepted accepted = {0};
    const uint64_t end = descriptors_end(listener);
    unsigned tried = 0;
    for (; tried < count && accepted.error == 0; tried++) {
        accept_one(server, listener, end, &accepted);
    }
    accepted.count = accepted.error == 0 ? tried : tried - 1;
    return accepted;
}

/* Returns whether an error of accept is to be logged. Accepting is retried ten times a second, so
 * the same error is logged only once in SILENCE_NS. Called with the mutex locked. */
static bool is_news(struct sx__listener *listener, int error)
{
    const uint64_t now_ns = sx__clock_now_ns();
    const bool is_known = listener->error == error && now_ns - listener->error_ns < SILENCE_NS;
    if (!is_known) {
        listener->error = error;
        listener->error_ns = now_ns;
    }
    return !is_known;
}

static void report(struct sx__server *server, const struct accepted *accepted)
{
    const struct sx__service *service = &server->protocol.service;
    for (unsigned i = 0; i < accepted->refused; i++) {
        service->rejected(service->app, SX_REASON_OVERLOADED);
    }
    if (accepted->left_out > 0) {
        sx__server_log(server, SX_LOG_ERROR, "accepting connections failed %u more times",
                       accepted->left_out);
    }
    if (accepted->news != 0) {
        sx__server_log(server, SX_LOG_ERROR, "cannot accept connections: %s",
                       strerror(accepted->news));
    }
}

/* Sets how many connections to accept next time. If accept is called until no connection is left,
 * its last call fails, and is expensive, because the kernel creates the socket first. So a turn
 * accepts only as many connections as arrived at once lately, and twice as many next time if all of
 * them were there. The listener's event comes again for the remaining connections. If several
 * processes accept, each takes one at a time, so that the others get theirs. */
static void expect(const struct sx__server *server, struct sx__listener *listener, unsigned before,
                   const struct accepted *accepted)
{
    unsigned expected = 2 * before < ACCEPTS_PER_TURN ? 2 * before : ACCEPTS_PER_TURN;
    if (accepted->error != 0) {
        expected = accepted->count > 0 ? accepted->count : 1;
    }
    if (expected != before && server->spread == NULL) {
        atomic_store_explicit(&listener->expected, expected, memory_order_relaxed);
    }
}

/* Leaves an error of accept for the log. The listener leaves the epoll set until the monitor adds
 * it again: its event would come at once, and accept would fail again. */
static void handle_trouble(struct sx__server *server, struct sx__listener *listener,
                           struct accepted *accepted)
{
    const bool goes_on = accepted->error == 0 || accepted->error == EAGAIN;
    const int trouble = accepted->is_short ? EMFILE : goes_on ? 0 : accepted->error;
    if (trouble == 0) {
        return;
    }
    pthread_mutex_lock(&server->accepting.mutex);
    accepted->news =
        is_news(listener, trouble) && sx__log_limit_allows(&listener->error_lines,
                                                           sx__clock_now_ns(), &accepted->left_out)
            ? trouble
            : 0;
    if (!goes_on && set_watched(server, listener, false)) {
        atomic_store(&listener->is_paused, true);
    }
    pthread_mutex_unlock(&server->accepting.mutex);
    if (!goes_on) {
        sx__wakeup_monitor(server);
    }
}

/* ---- other processes ---- */

/* Addresses of the admin routes are not spread: they have few clients, and must always answer. */
static bool is_spread(const struct sx__listener *listener)
{
    return listener->admin != SX_ADMIN_ONLY;
}

static bool has_waiting(const struct sx__listener *listener)
{
    struct pollfd poll_fd = {.fd = listener->fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Removes all listeners that are spread from the epoll set, or adds them. A listener that could not
 * be added is resumed by the monitor. Returns whether a connection waits at one of them. */
static bool set_all_watched(struct sx__server *server, bool is_watched)
{
    bool waits = false;
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__listener *listener = &server->listeners[i];
        if (!is_spread(listener) || atomic_load(&listener->is_paused)) {
            continue;
        }
        if (!set_watched(server, listener, is_watched)) {
            atomic_store(&listener->is_paused, true);
        }
        waits |= has_waiting(listener);
    }
    return waits;
}

static void pause_for_others(struct sx__server *server)
{
    struct sx__accepting *accepting = &server->accepting;
    bool waits = false;
    pthread_mutex_lock(&accepting->mutex);
    const bool pauses = !atomic_load(&accepting->is_over) && !atomic_load(&accepting->pauses) &&
                        sx__spread_pause(server->spread, server->line);
    if (pauses) {
        atomic_store(&accepting->pauses, true);
        waits = set_all_watched(server, false);
    }
    pthread_mutex_unlock(&accepting->mutex);
    if (waits) {
        sx__spread_ring(server->spread);
    }
    if (pauses) {
        sx__wakeup_monitor(server); /* it checks whether the others accept */
    }
}

/* The kernel tells one process of a connection, and that one may have paused since. Adding a
 * listener again makes its event come here, too. */
static void watch_again(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__listener *listener = &server->listeners[i];
        if (is_spread(listener) && listener->is_watched && has_waiting(listener)) {
            (void)set_watched(server, listener, false);
            if (!set_watched(server, listener, true)) {
                atomic_store(&listener->is_paused, true);
            }
        }
    }
}

void sx__listeners_look(struct sx__server *server)
{
    struct sx__accepting *accepting = &server->accepting;
    sx__spread_note_alive(server->line);
    pthread_mutex_lock(&accepting->mutex);
    if (atomic_load(&accepting->is_over)) {
        /* The listeners are closed. */
    } else if (!atomic_load(&accepting->pauses)) {
        watch_again(server);
    } else if (sx__spread_resume(server->spread, server->line)) {
        atomic_store(&accepting->pauses, false);
        (void)set_all_watched(server, true);
    }
    pthread_mutex_unlock(&accepting->mutex);
}

void sx__listener_accept(struct sx__server *server, struct sx__listener *listener)
{
    const unsigned expected = atomic_load_explicit(&listener->expected, memory_order_relaxed);
    struct accepted accepted = accept_some(server, listener, expected);
    expect(server, listener, expected, &accepted);
    handle_trouble(server, listener, &accepted);
    sx__spread_note_alive(server->line);
    if (server->spread != NULL && accepted.count > 0 && is_spread(listener) &&
        sx__spread_note_accepted(server->spread, server->line)) {
        pause_for_others(server);
    }
    report(server, &accepted);
}

/* ---- called by the monitor ---- */

bool sx__listeners_are_paused(struct sx__server *server)
{
    bool rest = atomic_load(&server->accepting.pauses);
    for (size_t i = 0; i < server->listener_count; i++) {
        rest |= atomic_load(&server->listeners[i].is_paused);
    }
    return rest;
}

/* If a connection waits although this process pauses, the others may hang. */
static void check_others(struct sx__server *server)
{
    bool waits = false;
    for (size_t i = 0; i < server->listener_count; i++) {
        waits |= is_spread(&server->listeners[i]) && has_waiting(&server->listeners[i]);
    }
    sx__spread_check(server->spread, &server->accepting.check, waits);
    sx__listeners_look(server);
}

void sx__listeners_resume(struct sx__server *server)
{
    struct sx__accepting *accepting = &server->accepting;
    if (!sx__listeners_are_paused(server)) {
        return;
    }
    pthread_mutex_lock(&accepting->mutex);
    for (size_t i = 0; i < server->listener_count && !atomic_load(&accepting->is_over); i++) {
        struct sx__listener *listener = &server->listeners[i];
        const bool waits = is_spread(listener) && atomic_load(&accepting->pauses);
        if (atomic_load(&listener->is_paused) && (waits || set_watched(server, listener, true))) {
            atomic_store(&listener->is_paused, false);
        }
    }
    pthread_mutex_unlock(&accepting->mutex);
    if (atomic_load(&accepting->pauses)) {
        check_others(server);
    }
}

/* A thread may be about to call accept with the descriptor, so its number must not be used again
 * until all threads have ended. It becomes that of a descriptor that cannot accept. */
static void replace_descriptor(const struct sx__server *server, struct sx__listener *listener)
{
    sx__socket_file_remove(&listener->file);
    (void)dup3(server->exit_fd, listener->fd, O_CLOEXEC);
}

void sx__listeners_close(struct sx__server *server)
{
    struct sx__accepting *accepting = &server->accepting;
    pthread_mutex_lock(&accepting->mutex);
    for (size_t i = 0; i < server->listener_count; i++) {
        /* Other processes have the socket, too, so closing it would not do that. */
        (void)set_watched(server, &server->listeners[i], false);
    }
    pthread_mutex_unlock(&accepting->mutex);
    for (size_t i = 0; i < server->listener_count && !atomic_load(&server->is_replaced); i++) {
        const struct accepted accepted = accept_some(server, &server->listeners[i], SOMAXCONN);
        report(server, &accepted);
    }
    pthread_mutex_lock(&accepting->mutex);
    atomic_store(&accepting->is_over, true);
    for (size_t i = 0; i < server->listener_count; i++) {
        (void)set_watched(server, &server->listeners[i], false); /* if it was resumed meanwhile */
        replace_descriptor(server, &server->listeners[i]);
    }
    pthread_mutex_unlock(&accepting->mutex);
    if (server->spread != NULL) {
        sx__spread_leave(server->spread, server->line);
    }
}
