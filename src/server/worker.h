/* worker.h: a thread of the server. It polls for events while it has a permit, and handles them. */
#ifndef SX_WORKER_H
#define SX_WORKER_H

#include "admission.h"
#include "blocking.h"
#include "request_parser.h"
#include <pthread.h>
#include <stdatomic.h>

struct sx__server;

/* `user` tells the monitor whether the thread is in user code. Its two lowest bits are one of these
 * values. The other bits count the calls of user code. If `user` is SX__USER_INSIDE with the same
 * count at two ticks, the call takes long. */
enum sx__user {
    SX__USER_OUTSIDE,
    SX__USER_INSIDE,
    SX__USER_PREEMPTED, /* inside, and the monitor has taken the permit */
};

#define SX__EVENTS_MAX 16

/* The fields are grouped by the threads that may use them. The alignment avoids false sharing
 * between workers, which would cost more than the memory. */
struct sx__worker {
    /* Any thread. */
    struct {
        _Alignas(64) _Atomic uint64_t user;
        _Atomic bool keeps_token;       /* an ordinary token that is not in use; see admission.h */
        _Atomic unsigned pending_count; /* the number of elements of `pending` in use */
        /* Events that were received but not handled yet: the address of the client's record, plus 1
         * if the client may have closed; 0: none. The worker's own thread or the monitor takes an
         * event out atomically. */
        _Atomic uintptr_t pending[SX__EVENTS_MAX];
        _Atomic bool has_ended; /* the thread is about to return */
    } shared;

    /* The monitor. After sx__server_run has returned: the thread that destroys the server. */
    struct {
        _Alignas(64) uint64_t last_user; /* `user` at the last tick, */
        uintptr_t last_pending;          /* and the last pending event */
        pthread_t thread;
        bool is_joined;
    } monitor;

    /* The thread that has locked the mutex of the permits. */
    struct {
        pthread_cond_t unparked;
        bool is_parked;
        struct sx__worker *next;
    } parking;

    /* The worker's own thread. */
    _Alignas(64) struct sx__server *server;
    bool has_permit;  /* while the thread is parked, another thread may set it with the mutex of the
                         permits locked */
    size_t place;     /* the place of the current or last call of user code; see blocking.h */
    bool gives_up;    /* the thread has given up its permit for that call */
    bool is_measured; /* that call is measured, */
    struct sx__call call;
    unsigned calls;       /* calls that could be measured */
    unsigned entered;     /* places of this turn: bit 0: a route; bit i + 1: SX__ROUTES_KNOWN + i */
    enum sx__token token; /* that is in use */
    uint32_t turn_ns;     /* the average turn, as this thread knows it, */
    uint32_t seen_turn_ns; /* and the server's, as this thread saw it last; see user_code.c */
    struct sx__request_pool pool;
    void *frame;
};

/* The thread's function. `argument` is its struct sx__worker. */
void *sx__worker_run(void *argument);

#endif
