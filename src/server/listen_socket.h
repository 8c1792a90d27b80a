/* listen_socket.h: from an address to a socket that listens: a host and port, a path, or a socket
 * that somebody else has opened. */
#ifndef SX_LISTEN_SOCKET_H
#define SX_LISTEN_SOCKET_H

#include <sextant/app.h>

/* Gives a descriptor that does not block, or SX_EADDRESS or SX_ESYSTEM, and why. `host` must not be
 * NULL. */
int sx__listen_socket_open(const struct sx_listen_address *address, char *message, size_t size);

/* The path of "unix:PATH"; NULL: it is another kind of address. */
const char *sx__listen_socket_path(const struct sx_listen_address *address);

#endif
