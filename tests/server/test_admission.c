/* Never more handlers run than there are tokens, and no client stays in a queue while a token is
 * not in use, although threads keep their tokens and take those of others. */
#include "admission.h"
#include "client_table.h"
#include "worker.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 6, TOKENS = THREADS - SX__THREADS_SPARE, ROUNDS = 20000 };

static struct sx__admission admission;
static struct sx__worker workers[THREADS];
static struct sx__client clients[THREADS];
static atomic_uint running, most_running; /* handlers of ordinary routes */
static atomic_uint asked, served, queued;

static void handle(const struct sx__worker *worker)
{
    const bool is_ordinary = worker->token == SX__TOKEN_ORDINARY;
    const unsigned now = atomic_fetch_add(&running, is_ordinary) + is_ordinary;
    unsigned most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now)) {
    }
    sched_yield();
    atomic_fetch_sub(&running, is_ordinary);
    atomic_fetch_add(&served, 1);
}

/* A client belongs to one request at a time: the thread waits until its own has left the queue. */
static void *work(void *argument)
{
    struct sx__worker *worker = argument;
    struct sx__client *client = &clients[worker - workers];
    atomic_uint *is_busy = &client->shared.state;
    /* Until clients were queued; the time limit of the test ends it otherwise. */
    for (int i = 0; i < ROUNDS || atomic_load(&queued) == 0; i++) {
        while (atomic_load(is_busy) != 0) {
            sched_yield();
        }
        atomic_store(is_busy, 1);
        atomic_fetch_add(&asked, 1);
        switch (sx__admission_take(&admission, worker, client, i % 7 == 0, UINT64_MAX)) {
        case SX__ADMITTED:
            handle(worker);
            atomic_store(is_busy, 0);
            break;
        case SX__ADMITTED_LATER:
            atomic_fetch_add(&queued, 1);
            continue;
        case SX__ADMITTED_NEVER:
            abort(); /* the queues have room for all */
        }
        struct sx__client *granted;
        while ((granted = sx__admission_give(&admission, worker)) != NULL) {
            handle(worker);
            atomic_store(&granted->shared.state, 0);
        }
    }
    return NULL;
}

static void set_up_admission(unsigned threads)
{
    memset(workers, 0, sizeof workers);
    memset(clients, 0, sizeof clients);
    sx__admission_init(&admission, THREADS, SIZE_MAX);
    sx__admission_set_workers(&admission, workers, THREADS);
    sx__admission_set_threads(&admission, threads);
}

static unsigned count_tokens(void)
{
    int count = atomic_load(&admission.free[SX__TOKEN_ORDINARY]);
    for (int i = 0; i < THREADS; i++) {
        count += atomic_load(&workers[i].shared.keeps_token) ? 1 : 0;
    }
    return (unsigned)count;
}

/* Each round ends with an answer, or the threads would wait for their clients until the test's time
 * limit. The last clients may only be in a queue because all tokens are in use. */
static void tokens_are_neither_lost_nor_doubled(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    set_up_admission(THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&served), atomic_load(&asked));
    assert_int_equal(atomic_load(&admission.queued), 0);
    assert_true(atomic_load(&most_running) <= TOKENS);
    assert_int_equal(count_tokens(), TOKENS);
    assert_int_equal(atomic_load(&admission.free[SX__TOKEN_ADMIN]), 1);
    sx__admission_clean_up(&admission);
}

static enum sx__admitted take(unsigned i)
{
    return sx__admission_take(&admission, &workers[i], &clients[i], false, UINT64_MAX);
}

static void a_thread_uses_its_token_again(void **state)
{
    (void)state;
    set_up_admission(THREADS);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(take(0), SX__ADMITTED);
        assert_int_equal(atomic_load(&admission.free[SX__TOKEN_ORDINARY]), TOKENS - 1);
        assert_null(sx__admission_give(&admission, &workers[0]));
    }
    sx__admission_clean_up(&admission);
}

static void a_token_that_another_thread_keeps_is_taken(void **state)
{
    (void)state;
    set_up_admission(THREADS);
    for (unsigned i = 0; i < TOKENS; i++) {
        assert_int_equal(take(i), SX__ADMITTED);
    }
    assert_null(sx__admission_give(&admission, &workers[2]));
    assert_int_equal(take(TOKENS), SX__ADMITTED);
    assert_false(atomic_load(&workers[2].shared.keeps_token));
    assert_int_equal(take(TOKENS + 1), SX__ADMITTED_LATER);
    assert_ptr_equal(sx__admission_give(&admission, &workers[1]), &clients[TOKENS + 1]);
    assert_int_equal(workers[1].token, SX__TOKEN_ORDINARY);
    sx__admission_clean_up(&admission);
}

/* Fewer threads could be started than there were tokens for. */
static void tokens_that_are_too_many_are_not_kept(void **state)
{
    (void)state;
    set_up_admission(THREADS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(take(i), SX__ADMITTED);
    }
    sx__admission_set_threads(&admission, 3); /* one token */
    for (unsigned i = 0; i < 3; i++) {
        assert_null(sx__admission_give(&admission, &workers[i]));
    }
    assert_int_equal(count_tokens(), 1);
    sx__admission_clean_up(&admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_neither_lost_nor_doubled),
        cmocka_unit_test(a_thread_uses_its_token_again),
        cmocka_unit_test(a_token_that_another_thread_keeps_is_taken),
        cmocka_unit_test(tokens_that_are_too_many_are_not_kept),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
