/* thread_exit.c: a function that the ending thread calls.
 *
 * It is the destructor of a key of thread-local data. But a copy of the library that is linked into
 * a plugin may be unloaded while threads live that would call it. There, the function is entered
 * into the C library's list of destructors too, because that keeps the plugin loaded until these
 * threads have ended. Elsewhere it is not, because glibc ends the process if it has no memory for
 * an entry. musl has no such list, and never unloads.
 */
#define _GNU_SOURCE /* ElfW */
#include "thread_exit.h"

#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>

/* Of glibc and gcc; made for the thread_local objects of C++. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *handle)
    __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

/* The start of the program or shared object that this file is linked into; of the linker. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Defined only in the shared library, which is never unloaded (-z nodelete). */
extern const char sx__stays_loaded __attribute__((weak, visibility("hidden")));

static __thread bool watched;
static __thread bool ended; /* the function has run */

static pthread_key_t exit_key;
static bool exit_key_made;
static bool may_be_unloaded;
static void (*exit_function)(void);

static bool is_in_program(void)
{
    return (unsigned long)&__ehdr_start + __ehdr_start.e_phoff == getauxval(AT_PHDR);
}

static void run(void *unused)
{
    (void)unused;
    ended = true;
    if (may_be_unloaded) { /* from the list, which comes first: the key has nothing left to do */
        (void)pthread_setspecific(exit_key, NULL);
    }
    exit_function();
}

void sx__thread_exit_prepare(void (*on_exit)(void))
{
    exit_function = on_exit;
    may_be_unloaded =
        &sx__stays_loaded == NULL && __cxa_thread_atexit_impl != NULL && !is_in_program();
    /* Without a key no thread can have a row of its own: slow, but right. */
    exit_key_made = pthread_key_create(&exit_key, run) == 0;
}

bool sx__thread_exit_watch(void)
{
    if (!watched && !ended && exit_key_made) {
        watched = pthread_setspecific(exit_key, &watched) == 0;
        if (watched && may_be_unloaded) {
            /* In a thread that is ending already, the list is done, and the key is not. */
            (void)__cxa_thread_atexit_impl(run, NULL, &__dso_handle);
        }
    }
    return watched && !ended;
}

/* When a plugin is unloaded, its destructor must not be called any more. */
__attribute__((destructor)) static void delete_key(void)
{
    if (exit_key_made && may_be_unloaded) {
        exit_key_made = false;
        (void)pthread_key_delete(exit_key);
    }
}
