/* prefork.h: a process that supervises worker processes. They serve on the listening sockets that
 * the supervisor has opened, and each has its own threads and epoll set.
 *
 * A worker that dies is replaced at once. If replacements die within 200 ms, each further one is
 * delayed for longer. When the supervisor ends, however it ends, its workers stop. A reload
 * replaces the workers one after the other: the former one stops when its successor serves. The
 * first successor reads the certificates before that. If they cannot be used, it does not serve,
 * and the reload has failed. Otherwise the supervisor reads them, too, for all workers that follow.
 * It has chosen the keys of session tickets before, so they are the same in all workers.
 *
 * An upgrade (upgrade.h) starts the program anew. When its first worker serves, the workers of this
 * one leave. If the new program cannot take what is passed on to it, it is started once more
 * without, and serves when all workers have closed their listening sockets. If that fails, new
 * workers take their places.
 *
 * Threads: the supervisor has one thread, or a fork would copy locks that other threads hold.
 */
#ifndef SX_PREFORK_H
#define SX_PREFORK_H

#include "server.h"
#include "upgrade.h"

#include <stdatomic.h>

/* A worker as it sees itself. */
struct sx__prefork_worker {
    struct sx__server *server;
    int control_fd; /* a socket to the supervisor; closed at its side when that has ended */
    bool reads_certificates; /* the first worker after a request to reload */
    atomic_bool *is_decided; /* shared with the supervisor; see prefork.c */
};

struct sx__prefork_calls {
    void *context;
    /* Runs in a new process, and calls sx__prefork_serve. Returns a status. */
    int (*run)(void *context, const struct sx__prefork_worker *worker);
    /* Runs in the supervisor when a worker has been started, or has ended and is not reaped yet. */
    void (*changed)(void *context, const struct sx_worker *worker, enum sx_worker_event event);
    const struct sx__program *program; /* that an upgrade starts; NULL: none */
};

/* Starts `count` workers, and supervises them until sx__server_stop is called and all have ended.
 * Errors: SX_ENOMEM; SX_ESYSTEM, or the status with which a worker failed to start before any has
 * served, both logged; SX_ETIMEOUT: a worker did not stop in time. */
int sx__prefork_run(struct sx__server *server, unsigned count,
                    const struct sx__prefork_calls *calls);

/* Serves in a worker until the supervisor stops it or ends. As sx__server_run. */
int sx__prefork_serve(const struct sx__prefork_worker *worker);

/* In a worker process: tells the supervisor that it has closed its listening sockets, and, if the
 * supervisor has asked, that it answers. Called by the monitor; nothing in other processes. */
void sx__prefork_has_left(struct sx__server *server);
void sx__prefork_answer(struct sx__server *server);

#endif
