/* series.c: the series of a family. A look-up uses the hash table without a lock; making a series
 * takes the directory's lock. */
#include "series.h"

#include "activity.h"
#include "exemplars.h"
#include "label_hash.h"
#include "labels.h"
#include "overflow.h"
#include "pins.h"
#include "retired.h"
#include "series_cells.h"
#include "series_record.h"
#include "series_table.h"
#include "summary_window.h"
#include "utf8.h"

#include <stdlib.h>

/* ---- making a series ---- */

static struct sx__series *try_to_make(struct sx_registry *registry, struct sx__family *family,
                                      const struct sx_str *values, uint32_t hash)
{
    struct sx__series *made = NULL;
    if (sx__series_table_make_room(registry, family, hash)) {
        made = sx__series_write(registry, family, values, hash);
    }
    if (made != NULL) {
        sx__series_append(registry, family, made);
        sx__series_table_insert(registry, family, made);
    }
    return made;
}

/* Returns NULL if the registry is full. */
static struct sx__series *make_series(struct sx_registry *registry, struct sx__family *family,
                                      const struct sx_str *values, uint32_t hash)
{
    registry->retired.since_reclaim +=
        registry->retired.count > 0; /* so that clears are followed up */
    sx__retired_reclaim(registry);
    struct sx__series *made = try_to_make(registry, family, values, hash);
    if (made == NULL && sx__retired_reclaim_all(registry)) {
        made = try_to_make(registry, family, values, hash);
    }
    return made;
}

/* ---- removing a series ---- */

void sx__series_retire(struct sx_registry *registry, struct sx__family *family,
                       struct sx__series *series)
{
    const uint32_t ref = sx__ref(registry, series);
    __atomic_store_n(&series->retired.removed, SX__SERIES_REMOVED, __ATOMIC_SEQ_CST);
    if (ref == family->overflow) {
        __atomic_store_n(&family->overflow, 0, __ATOMIC_RELEASE);
    } else {
        __atomic_store_n(&family->live_count, family->live_count - 1, __ATOMIC_RELAXED);
    }
    sx__series_table_take_out(registry, family, series);
    uint32_t *link = &family->first_series;
    if (series->previous != 0) {
        link = &((struct sx__series *)sx__at(registry, series->previous))->next;
    }
    /* A reader that stands on this series still finds the next one. */
    __atomic_store_n(link, series->next, __ATOMIC_RELEASE);
    if (series->next != 0) {
        ((struct sx__series *)sx__at(registry, series->next))->previous = series->previous;
    } else {
        family->last_series = series->previous;
    }
    sx__retire(registry, &series->retired, SX__RETIRED_SERIES);
    (void)sx__overflow_reserve(registry, family);
}

/* ---- look-up ---- */

static bool is_live(const struct sx__series *series)
{
    return !sx__series_is_removed(series);
}

static bool is_at_limit(const struct sx__family *family)
{
    return __atomic_load_n(&family->live_count, __ATOMIC_RELAXED) >= family->max_series;
}

static int show_overflow(struct sx__series **series, struct sx_registry *registry,
                         struct sx__family *family)
{
    struct sx__series *shown = sx__overflow_show(registry, family);
    if (shown == NULL && sx__retired_reclaim_all(registry)) {
        shown = sx__overflow_show(registry, family);
    }
    if (shown == NULL) {
        return SX_EFULL;
    }
    *series = shown;
    return SX_OK;
}

/* The directory's lock is held. */
static int find_or_make_locked(struct sx__series **series, struct sx_registry *registry,
                               struct sx__family *family, const struct sx_str *values,
                               uint32_t hash)
{
    struct sx__series *found = sx__series_table_find(registry, family, values, hash);
    if (found != NULL && is_live(found)) {
        *series = found;
        return SX_OK;
    }
    if (sx__labels_are_overflow(values, family->label_count)) {
        return show_overflow(series, registry, family);
    }
    if (is_at_limit(family)) {
        return SX__BEYOND_LIMIT;
    }
    found = make_series(registry, family, values, hash);
    if (found == NULL) {
        return SX_EFULL;
    }
    __atomic_store_n(&family->live_count, family->live_count + 1, __ATOMIC_RELAXED);
    *series = found;
    return SX_OK;
}

static int find_or_make(struct sx__series **series, struct sx__family *family,
                        const struct sx_str *values, uint32_t hash)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    struct sx__series *found = sx__series_table_find(registry, family, values, hash);
    if (found != NULL && is_live(found)) {
        *series = found;
        return SX_OK;
    }
    /* At the limit, look-ups of unknown label values must not take the lock. A series that is in
     * the table but marked as removed needs the lock: expiry may take the mark back. */
    int status = SX__BEYOND_LIMIT;
    if (found != NULL || !is_at_limit(family) ||
        sx__labels_are_overflow(values, family->label_count)) {
        sx__directory_lock(registry);
        status = find_or_make_locked(series, registry, family, values, hash);
        sx__directory_unlock(registry);
    }
    return status;
}

/* The series on the page with these values, or NULL. The directory's lock is held. */
static struct sx__series *find_live(struct sx_registry *registry, const struct sx__family *family,
                                    const struct sx_str *values, uint32_t hash)
{
    struct sx__series *found = sx__series_table_find(registry, family, values, hash);
    if (family->overflow != 0 && sx__labels_are_overflow(values, family->label_count)) {
        found = sx__at(registry, family->overflow);
    }
    return found != NULL && is_live(found) ? found : NULL;
}

static int find_and_remove(struct sx__series **series, struct sx__family *family,
                           const struct sx_str *values, uint32_t hash)
{
    (void)series;
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    sx__directory_lock(registry);
    struct sx__series *found = find_live(registry, family, values, hash);
    if (found != NULL) {
        sx__series_retire(registry, family, found);
        sx__retired_reclaim(registry);
    }
    sx__directory_unlock(registry);
    return found != NULL;
}

typedef int look_up_fn(struct sx__series **series, struct sx__family *family,
                       const struct sx_str *values, uint32_t hash);

static const uint64_t *key_of(const struct sx__family *family)
{
    return sx__arenas[family->arena].registry->hash_key;
}

/* Values that are not UTF-8 are cleaned before the look-up, so that values that are equal on the
 * page are one series. */
static int look_up_cleaned(struct sx__series **series, struct sx__family *family,
                           const struct sx_str *values, look_up_fn *how)
{
    struct sx_str cleaned[SX_LABELS_MAX];
    char *memory = NULL;
    size_t count = family->label_count;
    int status = sx__labels_clean(cleaned, &memory, values, count);
    if (status == SX_OK) {
        status =
            how(series, family, cleaned, sx__label_hash_of(key_of(family), cleaned, count).hash);
    }
    free(memory);
    return status;
}

static bool are_valid(const struct sx_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!sx__utf8_is_valid(values[i])) {
            return false;
        }
    }
    return true;
}

static inline bool are_given(const struct sx_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].data == NULL && values[i].size > 0) {
            return false;
        }
    }
    return true;
}

static int look_up_series(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count, look_up_fn *how)
{
    if (series == NULL || family == NULL || values == NULL) {
        return SX_EINVAL;
    }
    if (count != family->label_count) {
        return SX_EVALUES;
    }
    if (!are_given(values, count)) {
        return SX_EINVAL;
    }
    struct sx__label_hash hash = sx__label_hash_of(key_of(family), values, count);
    if (!hash.is_ascii && !are_valid(values, count)) {
        return look_up_cleaned(series, family, values, how);
    }
    return how(series, family, values, hash.hash);
}

int sx__series_get(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count)
{
    return look_up_series(series, family, values, count, find_or_make);
}

int sx__series_remove(struct sx__family *family, const struct sx_str *values, size_t count)
{
    struct sx__series *none;
    return look_up_series(&none, family, values, count, find_and_remove);
}

/* ---- handles ---- */

/* The cell of the series' pins, which is made if needed, or 0 if no cells are left. */
static uint32_t pin_cell(struct sx_registry *registry, struct sx__cells *cells)
{
    uint32_t cell = __atomic_load_n(&cells->pin, __ATOMIC_ACQUIRE);
    if (cell != 0) {
        return cell;
    }
    sx__directory_lock(registry);
    cell = cells->pin;
    if (cell == 0) {
        cell = sx__directory_process_cell(registry);
        __atomic_store_n(&cells->pin, cell, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return cell;
}

uint32_t sx__series_pin_cell(struct sx__series *series)
{
    return pin_cell(sx__arenas[series->handle.arena].registry, sx__series_cells(series));
}

int sx__series_pin(struct sx__series *series)
{
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const uint32_t cell = sx__series_pin_cell(series);
    if (cell == 0) {
        return SX_EFULL;
    }
    if (!sx__pin(registry, cell)) {
        return SX_ENOMEM;
    }
    if (is_live(series)) {
        return SX_OK;
    }
    sx__unpin(registry, cell);
    return SX__REMOVED_MEANWHILE;
}

void sx__series_release(struct sx__series *series)
{
    if (series == NULL || sx__series_family(series)->label_count == 0) {
        return;
    }
    sx__activity_mark(series);
    sx__unpin(sx__arenas[series->handle.arena].registry, sx__series_cells(series)->pin);
}

void sx__series_reset(struct sx__series *series)
{
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    sx__exemplars_clear(registry, series, true);
    sx__summary_window_restart(registry, series);
    sx__series_cells_zero(registry, series);
    sx__series_set_created(series);
    sx__directory_unlock(registry);
}

/* ---- after a writer died ---- */

void sx__series_mend(struct sx_registry *registry, struct sx__family *family)
{
    uint32_t live_count = 0;
    uint32_t last = 0;
    uint32_t *link = &family->first_series;
    while (*link != 0) {
        const uint32_t ref = *link;
        struct sx__series *series = sx__at(registry, ref);
        /* The writer died while it showed the overflow series or expired a series. */
        if (ref == family->overflow || series->retired.removed == SX__SERIES_LEAVES) {
            __atomic_store_n(&series->retired.removed, 0, __ATOMIC_SEQ_CST);
        }
        if (sx__series_is_removed(series)) { /* its remover died half-way */
            __atomic_store_n(link, series->next, __ATOMIC_RELEASE);
            sx__series_table_take_out(registry, family, series);
            sx__retire(registry, &series->retired, SX__RETIRED_SERIES);
            continue;
        }
        series->previous = last;
        last = ref;
        live_count += ref != family->overflow;
        link = &series->next;
    }
    family->last_series = last;
    __atomic_store_n(&family->live_count, live_count, __ATOMIC_RELAXED);
    sx__series_table_mend(registry, family);
}
