/* tls.h: TLS by OpenSSL, on sockets that do not block.
 *
 * A stream takes the place of its socket's recv and send. It needs no turns of its own: the
 * handshake is part of the first receive.
 *
 * Threads: a stream belongs to one thread at a time, as its connection does. What streams are made
 * of may be reloaded by another thread meanwhile; a stream keeps what it was made of.
 */
#ifndef SX_TLS_H
#define SX_TLS_H

#include <sextant/app.h>
#include <sys/types.h>

/* What the streams of a listener have in common: its certificate and rules. */
struct sx__tls;
struct sx__tls_stream;

/* Copies what it needs of the options. Errors: SX_ETLS and why; SX_ENOMEM */
int sx__tls_new(struct sx__tls **tls, const struct sx_tls_options *options, char *message,
                size_t size);
/* Releases a reference; the last release frees it. */
void sx__tls_destroy(struct sx__tls *tls);
/* Adds a reference and returns the same pointer. */
struct sx__tls *sx__tls_hold(struct sx__tls *tls);

/* Reads its files again, for new streams; if that fails, nothing changes. It blocks as long as the
 * file systems do, without holding a lock. Waiting for a pipe ends with SX_EAGAIN when `cancel_fd`
 * becomes readable; -1: never. Errors: SX_ETLS and why; SX_ENOMEM */
int sx__tls_reload(struct sx__tls *tls, int cancel_fd, char *message, size_t size);

/* The path of its certificate. */
const char *sx__tls_get_certificate(const struct sx__tls *tls);

/* The server's side of a connection; NULL: no memory. */
struct sx__tls_stream *sx__tls_accept(struct sx__tls *tls, int fd);
void sx__tls_stream_destroy(struct sx__tls_stream *stream);

/* As recv and send, with these errnos: EAGAIN: the socket has nothing to read, or no room; EBUSY:
 * the same of the other direction; EINTR: try again; EPROTO: what came is not TLS, or not
 * acceptable. */
ssize_t sx__tls_receive(struct sx__tls_stream *stream, void *space, size_t size);
/* After EAGAIN or EBUSY it must be called with the same bytes again. */
ssize_t sx__tls_send(struct sx__tls_stream *stream, const void *data, size_t size);

/* Whether the handshake is done. */
bool sx__tls_is_established(const struct sx__tls_stream *stream);

/* Whether the client has ended its side. This cannot be detected while there are earlier bytes that
 * have not been read. */
bool sx__tls_has_ended(struct sx__tls_stream *stream);

/* Says that nothing more will be sent, if that can still be said. */
void sx__tls_end(struct sx__tls_stream *stream);

#endif
