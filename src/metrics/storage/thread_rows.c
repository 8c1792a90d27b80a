/* thread_rows.c: claiming a row at a thread's first update, and releasing it when the thread ends.
 *
 * A released row keeps its values and its next owner adds to them. So nothing is ever flushed, and
 * no counter goes down. The seat's mutex orders the relaxed stores of the two owners.
 */
#include "thread_rows.h"

#include "lock.h"
#include "process_rows.h"
#include "thread_exit.h"

#include <assert.h>
#include <string.h>

#define UPDATES_BEFORE_RETRY 4096

__thread char *sx__thread_rows[SX__ARENAS] __attribute__((tls_model("initial-exec")));

static __thread uint16_t updates_before_retry[SX__ARENAS];

static size_t row_index(const struct sx_registry *registry, const char *row)
{
    size_t offset = (size_t)(row - sx__thread_row_at(registry, 0));
    return offset / registry->geometry.row_stride;
}

/* Runs in the ending thread. */
static void release_rows(void)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        char *row = sx__thread_rows[i];
        if (row != NULL) {
            struct sx_registry *registry = sx__arenas[i].registry;
            sx__thread_rows[i] = NULL;
            sx__lock_release(&registry->seats[row_index(registry, row)].mutex);
        }
    }
    sx__process_rows_leave();
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

static char *claim(struct sx_registry *registry)
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
        raise_claimed(registry, (uint32_t)i + 1);
        return sx__thread_row_at(registry, i);
    }
    return NULL;
}

char *sx__thread_row_claim(uint32_t arena)
{
    assert(sx__thread_rows[arena] == NULL);
    if (!sx__thread_exit_watch()) {
        return NULL;
    }
    if (updates_before_retry[arena] > 0) {
        updates_before_retry[arena]--;
        return NULL;
    }
    struct sx_registry *registry = sx__arenas[arena].registry;
    sx__process_adopt(registry);
    sx__thread_rows[arena] = claim(registry);
    if (sx__thread_rows[arena] == NULL) {
        updates_before_retry[arena] = UPDATES_BEFORE_RETRY;
    }
    return sx__thread_rows[arena];
}

void sx__thread_rows_forget(void)
{
    memset(sx__thread_rows, 0, sizeof sx__thread_rows);
    memset(updates_before_retry, 0, sizeof updates_before_retry);
}
