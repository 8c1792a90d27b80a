/* client_limits.h: counts and limits the connections of each client address.
 *
 * Threads: any. init and clean_up: the thread that creates and destroys the server.
 */
#ifndef SX_CLIENT_LIMITS_H
#define SX_CLIENT_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SX__CLIENT_LIMIT_BUCKETS 1024

struct sx__client_limit;

struct sx__client_limits {
    unsigned most; /* per address; 0: no limit, and connections are not counted */
    pthread_mutex_t mutex;
    struct sx__client_limit *buckets[SX__CLIENT_LIMIT_BUCKETS];
};

void sx__client_limits_init(struct sx__client_limits *limits, unsigned most);
void sx__client_limits_clean_up(struct sx__client_limits *limits);

/* Counts a connection. Returns false if the address has too many, or if there is no memory.
 * `*limit` is for the other functions; NULL if the connection is not counted. */
bool sx__client_limits_add(struct sx__client_limits *limits, const struct sockaddr *from,
                           struct sx__client_limit **limit);
/* Called when a connection starts to linger. The client may have seen the server's close and
 * reconnect before the server sees the client's close. So a lingering connection no longer counts,
 * but one address never has more than twice `most` connections, lingering ones included. NULL is a
 * no-op. */
void sx__client_limits_linger(struct sx__client_limits *limits, struct sx__client_limit *limit);
/* Called when a connection is closed. NULL is a no-op. */
void sx__client_limits_remove(struct sx__client_limits *limits, struct sx__client_limit *limit,
                              bool was_lingering);

#endif
