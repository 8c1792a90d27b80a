/* client_limits.c: limits the connections of each client address. See client_limits.h. */
#include "client_limits.h"
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct sx__client_limit {
    struct sx__client_limit *next;
    unsigned char bytes[16];
    unsigned count;     /* connections that are not lingering */
    unsigned lingering; /* lingering connections: the server sends nothing more on them */
};

void sx__client_limits_init(struct sx__client_limits *limits, unsigned most)
{
    *limits = (struct sx__client_limits){.most = most};
    pthread_mutex_init(&limits->mutex, NULL);
}

void sx__client_limits_clean_up(struct sx__client_limits *limits)
{
    for (size_t i = 0; i < SX__CLIENT_LIMIT_BUCKETS; i++) {
        while (limits->buckets[i] != NULL) {
            struct sx__client_limit *limit = limits->buckets[i];
            limits->buckets[i] = limit->next;
            free(limit);
        }
    }
    pthread_mutex_destroy(&limits->mutex);
}

/* Sets the bytes by which a client is counted. The owner of an IPv6 address usually has the whole
 * network of 2^64 addresses, so only the first half counts. Returns false for other kinds of
 * address. */
static bool read_bytes(unsigned char bytes[16], const struct sockaddr *address)
{
    memset(bytes, 0, 16);
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        memcpy(bytes + 12, &four->sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        const bool is_four = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
        memcpy(bytes + (is_four ? 12 : 0), six->sin6_addr.s6_addr + (is_four ? 12 : 0),
               is_four ? 4 : 8);
        return true;
    }
    return false;
}

/* FNV-1a. An attacker that causes collisions makes a list longer by at most as many entries as
 * there may be connections. */
static size_t bucket_of(const unsigned char bytes[16])
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < 16; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash % SX__CLIENT_LIMIT_BUCKETS;
}

static struct sx__client_limit *find(struct sx__client_limit *limit, const unsigned char bytes[16])
{
    while (limit != NULL && memcmp(limit->bytes, bytes, 16) != 0) {
        limit = limit->next;
    }
    return limit;
}

bool sx__client_limits_add(struct sx__client_limits *limits, const struct sockaddr *from,
                           struct sx__client_limit **limit)
{
    unsigned char bytes[16];
    *limit = NULL;
    if (limits->most == 0 || !read_bytes(bytes, from)) {
        return true;
    }
    struct sx__client_limit **bucket = &limits->buckets[bucket_of(bytes)];
    bool added = false;
    pthread_mutex_lock(&limits->mutex);
    struct sx__client_limit *found = find(*bucket, bytes);
    if (found == NULL && (found = calloc(1, sizeof *found)) != NULL) {
        memcpy(found->bytes, bytes, 16);
        found->next = *bucket;
        *bucket = found;
    }
    if (found != NULL && found->count < limits->most &&
        found->count + found->lingering < 2 * (uint64_t)limits->most) {
        found->count++;
        *limit = found;
        added = true;
    }
    pthread_mutex_unlock(&limits->mutex);
    return added;
}

void sx__client_limits_linger(struct sx__client_limits *limits, struct sx__client_limit *limit)
{
    if (limit == NULL) {
        return;
    }
    pthread_mutex_lock(&limits->mutex);
    limit->count--;
    limit->lingering++;
    pthread_mutex_unlock(&limits->mutex);
}

void sx__client_limits_remove(struct sx__client_limits *limits, struct sx__client_limit *limit,
                              bool was_lingering)
{
    if (limit == NULL) {
        return;
    }
    pthread_mutex_lock(&limits->mutex);
    if (was_lingering) {
        limit->lingering--;
    } else {
        limit->count--;
    }
    if (limit->count == 0 && limit->lingering == 0) {
        struct sx__client_limit **link = &limits->buckets[bucket_of(limit->bytes)];
        while (*link != limit) {
            link = &(*link)->next;
        }
        *link = limit->next;
        free(limit);
    }
    pthread_mutex_unlock(&limits->mutex);
}
