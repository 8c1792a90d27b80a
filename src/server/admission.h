/* admission.h: limits how many handlers run at once, and queues the clients whose requests have to
 * wait.
 *
 * A handler needs a token. There are SX__THREADS_SPARE more threads than tokens for ordinary
 * routes: one thread for the admin routes, and one that polls, receives bodies, sends responses
 * and rejects requests, however many handlers block.
 *
 * A thread keeps its ordinary token between requests, in its own memory, so that requests write
 * nothing that the threads share. A thread that needs a token and has none takes one from those
 * that no thread has, or one that another thread keeps. The client is queued only if all tokens are
 * in use. The admin token is never kept.
 *
 * A queued client stays in the state OWNED although no thread uses it, and its events are noted
 * (NOTIFIED).
 *
 * Threads: any.
 */
#ifndef SX_ADMISSION_H
#define SX_ADMISSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__THREADS_SPARE 2

struct sx__client;
struct sx__worker;

enum sx__token {
    SX__TOKEN_NONE,
    SX__TOKEN_ORDINARY, /* for any route */
    SX__TOKEN_ADMIN,    /* for admin routes only */
    SX__TOKENS,
};

struct sx__queue {
    struct sx__client *first, *last;
    unsigned count;
    size_t bytes;
};

struct sx__admission {
    /* Each request reads these. They are written only while there are queues, and until each thread
     * has a token. */
    _Alignas(64) _Atomic unsigned queued; /* the number of clients in both queues */
    _Atomic int free[SX__TOKENS]; /* tokens that no thread has; may be negative for a while */
    int counts[SX__TOKENS];       /* the number of tokens of each kind */
    unsigned queue_count;         /* the maximum number of clients in one queue, */
    size_t queue_bytes;           /* and of their bytes */
    struct sx__worker *workers;   /* all threads, */
    unsigned worker_count;        /* also those that have not been started */

    _Alignas(64) pthread_mutex_t mutex; /* guards the queues */
    struct sx__queue queues[SX__TOKENS];
};

enum sx__admitted {
    SX__ADMITTED,       /* the caller has a token */
    SX__ADMITTED_LATER, /* the client is queued, and the caller no longer owns it */
    SX__ADMITTED_NEVER, /* the queue is full */
};

void sx__admission_init(struct sx__admission *admission, unsigned queue_count, size_t queue_bytes);
void sx__admission_clean_up(struct sx__admission *admission);

/* Sets the threads that may keep tokens. Before they start. */
void sx__admission_set_workers(struct sx__admission *admission, struct sx__worker *workers,
                               unsigned count);

/* Sets the number of tokens for this number of threads. */
void sx__admission_set_threads(struct sx__admission *admission, unsigned threads);

/* Takes a token for the worker, to run the client's handler, or queues the client. The worker's
 * thread; it has no token. */
enum sx__admitted sx__admission_take(struct sx__admission *admission, struct sx__worker *worker,
                                     struct sx__client *client, bool is_admin,
                                     uint64_t queued_until_ns);

/* Gives the worker's token back, or passes it on to a queued client. Returns that client, for which
 * the worker still has the token, and which the caller now owns. NULL: no client is queued. The
 * worker's thread; it has a token. */
struct sx__client *sx__admission_give(struct sx__admission *admission, struct sx__worker *worker);

/* Removes a client that has been queued for too long, and makes the caller its owner. NULL: there
 * is none. */
struct sx__client *sx__admission_expire(struct sx__admission *admission, uint64_t now_ns);

#endif
