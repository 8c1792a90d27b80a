/* pins.c: counting the handles that a process holds. */
#include "pins.h"

#include "process_rows.h"

#include <stdlib.h>

#define COUNTS_PER_LEAF 1024u

/* This process's counts of a shared arena, by the number of the cell from the end of the row. */
static uint32_t **counts[SX__ARENAS]; /* leaves; NULL: none yet */

static size_t leaf_count(const struct sx_registry *registry)
{
    return registry->cells_limit / COUNTS_PER_LEAF + 1;
}

static uint64_t *row_cell(const struct sx_registry *registry, uint32_t cell)
{
    return sx__cell(sx__process_rows[registry->arena], cell);
}

static uint32_t **find_leaves(const struct sx_registry *registry)
{
    uint32_t ***place = &counts[registry->arena];
    uint32_t **leaves = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (leaves != NULL) {
        return leaves;
    }
    uint32_t **made = calloc(leaf_count(registry), sizeof *made);
    if (made == NULL || __atomic_compare_exchange_n(place, &leaves, made, false, __ATOMIC_ACQ_REL,
                                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    free(made);
    return leaves;
}

/* Returns the count of a cell, or NULL if memory is exhausted. */
static uint32_t *find_count(const struct sx_registry *registry, uint32_t cell)
{
    uint32_t **leaves = find_leaves(registry);
    if (leaves == NULL) {
        return NULL;
    }
    const uint32_t number = registry->cells_limit - 1 - cell;
    uint32_t **place = &leaves[number / COUNTS_PER_LEAF];
    uint32_t *leaf = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (leaf == NULL) {
        uint32_t *made = calloc(COUNTS_PER_LEAF, sizeof *made);
        if (made == NULL) {
            return NULL;
        }
        if (__atomic_compare_exchange_n(place, &leaf, made, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            leaf = made;
        } else {
            free(made);
        }
    }
    return &leaf[number % COUNTS_PER_LEAF];
}

bool sx__pin(struct sx_registry *registry, uint32_t cell)
{
    if (registry->shared) {
        uint32_t *count = find_count(registry, cell);
        if (count == NULL) {
            return false;
        }
        if (__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST) > 0) {
            return true;
        }
    }
    (void)__atomic_fetch_add(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
    return true;
}

void sx__unpin(struct sx_registry *registry, uint32_t cell)
{
    if (registry->shared) {
        uint32_t *count = find_count(registry, cell);
        if (count == NULL || __atomic_fetch_sub(count, 1, __ATOMIC_SEQ_CST) > 1) {
            return;
        }
    }
    (void)__atomic_fetch_sub(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
}

bool sx__is_pinned(struct sx_registry *registry, uint32_t cell)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i) &&
            __atomic_load_n(sx__cell(sx__row(registry, i), cell), __ATOMIC_SEQ_CST) != 0 &&
            sx__process_row_lives(registry, i)) {
            return true;
        }
    }
    return false;
}

void sx__pins_after_fork(struct sx_registry *registry)
{
    uint32_t **leaves = counts[registry->arena];
    if (!registry->shared || leaves == NULL) {
        return;
    }
    for (size_t i = 0; i < leaf_count(registry); i++) {
        for (size_t j = 0; leaves[i] != NULL && j < COUNTS_PER_LEAF; j++) {
            if (leaves[i][j] > 0) {
                const size_t number = i * COUNTS_PER_LEAF + j;
                const uint32_t cell = registry->cells_limit - 1 - (uint32_t)number;
                (void)__atomic_fetch_add(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
            }
        }
    }
}

void sx__pins_forget(const struct sx_registry *registry)
{
    uint32_t **leaves = counts[registry->arena];
    for (size_t i = 0; leaves != NULL && i < leaf_count(registry); i++) {
        free(leaves[i]);
    }
    free(leaves);
    counts[registry->arena] = NULL;
}
