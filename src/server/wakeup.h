/* wakeup.h: how other threads wake the monitor, and tell it when to wake by itself. */
#ifndef SX_WAKEUP_H
#define SX_WAKEUP_H

#include <stdbool.h>
#include <stdint.h>

struct sx__client;
struct sx__server;

/* Wakes the monitor. Any thread; async-signal-safe. */
void sx__wakeup_monitor(struct sx__server *server);

/* Wakes the monitor if it sleeps, because there is a handler or a queue to watch. Any thread. */
void sx__wakeup_monitor_if_asleep(struct sx__server *server);

/* Makes every poll of the epoll set return at once, from now on. */
void sx__wakeup_pollers(struct sx__server *server);

/* Sets when the client's paused stream continues, and wakes the monitor if that is earlier than it
 * expects. UINT64_MAX: the client has no paused stream. Owner of the client. */
void sx__wakeup_set_resume_time(struct sx__client *client, struct sx__server *server,
                                uint64_t resume_ns);

/* Notes that a stream continues at that time. Returns true if no earlier one is noted. */
bool sx__wakeup_note_resume_time(struct sx__server *server, uint64_t resume_ns);

#endif
