/* listener.h: the listening sockets, and accepting connections. */
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

/* Connections, and descriptors, that only the addresses of the admin routes may have. */
#define SX__SPARE_PLACES 16

struct sx__listener {
    pthread_mutex_t mutex; /* between threads that accept and the monitor, which closes */
    int fd;                /* -1: closed */
    uint16_t port;
    enum sx_admin admin;
    bool yields;                 /* leaves some places to the addresses of admin routes only */
    struct sx__socket_file file; /* of a Unix socket */
    struct sx__tls *tls;         /* NULL: without */
    unsigned expected;           /* connections at the next accept; guarded by the mutex */
    int error;                   /* of accept, that was logged last, and when */
    uint64_t error_ns;
    struct sx__log_limit error_lines; /* of the log */
    _Atomic bool is_paused;           /* descriptors are exhausted; the monitor resumes it later */
};

/* Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM, SX_ENOMEM; clean_up closes what is open then. */
int sx__listeners_open(struct sx__server *server);
void sx__listeners_clean_up(struct sx__server *server);

/* Accepts some connections, and arms the listener again. A thread that received its event. */
void sx__listener_accept(struct sx__server *server, struct sx__listener *listener);

/* Returns whether a listener is paused; resumes those that are. Monitor. */
bool sx__listeners_are_paused(struct sx__server *server);
void sx__listeners_resume(struct sx__server *server);
/* Accepts the clients that have connected already, then closes the listeners. Monitor. */
void sx__listeners_close(struct sx__server *server);

#endif
