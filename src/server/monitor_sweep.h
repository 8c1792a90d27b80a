/* monitor_sweep.h: the monitor's passes over all clients.
 *
 * The monitor locks idle clients only. It makes their events come, and the thread that receives an
 * event ends the client: only the owner of a client closes its descriptor.
 *
 * Threads: the monitor.
 */
#ifndef SX_MONITOR_SWEEP_H
#define SX_MONITOR_SWEEP_H

#include "client_table.h"

enum sx__sweep {
    SX__SWEEP_LATE,     /* ends the clients whose deadline is over */
    SX__SWEEP_STOPPING, /* the same during a stop, which makes deadlines shorter */
    SX__SWEEP_ALL,      /* ends all clients */
};
void sx__monitor_sweep(struct sx__client_table *clients, enum sx__sweep sweep, int epoll_fd,
                       uint64_t now_ns);

/* Makes the events of all clients come whose paused streams are to continue now. Returns when the
 * next paused stream continues. */
uint64_t sx__monitor_resume_streams(struct sx__client_table *clients, int epoll_fd,
                                    uint64_t now_ns);

/* Ends clients that have bytes buffered, the slowest first, until `excess` bytes will be free. An
 * incomplete request is still answered with a 408. Returns how many bytes will be free, and adds
 * the number of ended clients to `count`. */
size_t sx__monitor_close_slowest(struct sx__client_table *clients, int epoll_fd, size_t excess,
                                 uint64_t now_ns, unsigned *count);

#endif
