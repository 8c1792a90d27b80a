/* wakeup.c: how other threads wake the monitor and the pollers. See wakeup.h. */
#include "wakeup.h"
#include "server_types.h"
#include <unistd.h>

/* Async-signal-safe. The counter of an eventfd cannot overflow in any time that matters. */
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

/* The monitor sleeps while no thread is in a handler and no client is queued. Either it sees this
 * thread before it goes to sleep, or this thread sees that it sleeps: both write before they read.
 */
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

/* The thread that notes the earlier time wakes the monitor, which sleeps until the time it knows.
 * The client's own time is stored first: the monitor reads it after it has changed its own. */
void sx__wakeup_set_resume_time(struct sx__client *client, struct sx__server *server,
                                uint64_t resume_ns)
{
    atomic_store(&client->shared.resume_ns, resume_ns);
    if (sx__wakeup_note_resume_time(server, resume_ns)) {
        sx__wakeup_monitor(server);
    }
}
