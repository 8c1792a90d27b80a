/* spaces.h: large memory: bodies, large headers, pieces of streams, and the requests themselves.
 *
 * It comes from mmap, so munmap returns all of it to the system. malloc would keep it: freed memory
 * stays in an arena of malloc as long as any small allocation lies behind it, and every thread that
 * allocates may have an arena of its own.
 *
 * Page faults cost more than copying the bytes, so some spaces are kept for reuse, in a bounded
 * number of bytes. Those that were not reused between two trims are unmapped.
 *
 * A large space is only address space at first. sx__space_extend makes more of it usable as bytes
 * arrive, so a Content-Length alone commits no memory.
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
    size_t usable;   /* the first bytes of it, which may be read and written */
    size_t touched;  /* the first bytes of it, which may occupy memory */
};

/* The kept spaces, shared by all threads. With NULL in its place the functions keep none. */
struct sx__spaces {
    pthread_mutex_t mutex; /* guards everything; `bytes` may also be read without it */
    size_t bytes_max;
    _Atomic size_t bytes; /* touched bytes of the kept spaces */
    unsigned count;
    unsigned unused; /* how many at the front were there at the last trim and not taken since */
    struct sx__space kept[SX__SPACES_KEPT_MAX]; /* in the order they were given back */
};

void sx__spaces_init(struct sx__spaces *spaces, size_t bytes_max);
/* Unmaps the kept spaces. */
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
/* Unmaps the kept spaces that were not taken since the last trim; with `all`, every kept space. */
void sx__spaces_trim(struct sx__spaces *spaces, bool all);

/* Makes at least the first `size` bytes usable, without moving the space. Errors: SX_ENOMEM, also
 * if `size` exceeds the capacity */
int sx__space_extend(struct sx__space *space, size_t size);
/* Notes that the first `size` bytes have been written, or will be. */
void sx__space_touch(struct sx__space *space, size_t size);

#endif
