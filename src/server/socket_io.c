/* socket_io.c: reads and writes a client's socket, with TLS or without. See socket_io.h. */
#include "socket_io.h"
#include "tls.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_BYTES_PER_STEP ((size_t)256 << 10)
#define TLS_RECORD_BYTES 16384 /* RFC 8446 5.1: the maximum size of a record's data */

ssize_t sx__socket_receive(struct sx__client *client, char *space, size_t size)
{
    SX__ASSERT_OWNED(client);
    return client->fixed.tls == NULL ? recv(client->fixed.fd, space, size, 0)
                                     : sx__tls_receive(client->fixed.tls, space, size);
}

ssize_t sx__socket_send(struct sx__client *client, const struct sx_str *pieces, size_t count,
                        bool more)
{
    SX__ASSERT_OWNED(client);
    const int flags = more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    if (client->fixed.tls != NULL) {
        return sx__tls_send(client->fixed.tls, pieces[0].data, pieces[0].size);
    }
    if (count == 1) {
        return send(client->fixed.fd, pieces[0].data, pieces[0].size, flags);
    }
    struct iovec vector[2];
    for (size_t i = 0; i < count; i++) {
        vector[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].size};
    }
    struct msghdr message = {.msg_iov = vector};
    message.msg_iovlen = (__typeof__(message.msg_iovlen))count; /* size_t, with musl an int */
    return sendmsg(client->fixed.fd, &message, flags);
}

ssize_t sx__socket_send_small_file(struct sx__client *client, struct sx_str head,
                                   const struct sx__file_part *part)
{
    char data[SX__SMALL_FILE_BYTES];
    const ssize_t size = pread(part->fd, data, part->size, (off_t)part->offset);
    if (size < 0) {
        return -1;
    }
    const struct sx_str pieces[] = {head, {data, (size_t)size}};
    return sx__socket_send(client, pieces, 2, false);
}

static ssize_t encrypt_file(struct sx__tls_stream *tls, const struct sx__file_part *part)
{
    char data[TLS_RECORD_BYTES];
    const size_t size = part->size < sizeof data ? part->size : sizeof data;
    const ssize_t count = pread(part->fd, data, size, (off_t)part->offset);
    return count > 0 ? sx__tls_send(tls, data, (size_t)count) : count;
}

ssize_t sx__socket_send_file(struct sx__client *client, const struct sx__file_part *part)
{
    SX__ASSERT_OWNED(client);
    if (client->fixed.tls != NULL) {
        return encrypt_file(client->fixed.tls, part);
    }
    off_t offset = (off_t)part->offset;
    const size_t size = part->size < FILE_BYTES_PER_STEP ? part->size : FILE_BYTES_PER_STEP;
    return sendfile(client->fixed.fd, part->fd, &offset, size);
}

size_t sx__socket_get_unacknowledged(const struct sx__client *client)
{
    int size = 0;
    return ioctl(client->fixed.fd, SIOCOUTQ, &size) == 0 && size > 0 ? (size_t)size : 0;
}

void sx__socket_end_output(struct sx__client *client)
{
    if (client->fixed.tls != NULL) {
        sx__tls_end(client->fixed.tls);
    }
}
