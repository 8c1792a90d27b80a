/* poll_permits.c: limits how many threads poll. See poll_permits.h. */
#include "poll_permits.h"
#include "worker.h"
#include <stdatomic.h>

void sx__poll_permits_init(struct sx__poll_permits *permits)
{
    pthread_mutex_init(&permits->mutex, NULL);
}

void sx__poll_permits_clean_up(struct sx__poll_permits *permits)
{
    pthread_mutex_destroy(&permits->mutex);
}

/* Issues a permit if fewer than `most` are issued. Returns whether it did. */
static bool issue(struct sx__poll_permits *permits, unsigned most)
{
    unsigned issued = atomic_load(&permits->issued);
    while (issued < most) {
        if (atomic_compare_exchange_weak(&permits->issued, &issued, issued + 1)) {
            return true;
        }
    }
    return false;
}

/* Issues a permit to a parked thread and wakes it, if there is one and fewer than `most` permits
 * are issued. */
static void wake_one(struct sx__poll_permits *permits, unsigned most)
{
    pthread_mutex_lock(&permits->mutex);
    struct sx__worker *worker = permits->parked;
    if (worker != NULL && issue(permits, most)) {
        permits->parked = worker->parking.next;
        worker->parking.is_parked = false;
        worker->has_permit = true;
        pthread_cond_signal(&worker->parking.unparked);
    }
    pthread_mutex_unlock(&permits->mutex);
}

bool sx__poll_permits_wait(struct sx__poll_permits *permits, struct sx__worker *worker)
{
    pthread_mutex_lock(&permits->mutex);
    worker->has_permit = issue(permits, 1);
    if (!worker->has_permit) {
        worker->parking.next = permits->parked;
        permits->parked = worker;
        worker->parking.is_parked = true;
    }
    /* The thread that hands over a permit also removes this one from the list. */
    while (worker->parking.is_parked && !atomic_load(&permits->closed)) {
        pthread_cond_wait(&worker->parking.unparked, &permits->mutex);
    }
    const bool may_poll = worker->has_permit && !atomic_load(&permits->closed);
    pthread_mutex_unlock(&permits->mutex);
    return may_poll;
}

bool sx__poll_permits_take(struct sx__poll_permits *permits, unsigned most)
{
    return issue(permits, most);
}

void sx__poll_permits_give_up(struct sx__poll_permits *permits)
{
    if (atomic_fetch_sub(&permits->issued, 1) == 1) {
        wake_one(permits, 1);
    }
}

bool sx__poll_permits_return(struct sx__poll_permits *permits, unsigned least)
{
    unsigned issued = atomic_load(&permits->issued);
    while (issued > least) {
        if (atomic_compare_exchange_weak(&permits->issued, &issued, issued - 1)) {
            return true;
        }
    }
    return false;
}

void sx__poll_permits_add(struct sx__poll_permits *permits, unsigned most)
{
    if (atomic_load_explicit(&permits->issued, memory_order_relaxed) < most) {
        wake_one(permits, most);
    }
}

void sx__poll_permits_close(struct sx__poll_permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    atomic_store(&permits->closed, true);
    for (struct sx__worker *worker = permits->parked; worker != NULL;
         worker = worker->parking.next) {
        pthread_cond_signal(&worker->parking.unparked);
    }
    pthread_mutex_unlock(&permits->mutex);
}
