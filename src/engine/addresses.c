#include "addresses.h"
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct sx__address {
    struct sx__address *next;
    unsigned char bytes[16];
    unsigned count;     /* those that are not lingering */
    unsigned lingering; /* they have had all that they get */
};

void sx__addresses_init(struct sx__addresses *addresses, unsigned most)
{
    *addresses = (struct sx__addresses){.most = most};
    pthread_mutex_init(&addresses->mutex, NULL);
}

void sx__addresses_clean_up(struct sx__addresses *addresses)
{
    for (size_t i = 0; i < SX__ADDRESS_BUCKETS; i++) {
        while (addresses->buckets[i] != NULL) {
            struct sx__address *address = addresses->buckets[i];
            addresses->buckets[i] = address->next;
            free(address);
        }
    }
    pthread_mutex_destroy(&addresses->mutex);
}

/* Whoever has an IPv6 address has the 2^64 that differ in its second half, too. */
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

/* FNV-1a. Who makes collisions makes his own list longer, by at most as many entries as there may
 * be connections. */
static size_t bucket_of(const unsigned char bytes[16])
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < 16; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash % SX__ADDRESS_BUCKETS;
}

static struct sx__address *find(struct sx__address *address, const unsigned char bytes[16])
{
    while (address != NULL && memcmp(address->bytes, bytes, 16) != 0) {
        address = address->next;
    }
    return address;
}

bool sx__addresses_add(struct sx__addresses *addresses, const struct sockaddr *from,
                       struct sx__address **address)
{
    unsigned char bytes[16];
    *address = NULL;
    if (addresses->most == 0 || !read_bytes(bytes, from)) {
        return true;
    }
    struct sx__address **bucket = &addresses->buckets[bucket_of(bytes)];
    bool added = false;
    pthread_mutex_lock(&addresses->mutex);
    struct sx__address *found = find(*bucket, bytes);
    if (found == NULL && (found = calloc(1, sizeof *found)) != NULL) {
        memcpy(found->bytes, bytes, 16);
        found->next = *bucket;
        *bucket = found;
    }
    if (found != NULL && found->count < addresses->most &&
        found->count + found->lingering < 2 * (uint64_t)addresses->most) {
        found->count++;
        *address = found;
        added = true;
    }
    pthread_mutex_unlock(&addresses->mutex);
    return added;
}

void sx__addresses_linger(struct sx__addresses *addresses, struct sx__address *address)
{
    if (address == NULL) {
        return;
    }
    pthread_mutex_lock(&addresses->mutex);
    address->count--;
    address->lingering++;
    pthread_mutex_unlock(&addresses->mutex);
}

void sx__addresses_remove(struct sx__addresses *addresses, struct sx__address *address,
                          bool was_lingering)
{
    if (address == NULL) {
        return;
    }
    pthread_mutex_lock(&addresses->mutex);
    if (was_lingering) {
        address->lingering--;
    } else {
        address->count--;
    }
    if (address->count == 0 && address->lingering == 0) {
        struct sx__address **link = &addresses->buckets[bucket_of(address->bytes)];
        while (*link != address) {
            link = &(*link)->next;
        }
        *link = address->next;
        free(address);
    }
    pthread_mutex_unlock(&addresses->mutex);
}
