/* listen_socket.c: opens a listening socket for an address. See listen_socket.h. */
#include "listen_socket.h"
#include "open_address.h"
#include "tcp.h"
#include "upgrade.h"
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

int sx__listen_socket_open(struct sx__listen_address *parsed,
                           const struct sx_listen_address *address, char *message, size_t size)
{
    char reason[REASON_BYTES];
    parsed->path = NULL;
    if (address->listen_fd != 0) {
        const int adopted = adopt(address->listen_fd);
        if (adopted < 0) {
            snprintf(message, size, "descriptor %d is not a listening socket: %s",
                     address->listen_fd, strerror(-adopted));
        }
        return adopted < 0 ? status_of(adopted) : adopted;
    }
    const char *wrong = sx__listen_address_parse(parsed, address->address);
    const int inherited = wrong == NULL ? sx__former_take_socket(address->address) : -1;
    if (inherited >= 0 && adopt(inherited) >= 0) {
        return inherited;
    }
    const int fd = wrong == NULL ? sx__open_address(parsed, reason, sizeof reason) : -EINVAL;
    if (fd < 0) {
        snprintf(message, size, "cannot listen on %s: %s", address->address,
                 wrong == NULL ? reason : wrong);
    }
    return fd < 0 ? status_of(fd) : fd;
}
