#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "spaces.h"
#include <sextant/status.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* A fault for a huge page costs about as much as four faults for small pages, and replaces 512 of
 * them, but the first byte makes it occupy all of its memory. So the beginning of a space has small
 * pages, and a client has to send this much before its space gets a huge page. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define USABLE_FIRST_BYTES ((size_t)1 << 20)

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

/* Address space that begins and ends at a huge page; `size` is a multiple of one. */
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

/* Small spaces never get huge pages, even if the system gives them to all mappings: many small
 * spaces lie side by side, and few of their bytes are touched. A kernel without huge pages refuses
 * this advice, which does no harm. */
static int map_space(struct sx__space *space, size_t capacity)
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
    *space = (struct sx__space){data, capacity, is_large ? 0 : capacity, 0};
    madvise(data, smaller(capacity, HUGE_PAGE_BYTES), MADV_NOHUGEPAGE);
    if (capacity > HUGE_PAGE_BYTES) {
        madvise(data + HUGE_PAGE_BYTES, capacity - HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    }
    if (is_large && sx__space_extend(space, USABLE_FIRST_BYTES) < 0) {
        munmap(data, capacity);
        *space = (struct sx__space){.data = NULL};
        return SX_ENOMEM;
    }
    return 0;
}

int sx__space_extend(struct sx__space *space, size_t size)
{
    if (size <= space->usable) {
        return 0;
    }
    if (size > space->capacity) {
        return SX_ENOMEM;
    }
    size_t usable = space->usable == 0 ? USABLE_FIRST_BYTES : space->usable;
    while (usable < size) {
        usable *= 2;
    }
    usable = smaller(usable, space->capacity);
    if (mprotect(space->data, usable, PROT_READ | PROT_WRITE) < 0) {
        return SX_ENOMEM;
    }
    space->usable = usable;
    return 0;
}

void sx__space_touch(struct sx__space *space, size_t size)
{
    if (size > HUGE_PAGE_BYTES) {
        size = smaller(round_up(size, HUGE_PAGE_BYTES), space->capacity);
    }
    space->touched = size > space->touched ? size : space->touched;
}

/* ---- keeping ---- */

void sx__spaces_init(struct sx__spaces *spaces, size_t bytes_max)
{
    *spaces = (struct sx__spaces){.bytes_max = bytes_max};
    pthread_mutex_init(&spaces->mutex, NULL);
}

void sx__spaces_clean_up(struct sx__spaces *spaces)
{
    sx__spaces_trim(spaces, true);
    pthread_mutex_destroy(&spaces->mutex);
}

static void remove_kept(struct sx__spaces *spaces, unsigned index)
{
    atomic_fetch_sub_explicit(&spaces->bytes, spaces->kept[index].touched, memory_order_relaxed);
    spaces->count--;
    memmove(&spaces->kept[index], &spaces->kept[index + 1],
            (spaces->count - index) * sizeof spaces->kept[0]);
    spaces->unused = index < spaces->unused ? index : spaces->unused;
}

/* Finds, among the spaces that are large enough and not much too large, the one that was given back
 * last: its pages are most likely in the caches. */
static bool take_kept(struct sx__spaces *spaces, struct sx__space *space, size_t capacity)
{
    bool found = false;
    pthread_mutex_lock(&spaces->mutex);
    for (unsigned i = spaces->count; i > 0 && !found; i--) {
        const struct sx__space *kept = &spaces->kept[i - 1];
        if (kept->capacity >= capacity && kept->capacity / 2 <= capacity) {
            *space = *kept;
            remove_kept(spaces, i - 1);
            found = true;
        }
    }
    pthread_mutex_unlock(&spaces->mutex);
    return found;
}

int sx__spaces_take(struct sx__spaces *spaces, struct sx__space *space, size_t capacity)
{
    const bool has_kept =
        spaces != NULL && atomic_load_explicit(&spaces->bytes, memory_order_relaxed) > 0;
    return has_kept && take_kept(spaces, space, capacity) ? 0 : map_space(space, capacity);
}

static bool keep(struct sx__spaces *spaces, const struct sx__space *space)
{
    bool kept = false;
    pthread_mutex_lock(&spaces->mutex);
    const size_t bytes = atomic_load_explicit(&spaces->bytes, memory_order_relaxed);
    if (spaces->count < SX__SPACES_KEPT_MAX && space->touched <= spaces->bytes_max &&
        bytes <= spaces->bytes_max - space->touched) {
        spaces->kept[spaces->count++] = *space;
        atomic_store_explicit(&spaces->bytes, bytes + space->touched, memory_order_relaxed);
        kept = true;
    }
    pthread_mutex_unlock(&spaces->mutex);
    return kept;
}

/* Takes the oldest kept space off the list; returns false if none is left to unmap. */
static bool take_oldest(struct sx__spaces *spaces, struct sx__space *space, bool all)
{
    pthread_mutex_lock(&spaces->mutex);
    const unsigned unused = all ? spaces->count : spaces->unused;
    if (unused > 0) {
        *space = spaces->kept[0];
        remove_kept(spaces, 0);
        spaces->unused = unused - 1;
    } else {
        spaces->unused = spaces->count;
    }
    pthread_mutex_unlock(&spaces->mutex);
    return unused > 0;
}

/* The oldest ones make room for it. */
void sx__spaces_give_back(struct sx__spaces *spaces, struct sx__space *space)
{
    sx__space_touch(space, 1); /* what is kept counts */
    const bool may_keep = spaces != NULL && space->touched <= spaces->bytes_max;
    bool is_kept = may_keep && keep(spaces, space);
    struct sx__space oldest;
    while (may_keep && !is_kept && take_oldest(spaces, &oldest, true)) {
        munmap(oldest.data, oldest.capacity);
        is_kept = keep(spaces, space);
    }
    if (!is_kept) {
        munmap(space->data, space->capacity);
    }
    *space = (struct sx__space){.data = NULL};
}

int sx__spaces_enlarge(struct sx__spaces *spaces, struct sx__space *space, size_t used,
                       size_t capacity)
{
    struct sx__space larger;
    if (sx__spaces_take(spaces, &larger, capacity) < 0) {
        return SX_ENOMEM;
    }
    if (sx__space_extend(&larger, used) < 0) {
        sx__spaces_give(spaces, &larger);
        return SX_ENOMEM;
    }
    if (used > 0) {
        memcpy(larger.data, space->data, used);
        sx__space_touch(&larger, used);
    }
    sx__spaces_give(spaces, space);
    *space = larger;
    return 0;
}

void sx__spaces_trim(struct sx__spaces *spaces, bool all)
{
    struct sx__space space;
    while (take_oldest(spaces, &space, all)) {
        munmap(space.data, space.capacity);
    }
}
