/* listener.h: opens the listening sockets and accepts connections. */
#ifndef SX_LISTENER_H
#define SX_LISTENER_H

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
    pthread_mutex_t mutex; /* locked to accept and to close */
    int fd;                /* -1: closed */
    uint16_t port;
    char *address; /* as written; NULL: another process has opened it */
    enum sx_admin admin;
    bool yields;                 /* leaves the spare connections to addresses of admin routes */
    struct sx__socket_file file; /* the file of a Unix socket */
    struct sx__tls *tls;         /* NULL: plain HTTP */
    unsigned expected;           /* how many connections to accept next; guarded by the mutex */
    int error;                   /* the last errno of accept that was logged, and when */
    uint64_t error_ns;
    struct sx__log_limit error_lines; /* limits the log lines about accept */
    _Atomic bool is_paused;           /* no descriptor was left; the monitor resumes it later */
};

/* Opens all listeners. Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM, SX_ENOMEM. After an error,
 * clean_up closes those that are open. Called by sx__server_new, before any thread starts. */
int sx__listeners_open(struct sx__server *server);
void sx__listeners_clean_up(struct sx__server *server);

/* Adds the listeners to the epoll set. Errors: SX_ESYSTEM, logged. */
int sx__listeners_watch(struct sx__server *server);
/* Closes the listeners and removes the files of Unix sockets. Other processes that have the sockets
 * go on listening. */
void sx__listeners_leave(struct sx__server *server);
/* After a fork: the files of Unix sockets belong to the parent. */
void sx__listeners_forked(struct sx__server *server);

/* Accepts some connections and arms the listener again. Called by the thread that received the
 * listener's event. */
void sx__listener_accept(struct sx__server *server, struct sx__listener *listener);

/* Return whether a listener is paused; resume those that are. Monitor. */
bool sx__listeners_are_paused(struct sx__server *server);
void sx__listeners_resume(struct sx__server *server);
/* Accepts the clients that have connected already, unless other processes do that, then closes the
 * listeners. Monitor. */
void sx__listeners_close(struct sx__server *server);

#endif
