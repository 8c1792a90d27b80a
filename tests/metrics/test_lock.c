/* Locks that processes share, where one of them is killed. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"
#include "sanitized.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <sextant/status.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t *mutex;
static int *taken;

static int set_up(void **state)
{
    (void)state;
    mutex =
        mmap(NULL, 2 * sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(mutex, MAP_FAILED);
    taken = (int *)(void *)(mutex + 1);
    assert_int_equal(sx__lock_init(mutex, true), SX_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(mutex, 2 * sizeof *mutex);
}

static void *take(void *unused)
{
    (void)sx__lock_take(mutex);
    __atomic_store_n(taken, 1, __ATOMIC_RELEASE);
    sx__lock_release(mutex);
    return unused;
}

static void wait_for_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    (void)nanosleep(&moment, NULL);
}

static int end_of(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_the_lock_of_a_killed_process_is_inherited(void **state)
{
    (void)state;
    need_shared_registries();
    const pid_t child = fork();
    if (child == 0) {
        _exit(sx__lock_take(mutex) == SX__LOCK_TAKEN ? 0 : 1);
    }
    assert_int_equal(end_of(child), 0);
    assert_int_equal(sx__lock_take(mutex), SX__LOCK_INHERITED);
    sx__lock_mend(mutex);
    sx__lock_release(mutex);
    assert_int_equal(sx__lock_take(mutex), SX__LOCK_TAKEN);
    sx__lock_release(mutex);
}

/* The mutex becomes free, and nobody wakes the thread that waits for it. In a process of its own,
 * because the C library keeps a list of what a thread has locked. */
static void lose_a_wake_up(void)
{
    pthread_t waiter;
    (void)sx__lock_take(mutex);
    if (pthread_create(&waiter, NULL, take, NULL) != 0) {
        _exit(2);
    }
    for (int i = 0; i < 20; i++) { /* most probably it sleeps then; if not, nothing is lost */
        wait_for_a_moment();
    }
    if (__atomic_load_n(taken, __ATOMIC_ACQUIRE) != 0) {
        _exit(3);
    }
    __atomic_store_n((int *)(void *)mutex, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < 2000 && __atomic_load_n(taken, __ATOMIC_ACQUIRE) == 0; i++) {
        wait_for_a_moment();
    }
    _exit(__atomic_load_n(taken, __ATOMIC_ACQUIRE) == 1 ? 0 : 4);
}

static void test_a_wake_up_that_is_lost_delays_only(void **state)
{
    (void)state;
    need_shared_registries();
#ifndef __GLIBC__
    skip(); /* its mutex does not begin with the word that is 0 if it is free */
#endif
    if (THREAD_SANITIZED) {
        skip(); /* it does not see that the mutex is free */
    }
    const pid_t child = fork();
    if (child == 0) {
        lose_a_wake_up();
    }
    assert_int_equal(end_of(child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_lock_of_a_killed_process_is_inherited, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_wake_up_that_is_lost_delays_only, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
