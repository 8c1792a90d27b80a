/* upgrade.h: starts a program that takes the place of this one, and what that program does.
 *
 * The new program inherits the listening sockets and one end of a pair of connected sockets, and
 * knows them by environment variables:
 *
 *     SEXTANT_UPGRADE=PID FD [waits]   its process id, and its end of the pair
 *     SEXTANT_SOCKETS=FD=ADDRESS       a line for each socket that this process has opened itself
 *
 * It sends a byte when it serves. If it "waits", it first sends one when it is about to serve, and
 * waits for one: by then the former program accepts no more connections.
 *
 * Threads: called by the thread that owns the server.
 */
#ifndef SX_UPGRADE_H
#define SX_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sx__server;

/* A descriptor that the new program has, too, with the number that the variable tells. */
struct sx__passed {
    char *name;
    int fd;
};

/* What is started. */
struct sx__program {
    void *context;
    void (*execute)(void *context); /* runs in the new process; returns with errno set */
    const struct sx__passed *passed;
    size_t passed_count;
};

#define SX__UPGRADE_VARIABLE "SEXTANT_UPGRADE"
#define SX__SOCKETS_VARIABLE "SEXTANT_SOCKETS"

/* What the new program sends; the former one answers the first with the same. */
enum { SX__UPGRADE_IS_WAITING = 'w', SX__UPGRADE_IS_SERVING = 's' };

/* ---- the former program ---- */

/* `{0}`: none is starting. */
struct sx__upgrade {
    pid_t pid;   /* of the new program while it starts; else 0 */
    int pid_fd;  /* readable when it has ended */
    int fd;      /* a socket to it */
    bool passes; /* it has the passed descriptors, and does not wait */
    bool may_serve;
    uint64_t since_ns;
};

enum sx__upgrade_step {
    SX__UPGRADE_NONE,
    SX__UPGRADE_WAITS,  /* for sx__upgrade_let_serve */
    SX__UPGRADE_SERVES, /* it has taken the place of this one */
    SX__UPGRADE_FAILED, /* logged */
};

/* Starts the program. Returns 0 or an errno. */
int sx__upgrade_start(struct sx__upgrade *upgrade, struct sx__server *server,
                      const struct sx__program *program, bool passes);
/* Returns what the program has done, without waiting. Called when a descriptor is readable, and at
 * the time of sx__upgrade_get_end at the latest. */
enum sx__upgrade_step sx__upgrade_check(struct sx__upgrade *upgrade, struct sx__server *server);
/* When the program is given up. */
uint64_t sx__upgrade_get_end_ns(const struct sx__upgrade *upgrade);
void sx__upgrade_let_serve(struct sx__upgrade *upgrade);
/* Ends a program that has not served yet, if there is one. */
void sx__upgrade_cancel(struct sx__upgrade *upgrade);
/* Called in a worker: only its supervisor watches the program. */
void sx__upgrade_forget(struct sx__upgrade *upgrade);

/* ---- the new program; these functions do nothing in other programs ---- */

/* Called before anything is started: no other program inherits what this one has inherited. */
void sx__former_begin(void);
/* Returns the socket that the former program has opened for this address, or -1. */
int sx__former_take_socket(const char *address);
/* Closes the sockets that no address has taken. */
void sx__former_close_sockets(void);
/* Returns when the former program accepts no more connections, if this one waits for that; and
 * when the server is told to stop. */
void sx__former_wait(struct sx__server *server);
/* Called when this program serves. Tells the former one, which tells the service manager, or, if
 * there is none, the watcher of the server. */
void sx__former_end(const struct sx__server *server);
/* Whether the former program still owns the files of Unix sockets. */
bool sx__former_is_there(void);
/* Called in a worker: only the supervisor speaks to the former program. */
void sx__former_forget(void);

#endif
