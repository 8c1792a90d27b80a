/* client_limits.h: how many connections each client has, counted by its address. */
#ifndef SX_CLIENT_LIMITS_H
#define SX_CLIENT_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SX__CLIENT_LIMIT_BUCKETS 1024

struct sx__client_limit;

struct sx__client_limits {
    unsigned most; /* of one address; 0: they are not counted */
    pthread_mutex_t mutex;
    struct sx__client_limit *buckets[SX__CLIENT_LIMIT_BUCKETS];
};

void sx__client_limits_init(struct sx__client_limits *limits, unsigned most);
void sx__client_limits_clean_up(struct sx__client_limits *limits);

/* Counts a connection; false: it has too many, or there is no memory. `*limit` is for remove;
 * NULL where it is not counted. */
bool sx__client_limits_add(struct sx__client_limits *limits, const struct sockaddr *from,
                           struct sx__client_limit **limit);
/* A connection lingers from now on: the client may have seen its end, and come again before we see
 * the client's. So it does not count any more; but with those that linger there are never more than
 * twice `most` of one address. NULL is a no-op. */
void sx__client_limits_linger(struct sx__client_limits *limits, struct sx__client_limit *limit);
/* NULL is a no-op. */
void sx__client_limits_remove(struct sx__client_limits *limits, struct sx__client_limit *limit,
                              bool was_lingering);

#endif
