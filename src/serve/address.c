/* address.c: names and numbers of addresses. */
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sextant/status.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_SIZE 256
#define PORT_SIZE 6

struct parts {
    char host[HOST_SIZE]; /* without brackets; empty: all addresses */
    char port[PORT_SIZE];
};

static int fail(char *reason, const char *address, const char *why)
{
    snprintf(reason, SX__REASON_SIZE, "cannot listen on %.120s: %s", address, why);
    return SX_EADDRESS;
}

/* NULL, or what is wrong with it. */
static const char *split_port(struct parts *parts, const char *text)
{
    unsigned port = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i < size && i < PORT_SIZE; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return "the port is no number";
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (size == 0 || size >= PORT_SIZE || port > 65535) {
        return "the port is not from 0 to 65535";
    }
    memcpy(parts->port, text, size + 1);
    return NULL;
}

static const char *split(struct parts *parts, const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return "there is no port, as in 127.0.0.1:9100";
    }
    const char *host = address;
    size_t size = (size_t)(colon - address);
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size) != NULL) {
        return "an IPv6 address stands in brackets, as in [::1]:9100";
    }
    if (size >= HOST_SIZE) {
        return "the name is too long";
    }
    memcpy(parts->host, host, size);
    parts->host[size] = '\0';
    return split_port(parts, colon + 1);
}

static int set_flags(int fd)
{
    const int status = fcntl(fd, F_GETFL);
    return status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
                   fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
               ? -1
               : 0;
}

/* Gives the descriptor, or -errno. */
static int open_one(const struct addrinfo *address)
{
    const int on = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
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

int sx__address_listen(int *fd, const char *address, char *reason)
{
    struct parts parts;
    const char *wrong = split(&parts, address);
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
    int opened = -EADDRNOTAVAIL;
    for (const struct addrinfo *one = found; one != NULL && opened < 0; one = one->ai_next) {
        opened = open_one(one);
    }
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
