/* network.h: the parts of the network engine, and what they know of each other.
 *
 *     network.c   opens and closes everything, and its run is the monitor
 *     listener.c  the listening sockets, which listen_socket.c opens
 *     reload.c    reads their certificates again, which tls_files.c understands
 *     addresses.c how many connections each client has
 *     slots.c     the connections, by file descriptor
 *     permits.c   how many threads poll
 *     blocking.c  which routes have handlers that block
 *     tokens.c    who may be in a handler, and the queue of those who wait for it
 *     worker.c    a thread: it polls, and has a permit or has lost it
 *     turn.c      what it does for a connection: read, handle, write
 *     transfer.c  its reading and writing, with TLS (tls.c) or without
 *     ends.c      whether its client has closed its sending side, or is gone
 *
 * All threads share one epoll set, and a connection is in it once, for edges (EPOLLET). Whoever
 * gets its event and finds it waiting owns it until it lets it go or closes it; whoever finds it
 * busy leaves a mark, and the owner looks again before it lets go. So a request costs no epoll_ctl,
 * an event that comes too late or twice does no harm, and nothing is handed from thread to thread:
 * a thread that blocks in a handler holds up its own connection only.
 *
 * A thread polls only with a permit. Where turns are short there is one permit: two pollers wake
 * each other for every request where one has time for all of them, which on two processors was a
 * tenth of what a small request cost. Where turns are long there are as many permits as processors.
 * The monitor issues another where it finds events waiting that no poller has caught up with since
 * its last tick.
 *
 * A thread that blocks holds up nobody. Before it calls a handler that is expected to block
 * (blocking.c) it gives up its permit. Afterwards it goes on with a new one, beyond the number of
 * processors if turns are long, unless idle pollers are enough already. So in a service whose
 * handlers block, threads poll as they come back from their handlers, and few are woken for it.
 * From a thread that stays in a handler unexpectedly the monitor takes the permit. A thread that
 * polls in vain returns its permit and parks.
 *
 * Where turns are short, a poller takes several events with one call. If a handler then keeps it,
 * or one short handler after another does, those that it has not looked at come again, for whoever
 * polls by then.
 *
 * A handler needs a token, and there are SX__THREADS_SPARE threads more than tokens for ordinary
 * routes: one for the admin routes, and one that polls, collects bodies, drains responses and
 * turns requests away, however many handlers block.
 *
 * Lock order: a listener, then the addresses or what its TLS is made of; else no lock is taken
 * while another is held. None is held while the service is called.
 */
#ifndef SX_NETWORK_H
#define SX_NETWORK_H

#include "addresses.h"
#include "blocking.h"
#include "connection.h"
#include "log_limit.h"
#include "tls.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/types.h>

/* Enough for handlers with some buffers on the stack; only what is touched becomes memory. */
#define SX__STACK_BYTES ((size_t)1 << 20)

/* ---- slots ---- */

/* Who owns a connection. A slot is of one descriptor for ever, and its memory stays until the
 * engine is destroyed, so that any thread may look at the state of any slot at any time. */
enum sx__slot_state {
    SX__SLOT_FREE,
    SX__SLOT_WAITING, /* nobody: an event will come */
    SX__SLOT_BUSY,    /* the thread that got the event */
    SX__SLOT_MARKED,  /* the same, and another event has come since */
    SX__SLOT_HELD,    /* somebody, for an instant: whoever has its event waits */
};

struct sx__slot {
    _Atomic unsigned state;
    _Atomic uint64_t deadline_ns; /* when the monitor has to look at it */
    _Atomic uint64_t resume_ns;   /* when a waiting stream continues; UINT64_MAX: none waits */
    int fd;
    struct sx__tls_stream *tls; /* NULL: bytes go to the socket as they are */
    bool late;                  /* the monitor has found its deadline over */
    bool shed;      /* the monitor has chosen it: its client held too much for too long */
    bool lingering; /* its write side is shut down */
    bool watches_output;
    bool overloaded;              /* it has been queued for too long, and is to be told so */
    struct sx__slot *next_queued; /* guarded by the tokens' mutex, as are the next two */
    uint64_t queued_until_ns;
    size_t queued_bytes; /* that it holds there */
    struct sx__address *address;
    size_t held;               /* bytes of a request or a response that wait for the client */
    uint64_t held_since_ns;    /* 0: it holds nothing */
    size_t taken;              /* bytes that came and went since it held nothing */
    size_t dying;              /* bytes that it still occupies after it was shed */
    uint64_t put_off_until_ns; /* not read before, because memory is short; 0: may be read */
    uint64_t sent;             /* bytes written to the kernel, */
    uint64_t acknowledged;     /* those of them that were acknowledged at the last look */
    bool has_looked;           /* the monitor has, since the last request; see sx__slot_get_look */
    bool has_looked_again;     /* since the last write */
    struct sx__peer peer;
    struct sx__connection connection;
};

#define SX__SLOT_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

#define SX__SLOTS_PER_LEAF 256
#define SX__SLOT_LEAVES 4096

struct sx__slots {
    struct sx__slot *_Atomic leaves[SX__SLOT_LEAVES];
};

/* The slot of a descriptor, made if need be; NULL: no memory, or no such descriptor. [any] */
struct sx__slot *sx__slots_get(struct sx__slots *slots, int fd);

/* Takes the connection whose event has come; false: it is in good hands, or gone. */
bool sx__slot_take(struct sx__slot *slot);
/* Lets it go; false: another event has come, and it is still ours. */
bool sx__slot_release(struct sx__slot *slot);
/* Removes the mark of a slot that is ours; false: there was none. The caller looks at the socket
 * again. */
bool sx__slot_take_mark(struct sx__slot *slot);
/* Lets it go, and makes an event come if the socket is ready for anything; from now on it is
 * watched for room to write as well. */
void sx__slot_kick(struct sx__slot *slot, int epoll_fd);
/* Makes an event come again that was taken out of the epoll set, but not looked at. */
void sx__slot_pass_on(struct sx__slot *slot, int epoll_fd);

/* That of its connection, or of the handshake before it. */
uint64_t sx__slot_get_deadline(const struct sx__slot *slot);

/* When the monitor has to look at the slot next: at its deadline, and once before it while the
 * client has something to read. Progress is what the client acknowledges, not what our kernel
 * accepts, which may be nothing for a minute while a slow client reads. The monitor sees progress
 * by comparing two looks. A fast client has read everything before the first look. */
uint64_t sx__slot_get_look(const struct sx__slot *slot);

/* What the monitor does to connections that nobody owns. It makes their event come, and whoever
 * gets it ends them: no descriptor is ever closed by another than its owner. */
enum sx__sweep {
    SX__SWEEP_LATE,     /* those whose deadline is over */
    SX__SWEEP_STOPPING, /* the same during a stop, which makes deadlines shorter */
    SX__SWEEP_ALL,
};
void sx__slots_sweep(struct sx__slots *slots, enum sx__sweep sweep, int epoll_fd, uint64_t now_ns);

/* Has the event of those come whose stream is to go on; gives when the next one is. */
uint64_t sx__slots_resume(struct sx__slots *slots, int epoll_fd, uint64_t now_ns);

/* Ends connections whose clients hold memory, the slowest first, until `excess` bytes will be free;
 * an unfinished request is still answered with a 408. Gives how many bytes that are, and adds to
 * `count` how many connections. */
size_t sx__slots_shed(struct sx__slots *slots, int epoll_fd, size_t excess, uint64_t now_ns,
                      unsigned *count);

/* No thread may be using them. */
void sx__slots_clean_up(struct sx__slots *slots);

/* As recv, sendmsg and sendfile, with the errnos of tls.h. `more`: other bytes follow at once. */
ssize_t sx__slot_receive(struct sx__slot *slot, char *space, size_t size);
ssize_t sx__slot_send(struct sx__slot *slot, const struct sx_str *pieces, size_t count, bool more);
ssize_t sx__slot_send_file(struct sx__slot *slot, const struct sx__file_part *part);
/* Sends a head and a whole small file with one system call, without TLS; for a small file sendfile
 * costs more than it saves. If the file has become shorter, sends what is left of it. */
#define SX__SMALL_FILE_BYTES 8192
ssize_t sx__slot_send_small_file(struct sx__slot *slot, struct sx_str head,
                                 const struct sx__file_part *part);
/* Which directions of a connection the client has ended. */
enum sx__ends {
    SX__ENDS_NONE,
    SX__ENDS_INPUT, /* it has closed its sending side */
    SX__ENDS_ALL,   /* the connection is gone, or reset */
};
/* Asks the kernel, and for a stream also TLS. Only the owner may call it. */
enum sx__ends sx__slot_find_ends(const struct sx__slot *slot);
/* Called before and after the slot's producer runs, for sx__stream_has_client; NULL: it has
 * returned. */
struct sx__network;
void sx__slot_set_producing(const struct sx__slot *slot, const struct sx__network *network);
/* The sent bytes that the client's kernel has not acknowledged or, at a Unix socket, that the
 * client has not read. */
size_t sx__slot_get_unacknowledged(const struct sx__slot *slot);
/* Says that nothing more will be sent, where there is a way to say it but closing. */
void sx__slot_end_output(struct sx__slot *slot);

/* ---- permits ---- */

struct sx__worker;

/* Threads with a permit poll, or handle the events that they found. The number of permits has no
 * fixed bound; callers pass the bounds for each change, `most` or `least`.
 *
 * Unless all threads are in handlers, there is always a thread that will poll: the thread that
 * gives up the last permit wakes a parked one, and a thread with a permit polls again, gives it up,
 * or loses it to the monitor. */
struct sx__permits {
    _Atomic unsigned issued;
    _Atomic unsigned polling; /* threads that wait for events, besides one that waits for long */
    _Atomic bool closed;      /* no thread shall poll any more */
    pthread_mutex_t mutex;
    struct sx__worker *parked; /* the last one parked is the first one woken: its stack is warm */
};

void sx__permits_init(struct sx__permits *permits);
void sx__permits_clean_up(struct sx__permits *permits);
/* Parks the thread until it has a permit. Returns false once the permits are closed. */
bool sx__permits_wait(struct sx__permits *permits, struct sx__worker *worker);
/* Takes a permit if fewer than `most` are issued. */
bool sx__permits_take(struct sx__permits *permits, unsigned most);
/* Gives up a permit, and wakes a parked thread with it if no other thread has one. */
void sx__permits_give_up(struct sx__permits *permits);
/* Returns a permit if more than `least` are issued. */
bool sx__permits_return(struct sx__permits *permits, unsigned least);
/* Wakes a parked thread with a permit, if fewer than `most` are issued and a thread is parked. */
void sx__permits_add(struct sx__permits *permits, unsigned most);
void sx__permits_close(struct sx__permits *permits);

/* ---- tokens ---- */

#define SX__THREADS_SPARE 2

enum sx__token {
    SX__TOKEN_NONE,
    SX__TOKEN_ORDINARY, /* for any route */
    SX__TOKEN_ADMIN,    /* for admin routes only */
    SX__TOKENS,
};

struct sx__queue {
    struct sx__slot *first, *last;
    unsigned count;
    size_t bytes;
};

/* A connection in a queue stays busy: nobody else touches it, and its events leave a mark. */
struct sx__tokens {
    int counts[SX__TOKENS]; /* those there are */
    _Atomic int free[SX__TOKENS];
    _Atomic unsigned queued; /* in both queues */
    unsigned queue_count;    /* the most in each of them, and so is the next */
    size_t queue_bytes;
    pthread_mutex_t mutex; /* guards the queues */
    struct sx__queue queues[SX__TOKENS];
};

enum sx__took {
    SX__TOOK_TOKEN,
    SX__TOOK_PLACE,   /* in the queue: the connection is not ours any more */
    SX__TOOK_NOTHING, /* its queue is full */
};

void sx__tokens_init(struct sx__tokens *tokens, unsigned queue_count, size_t queue_bytes);
void sx__tokens_clean_up(struct sx__tokens *tokens);

/* As many as this number of threads is good for, from now on. */
void sx__tokens_share_out(struct sx__tokens *tokens, unsigned threads);

enum sx__took sx__tokens_take(struct sx__tokens *tokens, struct sx__slot *slot, bool is_admin,
                              uint64_t queued_until_ns, enum sx__token *token);

/* Gives a token back, or passes it on: gives the queued connection that has it now, and that the
 * caller now owns; NULL: nobody wants it. */
struct sx__slot *sx__tokens_give(struct sx__tokens *tokens, enum sx__token token);

/* Takes a connection whose time is over out of its queue; NULL: there is none. */
struct sx__slot *sx__tokens_expire(struct sx__tokens *tokens, uint64_t now_ns);

/* ---- workers ---- */

struct sx__network;

/* `user` says what the monitor must know: the number of the call of a handler or of observers,
 * times four, plus where the thread is. A number that is the same at two ticks is a call that
 * lasts. */
enum sx__user {
    SX__USER_OUTSIDE,
    SX__USER_INSIDE,
    SX__USER_ROBBED, /* inside, and the permit is gone */
};

#define SX__EVENTS_MAX 16

struct sx__worker {
    _Alignas(64) _Atomic uint64_t user;
    uint64_t seen_user;     /* by the monitor at its last tick, and so is the next */
    uintptr_t seen_event;   /* the last of those that wait */
    _Atomic unsigned aside; /* how many of `events` there may be: most threads have none */
    /* Events that are not looked at yet: the slot, plus one where its input may have ended; 0:
     * none. Whoever takes one out has it: this thread, or the monitor with its permit. */
    _Atomic uintptr_t events[SX__EVENTS_MAX];
    struct sx__network *network;
    bool has_permit;
    size_t place;     /* of user code, that it is in or was in last; see blocking.h */
    bool gives_up;    /* its permit, for that call */
    bool is_measured; /* that call, */
    struct sx__call call;
    unsigned calls;   /* that could be measured */
    unsigned entered; /* in this turn: bit 0: a handler; bit i + 1: SX__ROUTES_KNOWN + i */
    enum sx__token token;
    struct sx__request_pool pool;
    void *frame;
    pthread_t thread;
    _Atomic bool ended; /* it is about to return */
    bool joined;
    pthread_cond_t unparked; /* with the mutex of the permits, and so are the next two */
    bool is_parked;
    struct sx__worker *next_parked;
};

/* The thread's function. */
void *sx__worker_run(void *worker);

/* Around all that the service is called for: a handler may block, and so may an observer. Where the
 * place is expected to block, the thread gives up its permit and tries to take one again. leave
 * returns whether the thread had no permit at the end: the call may have taken long. */
void sx__worker_enter_user_code(struct sx__worker *worker, size_t place);
bool sx__worker_leave_user_code(struct sx__worker *worker);

/* How long a turn took; `route` is the place of the last handler that it called. */
void sx__worker_note_turn(struct sx__worker *worker, uint64_t ns, size_t route);

/* What the monitor saw. */
struct sx__tick {
    bool active; /* a thread is in a handler or was since the last tick, or somebody is queued */
    bool robbed; /* a permit was taken */
};

/* Takes the permits of threads whose handler lasts since the last tick, and gives out an extra one
 * where events have waited since then. */
struct sx__tick sx__workers_tick(struct sx__network *network);

/* How many threads are in a handler. */
unsigned sx__workers_count_inside(struct sx__network *network);

/* ---- turns ---- */

/* What there is to do for a connection that the thread has taken, and for those that have waited
 * for the token which it then has. `may_end`: the event may tell of an end. */
void sx__turn_take(struct sx__worker *worker, struct sx__slot *slot, bool may_end);

/* ---- the listeners ---- */

/* Connections, and descriptors, that only the addresses of the admin routes may have. */
#define SX__SPARE_PLACES 16

struct sx__listener {
    pthread_mutex_t mutex; /* between threads that accept and the monitor, which closes */
    int fd;                /* -1: closed */
    uint16_t port;
    enum sx_admin admin;
    bool yields;         /* leaves some room to the addresses of admin routes only */
    char *path;          /* of a Unix socket, which goes with it; NULL: it is none */
    dev_t path_device;   /* what was made there, */
    ino_t path_inode;    /* which somebody may have replaced by his own since */
    struct sx__tls *tls; /* NULL: without */
    unsigned expected;   /* connections at the next accept; guarded by the mutex */
    int error;           /* of accept, that was logged, and when */
    uint64_t error_ns;
    struct sx__log_limit error_lines; /* of the log */
    _Atomic bool resting; /* descriptors are exhausted; the monitor arms it again later */
};

/* Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM, SX_ENOMEM; what is open then is for clean_up. */
int sx__listeners_open(struct sx__network *network);
void sx__listeners_clean_up(struct sx__network *network);
/* Accepts some and arms it again. */
void sx__listener_accept(struct sx__network *network, struct sx__listener *listener);
/* Whether one rests; arms those again. */
bool sx__listeners_rest(struct sx__network *network);
void sx__listeners_wake(struct sx__network *network);
/* Accepts those who have connected already, then closes them. */
void sx__listeners_close(struct sx__network *network);

/* ---- the engine ---- */

struct sx__network {
    struct sx__protocol protocol;
    int epoll_fd;
    int monitor_fd; /* an eventfd: wakes the monitor */
    int exit_fd;    /* an eventfd in the epoll set: once written, every poll returns */
    _Atomic bool stop_requested;
    _Atomic bool reload_requested;
    _Atomic bool cuts_off; /* it stops, and its time for that is over */
    _Atomic bool monitor_asleep;
    _Atomic unsigned connections;
    _Atomic size_t held;  /* bytes that wait for their clients */
    _Atomic size_t dying; /* bytes of shed connections that are not freed yet */
    struct sx__spaces spaces;
    _Atomic uint64_t next_resume_ns; /* of all streams that wait */
    struct sx__listener *listeners;
    size_t listener_count;
    struct sx__log_limit shed_lines; /* of the log, for slow clients that were closed */
    struct sx__reload *reload;       /* the reload of certificates that is running; NULL: none */
    struct sx__addresses addresses;
    struct sx__permits permits;
    _Atomic uint32_t turn_ns; /* what a turn takes, on average; see worker.c */
    _Atomic bool caught_up;   /* since the last tick: a poller left no event waiting */
    struct sx__tokens tokens;
    struct sx__worker *workers;
    unsigned worker_space;
    unsigned worker_count; /* those that run, or ran and have not been joined */
    unsigned processors;   /* that the process may use */
    struct sx__blocking blocking;
    struct sx__slots slots;
};

/* Whether so much is held that nothing more should be read until the shed connections are freed.
 * Unmaps the memory that is kept for reuse first. */
bool sx__network_is_full(struct sx__network *network);

/* The same in the usual case, in which nothing needs to be unmapped to know that it is not full. */
static inline bool sx__network_has_room(struct sx__network *network)
{
    return atomic_load_explicit(&network->held, memory_order_relaxed) +
               atomic_load_explicit(&network->dying, memory_order_relaxed) +
               atomic_load_explicit(&network->spaces.bytes, memory_order_relaxed) <=
           network->protocol.options.held_bytes;
}

/* Says how much the slot holds while nobody is at it. */
void sx__slot_hold(struct sx__slot *slot, struct sx__network *network, size_t bytes);

/* Says when the slot's stream goes on; UINT64_MAX: it has none that waits. */
void sx__slot_pause(struct sx__slot *slot, struct sx__network *network, uint64_t resume_ns);

/* Starts a thread of the engine, which blocks all signals except faults; returns 0 or an errno. */
int sx__network_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

uint64_t sx__now_ns(void);
void sx__network_wake_monitor(struct sx__network *network);
/* If it sleeps: there is a handler or a queue to watch. */
void sx__network_rouse_monitor(struct sx__network *network);
void sx__network_log(struct sx__network *network, enum sx_log_level level, const char *format, ...)
    SX_PRINTF(3, 4);

#endif
