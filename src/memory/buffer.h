/* buffer.h: large memory: bodies, large headers, pieces of streams, and the requests themselves.
 *
 * It comes from mmap, so munmap returns all of it to the system. malloc would keep it: freed memory
 * stays in an arena of malloc as long as any small allocation lies behind it, and every thread that
 * allocates may have an arena of its own.
 *
 * Page faults cost more than copying the bytes, so some buffers are kept for reuse, in a bounded
 * number of bytes. Those that were not reused between two trims are unmapped.
 *
 * A large buffer is only address space at first. sx__buffer_extend makes more of it usable as bytes
 * arrive, so a Content-Length alone commits no memory.
 */
#ifndef SX_BUFFER_H
#define SX_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct sx__buffer {
    char *data;      /* NULL: none */
    size_t capacity; /* bytes of address space */
    size_t usable;   /* the first bytes of it, which may be read and written */
    size_t touched;  /* the first bytes of it, which may occupy memory */
};

/* Buffers that are kept for reuse, shared by all threads. The functions take NULL for a pool that
 * keeps none. */
struct sx__buffer_pool;

/* `bytes_max`: how many touched bytes are kept at most. Errors: SX_ENOMEM */
int sx__buffer_pool_new(struct sx__buffer_pool **pool, size_t bytes_max);
/* Unmaps the kept buffers. NULL is a no-op. */
void sx__buffer_pool_destroy(struct sx__buffer_pool *pool);

/* Returns the touched bytes of the kept buffers. */
size_t sx__buffer_pool_get_bytes(const struct sx__buffer_pool *pool);

/* Makes a buffer of at least `capacity` bytes; its content is undefined. Errors: SX_ENOMEM */
int sx__buffer_pool_take(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t capacity);
void sx__buffer_pool_give_back(struct sx__buffer_pool *pool, struct sx__buffer *buffer);
/* Keeps or unmaps the buffer, and sets it to none. None is a no-op. */
static inline void sx__buffer_pool_give(struct sx__buffer_pool *pool, struct sx__buffer *buffer)
{
    if (buffer->data != NULL) {
        sx__buffer_pool_give_back(pool, buffer);
    }
}
/* Makes the buffer one of at least `capacity` bytes, with the first `used` bytes of its content.
 * Errors: SX_ENOMEM, and it is as it was */
int sx__buffer_pool_enlarge(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t used,
                            size_t capacity);
/* Unmaps the kept buffers that were not taken since the last trim; with `all`, every kept buffer.
 */
void sx__buffer_pool_trim(struct sx__buffer_pool *pool, bool all);

/* Makes at least the first `size` bytes usable, without moving the buffer. Errors: SX_ENOMEM, also
 * if `size` exceeds the capacity */
int sx__buffer_extend(struct sx__buffer *buffer, size_t size);
/* Notes that the first `size` bytes have been written, or will be. */
void sx__buffer_touch(struct sx__buffer *buffer, size_t size);

#endif
