/* poll_permits.h: how many threads poll the epoll set.
 *
 * A thread polls only with a permit, and with a permit it also handles the events that it found.
 *
 * Where turns are short there is one permit: two pollers wake each other for every request where
 * one has time for all of them, which on two processors was a tenth of what a small request cost.
 * Where turns are long there are as many permits as processors. The monitor issues another one if
 * it finds events that no poller has caught up with since its last tick.
 *
 * A thread that blocks delays no other. Before it calls a handler that is expected to block
 * (blocking.c) it gives up its permit. Afterwards it continues with a new one, beyond the number of
 * processors if turns are long, unless there are enough idle pollers already. So in a service whose
 * handlers block, threads poll as they return from their handlers, and few have to be woken. The
 * monitor takes the permit from a thread that stays in a handler unexpectedly. A thread that polls
 * in vain returns its permit and parks.
 *
 * Unless all threads are in handlers, there is always a thread that will poll: the thread that
 * gives up the last permit wakes a parked one, and a thread with a permit polls again, gives it up,
 * or loses it to the monitor.
 *
 * The number of permits has no fixed bound: callers pass the bound for each change.
 */
#ifndef SX_POLL_PERMITS_H
#define SX_POLL_PERMITS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct sx__worker;

struct sx__poll_permits {
    _Atomic unsigned issued;
    _Atomic unsigned polling; /* threads that wait for events, except one that waits for long */
    _Atomic bool closed;      /* no thread may poll any more */
    pthread_mutex_t mutex;
    struct sx__worker *parked; /* the last one parked is woken first: its stack is warm */
};

void sx__poll_permits_init(struct sx__poll_permits *permits);
void sx__poll_permits_clean_up(struct sx__poll_permits *permits);
/* Parks the calling thread until it has a permit. Returns false once the permits are closed. */
bool sx__poll_permits_wait(struct sx__poll_permits *permits, struct sx__worker *worker);
/* Takes a permit if fewer than `most` are issued. */
bool sx__poll_permits_take(struct sx__poll_permits *permits, unsigned most);
/* Gives up a permit, and wakes a parked thread with it if no other thread has one. */
void sx__poll_permits_give_up(struct sx__poll_permits *permits);
/* Returns a permit if more than `least` are issued. */
bool sx__poll_permits_return(struct sx__poll_permits *permits, unsigned least);
/* Wakes a parked thread with a permit, if fewer than `most` are issued and a thread is parked. */
void sx__poll_permits_add(struct sx__poll_permits *permits, unsigned most);
/* Wakes all parked threads; from now on no thread polls. */
void sx__poll_permits_close(struct sx__poll_permits *permits);

#endif
