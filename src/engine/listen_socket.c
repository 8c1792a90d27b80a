#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include "listen_socket.h"
#include "tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(int fd, const struct sockaddr *address, socklen_t size)
{
    return bind(fd, address, size) < 0 || listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

/* The status of an -errno. */
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
    sx__tcp_set_options(fd);
    return fd;
}

int sx__listen_socket_open(const struct sx_listen_address *address, char *message, size_t size)
{
    const char *path = sx__listen_socket_path(address);
    if (path == NULL && address->listen_fd == 0) {
        return open_host(address, message, size);
    }
    if (path != NULL && path[0] == '\0') { /* bind would make it one that has no file */
        snprintf(message, size, "cannot listen on unix:: there is no path");
        return SX_EADDRESS;
    }
    const int fd = path != NULL ? open_path(path) : adopt(address->listen_fd);
    if (fd < 0 && path != NULL) {
        snprintf(message, size, "cannot listen on %s: %s", path, strerror(-fd));
    } else if (fd < 0) {
        snprintf(message, size, "descriptor %d is not a listening socket: %s", address->listen_fd,
                 strerror(-fd));
    }
    return fd < 0 ? status_of(fd) : fd;
}
