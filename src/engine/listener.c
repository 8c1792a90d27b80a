#define _GNU_SOURCE /* accept4 */
#include "network.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16

/* Gives the descriptor, or -errno. */
static int open_address(const struct addrinfo *address)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* A restart must not wait for the old connections' TIME_WAIT. Accepted sockets inherit NODELAY,
     * which pipelined answers need: each is sent when it is there. */
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        const int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        return 0;
    }
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                               : ((const struct sockaddr_in *)&address)->sin_port);
}

/* The path of "unix:PATH", NULL: it is another kind of host. */
static const char *unix_path(const struct sx__network *network)
{
    const char *host = network->protocol.options.host;
    const bool is_unix = network->protocol.options.listen_fd == 0 && strncmp(host, "unix:", 5) == 0;
    return is_unix ? host + 5 : NULL;
}

/* A socket that nobody listens on any more was left by a server that was killed. */
static bool is_stale(int fd, const struct sockaddr_un *address)
{
    struct stat stat;
    return lstat(address->sun_path, &stat) == 0 && S_ISSOCK(stat.st_mode) &&
           connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
           errno == ECONNREFUSED;
}

/* Gives the descriptor, or -errno. */
static int open_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (is_stale(fd, &address)) {
        unlink(path);
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        const int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Gives the descriptor, or -errno. */
static int adopt(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0) {
        return -errno;
    }
    const int flags = fcntl(fd, F_GETFL);
    if (!listens || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -EINVAL;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a Unix socket has none */
    return fd;
}

static int start_listening(struct sx__network *network, int fd)
{
    network->listener.fd = fd;
    network->listener.port = port_of(fd);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &network->listener};
    return epoll_ctl(network->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? SX_ESYSTEM : 0;
}

static int open_other(struct sx__network *network, const char *path)
{
    const int given = network->protocol.options.listen_fd;
    const int fd = path != NULL ? open_unix(path) : adopt(given);
    if (fd >= 0) {
        return start_listening(network, fd);
    }
    if (path != NULL) {
        sx__network_log(network, SX_LOG_ERROR, "cannot listen on %s: %s", path, strerror(-fd));
    } else {
        sx__network_log(network, SX_LOG_ERROR, "descriptor %d is not a listening socket: %s", given,
                        strerror(-fd));
    }
    return SX_EADDRESS;
}

int sx__listener_open(struct sx__network *network)
{
    const struct sx_run_options *options = &network->protocol.options;
    if (unix_path(network) != NULL || options->listen_fd != 0) {
        return open_other(network, unix_path(network));
    }
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    const int error = getaddrinfo(options->host, port, &hints, &addresses);
    if (error != 0) {
        sx__network_log(network, SX_LOG_ERROR, "cannot listen on %s: %s", options->host,
                        gai_strerror(error));
        return SX_EADDRESS;
    }
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = open_address(a);
    }
    freeaddrinfo(addresses);
    if (fd < 0) {
        sx__network_log(network, SX_LOG_ERROR, "cannot listen on %s port %s: %s", options->host,
                        port, strerror(-fd));
        return SX_EADDRESS;
    }
    return start_listening(network, fd);
}

static void arm(struct sx__network *network)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &network->listener};
    epoll_ctl(network->epoll_fd, EPOLL_CTL_MOD, network->listener.fd, &event);
}

/* An IPv4 address that came over an IPv6 socket is written as what it is. */
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

/* Has the socket watched, as a connection that waits. Errors: SX_ENOMEM, SX_ESYSTEM */
static int watch(struct sx__network *network, int fd, const struct sockaddr *from,
                 struct sx__address *address)
{
    struct sx__slot *slot = sx__slots_get(&network->slots, fd);
    if (slot == NULL) {
        return SX_ENOMEM;
    }
    /* Until it is in the set it is held: its first event may come before epoll_ctl returns. */
    atomic_exchange_explicit(&slot->state, SX__SLOT_HELD, memory_order_acquire);
    slot->fd = fd;
    slot->address = address;
    slot->late = false;
    slot->lingering = false;
    slot->watches_output = false;
    slot->overloaded = false;
    atomic_store_explicit(&slot->resume_ns, UINT64_MAX, memory_order_relaxed);
    sx__connection_init(&slot->connection, &network->protocol, sx__now_ns());
    describe_peer(&slot->peer, from);
    slot->connection.peer = &slot->peer;
    atomic_store_explicit(&slot->deadline_ns, sx__connection_get_deadline(&slot->connection),
                          memory_order_relaxed);
    struct epoll_event event = {.events = SX__SLOT_EVENTS, .data.ptr = slot};
    if (epoll_ctl(network->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        atomic_store_explicit(&slot->state, SX__SLOT_FREE, memory_order_release);
        return SX_ESYSTEM;
    }
    atomic_fetch_add_explicit(&network->connections, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->state, SX__SLOT_WAITING, memory_order_release);
    return 0;
}

/* False: the socket was closed again, because there are too many, or for want of memory. */
static bool admit(struct sx__network *network, int fd, const struct sockaddr *from)
{
    struct sx__address *address = NULL;
    const unsigned most = network->protocol.options.connection_count;
    bool admitted = atomic_load_explicit(&network->connections, memory_order_relaxed) < most &&
                    sx__addresses_add(&network->addresses, from, &address);
    if (admitted && watch(network, fd, from, address) < 0) {
        sx__addresses_remove(&network->addresses, address);
        admitted = false;
    }
    if (!admitted) {
        close(fd);
    }
    return admitted;
}

/* How accepting ended. */
struct accepted {
    unsigned refused;
    int error; /* 0: there may be more */
};

static struct accepted accept_some(struct sx__network *network, unsigned count)
{
    struct accepted accepted = {0, 0};
    for (unsigned i = 0; i < count && accepted.error == 0; i++) {
        struct sockaddr_storage storage = {0};
        struct sockaddr *from = (struct sockaddr *)&storage;
        socklen_t size = sizeof storage;
        const int fd = accept4(network->listener.fd, from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted.refused += admit(network, fd, from) ? 0 : 1;
        } else if (errno == EAGAIN || errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                   errno == ENOMEM) {
            accepted.error = errno;
        }
        /* Anything else is the fault of that one connection. */
    }
    return accepted;
}

static void report(struct sx__network *network, const struct accepted *accepted)
{
    const struct sx__service *service = &network->protocol.service;
    for (unsigned i = 0; i < accepted->refused; i++) {
        service->rejected(service->app, SX_REASON_OVERLOADED);
    }
    if (accepted->error != 0 && accepted->error != EAGAIN) {
        sx__network_log(network, SX_LOG_ERROR, "cannot accept connections: %s",
                        strerror(accepted->error));
    }
}

void sx__listener_accept(struct sx__network *network)
{
    struct sx__listener *listener = &network->listener;
    struct accepted accepted = {0, 0};
    pthread_mutex_lock(&listener->mutex);
    if (listener->fd >= 0) {
        accepted = accept_some(network, ACCEPTS_PER_TURN);
        if (accepted.error == 0 || accepted.error == EAGAIN) {
            arm(network);
        } else {
            /* Arming it now would spin: the client still waits, and there is nothing to give it. */
            atomic_store(&listener->resting, true);
            sx__network_wake_monitor(network);
        }
    }
    pthread_mutex_unlock(&listener->mutex);
    report(network, &accepted);
}

void sx__listener_wake(struct sx__network *network)
{
    struct sx__listener *listener = &network->listener;
    if (!atomic_exchange(&listener->resting, false)) {
        return;
    }
    pthread_mutex_lock(&listener->mutex);
    if (listener->fd >= 0) {
        arm(network);
    }
    pthread_mutex_unlock(&listener->mutex);
}

void sx__listener_close(struct sx__network *network)
{
    struct sx__listener *listener = &network->listener;
    struct accepted accepted = {0, 0};
    pthread_mutex_lock(&listener->mutex);
    if (listener->fd >= 0) {
        accepted = accept_some(network, SOMAXCONN);
        close(listener->fd);
        listener->fd = -1;
        if (unix_path(network) != NULL) {
            unlink(unix_path(network));
        }
    }
    pthread_mutex_unlock(&listener->mutex);
    report(network, &accepted);
}
