/* server_types.h: the server itself, which all of its parts share. Each part has a header:
 *
 *     server.h              creating, running, stopping and destroying a server
 *     monitor.h             the thread that runs it and watches all others
 *     monitor_sweep.h       its passes over all clients
 *     wakeup.h              how other threads wake it
 *     certificate_reload.h  reloading certificates; tls_files.h reads them
 *     listener.h            the listening sockets; listen_socket.h opens them
 *     client_limits.h       how many connections each client address has
 *     client_table.h        the connections
 *     client_account.h      the memory that they use
 *     client_ends.h         whether a client is gone
 *     worker.h              a thread that polls for events
 *     poll_permits.h        how many threads poll
 *     turn.h                what a thread does for a connection
 *     user_code.h           entering and leaving handlers and observers
 *     blocking.h            which of them block
 *     admission.h           how many handlers run at once, and the queue
 *     socket_io.h           reading and writing, with TLS (tls.h) or without
 *
 * Lock order: a listener's mutex, then that of the client limits or of its TLS; no other lock is
 * taken while one is held. No lock is held while the service is called.
 */
#ifndef SX_SERVER_TYPES_H
#define SX_SERVER_TYPES_H

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

struct sx__server {
    /* Constant while the server runs. */
    struct sx__protocol protocol; /* its atomics: any thread */
    int epoll_fd;
    int monitor_fd; /* an eventfd: wakes the monitor */
    int exit_fd;    /* an eventfd in the epoll set: once written, every poll returns */
    struct sx__listener *listeners;
    size_t listener_count;
    struct sx__worker *workers;
    unsigned worker_space;
    unsigned worker_count; /* those that run, or ran and have not been joined; monitor */
    unsigned processors;   /* that the process may use */

    /* Any thread. */
    _Atomic bool is_stop_requested;
    _Atomic bool is_reload_requested;
    _Atomic bool cuts_off; /* it stops, and its time for that is over */
    _Atomic bool is_monitor_asleep;
    _Atomic bool has_caught_up;      /* since the last tick, a poller left no event waiting */
    _Atomic uint32_t turn_ns;        /* what a turn takes, on average; see user_code.c */
    _Atomic unsigned connections;    /* that are open */
    _Atomic size_t buffered_bytes;   /* of requests and responses that wait for their clients */
    _Atomic size_t closing_bytes;    /* of clients closed for memory, that are not freed yet */
    _Atomic uint64_t next_resume_ns; /* of all paused streams */
    struct sx__buffer_pool *buffers;
    struct sx__client_limits client_limits;
    struct sx__client_table clients;
    struct sx__poll_permits poll_permits;
    struct sx__admission admission;
    struct sx__blocking blocking;

    /* The monitor. */
    struct sx__reload *reload;       /* of certificates, that is running; NULL: none */
    struct sx__log_limit slow_lines; /* of the log, for slow clients that were closed */
};

/* Starts a thread of the server, with all signals blocked except faults. Returns 0 or an errno. */
int sx__server_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

/* Logs through the service. Any thread. */
void sx__server_log(struct sx__server *server, enum sx_log_level level, const char *format, ...)
    SX_PRINTF(3, 4);

#endif
