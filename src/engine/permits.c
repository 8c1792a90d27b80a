/* permits.c: how many threads poll. See struct sx__permits in network.h for the rules. */
#include "network.h"
#include <stdatomic.h>

void sx__permits_init(struct sx__permits *permits)
{
    pthread_mutex_init(&permits->mutex, NULL);
}

void sx__permits_clean_up(struct sx__permits *permits)
{
    pthread_mutex_destroy(&permits->mutex);
}

/* Gives a permit to a parked thread and wakes it, if there is one. */
static void wake_one(struct sx__permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    struct sx__worker *worker = permits->parked;
    if (worker != NULL) {
        permits->parked = worker->next_parked;
        worker->is_parked = false;
        worker->has_permit = true;
        atomic_fetch_add(&permits->issued, 1);
        pthread_cond_signal(&worker->unparked);
    }
    pthread_mutex_unlock(&permits->mutex);
}

/* Adds one to the permits issued, if there are fewer than `most`. */
static bool issue(struct sx__permits *permits, unsigned most)
{
    unsigned issued = atomic_load(&permits->issued);
    while (issued < most) {
        if (atomic_compare_exchange_weak(&permits->issued, &issued, issued + 1)) {
            return true;
        }
    }
    return false;
}

bool sx__permits_wait(struct sx__permits *permits, struct sx__worker *worker)
{
    pthread_mutex_lock(&permits->mutex);
    worker->has_permit = issue(permits, 1);
    if (!worker->has_permit) {
        worker->next_parked = permits->parked;
        permits->parked = worker;
        worker->is_parked = true;
    }
    /* The thread that hands over a permit also removes this one from the list. */
    while (worker->is_parked && !atomic_load(&permits->closed)) {
        pthread_cond_wait(&worker->unparked, &permits->mutex);
    }
    const bool may_poll = worker->has_permit && !atomic_load(&permits->closed);
    pthread_mutex_unlock(&permits->mutex);
    return may_poll;
}

bool sx__permits_take(struct sx__permits *permits, unsigned most)
{
    return issue(permits, most);
}

void sx__permits_give_up(struct sx__permits *permits)
{
    if (atomic_fetch_sub(&permits->issued, 1) == 1) {
        wake_one(permits);
    }
}

bool sx__permits_return(struct sx__permits *permits, unsigned least)
{
    unsigned issued = atomic_load(&permits->issued);
    while (issued > least) {
        if (atomic_compare_exchange_weak(&permits->issued, &issued, issued - 1)) {
            return true;
        }
    }
    return false;
}

void sx__permits_add(struct sx__permits *permits, unsigned most)
{
    if (atomic_load_explicit(&permits->issued, memory_order_relaxed) < most) {
        wake_one(permits);
    }
}

void sx__permits_close(struct sx__permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    atomic_store(&permits->closed, true);
    for (struct sx__worker *worker = permits->parked; worker != NULL;
         worker = worker->next_parked) {
        pthread_cond_signal(&worker->unparked);
    }
    pthread_mutex_unlock(&permits->mutex);
}
