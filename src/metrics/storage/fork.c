/* fork.c: a child must not update its parent's thread rows, or both would write the same cells.
 *
 * fork() copies a private arena, and only the child uses the copy. The directory is locked across
 * the fork, so the copy is consistent. The seats in the copy, which threads of the parent hold, are
 * initialised again. A shared arena is not copied: the child claims thread rows of its own.
 *
 * The handlers run in the thread that calls fork().
 */
#include "fork.h"

#include "arena.h"
#include "growth.h"
#include "lock.h"
#include "memory_barrier.h"
#include "pins.h"
#include "process_rows.h"
#include "thread_rows.h"

#include <assert.h>
#include <stddef.h>

static const struct sx__fork_hooks *hooks; /* of the layer above */

static bool is_private(const struct sx__arena *arena)
{
    return arena->state != SX__ARENA_NONE && !arena->registry->shared;
}

static void before_fork(void)
{
    (void)pthread_mutex_lock(&sx__arenas_lock);
    for (size_t i = 0; i < SX__ARENAS; i++) {
        if (is_private(&sx__arenas[i])) {
            enum sx__lock_result result = sx__lock_take(&sx__arenas[i].registry->lock);
            assert(result == SX__LOCK_TAKEN); /* a single thread of a process does not die */
            (void)result;
        } else if (sx__arenas[i].state == SX__ARENA_LIVE) {
            sx__pins_before_fork(sx__arenas[i].registry);
        }
    }
    hooks->before();
    sx__thread_rows_before_fork();
    sx__growth_before_fork();
    sx__locks_before_fork();
}

static void release_directories(void)
{
    for (size_t i = SX__ARENAS; i-- > 0;) {
        if (is_private(&sx__arenas[i])) {
            sx__lock_release(&sx__arenas[i].registry->lock);
        }
    }
}

static void after_fork_in_parent(void)
{
    sx__growth_after_fork();
    sx__thread_rows_after_fork_in_parent();
    hooks->after_in_parent();
    release_directories();
    (void)pthread_mutex_unlock(&sx__arenas_lock);
}

/* Initialising a mutex allocates nothing on Linux, so it cannot fail here. */
static void free_seats(struct sx_registry *registry)
{
    /* All of them: a thread of the parent may just have taken one that does not count yet. */
    for (size_t i = 0; i < registry->geometry.thread_rows; i++) {
        (void)sx__lock_init(&registry->seats[i].mutex, false);
        registry->seats[i].epoch = 0;
    }
    *sx__cell(sx__row(registry, 0), SX__READERS_CELL) = 0;
    *sx__cell(sx__row(registry, 0), SX__READERS_CELL + 1) = 0;
}

static void after_fork_in_child(void)
{
    sx__locks_after_fork_in_child();
    sx__growth_after_fork();
    sx__thread_rows_after_fork_in_child();
    hooks->after_in_child();
    release_directories();
    sx__process_rows_forget();
    for (size_t i = 0; i < SX__ARENAS; i++) {
        struct sx__arena *arena = &sx__arenas[i];
        if (is_private(arena)) {
            free_seats(arena->registry);
        } else if (arena->state != SX__ARENA_NONE) {
            arena->inherited = true;
        }
        if (arena->state == SX__ARENA_LIVE) {
            sx__process_enter(arena->registry);
            sx__pins_after_fork(arena->registry);
        }
    }
    (void)sx__memory_barrier_prepare();
    (void)pthread_mutex_unlock(&sx__arenas_lock);
}

int sx__fork_prepare(const struct sx__fork_hooks *above)
{
    hooks = above;
    return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0 ? SX_OK
                                                                                       : SX_ENOMEM;
}
