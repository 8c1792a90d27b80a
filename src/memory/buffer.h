/* buffer.h: large buffers: bodies, large headers, pieces of streams, and the requests themselves.
 *
 * A buffer comes from mmap, so munmap returns all of it to the system. malloc would keep it: freed
 * memory stays in an arena of malloc as long as any small allocation lies behind it, and every
 * thread that allocates may have its own arena.
 *
 * Page faults cost more than copying the bytes, so some buffers are kept for reuse, up to a number
 * of bytes. Buffers that are not reused between two trims are unmapped.
 *
 * At first, a large buffer is only address space. sx__buffer_extend makes more of it usable as
 * bytes arrive, so a Content-Length alone commits no memory.
 *
 * Threads: any thread may use a pool; a buffer belongs to one thread at a time.
 */
#ifndef SX_BUFFER_H
#define SX_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct sx__buffer {
    char *data;      /* NULL: none */
    size_t capacity; /* bytes of address space */
    size_t usable;   /* the first bytes, which may be read and written */
    size_t touched;  /* the first bytes, which may occupy memory */
};

/* Buffers that are kept for reuse, shared by all threads. A NULL pool keeps none. */
struct sx__buffer_pool;

/* Creates a pool that keeps at most `bytes_max` touched bytes. Errors: SX_ENOMEM */
int sx__buffer_pool_new(struct sx__buffer_pool **pool, size_t bytes_max);
/* Unmaps the kept buffers. NULL is a no-op. */
void sx__buffer_pool_destroy(struct sx__buffer_pool *pool);

/* Returns the touched bytes of the kept buffers. */
size_t sx__buffer_pool_get_bytes(const struct sx__buffer_pool *pool);

/* Takes a buffer of at least `capacity` bytes from the pool, or maps a new one. Its content is
 * undefined. Errors: SX_ENOMEM */
int sx__buffer_pool_take(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t capacity);
void sx__buffer_pool_give_back(struct sx__buffer_pool *pool, struct sx__buffer *buffer);
/* Returns a buffer to the pool, which keeps or unmaps it, and sets its data to NULL. A buffer
 * without data is a no-op. */
static inline void sx__buffer_pool_give(struct sx__buffer_pool *pool, struct sx__buffer *buffer)
{
    if (buffer->data != NULL) {
        sx__buffer_pool_give_back(pool, buffer);
    }
}
/* Replaces the buffer by one of at least `capacity` bytes that begins with the first `used` bytes
 * of its content. Errors: SX_ENOMEM; the buffer is unchanged */
int sx__buffer_pool_enlarge(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t used,
                            size_t capacity);
/* Unmaps the kept buffers that were not taken since the last trim; with `all`, every kept buffer.
 */
void sx__buffer_pool_trim(struct sx__buffer_pool *pool, bool all);

/* Makes at least the first `size` bytes usable, without moving the buffer. Errors: SX_ENOMEM, also
 * if `size` exceeds the capacity */
int sx__buffer_extend(struct sx__buffer *buffer, size_t size);
/* Notes that the first `size` bytes have been or will be written. */
void sx__buffer_touch(struct sx__buffer *buffer, size_t size);

#endif
