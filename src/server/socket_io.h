/* socket_io.h: reads and writes a client's socket, with TLS or without.
 *
 * Threads: the owner of the client.
 */
#ifndef SX_SOCKET_IO_H
#define SX_SOCKET_IO_H

#include "client_table.h"
#include <sys/types.h>

/* A file of at most this size is sent together with the head. */
#define SX__SMALL_FILE_BYTES 8192

/* As recv, sendmsg and sendfile, with the errnos of tls.h. `more`: the caller sends further bytes
 * at once. */
ssize_t sx__socket_receive(struct sx__client *client, char *space, size_t size);
ssize_t sx__socket_send(struct sx__client *client, const struct sx_str *pieces, size_t count,
                        bool more);
ssize_t sx__socket_send_file(struct sx__client *client, const struct sx__file_part *part);
/* Sends a head and a whole small file with one system call, without TLS. For a small file sendfile
 * costs more than it saves. If the file has become shorter, sends what is left of it. */
ssize_t sx__socket_send_small_file(struct sx__client *client, struct sx_str head,
                                   const struct sx__file_part *part);
/* Returns how many of the sent bytes the client's kernel has not acknowledged. At a Unix socket:
 * how many the client has not read. */
size_t sx__socket_get_unacknowledged(const struct sx__client *client);
/* Announces the end of the output with close_notify. Does nothing without TLS. */
void sx__socket_end_output(struct sx__client *client);

#endif
