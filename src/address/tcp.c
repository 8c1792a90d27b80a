/* tcp.c: opens a listening TCP socket. See tcp.h. */
#define _GNU_SOURCE /* SOCK_NONBLOCK, TCP_NOTSENT_LOWAT */
#include "tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNSENT_BYTES (128 << 10)

/* TCP_NODELAY sends each pipelined response as soon as it is ready. TCP_NOTSENT_LOWAT limits the
 * unsent bytes in the kernel, which would otherwise buffer megabytes for each slow client; the rest
 * stays in the server, which counts it. A Unix socket has neither option. */
void sx__tcp_set_options(int fd)
{
    const int on = 1;
    const int unsent_bytes = UNSENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

/* Opens a listening socket. Returns the descriptor or -errno. With `both`, an IPv6 address also
 * accepts IPv4 clients. */
static int open_one(const struct addrinfo *address, bool both)
{
    const int on = 1;
    const int off = 0;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* A restart must not wait for connections in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (both && address->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    sx__tcp_set_options(fd);
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        const int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Opens the first address that can be bound. Returns the descriptor or -errno. */
static int open_first(const struct addrinfo *addresses)
{
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = open_one(a, false);
    }
    return fd;
}

/* Listens on all addresses of the machine: on the IPv6 one, which also accepts IPv4 clients. Only
 * if there is no IPv6, listens on the IPv4 one. If the port is taken on IPv6, this is an error,
 * because a socket for IPv4 alone would miss the IPv6 clients. */
static int open_all(const struct addrinfo *addresses)
{
    int fd = -EAFNOSUPPORT;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = a->ai_family == AF_INET6 ? open_one(a, true) : fd;
    }
    return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? open_first(addresses) : fd;
}

/* Returns an -errno for an error of getaddrinfo, and sets the reason. */
static int unresolved(int error, const char **reason)
{
    const int why = error == EAI_SYSTEM ? errno : error == EAI_MEMORY ? ENOMEM : EADDRNOTAVAIL;
    *reason = error == EAI_SYSTEM ? strerror(why) : gai_strerror(error);
    return -why;
}

int sx__tcp_listen(const char *host, const char *port, const char **reason)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const bool is_all = host[0] == '\0';
    struct addrinfo *addresses = NULL;
    const int error = getaddrinfo(is_all ? NULL : host, port, &hints, &addresses);
    if (error != 0) {
        return unresolved(error, reason);
    }
    const int fd = is_all ? open_all(addresses) : open_first(addresses);
    freeaddrinfo(addresses);
    if (fd < 0) {
        *reason = strerror(-fd);
    }
    return fd;
}

bool sx__tcp_is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

uint16_t sx__tcp_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        return 0;
    }
    switch (address.ss_family) {
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    default:
        return 0;
    }
}
