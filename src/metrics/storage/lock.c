/* lock.c: mutexes, robust where processes share them. */
#include "lock.h"

#include <sextant/status.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

int sx__lock_init(pthread_mutex_t *mutex, bool shared)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return SX_ENOMEM;
    }
    /* These two cannot fail on platforms with robust futexes. If they did, the mutex would only not
     * be robust. */
    if (shared) {
        (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    memset(mutex, 0, sizeof *mutex);
    int error = pthread_mutex_init(mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return error == 0 ? SX_OK : SX_ENOMEM;
}

enum sx__lock_result sx__lock_take(pthread_mutex_t *mutex)
{
    int error = pthread_mutex_lock(mutex);
    assert(error == 0 || error == EOWNERDEAD);
    return error == EOWNERDEAD ? SX__LOCK_INHERITED : SX__LOCK_TAKEN;
}

enum sx__lock_result sx__lock_try(pthread_mutex_t *mutex)
{
    switch (pthread_mutex_trylock(mutex)) {
    case 0:
        return SX__LOCK_TAKEN;
    case EOWNERDEAD:
        return SX__LOCK_INHERITED;
    default:
        return SX__LOCK_BUSY;
    }
}

void sx__lock_mend(pthread_mutex_t *mutex)
{
    (void)pthread_mutex_consistent(mutex);
}

void sx__lock_release(pthread_mutex_t *mutex)
{
    (void)pthread_mutex_unlock(mutex);
}
