/* monitor.h: the thread that runs the server, and watches all others.
 *
 * It takes permits from threads whose handlers last, ends clients whose time is over, resumes
 * paused streams, closes slow clients if memory is short, reloads certificates, and drains the
 * server when it stops.
 */
#ifndef SX_MONITOR_H
#define SX_MONITOR_H

#include <stdint.h>

struct sx__server;

/* Watches until the server is to stop. */
void sx__monitor_run(struct sx__server *server);

/* Answers what is in flight. Returns when the threads that are not in user code must have ended. */
uint64_t sx__monitor_drain(struct sx__server *server);

/* Waits for at most that time, or until another thread wakes the monitor. */
void sx__monitor_wait(struct sx__server *server, int timeout_ms);

/* Logs how many lines about slow clients were left out, at the end or when they are due. */
void sx__monitor_log_left_out(struct sx__server *server, unsigned count);

#endif
