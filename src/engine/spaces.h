/* spaces.h: large memory: bodies, large headers, pieces of streams, and the requests themselves.
 *
 * It comes from mmap, so munmap gives all of it back to the system. malloc would keep it: freed
 * memory stays in the arenas of malloc as long as anything small lies behind it, and every thread
 * that allocates may have an arena of its own.
 *
 * Page faults cost more than copying the bytes, so some spaces are kept for reuse, in a bounded
 * number of bytes. Those that were not reused between two trims are unmapped.
 *
 * A large space is address space first. sx__space_extend makes more of it usable as bytes arrive,
 * so that a client's Content-Length alone commits no memory.
 */
#ifndef SX_SPACES_H
#define SX_SPACES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define SX__SPACES_KEPT_MAX 64

struct sx__space {
    char *data;      /* NULL: none */
    size_t capacity; /* bytes of address space */
    size_t usable;   /* of them, those that may be read and written */
    size_t touched;  /* of them, those that may occupy memory */
};

/* The spaces that are kept, for all threads. Where the functions get NULL, none are. */
struct sx__spaces {
    pthread_mutex_t mutex; /* guards all but `bytes`, which may be read without it */
    size_t bytes_max;
    _Atomic size_t bytes; /* touched bytes of those that are kept */
    unsigned count;
    unsigned unused; /* the first so many were there at the last trim, and have not been taken */
    struct sx__space kept[SX__SPACES_KEPT_MAX]; /* in the order they were given back */
};

void sx__spaces_init(struct sx__spaces *spaces, size_t bytes_max);
/* Unmaps those that are kept. */
void sx__spaces_clean_up(struct sx__spaces *spaces);

/* Makes a space of at least `capacity` bytes; its content is undefined. Errors: SX_ENOMEM */
int sx__spaces_take(struct sx__spaces *spaces, struct sx__space *space, size_t capacity);
void sx__spaces_give_back(struct sx__spaces *spaces, struct sx__space *space);
/* Keeps or unmaps the space, and sets it to none. None is a no-op. */
static inline void sx__spaces_give(struct sx__spaces *spaces, struct sx__space *space)
{
    if (space->data != NULL) {
        sx__spaces_give_back(spaces, space);
    }
}
/* Makes the space one of at least `capacity` bytes, with the first `used` bytes of its content.
 * Errors: SX_ENOMEM, and it is as it was */
int sx__spaces_enlarge(struct sx__spaces *spaces, struct sx__space *space, size_t used,
                       size_t capacity);
/* Unmaps those that nobody has taken since the last trim; `all`: all that are kept. */
void sx__spaces_trim(struct sx__spaces *spaces, bool all);

/* Makes at least the first `size` bytes usable; its address stays. Errors: SX_ENOMEM, also where
 * `size` is beyond its capacity */
int sx__space_extend(struct sx__space *space, size_t size);
/* The first `size` bytes have been written, or will be. */
void sx__space_touch(struct sx__space *space, size_t size);

#endif
