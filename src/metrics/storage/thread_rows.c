/* thread_rows.c: claiming a row at a thread's first update, and releasing it when the thread ends.
 *
 * A released row keeps its values and its next owner adds to them. So nothing is ever flushed, and
 * no counter goes down. The seat's mutex orders the relaxed stores of the two owners.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "thread_rows.h"

#include "growth.h"
#include "lock.h"
#include "process_rows.h"
#include "thread_exit.h"

#include <assert.h>
#include <pthread.h>
#include <sys/mman.h>

#define UPDATES_BEFORE_RETRY 4096

static char *const no_rows[SX__ARENAS];
__thread char *const *sx__thread_rows = no_rows;

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER; /* of the list; taken last */
static struct sx__thread *threads;

/* Not from malloc: at a thread's first allocation glibc takes address space of 64 MiB for it, which
 * counts towards the limits of a process, those of mlockall() too. */
static struct sx__thread *new_record(void)
{
    void *record = mmap(NULL, sizeof(struct sx__thread), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return record == MAP_FAILED ? NULL : record;
}

static void free_record(struct sx__thread *thread)
{
    (void)munmap(thread, sizeof *thread);
}

/* Returns the calling thread's record, which is made if needed, or NULL if memory is exhausted. */
static struct sx__thread *this_thread(void)
{
    if (sx__thread_rows != no_rows) {
        return (struct sx__thread *)(void *)(uintptr_t)sx__thread_rows;
    }
    struct sx__thread *thread = new_record();
    if (thread == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&threads_lock);
    thread->next = threads;
    thread->link = &threads;
    if (threads != NULL) {
        threads->link = &thread->next;
    }
    threads = thread;
    (void)pthread_mutex_unlock(&threads_lock);
    sx__thread_rows = thread->rows;
    return thread;
}

/* The lock is held. */
static void unlink_thread(const struct sx__thread *thread)
{
    *thread->link = thread->next;
    if (thread->next != NULL) {
        thread->next->link = thread->link;
    }
}

/* Runs in the ending thread. The lock keeps a registry from being unmapped meanwhile. */
static void release_rows(void)
{
    if (sx__thread_rows != no_rows) {
        struct sx__thread *thread = this_thread();
        sx__thread_rows = no_rows;
        (void)pthread_mutex_lock(&threads_lock);
        for (size_t i = 0; i < SX__ARENAS; i++) {
            if (thread->rows[i] != NULL) {
                sx__lock_release(&thread->seats[i]->mutex);
            }
        }
        unlink_thread(thread);
        (void)pthread_mutex_unlock(&threads_lock);
        free_record(thread);
    }
    (void)pthread_mutex_lock(&threads_lock);
    sx__process_rows_leave();
    (void)pthread_mutex_unlock(&threads_lock);
}

void sx__thread_rows_prepare(void)
{
    sx__thread_exit_prepare(release_rows);
}

/* Scrapes read no row beyond this mark, so it is raised before the first update of the row. */
static void raise_claimed(struct sx_registry *registry, uint32_t count)
{
    uint32_t seen = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_RELAXED);
    while (seen < count &&
           !__atomic_compare_exchange_n(&registry->thread_rows_claimed, &seen, count, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

/* Before the first update, too; see row_folding.h. */
static void mark_counting(struct sx_registry *registry, size_t row)
{
    (void)__atomic_fetch_and(&registry->idle_rows[row / 64], ~sx__row_bit(row), __ATOMIC_RELAXED);
    (void)__atomic_fetch_or(&registry->counting_rows[row / 64], sx__row_bit(row), __ATOMIC_RELEASE);
}

static char *claim(struct sx_registry *registry, struct sx__seat **seat)
{
    for (size_t i = 0; i < registry->geometry.thread_rows; i++) {
        pthread_mutex_t *mutex = &registry->seats[i].mutex;
        enum sx__lock_result result = sx__lock_try(mutex);
        if (result == SX__LOCK_BUSY) {
            continue;
        }
        /* A cell is one word, so a killed owner has left no cell half-written. */
        if (result == SX__LOCK_INHERITED) {
            sx__lock_mend(mutex);
        }
        /* Rows before this one are taken, so if this one has no memory, none has. */
        if (!sx__grow_to_thread_row(registry, i)) {
            sx__lock_release(mutex);
            return NULL;
        }
        *seat = &registry->seats[i];
        __atomic_store_n(&registry->seats[i].epoch, 0, __ATOMIC_RELEASE); /* of a killed owner */
        mark_counting(registry, i);
        raise_claimed(registry, (uint32_t)i + 1);
        return sx__thread_row_at(registry, i);
    }
    return NULL;
}

char *sx__thread_row_claim(uint32_t arena)
{
    if (!sx__thread_exit_watch()) {
        return NULL;
    }
    struct sx__thread *thread = this_thread();
    if (thread == NULL) {
        return NULL;
    }
    assert(thread->rows[arena] == NULL);
    if (thread->updates_before_retry[arena] > 0) {
        thread->updates_before_retry[arena]--;
        return NULL;
    }
    struct sx_registry *registry = sx__arenas[arena].registry;
    sx__process_adopt(registry);
    thread->rows[arena] = claim(registry, &thread->seats[arena]);
    if (thread->rows[arena] == NULL) {
        thread->updates_before_retry[arena] = UPDATES_BEFORE_RETRY;
    }
    return thread->rows[arena];
}

void sx__thread_rows_forget(uint32_t arena)
{
    (void)pthread_mutex_lock(&threads_lock);
    for (struct sx__thread *thread = threads; thread != NULL; thread = thread->next) {
        thread->rows[arena] = NULL;
        thread->updates_before_retry[arena] = 0;
    }
    (void)pthread_mutex_unlock(&threads_lock);
}

bool sx__thread_rows_are_held(uint32_t arena)
{
    (void)pthread_mutex_lock(&threads_lock);
    bool are_held = sx__process_seat_is_held(arena);
    for (const struct sx__thread *thread = threads; thread != NULL; thread = thread->next) {
        are_held |= thread->rows[arena] != NULL;
    }
    (void)pthread_mutex_unlock(&threads_lock);
    return are_held;
}

void sx__thread_row_release(uint32_t arena)
{
    if (sx__thread_rows[arena] != NULL) {
        struct sx__thread *thread = this_thread();
        thread->rows[arena] = NULL;
        thread->updates_before_retry[arena] = 0;
        sx__lock_release(&thread->seats[arena]->mutex);
    }
}

void sx__thread_rows_before_fork(void)
{
    (void)pthread_mutex_lock(&threads_lock);
}

void sx__thread_rows_after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&threads_lock);
}

void sx__thread_rows_after_fork_in_child(void)
{
    sx__thread_rows = no_rows;
    while (threads != NULL) {
        struct sx__thread *thread = threads;
        threads = thread->next;
        free_record(thread);
    }
    (void)pthread_mutex_unlock(&threads_lock);
}
