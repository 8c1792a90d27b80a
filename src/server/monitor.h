/* monitor.h: the monitor, which is the thread that called sx__server_run. It watches all other
 * threads.
 *
 * It takes permits from threads whose handlers run long, removes clients that were queued for too
 * long, finds clients whose deadline is over and slow clients if memory is short, continues paused
 * streams, starts reloads of certificates, and drains the server at a stop. It closes no client
 * itself: see monitor_sweep.h.
 *
 * Threads: the monitor calls these functions.
 */
#ifndef SX_MONITOR_H
#define SX_MONITOR_H

#include <stdint.h>

struct sx__server;

/* Watches the server until a stop is requested. */
void sx__monitor_run(struct sx__server *server);

/* Closes the listeners and answers the requests that are in flight. Returns the time at which all
 * threads that are not in user code must have ended. */
uint64_t sx__monitor_drain(struct sx__server *server);

/* Waits until another thread wakes the monitor, and for at most that time. */
void sx__monitor_wait(struct sx__server *server, int timeout_ms);

/* Logs how many log lines about slow clients were suppressed. */
void sx__monitor_log_left_out(struct sx__server *server, unsigned count);

#endif
