/* reload.h: certificates are read again by a thread of their own, because a file may not open at
 * once: a pipe without a writer, a network file system that hangs.
 *
 * All functions are the monitor's. The thread touches nothing but its reload, which holds what it
 * reads, so it may be left behind when a file system does not answer.
 */
#ifndef SX_RELOAD_H
#define SX_RELOAD_H

#include "network.h"

/* Reads the certificates of all listeners. Without one, or a thread, that is logged. While they are
 * being read, they are read once more afterwards, and what waits for a pipe is given up. */
void sx__reload_start(struct sx__network *network);

/* Logs how a reload ended, or that it takes long. */
void sx__reload_look(struct sx__network *network);

/* The network stops: gives up what waits for a pipe. */
void sx__reload_cancel(struct sx__network *network);
/* The network has stopped: waits for the thread, but not for a file system. */
void sx__reload_end(struct sx__network *network);

#endif
