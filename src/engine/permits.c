#include "network.h"
#include <stdatomic.h>

/* Gives whether somebody was parked. */
static bool hand_over(struct sx__permits *permits, bool is_extra)
{
    struct sx__worker *worker = permits->parked;
    if (worker == NULL) {
        return false;
    }
    permits->parked = worker->next_parked;
    worker->is_parked = false;
    worker->has_permit = true;
    worker->has_extra = is_extra;
    pthread_cond_signal(&worker->unparked);
    return true;
}

bool sx__permits_take(struct sx__permits *permits, struct sx__worker *worker)
{
    pthread_mutex_lock(&permits->mutex);
    if (permits->is_free) {
        permits->is_free = false;
        worker->has_permit = true;
        worker->has_extra = false;
    } else {
        worker->next_parked = permits->parked;
        permits->parked = worker;
        worker->is_parked = true;
    }
    /* Whoever gives a permit takes the thread off the list of the parked. */
    while (worker->is_parked && !atomic_load(&permits->closed)) {
        pthread_cond_wait(&worker->unparked, &permits->mutex);
    }
    const bool may_poll = worker->has_permit && !atomic_load(&permits->closed);
    pthread_mutex_unlock(&permits->mutex);
    return may_poll;
}

void sx__permits_give(struct sx__permits *permits, bool is_extra)
{
    pthread_mutex_lock(&permits->mutex);
    if (!hand_over(permits, is_extra)) {
        permits->is_free |= !is_extra;
        permits->extra += is_extra ? 1 : 0;
    }
    pthread_mutex_unlock(&permits->mutex);
}

void sx__permits_give_extra(struct sx__permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    if (permits->extra > 0 && hand_over(permits, true)) {
        permits->extra--;
    }
    pthread_mutex_unlock(&permits->mutex);
}

void sx__permits_put_back(struct sx__permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    permits->extra++;
    pthread_mutex_unlock(&permits->mutex);
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
