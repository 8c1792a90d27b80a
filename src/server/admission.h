/* admission.h: how many handlers may run at once, and the queue of the requests that wait.
 *
 * A handler needs a token. There are SX__THREADS_SPARE threads more than tokens for ordinary
 * routes: one for the admin routes, and one that polls, receives bodies, sends responses and
 * rejects requests, however many handlers block.
 *
 * A queued client stays owned: no thread touches it, and its events are noted.
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
    int counts[SX__TOKENS];       /* of the tokens in all */
    _Atomic int free[SX__TOKENS]; /* those that no handler has */
    _Atomic unsigned queued;      /* clients, in both queues */
    unsigned queue_count;         /* the most clients in one queue, */
    size_t queue_bytes;           /* and the most bytes */
    pthread_mutex_t mutex;        /* guards the queues */
    struct sx__queue queues[SX__TOKENS];
};

enum sx__admitted {
    SX__ADMITTED,       /* the caller has a token */
    SX__ADMITTED_LATER, /* the client is queued, and the caller does not own it any more */
    SX__ADMITTED_NEVER, /* the queue is full */
};

void sx__admission_init(struct sx__admission *admission, unsigned queue_count, size_t queue_bytes);
void sx__admission_clean_up(struct sx__admission *admission);

/* Sets the number of tokens to what this number of threads allows. */
void sx__admission_set_threads(struct sx__admission *admission, unsigned threads);

/* Takes a token for the client's handler, or queues the client. */
enum sx__admitted sx__admission_take(struct sx__admission *admission, struct sx__client *client,
                                     bool is_admin, uint64_t queued_until_ns,
                                     enum sx__token *token);

/* Gives a token back, or passes it on: returns the queued client that has the token now, and that
 * the caller now owns. NULL: no client is queued. */
struct sx__client *sx__admission_give(struct sx__admission *admission, enum sx__token token);

/* Removes a client from its queue whose time is over; the caller owns it. NULL: there is none. */
struct sx__client *sx__admission_expire(struct sx__admission *admission, uint64_t now_ns);

#endif
