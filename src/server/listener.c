/* listener.c: opens the listening sockets and accepts connections. See listener.h. */
#define _GNU_SOURCE /* accept4 */
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
#include <limits.h>
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

static int watch_listener(struct sx__server *server, struct sx__listener *listener, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = listener};
    return epoll_ctl(server->epoll_fd, operation, listener->fd, &event) < 0 ? SX_ESYSTEM : 0;
}

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
        listener->expected = 1;
        pthread_mutex_init(&listener->mutex, NULL);
        server->listener_count = i + 1;
        struct sx_listen_address address = i == 0 ? first : options->addresses.items[i - 1];
        address.address = address.address == NULL ? SX__ADDRESS_DEFAULT : address.address;
        status = open_listener(server, listener, &address);
    }
    sx__former_close_sockets();
    find_yielding(server);
    return status;
}

int sx__listeners_watch(struct sx__server *server)
{
    int status = 0;
    for (size_t i = 0; i < server->listener_count && status == 0; i++) {
        status = watch_listener(server, &server->listeners[i], EPOLL_CTL_ADD);
    }
    if (status < 0) {
        sx__server_log(server, SX_LOG_ERROR, "cannot watch a socket: %s", strerror(errno));
    }
    return status;
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
        pthread_mutex_destroy(&server->listeners[i].mutex);
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
    atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
    sx__client_unlock(client);
    return 0;
}

static bool has_place(const struct sx__server *server, const struct sx__listener *listener)
{
    const uint64_t most = server->protocol.options.connection_count;
    const unsigned spare = listener->admin == SX_ADMIN_ONLY ? SX__SPARE_PLACES : 0;
    return atomic_load_explicit(&server->connections, memory_order_relaxed) < most + spare;
}

/* Makes an accepted socket a client. Returns false after closing the socket: there are too many
 * connections, or there is no memory. */
static bool admit(struct sx__server *server, struct sx__listener *listener, int fd,
                  const struct sockaddr *from)
{
    struct sx__client_limit *address = NULL;
    const bool is_counted = listener->admin != SX_ADMIN_ONLY;
    bool admitted = has_place(server, listener) &&
                    (!is_counted || sx__client_limits_add(&server->client_limits, from, &address));
    if (admitted && watch(server, listener, fd, from, address) < 0) {
        sx__client_limits_remove(&server->client_limits, address, false);
        admitted = false;
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

static struct accepted accept_some(struct sx__server *server, struct sx__listener *listener,
                                   unsigned count)
{
    struct accepted accepted = {0};
    const uint64_t end = descriptors_end(listener);
    unsigned tried = 0;
    for (; tried < count && accepted.error == 0; tried++) {
        struct sockaddr_storage storage = {0};
        struct sockaddr *from = (struct sockaddr *)&storage;
        socklen_t size = sizeof storage;
        const int fd = accept4(listener->fd, from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && (uint64_t)fd >= end) {
            close(fd);
            accepted.refused++;
            accepted.is_short = true;
        } else if (fd >= 0) {
            accepted.refused += admit(server, listener, fd, from) ? 0 : 1;
        } else if (errno == EAGAIN || sx__tcp_is_exhausted(errno)) {
            accepted.error = errno;
        }
        /* Any other error concerns that one connection only. */
    }
    accepted.count = accepted.error == 0 ? tried : tried - 1;
    return accepted;
}

/* Returns whether an error of accept is to be logged. Accepting is retried ten times a second, so
 * the same error is logged only once in SILENCE_NS. Called with the listener's mutex locked. */
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
 * them were there. Arming the listener again makes its event come for the remaining connections. */
static void expect(struct sx__listener *listener, const struct accepted *accepted)
{
    const unsigned more = 2 * listener->expected;
    if (accepted->error != 0) {
        listener->expected = accepted->count > 0 ? accepted->count : 1;
    } else {
        listener->expected = more < ACCEPTS_PER_TURN ? more : ACCEPTS_PER_TURN;
    }
}

void sx__listener_accept(struct sx__server *server, struct sx__listener *listener)
{
    struct accepted accepted = {0};
    pthread_mutex_lock(&listener->mutex);
    if (listener->fd >= 0) {
        accepted = accept_some(server, listener, listener->expected);
        expect(listener, &accepted);
        const bool goes_on = accepted.error == 0 || accepted.error == EAGAIN;
        const int trouble = accepted.is_short ? EMFILE : goes_on ? 0 : accepted.error;
        accepted.news = trouble != 0 && is_news(listener, trouble) &&
                                sx__log_limit_allows(&listener->error_lines, sx__clock_now_ns(),
                                                     &accepted.left_out)
                            ? trouble
                            : 0;
        if (goes_on) {
            watch_listener(server, listener, EPOLL_CTL_MOD);
        } else {
            /* Arming the listener now would spin: its event would come at once, and accept would
             * fail again. */
            atomic_store(&listener->is_paused, true);
            sx__wakeup_monitor(server);
        }
    }
    pthread_mutex_unlock(&listener->mutex);
    report(server, &accepted);
}

/* ---- called by the monitor ---- */

bool sx__listeners_are_paused(struct sx__server *server)
{
    bool rest = false;
    for (size_t i = 0; i < server->listener_count; i++) {
        rest |= atomic_load(&server->listeners[i].is_paused);
    }
    return rest;
}

void sx__listeners_resume(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__listener *listener = &server->listeners[i];
        if (atomic_exchange(&listener->is_paused, false)) {
            pthread_mutex_lock(&listener->mutex);
            if (listener->fd >= 0) {
                watch_listener(server, listener, EPOLL_CTL_MOD);
            }
            pthread_mutex_unlock(&listener->mutex);
        }
    }
}

void sx__listeners_close(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__listener *listener = &server->listeners[i];
        struct accepted accepted = {0};
        pthread_mutex_lock(&listener->mutex);
        if (listener->fd >= 0 && !atomic_load(&server->is_replaced)) {
            accepted = accept_some(server, listener, SOMAXCONN);
        }
        close_listener(listener);
        pthread_mutex_unlock(&listener->mutex);
        report(server, &accepted);
    }
}
