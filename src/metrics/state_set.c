/* state_set.c: state sets: a family with a series for each state. All states are bits of one cell
 * in the row of the process, so one store changes several at one moment.
 */
#include "epochs.h"
#include "labels.h"
#include "metric.h"
#include "process_rows.h"
#include "series.h"
#include "series_values.h"
#include "utf8.h"
#include "view.h"

#include <string.h>

struct sx_state_set {
    struct sx__family family;
};

static struct sx__series *first_state(const struct sx__family *family)
{
    return sx__at(sx__arenas[family->arena].registry, family->first_series);
}

/* Returns how many states there are, or 0 if they are not valid. */
static size_t count_states(const char *const *states)
{
    size_t count = 0;
    for (; states != NULL && states[count] != NULL; count++) {
        if (count == SX_STATES_MAX || !sx__utf8_is_valid(sx__view(states[count])) ||
            strcmp(states[count], SX_OVERFLOW_VALUE) == 0) {
            return 0;
        }
        for (size_t i = 0; i < count; i++) {
            if (strcmp(states[i], states[count]) == 0) {
                return 0;
            }
        }
    }
    return count;
}

/* Makes the series of a state, or finds it. The states must be the family's first series, in order.
 * If not, it was registered with other states: SX_EEXIST. The caller is reading. */
static int add_state(struct sx__family *family, uint32_t number, const char *state,
                     const uint32_t **link)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    const struct sx_str value = sx__view(state);
    struct sx__series *series = (struct sx__series *)(uintptr_t)sx__series_at(registry, *link);
    if (series == NULL) {
        const int status = sx__series_get(&series, family, &value, 1);
        if (status != SX_OK) {
            return status == SX__BEYOND_LIMIT ? SX_EEXIST : status;
        }
    } else if (!sx__views_equal(sx__labels_value(series, family, 0), value)) {
        return SX_EEXIST;
    }
    /* Stored even if the series exists: its creator may have been killed before it did so. */
    sx__directory_lock(registry);
    __atomic_store_n(&series->handle.cell, first_state(family)->handle.cell, __ATOMIC_RELAXED);
    __atomic_store_n(&series->increments, number, __ATOMIC_RELEASE);
    sx__directory_unlock(registry);
    *link = &series->next;
    return SX_OK;
}

static int add_states(struct sx__family *family, const char *const *states, size_t count)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    const struct sx__reader reader = sx__epoch_enter(registry);
    const uint32_t *link = &family->first_series;
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        status = add_state(family, (uint32_t)i, states[i], &link);
    }
    if (status == SX_OK && sx__series_at(registry, link) != NULL) {
        status = SX_EEXIST; /* it has more states */
    }
    sx__epoch_leave(registry, reader);
    return status;
}

int sx_state_set_register(struct sx_state_set **set, struct sx_registry *registry,
                          const struct sx_metric_options *options, const char *const *states)
{
    struct sx__family *family = NULL;
    const size_t count = count_states(states);
    if (set == NULL || count == 0 || (options != NULL && options->idle_seconds != 0)) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_state_set(&family, registry, options);
    if (status != SX_OK) {
        return status;
    }
    status = add_states(family, states, count);
    if (status != SX_OK) {
        (void)sx__metric_unregister_family(family);
        return status;
    }
    *set = (struct sx_state_set *)family;
    return SX_OK;
}

int sx_state_set_unregister(struct sx_state_set *set)
{
    return sx__metric_unregister_family((struct sx__family *)set);
}

/* ---- states ---- */

static bool has_state(const struct sx_state_set *set, size_t state)
{
    return set != NULL && state < __atomic_load_n(&set->family.live_count, __ATOMIC_RELAXED);
}

static uint64_t *states_of(const struct sx_state_set *set)
{
    const struct sx__series *first = first_state(&set->family);
    return sx__cell(sx__process_row_of(set->family.arena), first->handle.cell);
}

void sx_state_set_select(struct sx_state_set *set, size_t state)
{
    if (has_state(set, state)) {
        __atomic_store_n(states_of(set), UINT64_C(1) << state, __ATOMIC_RELAXED);
    }
}

void sx_state_set_set(struct sx_state_set *set, size_t state, bool is_true)
{
    if (!has_state(set, state)) {
        return;
    }
    const uint64_t bit = UINT64_C(1) << state;
    if (is_true) {
        (void)__atomic_fetch_or(states_of(set), bit, __ATOMIC_RELAXED);
    } else {
        (void)__atomic_fetch_and(states_of(set), ~bit, __ATOMIC_RELAXED);
    }
}

bool sx_state_set_get(const struct sx_state_set *set, size_t state)
{
    struct sx__reading reading;
    if (!has_state(set, state)) {
        return false;
    }
    sx__reading_of_process_rows(&reading, sx__arenas[set->family.arena].registry);
    const uint64_t states = sx__read_states(&reading, first_state(&set->family)->handle.cell);
    return (states >> state & 1) != 0;
}
