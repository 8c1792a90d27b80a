/* certificate_reload.h: reloads certificates on a separate thread, because opening a file may
 * block: a pipe without a writer, a network file system that does not respond.
 *
 * Only the monitor calls these functions, except sx__reload_now and sx__reload_prepare. The thread
 * uses only its own sx__reload, which has a reference to each certificate that it reads. So the
 * server can stop without the thread if a file system does not respond.
 */
#ifndef SX_CERTIFICATE_RELOAD_H
#define SX_CERTIFICATE_RELOAD_H

struct sx__server;

/* Starts to reload the certificates of all listeners. Logs if no address uses TLS, or if no thread
 * can be started. If a reload is running already, another one starts when it has ended; if it is
 * slow, it is cancelled. */
void sx__reload_start(struct sx__server *server);

/* Logs the result of a reload that has ended, or that a reload takes long. Called each time the
 * monitor wakes. */
void sx__reload_check(struct sx__server *server);

/* Reads the certificates of all listeners again before the server runs. Waiting for a pipe ends
 * when `cancel_fd` becomes readable. Errors: SX_ETLS, SX_ENOMEM, logged; SX_EAGAIN: cancelled. The
 * listeners that were not read keep theirs. */
int sx__reload_now(struct sx__server *server, int cancel_fd);

/* Called in a supervisor of workers before a worker calls sx__reload_now: the supervisor and all
 * workers then have the same keys of session tickets. */
void sx__reload_prepare(struct sx__server *server);

/* Called when the server starts to stop: cancels the reload's waiting for a pipe. */
void sx__reload_cancel(struct sx__server *server);
/* Called when the server has stopped: waits for the thread, but only briefly if a file system does
 * not respond. */
void sx__reload_end(struct sx__server *server);

#endif
