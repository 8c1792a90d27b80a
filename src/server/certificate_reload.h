/* certificate_reload.h: reloads certificates on a separate thread, because opening a file may
 * block: a pipe without a writer, a server file system that hangs.
 *
 * Only the monitor calls these functions. The thread uses nothing but its own sx__reload, which
 * also holds the certificates that it reads, so it can be left behind if a file system does not
 * answer.
 */
#ifndef SX_CERTIFICATE_RELOAD_H
#define SX_CERTIFICATE_RELOAD_H

struct sx__server;

/* Starts to reload the certificates of all listeners. Logs if there is none, or if no thread can be
 * started. If a reload is running already, cancels its waiting for a pipe and reloads once more
 * afterwards. */
void sx__reload_start(struct sx__server *server);

/* Logs how a reload ended, or that it takes long. */
void sx__reload_check(struct sx__server *server);

/* Called when the server stops: cancels waiting for a pipe. */
void sx__reload_cancel(struct sx__server *server);
/* Called when the server has stopped: waits for the thread, but only briefly for a file system. */
void sx__reload_end(struct sx__server *server);

#endif
