/* lock.c: mutexes, robust where processes share them. */
#define _GNU_SOURCE /* syscall */
#include "lock.h"

#include <sextant/status.h>

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool set_shared(pthread_mutexattr_t *attributes)
{
    return pthread_mutexattr_setpshared(attributes, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_mutexattr_setrobust(attributes, PTHREAD_MUTEX_ROBUST) == 0;
}

/* glibc does not report it if the kernel refuses set_robust_list. So call it with a size that no
 * kernel accepts: EINVAL means that the system call works. The call changes nothing. */
bool sx__lock_can_be_robust(void)
{
    pthread_mutexattr_t attributes;
    if (syscall(SYS_set_robust_list, NULL, (size_t)0) == 0 || errno != EINVAL ||
        pthread_mutexattr_init(&attributes) != 0) {
        return false;
    }
    const bool can = set_shared(&attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return can;
}

int sx__lock_init(pthread_mutex_t *mutex, bool shared)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return SX_ENOMEM;
    }
    if (shared) {
        (void)set_shared(&attributes); /* sx__lock_can_be_robust has tried it */
    }
    memset(mutex, 0, sizeof *mutex);
    int error = pthread_mutex_init(mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return error == 0 ? SX_OK : SX_ENOMEM;
}

/* How long a thread sleeps before it looks at the mutex again. */
#define SLEEP_NS 100000000

static int sleep_for_lock(pthread_mutex_t *mutex)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += SLEEP_NS;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    return pthread_mutex_timedlock(mutex, &end);
}

/* A wake-up can be lost where processes are killed. The owner releases the mutex and wakes one
 * waiter; before that waiter runs, a third thread takes the mutex, and the waiter is killed. The
 * kernel passes a dead waiter's wake-up on only while the mutex is free, and the third thread does
 * not know that others wait. So every wait has a timeout. */
enum sx__lock_result sx__lock_take(pthread_mutex_t *mutex)
{
    int error = pthread_mutex_trylock(mutex);
    while (error == EBUSY || error == ETIMEDOUT) {
        error = sleep_for_lock(mutex);
    }
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

/* A robust mutex has a word with the id of the owner's thread, in which the kernel sets a bit and
 * clears the id when the owner dies (see get_robust_list(2)). It is the first word of glibc's
 * mutexes, and the second of musl's. */
#define OWNER_BITS UINT32_C(0x3FFFFFFF)

bool sx__lock_copy_is_owned(const pthread_mutex_t *copy)
{
    uint32_t words[2];
    memcpy(words, copy, sizeof words);
#ifdef __GLIBC__
    return (words[0] & OWNER_BITS) != 0;
#else
    return (words[1] & OWNER_BITS) != 0;
#endif
}

/* ---- fork ----
 *
 * The robust mutexes that a thread holds form a linked list, whose links are in the mutexes. A
 * child of fork() holds none of its parent's mutexes. glibc empties the child's list. musl (1.2.3)
 * does not: the next mutex that the child locks would be linked to a mutex that the parent holds
 * in shared memory. */

#ifndef __GLIBC__
static void **robust_list; /* of the forking thread; NULL: it has none */
static void *robust_first;
#endif

void sx__locks_before_fork(void)
{
#ifndef __GLIBC__
    size_t size = 0;
    robust_list = NULL;
    if (syscall(SYS_get_robust_list, 0, &robust_list, &size) != 0) {
        robust_list = NULL;
    }
    robust_first = robust_list == NULL ? NULL : *robust_list;
#endif
}

void sx__locks_after_fork_in_child(void)
{
#ifndef __GLIBC__
    if (robust_list != NULL && *robust_list == robust_first) {
        *robust_list = robust_list;
    }
#endif
}
