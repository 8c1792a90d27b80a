/* admission.c: limits how many handlers run at once, and queues clients. See admission.h. */
#include "admission.h"
#include "client_table.h"
#include "worker.h"
#include <assert.h>
#include <stdatomic.h>

void sx__admission_init(struct sx__admission *admission, unsigned queue_count, size_t queue_bytes)
{
    *admission = (struct sx__admission){.queue_count = queue_count, .queue_bytes = queue_bytes};
    pthread_mutex_init(&admission->mutex, NULL);
}

void sx__admission_clean_up(struct sx__admission *admission)
{
    assert(atomic_load(&admission->queued) == 0);
    pthread_mutex_destroy(&admission->mutex);
}

void sx__admission_set_threads(struct sx__admission *admission, unsigned threads)
{
    const bool enough = threads > SX__THREADS_SPARE;
    const int counts[SX__TOKENS] = {
        [SX__TOKEN_ORDINARY] = enough ? (int)threads - SX__THREADS_SPARE : 1,
        [SX__TOKEN_ADMIN] = enough ? 1 : 0,
    };
    for (enum sx__token token = SX__TOKEN_ORDINARY; token < SX__TOKENS; token++) {
        /* Some tokens may be taken already, so the number of free tokens may be negative for a
         * while. */
        atomic_fetch_add(&admission->free[token], counts[token] - admission->counts[token]);
        admission->counts[token] = counts[token];
    }
}

void sx__admission_set_workers(struct sx__admission *admission, struct sx__worker *workers,
                               unsigned count)
{
    admission->workers = workers;
    admission->worker_count = count;
}

/* ---- tokens ---- */

static bool take(struct sx__admission *admission, enum sx__token token)
{
    int free_now = atomic_load(&admission->free[token]);
    while (free_now > 0) {
        if (atomic_compare_exchange_weak(&admission->free[token], &free_now, free_now - 1)) {
            return true;
        }
    }
    return false;
}

/* Takes the token that the worker keeps. Any thread. */
static bool take_kept(struct sx__worker *worker)
{
    return atomic_load(&worker->shared.keeps_token) &&
           atomic_exchange(&worker->shared.keeps_token, false);
}

static bool take_kept_by_another(const struct sx__admission *admission)
{
    bool found = false;
    for (unsigned i = 0; i < admission->worker_count && !found; i++) {
        found = take_kept(&admission->workers[i]);
    }
    return found;
}

/* Reads the memory of all workers only if the others' tokens may be unused. */
static enum sx__token find_token(struct sx__admission *admission, bool is_admin, bool asks_others)
{
    if (take(admission, SX__TOKEN_ORDINARY) || (asks_others && take_kept_by_another(admission))) {
        return SX__TOKEN_ORDINARY;
    }
    return is_admin && take(admission, SX__TOKEN_ADMIN) ? SX__TOKEN_ADMIN : SX__TOKEN_NONE;
}

/* ---- queues ---- */

/* Returns whether the queue has room for the client. The first client with bytes may have any
 * number of them, so that no client is refused for ever. */
static bool has_room(const struct sx__admission *admission, const struct sx__queue *queue,
                     const struct sx__client *client)
{
    return queue->count < admission->queue_count &&
           (queue->bytes == 0 || client->queue.bytes == 0 ||
            queue->bytes + client->queue.bytes <= admission->queue_bytes);
}

static void append(struct sx__queue *queue, struct sx__client *client)
{
    client->queue.next = NULL;
    if (queue->last == NULL) {
        queue->first = client;
    } else {
        queue->last->queue.next = client;
    }
    queue->last = client;
    queue->count++;
    queue->bytes += client->queue.bytes;
}

static struct sx__client *pop(struct sx__admission *admission, enum sx__token token)
{
    struct sx__queue *queue = &admission->queues[token];
    struct sx__client *client = queue->first;
    if (client != NULL) {
        queue->first = client->queue.next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        queue->count--;
        queue->bytes -= client->queue.bytes;
        client->queue.next = NULL;
        atomic_fetch_sub(&admission->queued, 1);
    }
    return client;
}

/* A token and a queued client cannot miss each other. The thread that gives a token back first adds
 * or keeps it and then reads the number of queued clients. The thread that queues a client first
 * adds to that number and then looks for a token. So at least one of them sees the other.
 *
 * A thread that queues behind another client need not look at what the others keep. The first
 * client in the queue found all these tokens in use, and each thread that has given one back since
 * has seen that a client is queued, and takes one out of the queue. */
static enum sx__admitted take_or_queue(struct sx__admission *admission, struct sx__worker *worker,
                                       struct sx__client *client, bool is_admin,
                                       uint64_t queued_until_ns)
{
    enum sx__admitted took = SX__ADMITTED_NEVER;
    /* Each kind of route has its own queue, so that clients of one kind cannot fill the queue of
     * the other. */
    struct sx__queue *queue = &admission->queues[is_admin ? SX__TOKEN_ADMIN : SX__TOKEN_ORDINARY];
    pthread_mutex_lock(&admission->mutex);
    const bool is_first = atomic_fetch_add(&admission->queued, 1) == 0;
    worker->token = find_token(admission, is_admin, is_first);
    if (worker->token != SX__TOKEN_NONE) {
        took = SX__ADMITTED;
    } else if (has_room(admission, queue, client)) {
        client->queue.until_ns = queued_until_ns;
        append(queue, client);
        took = SX__ADMITTED_LATER;
    }
    if (took != SX__ADMITTED_LATER) {
        atomic_fetch_sub(&admission->queued, 1);
    }
    pthread_mutex_unlock(&admission->mutex);
    return took;
}

enum sx__admitted sx__admission_take(struct sx__admission *admission, struct sx__worker *worker,
                                     struct sx__client *client, bool is_admin,
                                     uint64_t queued_until_ns)
{
    assert(worker->token == SX__TOKEN_NONE);
    if (atomic_exchange(&worker->shared.keeps_token, false)) {
        worker->token = SX__TOKEN_ORDINARY;
        return SX__ADMITTED;
    }
    const bool asks_others = atomic_load(&admission->queued) == 0;
    worker->token = find_token(admission, is_admin, asks_others);
    return worker->token != SX__TOKEN_NONE
               ? SX__ADMITTED
               : take_or_queue(admission, worker, client, is_admin, queued_until_ns);
}

/* Takes a client out of the queues if the worker gets the token back that it has just given. */
static struct sx__client *pop_for(struct sx__admission *admission, struct sx__worker *worker,
                                  enum sx__token token, bool is_kept)
{
    struct sx__client *client = NULL;
    pthread_mutex_lock(&admission->mutex);
    if (is_kept ? take_kept(worker) : take(admission, token)) {
        client = pop(admission, SX__TOKEN_ADMIN);
        if (client == NULL && token == SX__TOKEN_ORDINARY) {
            client = pop(admission, SX__TOKEN_ORDINARY);
        }
        if (client != NULL) {
            worker->token = token;
        } else if (is_kept) {
            atomic_store(&worker->shared.keeps_token, true);
        } else {
            atomic_fetch_add(&admission->free[token], 1);
        }
    }
    pthread_mutex_unlock(&admission->mutex);
    return client;
}

/* If fewer threads could be started than there were tokens for, `free` is negative, and the token
 * is one too many. */
struct sx__client *sx__admission_give(struct sx__admission *admission, struct sx__worker *worker)
{
    const enum sx__token token = worker->token;
    const bool is_kept =
        token == SX__TOKEN_ORDINARY &&
        atomic_load_explicit(&admission->free[SX__TOKEN_ORDINARY], memory_order_relaxed) >= 0;
    worker->token = SX__TOKEN_NONE;
    if (is_kept) {
        atomic_store(&worker->shared.keeps_token, true);
    } else {
        atomic_fetch_add(&admission->free[token], 1);
    }
    return atomic_load(&admission->queued) == 0 ? NULL : pop_for(admission, worker, token, is_kept);
}

/* All clients have the same time-out, so the first client of a queue is the first to expire. */
struct sx__client *sx__admission_expire(struct sx__admission *admission, uint64_t now_ns)
{
    if (atomic_load(&admission->queued) == 0) {
        return NULL;
    }
    struct sx__client *client = NULL;
    pthread_mutex_lock(&admission->mutex);
    for (enum sx__token token = SX__TOKEN_ORDINARY; token < SX__TOKENS && client == NULL; token++) {
        const struct sx__client *first = admission->queues[token].first;
        if (first != NULL && first->queue.until_ns <= now_ns) {
            client = pop(admission, token);
        }
    }
    pthread_mutex_unlock(&admission->mutex);
    return client;
}
