/* No more permits are issued than callers allow, whoever issues them at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "poll_permits.h"
#include "worker.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

enum { WORKERS = 6, ADDERS = 3, MOST = 2, ROUNDS = 20000 };

static struct sx__poll_permits permits;
static struct sx__worker workers[WORKERS];
static atomic_uint holders; /* threads that have a permit, as they see it */
static atomic_uint most_holders;
static atomic_uint rounds;

/* Polls for a moment each time that it has a permit. */
static void *work(void *worker)
{
    while (sx__poll_permits_wait(&permits, worker)) {
        const unsigned now = atomic_fetch_add(&holders, 1) + 1;
        unsigned most = atomic_load(&most_holders);
        while (now > most && !atomic_compare_exchange_weak(&most_holders, &most, now)) {
        }
        atomic_fetch_add(&rounds, 1);
        sched_yield(); /* others may get a permit meanwhile */
        ((struct sx__worker *)worker)->has_permit = false;
        atomic_fetch_sub(&holders, 1);
        sx__poll_permits_give_up(&permits);
    }
    return NULL;
}

static void *add(void *unused)
{
    (void)unused;
    /* Until there were as many as there may be; the time limit of the test ends it otherwise. */
    while (atomic_load(&rounds) < ROUNDS || atomic_load(&most_holders) < MOST) {
        sx__poll_permits_add(&permits, MOST);
        sched_yield();
    }
    return NULL;
}

static void several_threads_add_no_more_than_the_limit(void **state)
{
    (void)state;
    pthread_t threads[WORKERS];
    pthread_t adders[ADDERS];
    sx__poll_permits_init(&permits);
    for (int i = 0; i < WORKERS; i++) {
        pthread_cond_init(&workers[i].parking.unparked, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < ADDERS; i++) {
        assert_int_equal(pthread_create(&adders[i], NULL, add, NULL), 0);
    }
    for (int i = 0; i < ADDERS; i++) {
        assert_int_equal(pthread_join(adders[i], NULL), 0);
    }
    sx__poll_permits_close(&permits);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < WORKERS; i++) { /* now that nobody wakes another one */
        pthread_cond_destroy(&workers[i].parking.unparked);
    }
    assert_int_equal(atomic_load(&most_holders), MOST);
    sx__poll_permits_clean_up(&permits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_add_no_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
