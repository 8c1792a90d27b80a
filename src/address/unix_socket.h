/* unix_socket.h: opens a listening Unix socket whose file has a given mode, owner and group.
 *
 * Threads: called by the thread that creates the server.
 */
#ifndef SX_UNIX_SOCKET_H
#define SX_UNIX_SOCKET_H

#include "unix_address.h"

#include <stddef.h>

/* Returns a non-blocking descriptor, or an -errno after writing the reason, which ends a sentence.
 * Replaces a socket that a killed server has left. No client can connect before the file has the
 * access of `options`; NULL: the access that the umask gives. */
int sx__unix_socket_open(const char *path, const struct sx__unix_options *options, char *reason,
                         size_t size);

#endif
