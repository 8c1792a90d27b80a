/* listen_socket.h: opens a listening socket for an address: a host and port, the path of a Unix
 * socket, or a socket that another program has opened and passed to this process.
 *
 * Threads: called by the thread that creates the server.
 */
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
