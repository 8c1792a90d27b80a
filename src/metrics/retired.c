/* retired.c: the list of what waits, and reclaiming it. */
#include "retired.h"

#include "epochs.h"
#include "overflow.h"
#include "pins.h"
#include "series_cells.h"
#include "series_record.h"

/* How many must have been retired since the last attempt. An attempt costs a system call. */
#define BATCH 64u
#define LOOK_MAX (2 * BATCH)

/* ---- the list ---- */

static void enqueue(struct sx_registry *registry, struct sx__retired *retired)
{
    struct sx__retired_list *list = &registry->retired;
    const uint32_t ref = sx__ref(registry, retired);
    retired->next = 0;
    uint32_t *link = &list->first;
    if (list->last != 0) {
        link = &((struct sx__retired *)sx__at(registry, list->last))->next;
    }
    __atomic_store_n(link, ref, __ATOMIC_RELEASE);
    list->last = ref;
    list->count++;
}

static struct sx__retired *dequeue(struct sx_registry *registry)
{
    struct sx__retired_list *list = &registry->retired;
    if (list->first == 0) {
        return NULL;
    }
    struct sx__retired *retired = sx__at(registry, list->first);
    if (retired->next == 0) {
        list->last = 0;
    }
    __atomic_store_n(&list->first, retired->next, __ATOMIC_RELEASE);
    list->count--;
    return retired;
}

void sx__retire(struct sx_registry *registry, struct sx__retired *retired,
                enum sx__retired_kind kind)
{
    retired->kind = (uint16_t)kind;
    __atomic_store_n(&retired->epoch, sx__epoch_end(registry), __ATOMIC_RELAXED);
    enqueue(registry, retired);
    registry->retired.since_reclaim++;
}

/* ---- reclaiming ---- */

static struct sx__series *retired_series(struct sx__retired *retired)
{
    return (void *)((char *)retired - offsetof(struct sx__series, retired));
}

static struct sx__family *retired_family(struct sx__retired *retired)
{
    return (void *)((char *)retired - offsetof(struct sx__family, retired));
}

/* Whether the record is a series with a handle. A retired series gets no new handles. */
static bool is_handle_held(struct sx__peeking *peeking, struct sx__retired *retired)
{
    if (retired->kind != SX__RETIRED_SERIES) {
        return false;
    }
    const uint32_t pin =
        __atomic_load_n(&sx__series_cells(retired_series(retired))->pin, __ATOMIC_ACQUIRE);
    return pin != 0 && sx__is_still_pinned(peeking, pin);
}

/* Whether the record is a family, and records of its series are left, which refer to it. */
static bool is_needed(struct sx__retired *retired)
{
    return retired->kind == SX__RETIRED_FAMILY && retired_family(retired)->records > 0;
}

static void reclaim_family(struct sx_registry *registry, struct sx__family *family)
{
    sx__family_pin_leave(registry, family);
    sx__directory_free(registry, family, family->size);
}

static void reclaim(struct sx__peeking *peeking, struct sx__retired *retired)
{
    struct sx_registry *registry = peeking->registry;
    if (retired->kind == SX__RETIRED_TABLE) {
        struct sx__table *table = (struct sx__table *)retired;
        sx__directory_free(registry, table, sx__table_bytes((size_t)table->mask + 1));
        return;
    }
    if (retired->kind == SX__RETIRED_FAMILY) {
        reclaim_family(registry, retired_family(retired));
        return;
    }
    struct sx__family *family = sx__series_family(retired_series(retired));
    sx__series_reclaim(peeking, retired_series(retired));
    /* An overflow series that was removed when the registry was full has no successor yet. */
    (void)sx__overflow_reserve(registry, family);
}

/* Finds which of the oldest records are pinned, and stops at the first one that a reader may still
 * reach. Returns how many records come before that one. */
static uint32_t find_pinned(struct sx_registry *registry, uint64_t oldest, bool *pinned,
                            uint32_t count)
{
    struct sx__peeking peeking;
    uint32_t found = 0;
    sx__peeking_begin(&peeking, registry);
    for (uint32_t ref = registry->retired.first; ref != 0 && found < count; found++) {
        struct sx__retired *retired = sx__at(registry, ref);
        if (retired->epoch >= oldest) {
            break;
        }
        pinned[found] = is_handle_held(&peeking, retired);
        ref = retired->next;
    }
    return found;
}

/* Looks at this many of the oldest, LOOK_MAX at most. What is still needed goes to the end of the
 * list. Returns how many it looked at, and whether it reclaimed any. */
static uint32_t reclaim_oldest(struct sx_registry *registry, uint64_t oldest, uint32_t count,
                               bool *reclaimed)
{
    bool pinned[LOOK_MAX];
    struct sx__peeking peeking;
    const uint32_t found =
        find_pinned(registry, oldest, pinned, count < LOOK_MAX ? count : LOOK_MAX);
    /* Peek only after the pins were read: a handle may update cells until it is given up. */
    sx__peeking_begin(&peeking, registry);
    for (uint32_t i = 0; i < found; i++) {
        struct sx__retired *retired = dequeue(registry);
        if (pinned[i] || is_needed(retired)) {
            enqueue(registry, retired);
        } else {
            reclaim(&peeking, retired);
            *reclaimed = true;
        }
    }
    return found;
}

static bool reclaim_some(struct sx_registry *registry, uint32_t count)
{
    bool reclaimed = false;
    const uint64_t oldest = sx__epoch_oldest(registry);
    registry->retired.since_reclaim = 0;
    uint32_t found = 1;
    for (; count > 0 && found > 0; count -= found) {
        found = reclaim_oldest(registry, oldest, count, &reclaimed);
    }
    return reclaimed;
}

void sx__retired_reclaim(struct sx_registry *registry)
{
    if (registry->retired.since_reclaim >= BATCH) {
        (void)reclaim_some(registry, LOOK_MAX);
    }
}

bool sx__retired_reclaim_all(struct sx_registry *registry)
{
    return registry->retired.count > 0 && reclaim_some(registry, registry->retired.count);
}

void sx__retired_mend(struct sx_registry *registry)
{
    struct sx__retired_list *list = &registry->retired;
    list->last = 0;
    list->count = 0;
    for (uint32_t ref = list->first; ref != 0;) {
        list->last = ref;
        list->count++;
        ref = ((const struct sx__retired *)sx__at(registry, ref))->next;
    }
}
