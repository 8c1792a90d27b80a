/* listen_socket.c: opens a listening socket for an address. See listen_socket.h. */
#include "listen_socket.h"
#include "tcp.h"
#include "unix_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define REASON_BYTES 256

/* Returns the status for an -errno. */
static int status_of(int error)
{
    return sx__tcp_is_exhausted(-error) ? SX_ESYSTEM : SX_EADDRESS;
}

static int open_host(const struct sx_listen_address *address, char *message, size_t size)
{
    char port[8];
    const char *reason;
    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    const int fd = sx__tcp_listen(address->host, port, &reason);
    if (fd < 0) {
        snprintf(message, size, "cannot listen on %s port %s: %s",
                 address->host[0] == '\0' ? "all addresses" : address->host, port, reason);
    }
    return fd < 0 ? status_of(fd) : fd;
}

const char *sx__listen_socket_path(const struct sx_listen_address *address)
{
    const bool is_unix = address->listen_fd == 0 && strncmp(address->host, "unix:", 5) == 0;
    return is_unix ? address->host + 5 : NULL;
}

static int open_path(const char *path, const struct sx_unix_options *options, char *message,
                     size_t size)
{
    char reason[REASON_BYTES];
    const int fd = sx__unix_socket_open(path, options, reason, sizeof reason);
    if (fd < 0) {
        snprintf(message, size, "cannot listen on %s: %s", path[0] == '\0' ? "unix:" : path,
                 reason);
    }
    return fd < 0 ? status_of(fd) : fd;
}

/* Checks that an inherited descriptor is a listening socket, and sets its options. Returns the
 * descriptor or -errno. */
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
    sx__tcp_set_options(fd);
    return fd;
}

int sx__listen_socket_open(const struct sx_listen_address *address, char *message, size_t size)
{
    const char *path = sx__listen_socket_path(address);
    if (path != NULL) {
        return open_path(path, address->unix_options, message, size);
    }
    if (address->listen_fd == 0) {
        return open_host(address, message, size);
    }
    const int fd = adopt(address->listen_fd);
    if (fd < 0) {
        snprintf(message, size, "descriptor %d is not a listening socket: %s", address->listen_fd,
                 strerror(-fd));
    }
    return fd < 0 ? status_of(fd) : fd;
}
