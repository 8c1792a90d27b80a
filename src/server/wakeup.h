/* wakeup.h: wakes the monitor and the pollers, and notes when the monitor must wake by itself. */
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

/* Makes every poll of the epoll set return at once, from now on. Monitor. */
void sx__wakeup_pollers(struct sx__server *server);

/* Sets when the client's paused stream continues, and wakes the monitor if that is earlier than the
 * noted time. UINT64_MAX: the client has no paused stream. Owner of the client. */
void sx__wakeup_set_resume_time(struct sx__client *client, struct sx__server *server,
                                uint64_t resume_ns);

/* Notes that a stream continues at that time. Returns whether it is earlier than the time noted
 * before. Any thread. */
bool sx__wakeup_note_resume_time(struct sx__server *server, uint64_t resume_ns);

#endif
