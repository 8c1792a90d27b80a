/* unix_socket.h: opens a listening Unix socket whose file has a given mode, owner and group. */
#ifndef SX_UNIX_SOCKET_H
#define SX_UNIX_SOCKET_H

#include "unix_address.h"

#include <stddef.h>

/* Returns a non-blocking descriptor, or an -errno and writes the reason, which ends a sentence.
 * Replaces a socket that a killed server has left. No client can connect before the file is as in
 * `options`; NULL: as the umask makes it. */
int sx__unix_socket_open(const char *path, const struct sx__unix_options *options, char *reason,
                         size_t size);

#endif
