/* buffer.c: large buffers from mmap, and the pool of buffers that are kept for reuse. See buffer.h.
 */
#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "buffer.h"
#include <pthread.h>
#include <sextant/status.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A page fault for a huge page costs about as much as four faults for small pages, and replaces 512
 * of them. But the first byte makes a huge page occupy all of its memory. So the beginning of a
 * buffer has small pages, and a client has to send HUGE_PAGE_BYTES before its buffer gets a huge
 * page. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define USABLE_FIRST_BYTES ((size_t)1 << 20)

#define KEPT_MAX 64

struct sx__buffer_pool {
    pthread_mutex_t mutex; /* guards everything; `bytes` may also be read without it */
    size_t bytes_max;
    _Atomic size_t bytes; /* the touched bytes of the kept buffers */
    unsigned count;
    unsigned unused; /* how many at the front were there at the last trim and have not been taken
                        since */
    struct sx__buffer kept[KEPT_MAX]; /* in the order in which they were given back */
};

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- mapping ---- */

static void *map(size_t size, int protection)
{
    void *data = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

/* Reserves address space that begins and ends at a huge page; `size` is a multiple of one. */
static char *reserve_aligned(size_t size)
{
    char *data = map(size + HUGE_PAGE_BYTES, PROT_NONE);
    if (data == NULL) {
        return NULL;
    }
    const size_t before = round_up((uintptr_t)data, HUGE_PAGE_BYTES) - (uintptr_t)data;
    if (before > 0) {
        munmap(data, before);
    }
    if (before < HUGE_PAGE_BYTES) {
        munmap(data + before + size, HUGE_PAGE_BYTES - before);
    }
    return data + before;
}

/* Small buffers never get huge pages, even if the system gives them to all mappings: many small
 * buffers lie side by side, and few of their bytes are touched. A kernel without huge pages rejects
 * this advice, which does no harm. */
static int map_buffer(struct sx__buffer *buffer, size_t capacity)
{
    if (capacity > SIZE_MAX / 2) {
        return SX_ENOMEM;
    }
    const bool is_large = capacity > USABLE_FIRST_BYTES;
    capacity = is_large ? round_up(capacity, HUGE_PAGE_BYTES) : capacity;
    char *data = is_large ? reserve_aligned(capacity) : map(capacity, PROT_READ | PROT_WRITE);
    if (data == NULL) {
        return SX_ENOMEM;
    }
    *buffer = (struct sx__buffer){data, capacity, is_large ? 0 : capacity, 0};
    madvise(data, smaller(capacity, HUGE_PAGE_BYTES), MADV_NOHUGEPAGE);
    if (capacity > HUGE_PAGE_BYTES) {
        madvise(data + HUGE_PAGE_BYTES, capacity - HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    }
    if (is_large && sx__buffer_extend(buffer, USABLE_FIRST_BYTES) < 0) {
        munmap(data, capacity);
        *buffer = (struct sx__buffer){.data = NULL};
        return SX_ENOMEM;
    }
    return 0;
}

int sx__buffer_extend(struct sx__buffer *buffer, size_t size)
{
    if (size <= buffer->usable) {
        return 0;
    }
    if (size > buffer->capacity) {
        return SX_ENOMEM;
    }
    size_t usable = buffer->usable == 0 ? USABLE_FIRST_BYTES : buffer->usable;
    while (usable < size) {
        usable *= 2;
    }
    usable = smaller(usable, buffer->capacity);
    if (mprotect(buffer->data, usable, PROT_READ | PROT_WRITE) < 0) {
        return SX_ENOMEM;
    }
    buffer->usable = usable;
    return 0;
}

void sx__buffer_touch(struct sx__buffer *buffer, size_t size)
{
    if (size > HUGE_PAGE_BYTES) {
        size = smaller(round_up(size, HUGE_PAGE_BYTES), buffer->capacity);
    }
    buffer->touched = size > buffer->touched ? size : buffer->touched;
}

/* ---- the pool ---- */

int sx__buffer_pool_new(struct sx__buffer_pool **pool, size_t bytes_max)
{
    struct sx__buffer_pool *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->bytes_max = bytes_max;
    pthread_mutex_init(&made->mutex, NULL);
    *pool = made;
    return 0;
}

void sx__buffer_pool_destroy(struct sx__buffer_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    sx__buffer_pool_trim(pool, true);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

size_t sx__buffer_pool_get_bytes(const struct sx__buffer_pool *pool)
{
    return pool == NULL ? 0 : atomic_load_explicit(&pool->bytes, memory_order_relaxed);
}

static void remove_kept(struct sx__buffer_pool *pool, unsigned index)
{
    atomic_fetch_sub_explicit(&pool->bytes, pool->kept[index].touched, memory_order_relaxed);
    pool->count--;
    memmove(&pool->kept[index], &pool->kept[index + 1],
            (pool->count - index) * sizeof pool->kept[0]);
    pool->unused = index < pool->unused ? index : pool->unused;
}

/* Takes a kept buffer that is large enough and not much too large. Of several, takes the one that
 * was given back last: its pages are most likely in the caches. */
static bool take_kept(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t capacity)
{
    bool found = false;
    pthread_mutex_lock(&pool->mutex);
    for (unsigned i = pool->count; i > 0 && !found; i--) {
        const struct sx__buffer *kept = &pool->kept[i - 1];
        if (kept->capacity >= capacity && kept->capacity / 2 <= capacity) {
            *buffer = *kept;
            remove_kept(pool, i - 1);
            found = true;
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return found;
}

int sx__buffer_pool_take(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t capacity)
{
    const bool has_kept =
        pool != NULL && atomic_load_explicit(&pool->bytes, memory_order_relaxed) > 0;
    return has_kept && take_kept(pool, buffer, capacity) ? 0 : map_buffer(buffer, capacity);
}

static bool keep(struct sx__buffer_pool *pool, const struct sx__buffer *buffer)
{
    bool kept = false;
    pthread_mutex_lock(&pool->mutex);
    const size_t bytes = atomic_load_explicit(&pool->bytes, memory_order_relaxed);
    if (pool->count < KEPT_MAX && buffer->touched <= pool->bytes_max &&
        bytes <= pool->bytes_max - buffer->touched) {
        pool->kept[pool->count++] = *buffer;
        atomic_store_explicit(&pool->bytes, bytes + buffer->touched, memory_order_relaxed);
        kept = true;
    }
    pthread_mutex_unlock(&pool->mutex);
    return kept;
}

/* Takes the oldest kept buffer out of the pool. Returns false if there is none to unmap. */
static bool take_oldest(struct sx__buffer_pool *pool, struct sx__buffer *buffer, bool all)
{
    pthread_mutex_lock(&pool->mutex);
    const unsigned unused = all ? pool->count : pool->unused;
    if (unused > 0) {
        *buffer = pool->kept[0];
        remove_kept(pool, 0);
        pool->unused = unused - 1;
    } else {
        pool->unused = pool->count;
    }
    pthread_mutex_unlock(&pool->mutex);
    return unused > 0;
}

/* If the pool is full, the oldest buffers are unmapped to make room for this one. */
void sx__buffer_pool_give_back(struct sx__buffer_pool *pool, struct sx__buffer *buffer)
{
    sx__buffer_touch(buffer, 1); /* so that a kept buffer counts as at least one byte */
    const bool may_keep = pool != NULL && buffer->touched <= pool->bytes_max;
    bool is_kept = may_keep && keep(pool, buffer);
    struct sx__buffer oldest;
    while (may_keep && !is_kept && take_oldest(pool, &oldest, true)) {
        munmap(oldest.data, oldest.capacity);
        is_kept = keep(pool, buffer);
    }
    if (!is_kept) {
        munmap(buffer->data, buffer->capacity);
    }
    *buffer = (struct sx__buffer){.data = NULL};
}

int sx__buffer_pool_enlarge(struct sx__buffer_pool *pool, struct sx__buffer *buffer, size_t used,
                            size_t capacity)
{
    struct sx__buffer larger;
    if (sx__buffer_pool_take(pool, &larger, capacity) < 0) {
        return SX_ENOMEM;
    }
    if (sx__buffer_extend(&larger, used) < 0) {
        sx__buffer_pool_give(pool, &larger);
        return SX_ENOMEM;
    }
    if (used > 0) {
        memcpy(larger.data, buffer->data, used);
        sx__buffer_touch(&larger, used);
    }
    sx__buffer_pool_give(pool, buffer);
    *buffer = larger;
    return 0;
}

void sx__buffer_pool_trim(struct sx__buffer_pool *pool, bool all)
{
    struct sx__buffer buffer;
    while (take_oldest(pool, &buffer, all)) {
        munmap(buffer.data, buffer.capacity);
    }
}
