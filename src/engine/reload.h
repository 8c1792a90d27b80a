/* reload.h: reloads certificates on a separate thread, because opening a file may block: a pipe
 * without a writer, a network file system that hangs.
 *
 * Only the monitor calls these functions. The thread uses nothing but its own sx__reload, which
 * also holds the certificates that it reads, so it can be left behind if a file system does not
 * answer.
 */
#ifndef SX_RELOAD_H
#define SX_RELOAD_H

#include "network.h"

/* Starts to reload the certificates of all listeners. Logs if there is none, or if no thread can be
 * started. If a reload is running already, cancels its waiting for a pipe and reloads once more
 * afterwards. */
void sx__reload_start(struct sx__network *network);

/* Logs how a reload ended, or that it takes long. */
void sx__reload_look(struct sx__network *network);

/* Called when the network stops: cancels waiting for a pipe. */
void sx__reload_cancel(struct sx__network *network);
/* Called when the network has stopped: waits for the thread, but only briefly for a file system. */
void sx__reload_end(struct sx__network *network);

#endif
