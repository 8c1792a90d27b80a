/* lock.c: the lock, and what becomes of it in fork(). */
#include "lock.h"

#include "registry.h"
#include "store.h"

#include <pthread.h>

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    (void)pthread_mutex_lock(&library_lock);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&library_lock);
}

static void after_fork_in_child(void)
{
    (void)pthread_cond_init(&woken, NULL); /* the threads that waited are not here */
    prom__registries_after_fork();
    (void)pthread_mutex_unlock(&library_lock);
}

/* Sextant registers its fork handlers when it makes its first registry. The handlers that were
 * registered last run first, so fork() takes this lock before Sextant's, as all other callers do.
 */
static void prepare_fork(void)
{
    prom__stores_open();
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void prom__lock(void)
{
    (void)pthread_once(&fork_once, prepare_fork);
    (void)pthread_mutex_lock(&library_lock);
}

void prom__unlock(void)
{
    (void)pthread_mutex_unlock(&library_lock);
}

void prom__wait(void)
{
    (void)pthread_cond_wait(&woken, &library_lock);
}

void prom__wake_all(void)
{
    (void)pthread_cond_broadcast(&woken);
}
