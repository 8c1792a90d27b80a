/* thread_rows.c: claiming a slot at a thread's first update, and releasing it when the thread ends.
 *
 * A released slot keeps its values and its next owner goes on adding to them, so nothing is ever
 * flushed and no counter goes backwards. The owner's mutex orders the two owners' plain stores.
 */
#include "thread_rows.h"

#include "lock.h"
#include "process_rows.h"
#include "thread_exit.h"

#include <assert.h>
#include <string.h>

#define UPDATES_BEFORE_RETRY 4096

__thread char *sx__thread_slots[SX__ARENAS] __attribute__((tls_model("initial-exec")));

static __thread uint16_t updates_before_retry[SX__ARENAS];

static size_t slot_index(const struct sx_registry *registry, const char *slot)
{
    size_t offset = (size_t)(slot - sx__slot_row(registry, 0));
    return offset / registry->geometry.row_stride;
}

/* Runs in a thread that ends. */
static void release_rows(void)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        char *slot = sx__thread_slots[i];
        if (slot != NULL) {
            struct sx_registry *registry = sx__arenas[i].registry;
            sx__thread_slots[i] = NULL;
            sx__lock_release(&registry->seats[slot_index(registry, slot)].mutex);
        }
    }
    sx__processes_leave();
}

void sx__slots_prepare(void)
{
    sx__thread_exit_prepare(release_rows);
}

/* Scrapes read no slot beyond this mark, so it is raised before the slot's first update. */
static void raise_claimed(struct sx_registry *registry, uint32_t count)
{
    uint32_t seen = __atomic_load_n(&registry->slots_claimed, __ATOMIC_RELAXED);
    while (seen < count && !__atomic_compare_exchange_n(&registry->slots_claimed, &seen, count,
                                                        true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

static char *claim(struct sx_registry *registry)
{
    for (size_t i = 0; i < registry->geometry.slots; i++) {
        pthread_mutex_t *mutex = &registry->seats[i].mutex;
        enum sx__lock_result result = sx__lock_try(mutex);
        if (result == SX__LOCK_BUSY) {
            continue;
        }
        /* A cell is one word: whatever moment its owner died at, nothing is half-written. */
        if (result == SX__LOCK_INHERITED) {
            sx__lock_mend(mutex);
        }
        raise_claimed(registry, (uint32_t)i + 1);
        return sx__slot_row(registry, i);
    }
    return NULL;
}

char *sx__slot_claim(uint32_t arena)
{
    assert(sx__thread_slots[arena] == NULL);
    if (!sx__thread_exit_watch()) {
        return NULL;
    }
    if (updates_before_retry[arena] > 0) {
        updates_before_retry[arena]--;
        return NULL;
    }
    struct sx_registry *registry = sx__arenas[arena].registry;
    sx__process_adopt(registry);
    sx__thread_slots[arena] = claim(registry);
    if (sx__thread_slots[arena] == NULL) {
        updates_before_retry[arena] = UPDATES_BEFORE_RETRY;
    }
    return sx__thread_slots[arena];
}

void sx__slots_forget(void)
{
    memset(sx__thread_slots, 0, sizeof sx__thread_slots);
    memset(updates_before_retry, 0, sizeof updates_before_retry);
}
