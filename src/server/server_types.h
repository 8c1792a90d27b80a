/* server_types.h: the server itself, which all of its parts share. Each part has a header:
 *
 *     server.h              creates, runs, stops and destroys a server
 *     monitor.h             the thread that runs it and watches all others
 *     monitor_sweep.h       the monitor's passes over all clients
 *     wakeup.h              wakes the monitor and the pollers
 *     certificate_reload.h  reloads certificates; tls_files.h reads the files
 *     listener.h            the listening sockets; listen_socket.h opens them
 *     accept_spread.h       spreads connections over processes
 *     client_limits.h       limits the connections of each client address
 *     client_table.h        the clients, and which thread owns each
 *     client_account.h      counts the memory that clients make the server use
 *     client_ends.h         finds out whether a client is gone
 *     prefork.h             worker processes; upgrade.h starts the next program
 *     worker.h              a thread that polls for events
 *     poll_permits.h        limits how many threads poll
 *     turn.h                one turn of a client: read, call the handler, write
 *     user_code.h           entering and leaving handlers and observers
 *     blocking.h            measures which of them block
 *     admission.h           limits how many handlers run at once, and queues clients
 *     socket_io.h           reads and writes, with TLS (tls.h) or without
 *
 * Lock order: a thread that has locked a mutex locks no further one. No mutex is locked while the
 * service is called.
 *
 * With many processors, a cache line that every request writes limits all threads together. So no
 * field of struct sx__server is written by each request, also not by each request of one kind: a
 * field is written by the monitor's ticks, once for a connection, or when something changes how
 * threads poll. Fields that are written more often than others have cache lines of their own, so
 * that requests that read those others do not wait (no false sharing). What a request writes is in
 * its client and in its worker. tests/server/test_shared_writes.c counts the writes.
 */
#ifndef SX_SERVER_TYPES_H
#define SX_SERVER_TYPES_H

#include "accept_spread.h"
#include "admission.h"
#include "blocking.h"
#include "buffer.h"
#include "client_limits.h"
#include "client_table.h"
#include "listener.h"
#include "log_limit.h"
#include "poll_permits.h"
#include "worker.h"
#include <stdatomic.h>

struct sx__reload;
struct sx__watcher;

struct sx__server {
    /* Set before the threads start, except where a comment says more. */
    struct sx__protocol protocol; /* any thread may use its atomic fields */
    int epoll_fd;
    int monitor_fd; /* an eventfd: wakes the monitor */
    int exit_fd;    /* an eventfd in the epoll set: once written, every poll returns */
    struct sx__listener *listeners;
    size_t listener_count;
    struct sx__worker *workers;
    unsigned worker_space;
    unsigned worker_count; /* workers that have been started and not all joined; monitor */
    unsigned processors;   /* the processors that the process may use */
    struct sx__buffer_pool *buffers;
    struct sx__spread *spread;    /* NULL: no other process of ours accepts; its bell's event has
                                     the address of this field */
    struct sx__spread_line *line; /* own_line, or one of `spread` */
    int control_fd;               /* of a worker process: a socket to its supervisor; else -1 */
    const struct sx__watcher *watcher; /* NULL: none */

    /* Any thread. Requests read these. The monitor and rare events write them. */
    _Alignas(64) _Atomic bool is_stop_requested;
    _Atomic bool is_reload_requested;
    _Atomic bool is_upgrade_requested;
    _Atomic bool is_asked;    /* a worker process, whether it answers */
    _Atomic bool is_replaced; /* others listen on, so a stop leaves them the waiting clients */
    _Atomic bool cuts_off;    /* the time for stopping is over: all connections are aborted */
    _Atomic bool is_monitor_asleep;
    _Atomic bool has_caught_up;      /* a poller has left no event waiting since the last tick */
    _Atomic uint32_t turn_ns;        /* how long a turn takes; see user_code.c */
    _Atomic size_t closing_bytes;    /* not yet freed bytes of clients closed for lack of memory */
    _Atomic uint64_t next_resume_ns; /* when the next paused stream continues */

    /* Any thread. Written when bytes are buffered between two turns of a client, so not by requests
     * that arrive and are answered at once. */
    _Alignas(64) _Atomic size_t buffered_bytes; /* of requests and responses */

    /* Any thread. Written for each connection. */
    struct sx__spread_line own_line;
    struct sx__client_limits client_limits;

    _Alignas(64) struct sx__client_table clients;
    struct sx__poll_permits poll_permits;
    struct sx__admission admission;
    struct sx__blocking blocking;

    struct sx__accepting accepting;

    /* The monitor. */
    _Alignas(64) struct sx__reload *reload; /* that is running; NULL: none */
    struct sx__log_limit slow_lines; /* limits the log lines about slow clients that were closed */
};

/* Starts a thread of the server, with all signals blocked except those for errors of the thread
 * itself. Returns 0 or an errno. */
int sx__server_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

/* Logs through the service. Any thread. */
void sx__server_log(struct sx__server *server, enum sx_log_level level, const char *format, ...)
    SX_PRINTF(3, 4);

#endif
