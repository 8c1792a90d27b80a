/* wakeup.c: wakes the monitor and the pollers. See wakeup.h. */
#include "wakeup.h"
#include "server_types.h"
#include <unistd.h>

/* Async-signal-safe. The counter of an eventfd does not overflow: that would take 2^64 calls. */
static void write_event(int fd)
{
    const uint64_t one = 1;
    const ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

void sx__wakeup_monitor(struct sx__server *server)
{
    write_event(server->monitor_fd);
}

/* The monitor sleeps while no thread is in a handler and no client is queued. Both sides write
 * before they read. So either the monitor sees this thread's state before it sleeps, or this thread
 * sees that the monitor sleeps. */
void sx__wakeup_monitor_if_asleep(struct sx__server *server)
{
    if (atomic_load(&server->is_monitor_asleep) &&
        atomic_exchange(&server->is_monitor_asleep, false)) {
        sx__wakeup_monitor(server);
    }
}

void sx__wakeup_pollers(struct sx__server *server)
{
    write_event(server->exit_fd);
}

bool sx__wakeup_note_resume_time(struct sx__server *server, uint64_t resume_ns)
{
    uint64_t next_ns = atomic_load(&server->next_resume_ns);
    while (resume_ns < next_ns) {
        if (atomic_compare_exchange_weak(&server->next_resume_ns, &next_ns, resume_ns)) {
            return true;
        }
    }
    return false;
}

/* The thread that notes the earliest time wakes the monitor, because the monitor sleeps until the
 * time that it has read. The client's own time is stored first, because the monitor reads it after
 * it has reset the noted time. */
void sx__wakeup_set_resume_time(struct sx__client *client, struct sx__server *server,
                                uint64_t resume_ns)
{
    atomic_store(&client->shared.resume_ns, resume_ns);
    if (sx__wakeup_note_resume_time(server, resume_ns)) {
        sx__wakeup_monitor(server);
    }
}
