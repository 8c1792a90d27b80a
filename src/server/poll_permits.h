/* poll_permits.h: limits how many threads poll the epoll set.
 *
 * A thread polls only with a permit, and handles the events that it found with the same permit.
 *
 * If turns are short, there is one permit. Two pollers would wake each other for every request,
 * although one has time for all of them; on two processors that was a tenth of the cost of a small
 * request. If turns are long, there are as many permits as processors. The monitor issues another
 * permit if it finds events that no poller has caught up with since its last tick (a backlog).
 *
 * A thread that blocks delays no other thread. Before it calls a handler that is expected to block
 * (blocking.c), it gives up its permit. After the call it takes a new permit and polls. If turns
 * are long, it does so even if there are more permits than processors, but not if there are two
 * idle pollers. If turns are short, it does so only if no permit is issued. So in a service whose
 * handlers block, threads poll when they return from their handlers, and few have to be woken. The
 * monitor takes the permit from a thread that stays in a handler unexpectedly. A thread that polls
 * in vain returns its permit and parks.
 *
 * A thread polls unless all threads are in handlers. The thread that gives up the last permit wakes
 * a parked thread with a new permit. A thread with a permit polls again, gives the permit up, or
 * loses it to the monitor.
 *
 * The number of permits has no fixed bound: callers pass the bound for each change.
 *
 * Threads: any, unless a function says otherwise.
 */
#ifndef SX_POLL_PERMITS_H
#define SX_POLL_PERMITS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct sx__worker;

struct sx__poll_permits {
    /* Each poll reads these. Only threads that begin or cease to poll write them. */
    _Alignas(64) _Atomic unsigned issued;
    _Atomic bool closed; /* no thread may poll from now on */

    /* Threads that sleep until events come, where turns are long and several permits are issued. */
    _Alignas(64) _Atomic unsigned polling;

    _Alignas(64) pthread_mutex_t mutex;
    struct sx__worker *parked; /* a stack: the thread that parked last is woken first, because its
                                  memory is still cached */
};

void sx__poll_permits_init(struct sx__poll_permits *permits);
void sx__poll_permits_clean_up(struct sx__poll_permits *permits);
/* Parks the calling thread until it has a permit. Returns false once the permits are closed. The
 * worker's thread. */
bool sx__poll_permits_wait(struct sx__poll_permits *permits, struct sx__worker *worker);
/* Takes a permit if fewer than `most` are issued. Returns whether it did. */
bool sx__poll_permits_take(struct sx__poll_permits *permits, unsigned most);
/* Gives up a permit, and wakes a parked thread with it if no other thread has one. */
void sx__poll_permits_give_up(struct sx__poll_permits *permits);
/* Gives a permit back if more than `least` are issued. Returns whether it did. */
bool sx__poll_permits_return(struct sx__poll_permits *permits, unsigned least);
/* Wakes a parked thread with a permit, if fewer than `most` are issued and a thread is parked. */
void sx__poll_permits_add(struct sx__poll_permits *permits, unsigned most);
/* Wakes all parked threads; from now on no thread polls. */
void sx__poll_permits_close(struct sx__poll_permits *permits);

#endif
