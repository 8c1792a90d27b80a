/* address.c: from what names and numbers stand for to a socket. */
#include "address.h"

#include "host_port.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(char *reason, const char *address, const char *why)
{
    snprintf(reason, SX__REASON_SIZE, "cannot listen on %.120s: %s", address, why);
    return SX_EADDRESS;
}

static int set_flags(int fd)
{
    const int status = fcntl(fd, F_GETFL);
    return status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
                   fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
               ? -1
               : 0;
}

/* Gives the descriptor, or -errno. With `both` an address of IPv6 takes clients of IPv4, too. */
static int open_one(const struct addrinfo *address, bool both)
{
    const int on = 1;
    const int off = 0;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (both && address->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    /* A restart must not wait for the old connections' TIME_WAIT. */
    if (set_flags(fd) < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        const int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Gives the descriptor of the first that can be had, or -errno. */
static int open_first(const struct addrinfo *addresses)
{
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = open_one(a, false);
    }
    return fd;
}

/* The same, of all of the machine's addresses: that of IPv6, with IPv4's. Only where there is no
 * IPv6 it is that of IPv4; where its port is taken, half of the clients must not be missing. */
static int open_all(const struct addrinfo *addresses)
{
    int fd = -EAFNOSUPPORT;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = a->ai_family == AF_INET6 ? open_one(a, true) : fd;
    }
    return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? open_first(addresses) : fd;
}

int sx__address_listen(int *fd, const char *address, char *reason)
{
    struct sx__host_port parts;
    const char *wrong = sx__host_port_parse(&parts, address);
    if (wrong != NULL) {
        return fail(reason, address, wrong);
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *host = parts.host[0] == '\0' ? NULL : parts.host;
    const int error = getaddrinfo(host, parts.port, &hints, &found);
    if (error != 0) {
        return fail(reason, address, gai_strerror(error));
    }
    const int opened = host == NULL ? open_all(found) : open_first(found);
    freeaddrinfo(found);
    if (opened < 0) {
        return fail(reason, address, strerror(-opened));
    }
    *fd = opened;
    return SX_OK;
}

unsigned sx__address_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                               : ((const struct sockaddr_in *)&address)->sin_port);
}
