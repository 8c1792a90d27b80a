/* tls.h: TLS by OpenSSL, on non-blocking sockets.
 *
 * A stream replaces its socket's recv and send. The handshake is part of the first receive, so the
 * caller needs no separate step for it.
 *
 * Threads: a stream belongs to one thread at a time, as its connection does. Another thread may
 * reload the certificate meanwhile; a stream keeps the certificate that it was created with.
 */
#ifndef SX_TLS_H
#define SX_TLS_H

#include <sextant/app.h>
#include <sys/types.h>

/* What the streams of a listener share: the certificate and the rules. */
struct sx__tls;
struct sx__tls_stream;

/* Creates what a listener's streams share. Copies what it needs of the options. Errors: SX_ETLS
 * with a message; SX_ENOMEM */
int sx__tls_new(struct sx__tls **tls, const struct sx_tls_options *options, char *message,
                size_t size);
/* Releases a reference; the last release frees it. */
void sx__tls_destroy(struct sx__tls *tls);
/* Adds a reference and returns the same pointer. */
struct sx__tls *sx__tls_hold(struct sx__tls *tls);

/* Reads the files again, for new streams; if that fails, nothing changes. Blocks for as long as the
 * file systems do, but keeps no lock meanwhile. Waiting for a pipe ends with SX_EAGAIN when
 * `cancel_fd` becomes readable; -1: never. Errors: SX_ETLS with a message; SX_ENOMEM */
int sx__tls_reload(struct sx__tls *tls, int cancel_fd, char *message, size_t size);

/* Makes the next reload use new keys for session tickets that are chosen now, and known to
 * processes that are forked before it. Without that, each reload chooses its own. Returns false if
 * that fails. */
bool sx__tls_choose_ticket_keys(struct sx__tls *tls);

/* Returns the path of the certificate. */
const char *sx__tls_get_certificate(const struct sx__tls *tls);

/* Returns the server's side of a new TLS connection. NULL: no memory. */
struct sx__tls_stream *sx__tls_accept(struct sx__tls *tls, int fd);
void sx__tls_stream_destroy(struct sx__tls_stream *stream);

/* As recv and send, with these errnos: EAGAIN: the socket has no bytes to read, or no room to
 * write; EBUSY: TLS has to read before it can write, or the reverse, and the socket is not ready
 * for that; EINTR: try again; EPROTO: the bytes are not TLS, or not acceptable. */
ssize_t sx__tls_receive(struct sx__tls_stream *stream, void *space, size_t size);
/* After EAGAIN or EBUSY, the next call must pass the same bytes again. */
ssize_t sx__tls_send(struct sx__tls_stream *stream, const void *data, size_t size);

/* Returns whether the handshake is done. */
bool sx__tls_is_established(const struct sx__tls_stream *stream);

/* Returns whether the client has ended its side of the TLS connection. This cannot be detected
 * while earlier bytes have not been read. */
bool sx__tls_has_ended(struct sx__tls_stream *stream);

/* Sends close_notify, if that is still possible. */
void sx__tls_end(struct sx__tls_stream *stream);

#endif
