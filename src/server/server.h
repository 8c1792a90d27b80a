/* server.h: creates, runs, stops and destroys an HTTP/1.1 server.
 *
 * Threads: sx__server_run makes its caller the monitor thread. The other functions are called by
 * the thread that owns the server, unless they say otherwise.
 */
#ifndef SX_SERVER_H
#define SX_SERVER_H

#include "exchange.h"

#include <sys/types.h>

struct sx__server;
struct sx__spread;

enum sx__server_event {
    SX__EVENT_SERVES,
    SX__EVENT_RELOADS,
    SX__EVENT_RELOADED, /* or the reload has failed */
    SX__EVENT_STOPS,
    SX__EVENT_UPGRADED, /* another process has taken the place of this one */
    SX__EVENT_ANSWERS,  /* all that serves does */
};

/* Is told what happens to the server, by the thread that runs it, not in workers. */
struct sx__watcher {
    void *context;
    /* `process` has taken the place of this one. */
    void (*tell)(void *context, enum sx__server_event event, pid_t process);
    uint64_t answer_ns; /* how often it is told that the server answers; 0: never */
};

/* Creates a server, binds its addresses and listens. Clients can connect from now on, and wait in
 * the backlog until the server runs. `options` must be resolved: see sx__run_options_resolve. The
 * service is copied. Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM (the reason is logged through the
 * service), SX_ENOMEM */
int sx__server_new(struct sx__server **server, const struct sx__service *service,
                   const struct sx_run_options *options);
/* Returns the port of the first address (index 0) or of a further one. 0: the address has no port.
 */
uint16_t sx__server_get_port(const struct sx__server *server, size_t index);
/* Called in a process that a fork has made, before it runs the server: gives it descriptors of its
 * own. It shares the listening sockets with its parent, which removes the files of Unix sockets.
 * Errors: SX_ESYSTEM, logged */
int sx__server_forked(struct sx__server *server);
/* In such a process: it spreads connections with the others of `spread`, and publishes its own in
 * that line. Before it starts. `spread` must outlive the server. */
void sx__server_set_spread(struct sx__server *server, struct sx__spread *spread, unsigned line);
/* Returns whether an address has TLS. */
bool sx__server_has_tls(const struct sx__server *server);
/* Serves until sx__server_stop is called. Then closes the listeners, answers the requests in flight
 * with Connection: close within stop_timeout_ms, closes all connections, joins the threads and
 * returns 0. Errors: SX_ETIMEOUT: some handlers did not return by then; their number is logged, and
 * their threads continue. */
int sx__server_run(struct sx__server *server);
/* The two parts of sx__server_run: start the threads (errors: SX_ESYSTEM, logged), and serve. */
int sx__server_start(struct sx__server *server);
int sx__server_serve(struct sx__server *server);
/* Makes sx__server_run return. Any thread; async-signal-safe. */
void sx__server_stop(struct sx__server *server);
/* As sx__server_stop, in a process whose listening sockets others go on to use. */
void sx__server_leave(struct sx__server *server);
/* Makes the server reload its certificates soon. Any thread; async-signal-safe. */
void sx__server_reload(struct sx__server *server);
/* Makes a supervisor of workers start the program anew soon. Any thread; async-signal-safe. */
void sx__server_upgrade(struct sx__server *server);
/* Sets who is told, before the server runs. `watcher` is borrowed. */
void sx__server_watch(struct sx__server *server, const struct sx__watcher *watcher);
/* Tells the watcher, if there is one. `process` is 0, except for SX__EVENT_UPGRADED. */
void sx__server_tell(const struct sx__server *server, enum sx__server_event event, pid_t process);
/* Frees the server. Returns false if nothing was freed, because an abandoned handler still runs.
 * NULL is a no-op. */
bool sx__server_destroy(struct sx__server *server);

/* Returns whether the client of the stream whose producer runs on the calling thread is still there
 * and may still get data. True if no producer of a server runs on this thread. */
bool sx__stream_has_client(void);

#endif
