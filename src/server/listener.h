/* listener.h: opens the listening sockets and accepts connections.
 *
 * A listener is in the epoll set level-triggered, so its event comes as long as connections wait,
 * and exclusively (EPOLLEXCLUSIVE), so that one connection does not wake all processes that share
 * the listener. */
#ifndef SX_LISTENER_H
#define SX_LISTENER_H

#include "accept_spread.h"
#include "log_limit.h"
#include "socket_file.h"
#include <pthread.h>
#include <sextant/app.h>
#include <stdatomic.h>
#include <sys/types.h>

struct sx__server;
struct sx__tls;

/* The number of connections, and of descriptors, that only addresses of the admin routes may
 * use. */
#define SX__SPARE_PLACES 16

struct sx__listener {
    int fd; /* -1: not open; constant while threads run */
    uint16_t port;
    char *address; /* as written; NULL: another process has opened it */
    enum sx_admin admin;
    bool yields;                 /* leaves the spare connections to addresses of admin routes */
    struct sx__socket_file file; /* the file of a Unix socket */
    struct sx__tls *tls;         /* NULL: plain HTTP */

    /* The thread that has locked the mutex of struct sx__accepting. */
    bool is_watched; /* in the epoll set */
    int error;       /* the last errno of accept that was logged, and when */
    uint64_t error_ns;
    struct sx__log_limit error_lines; /* limits the log lines about accept */

    /* Any thread. */
    _Atomic unsigned expected; /* how many connections to accept next */
    _Atomic bool is_paused;    /* no descriptor was left; the monitor resumes it later */
};

/* What the listeners of a server share. Threads accept without a lock. */
struct sx__accepting {
    _Alignas(64) _Atomic bool is_over; /* no thread may accept any more */
    _Atomic bool pauses;               /* for other processes; see accept_spread.h */
    _Atomic unsigned threads;          /* that are accepting */
    pthread_mutex_t mutex;             /* guards which listeners are in the epoll set */
    struct sx__spread_check check;     /* the monitor */
};

/* Opens all listeners. Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM, SX_ENOMEM. After an error,
 * clean_up closes those that are open. Called by sx__server_new, before any thread starts. */
int sx__listeners_open(struct sx__server *server);
void sx__listeners_clean_up(struct sx__server *server);

/* Adds the listeners to the epoll set, before any thread starts. Errors: SX_ESYSTEM, logged. */
int sx__listeners_watch(struct sx__server *server);
/* Closes the listeners and removes the files of Unix sockets, in a process that does not serve.
 * Other processes that have the sockets go on listening. */
void sx__listeners_leave(struct sx__server *server);
/* After a fork: the files of Unix sockets belong to the parent. */
void sx__listeners_forked(struct sx__server *server);

/* Accepts some connections. Called by a thread that received the listener's event; several threads
 * may do so at once. */
void sx__listener_accept(struct sx__server *server, struct sx__listener *listener);

/* Called when another process has rung; see accept_spread.h. Any thread. */
void sx__listeners_look(struct sx__server *server);

/* Return whether a listener is paused; resume those that may accept again. Monitor. */
bool sx__listeners_are_paused(struct sx__server *server);
void sx__listeners_resume(struct sx__server *server);
/* Accepts the clients that have connected already, unless other processes do that, then closes the
 * listeners. Threads may still be accepting then. Monitor. */
void sx__listeners_close(struct sx__server *server);

#endif
