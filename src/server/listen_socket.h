/* listen_socket.h: opens the socket of an address: of a host and port, of a path, or one that
 * another process has opened. */
#ifndef SX_LISTEN_SOCKET_H
#define SX_LISTEN_SOCKET_H

#include "listen_address.h"

#include <sextant/app.h>

/* Returns a descriptor that does not block, or SX_EADDRESS or SX_ESYSTEM and writes the reason.
 * `parsed` becomes the parts of the address; its path is NULL if it is no Unix socket. The string
 * of `address` must not be NULL. */
int sx__listen_socket_open(struct sx__listen_address *parsed,
                           const struct sx_listen_address *address, char *message, size_t size);

#endif
