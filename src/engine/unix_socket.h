/* unix_socket.h: from a path to a Unix socket that listens, with the mode, the owner and the group
 * that its file shall have. */
#ifndef SX_UNIX_SOCKET_H
#define SX_UNIX_SOCKET_H

#include <sextant/app.h>

/* Gives a descriptor that does not block, or an -errno and why, which ends a sentence. A socket
 * that a killed server has left there is replaced. Nobody can connect before the file is as
 * `options` says; NULL: as the process's umask says. */
int sx__unix_socket_open(const char *path, const struct sx_unix_options *options, char *reason,
                         size_t size);

#endif
