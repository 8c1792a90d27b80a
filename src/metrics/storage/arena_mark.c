/* arena_mark.c: see arena_mark.h. A robust mutex is laid out as the libc likes, so another libc, or
 * another version of it, is another layout. */
#include "arena_mark.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Other byte orders differ, too. */
#define ARENA_MAGIC UINT64_C(0x746e61747865530a)

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211); /* FNV-1a */
    }
    return hash;
}

/* "glibc 2.36"; other libcs have no such name. */
static uint64_t hash_libc_version(uint64_t hash)
{
#ifdef _CS_GNU_LIBC_VERSION
    char version[64] = {0};
    (void)confstr(_CS_GNU_LIBC_VERSION, version, sizeof version);
    return hash_bytes(hash, version, strlen(version));
#else
    return hash;
#endif
}

struct sx__arena_mark sx__arena_mark(uint64_t records)
{
    const uint64_t sizes[] = {
        SX__LAYOUT_VERSION,
        sizeof(pthread_mutex_t),
        sizeof(struct sx_registry),
        sizeof(struct sx__seat),
        offsetof(struct sx_registry, lock),
        offsetof(struct sx_registry, epoch),
        SX__PROCESSES,
        SX__ARENAS,
        records,
    };
    const uint64_t hash = hash_bytes(UINT64_C(14695981039346656037), sizes, sizeof sizes);
    return (struct sx__arena_mark){ARENA_MAGIC, hash_libc_version(hash)};
}

bool sx__arena_marks_equal(const struct sx__arena_mark *a, const struct sx__arena_mark *b)
{
    return a->magic == b->magic && a->layout == b->layout;
}
