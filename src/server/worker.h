/* worker.h: a thread of the server. It polls for events while it has a permit. */
#ifndef SX_WORKER_H
#define SX_WORKER_H

#include "admission.h"
#include "blocking.h"
#include "request_parser.h"
#include <pthread.h>
#include <stdatomic.h>

struct sx__server;

/* `user` tells the monitor where the thread is: the number of the call of user code times four,
 * plus one of these. If the number is the same at two ticks, the call lasts. */
enum sx__user {
    SX__USER_OUTSIDE,
    SX__USER_INSIDE,
    SX__USER_PREEMPTED, /* inside, and the monitor has taken the permit */
};

#define SX__EVENTS_MAX 16

/* The fields are grouped by the threads that may use them. Aligned, as false sharing between
 * workers would cost more than the memory. */
struct sx__worker {
    /* Any thread. */
    struct {
        _Alignas(64) _Atomic uint64_t user;
        _Atomic unsigned pending_count; /* how many of `pending` may be events */
        /* Events that were received but not looked at yet: the client's record, plus one where its
         * input may have ended; 0: none. The thread that takes one out has it: the worker's, or the
         * monitor with the worker's permit. */
        _Atomic uintptr_t pending[SX__EVENTS_MAX];
        _Atomic bool has_ended; /* its thread is about to return */
    } shared;

    /* The monitor, and the thread that runs the server. */
    struct {
        uint64_t last_user;     /* at the last tick, */
        uintptr_t last_pending; /* and the last pending event */
        pthread_t thread;
        bool is_joined;
    } monitor;

    /* Whoever holds the mutex of the permits. */
    struct {
        pthread_cond_t unparked;
        bool is_parked;
        struct sx__worker *next;
    } parking;

    /* The worker's own thread. */
    struct sx__server *server;
    bool has_permit;  /* also set for it, while it is parked, with the mutex of the permits */
    size_t place;     /* of user code, that it is in or was in last; see blocking.h */
    bool gives_up;    /* its permit, for that call */
    bool is_measured; /* that call, */
    struct sx__call call;
    unsigned calls;   /* that could be measured */
    unsigned entered; /* in this turn: bit 0: a handler; bit i + 1: SX__ROUTES_KNOWN + i */
    enum sx__token token;
    struct sx__request_pool pool;
    void *frame;
};

/* The thread's function; takes the struct sx__worker. */
void *sx__worker_run(void *argument);

#endif
