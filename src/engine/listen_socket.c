#define _GNU_SOURCE /* TCP_NOTSENT_LOWAT */
#include "listen_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNSENT_BYTES (128 << 10)

/* Accepted sockets inherit both; a Unix socket has neither. Pipelined answers are each sent when
 * they are there. What a slow reader has not asked for yet stays with us: the kernel would take
 * megabytes of it, for each reader. */
static void set_tcp_options(int fd)
{
    const int on = 1;
    const int unsent_bytes = UNSENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

static int listen_at(int fd, const struct sockaddr *address, socklen_t size)
{
    return bind(fd, address, size) < 0 || listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

/* Gives the descriptor, or -errno. With `both` an address of IPv6 takes clients of IPv4, too. */
static int open_resolved(const struct addrinfo *address, bool both)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* A restart must not wait for the old connections' TIME_WAIT. */
    const int on = 1;
    const int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (both && address->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    set_tcp_options(fd);
    const int status = listen_at(fd, address->ai_addr, address->ai_addrlen);
    if (status < 0) {
        close(fd);
    }
    return status < 0 ? status : fd;
}

/* Gives the descriptor of the first that can be had, or -errno. */
static int open_first(const struct addrinfo *addresses)
{
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = open_resolved(a, false);
    }
    return fd;
}

/* The same, of all of the machine's addresses: that of IPv6, with IPv4's. Only where there is no
 * IPv6 it is that of IPv4; where its port is taken, half of the clients must not be missing. */
static int open_all(const struct addrinfo *addresses)
{
    int fd = -EAFNOSUPPORT;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = a->ai_family == AF_INET6 ? open_resolved(a, true) : fd;
    }
    return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? open_first(addresses) : fd;
}

static int open_host(const struct sx_listen_address *address, char *message, size_t size)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *resolved = NULL;
    const char *host = address->host[0] == '\0' ? NULL : address->host;
    const char *name = host == NULL ? "all addresses" : host;
    const int error = getaddrinfo(host, port, &hints, &resolved);
    if (error != 0) {
        snprintf(message, size, "cannot listen on %s: %s", name, gai_strerror(error));
        return SX_EADDRESS;
    }
    const int fd = host == NULL ? open_all(resolved) : open_first(resolved);
    freeaddrinfo(resolved);
    if (fd < 0) {
        snprintf(message, size, "cannot listen on %s port %s: %s", name, port, strerror(-fd));
    }
    return fd < 0 ? SX_EADDRESS : fd;
}

const char *sx__listen_socket_path(const struct sx_listen_address *address)
{
    const bool is_unix = address->listen_fd == 0 && strncmp(address->host, "unix:", 5) == 0;
    return is_unix ? address->host + 5 : NULL;
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
static int open_path(const char *path)
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
    const int status = listen_at(fd, (const struct sockaddr *)&address, sizeof address);
    if (status < 0) {
        close(fd);
    }
    return status < 0 ? status : fd;
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
    set_tcp_options(fd);
    return fd;
}

int sx__listen_socket_open(const struct sx_listen_address *address, char *message, size_t size)
{
    const char *path = sx__listen_socket_path(address);
    if (path == NULL && address->listen_fd == 0) {
        return open_host(address, message, size);
    }
    const int fd = path != NULL ? open_path(path) : adopt(address->listen_fd);
    if (fd < 0 && path != NULL) {
        snprintf(message, size, "cannot listen on %s: %s", path, strerror(-fd));
    } else if (fd < 0) {
        snprintf(message, size, "descriptor %d is not a listening socket: %s", address->listen_fd,
                 strerror(-fd));
    }
    return fd < 0 ? SX_EADDRESS : fd;
}

uint16_t sx__listen_socket_port(int fd)
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
