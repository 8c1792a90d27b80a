#include "network.h"
#include <stdatomic.h>

bool sx__permits_take(struct sx__permits *permits, struct sx__worker *worker)
{
    pthread_mutex_lock(&permits->mutex);
    if (permits->free > 0) {
        permits->free--;
        worker->has_permit = true;
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

void sx__permits_give(struct sx__permits *permits)
{
    pthread_mutex_lock(&permits->mutex);
    struct sx__worker *worker = permits->parked;
    if (worker == NULL) {
        permits->free++;
    } else {
        permits->parked = worker->next_parked;
        worker->is_parked = false;
        worker->has_permit = true;
        pthread_cond_signal(&worker->unparked);
    }
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
