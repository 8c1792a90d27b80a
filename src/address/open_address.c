#include "open_address.h"

#include "tcp.h"
#include "unix_socket.h"

#include <stdio.h>

int sx__open_address(const struct sx__listen_address *address, char *reason, size_t size)
{
    if (address->path != NULL) {
        return sx__unix_socket_open(address->path, &address->unix_options, reason, size);
    }
    const char *why;
    const int fd = sx__tcp_listen(address->tcp.host, address->tcp.port, &why);
    if (fd < 0) {
        snprintf(reason, size, "%s", why);
    }
    return fd;
}
