/* socket_io.h: bytes to and from a client's socket, with TLS or without. Owner of the client. */
#ifndef SX_SOCKET_IO_H
#define SX_SOCKET_IO_H

#include "client_table.h"
#include <sys/types.h>

/* A file of at most this size is sent together with the head. */
#define SX__SMALL_FILE_BYTES 8192

/* As recv, sendmsg and sendfile, with the errnos of tls.h. `more`: other bytes follow at once. */
ssize_t sx__socket_receive(struct sx__client *client, char *space, size_t size);
ssize_t sx__socket_send(struct sx__client *client, const struct sx_str *pieces, size_t count,
                        bool more);
ssize_t sx__socket_send_file(struct sx__client *client, const struct sx__file_part *part);
/* Sends a head and a whole small file with one system call, without TLS; for a small file sendfile
 * costs more than it saves. If the file has become shorter, sends what is left of it. */
ssize_t sx__socket_send_small_file(struct sx__client *client, struct sx_str head,
                                   const struct sx__file_part *part);
/* Returns how many of the sent bytes the client's kernel has not acknowledged or, at a Unix socket,
 * the client has not read. */
size_t sx__socket_get_unacknowledged(const struct sx__client *client);
/* Announces the end of the output, if TLS provides a way. */
void sx__socket_end_output(struct sx__client *client);

#endif
