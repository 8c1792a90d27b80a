/* thread_exit.c: the destructor of one key of thread-local data. It runs in the ending thread. */
#include "thread_exit.h"

#include <pthread.h>
#include <stddef.h>

static __thread bool watched;
static __thread bool ended; /* the destructor has run */

static pthread_key_t exit_key;
static bool exit_key_made;
static void (*exit_function)(void);

static void run(void *unused)
{
    (void)unused;
    ended = true;
    exit_function();
}

void sx__thread_exit_prepare(void (*on_exit)(void))
{
    exit_function = on_exit;
    /* Without a key no thread can have a row of its own: slow, but right. */
    exit_key_made = pthread_key_create(&exit_key, run) == 0;
}

bool sx__thread_exit_watch(void)
{
    if (!watched && !ended && exit_key_made) {
        watched = pthread_setspecific(exit_key, &watched) == 0;
    }
    return watched && !ended;
}
