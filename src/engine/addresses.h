/* addresses.h: how many connections each client has, counted by its address. */
#ifndef SX_ADDRESSES_H
#define SX_ADDRESSES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SX__ADDRESS_BUCKETS 1024

struct sx__address;

struct sx__addresses {
    unsigned most; /* of one address; 0: they are not counted */
    pthread_mutex_t mutex;
    struct sx__address *buckets[SX__ADDRESS_BUCKETS];
};

void sx__addresses_init(struct sx__addresses *addresses, unsigned most);
void sx__addresses_clean_up(struct sx__addresses *addresses);

/* Counts a connection; false: it has too many, or there is no memory. `*address` is for remove;
 * NULL where it is not counted. */
bool sx__addresses_add(struct sx__addresses *addresses, const struct sockaddr *from,
                       struct sx__address **address);
/* A connection lingers from now on: the client may have seen its end, and come again before we see
 * the client's. So it does not count any more; but with those that linger there are never more than
 * twice `most` of one address. NULL is a no-op. */
void sx__addresses_linger(struct sx__addresses *addresses, struct sx__address *address);
/* NULL is a no-op. */
void sx__addresses_remove(struct sx__addresses *addresses, struct sx__address *address,
                          bool was_lingering);

#endif
