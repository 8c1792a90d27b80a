/* pins.c: counting the handles that a process holds. */
#include "pins.h"

#include "process_rows.h"

#include <stdlib.h>
#include <time.h>

#define COUNTS_PER_LEAF 1024u
/* How long a child may take, from fork() on, until it has counted the handles of its parent. */
#define FORK_NS (INT64_C(10) * 1000000000)

/* This process's counts of a shared arena, by the number of the cell. */
static uint64_t **counts[SX__ARENAS]; /* leaves; NULL: none yet */

static size_t leaf_count(const struct sx_registry *registry)
{
    return registry->cells_limit / COUNTS_PER_LEAF + 1;
}

static int64_t now_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t *row_cell(const struct sx_registry *registry, uint32_t cell)
{
    return sx__cell(sx__process_row_of(registry->arena), cell);
}

static uint64_t **find_leaves(const struct sx_registry *registry)
{
    uint64_t ***place = &counts[registry->arena];
    uint64_t **leaves = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (leaves != NULL) {
        return leaves;
    }
    uint64_t **made = calloc(leaf_count(registry), sizeof *made);
    if (made == NULL || __atomic_compare_exchange_n(place, &leaves, made, false, __ATOMIC_ACQ_REL,
                                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    free(made);
    return leaves;
}

/* Returns the count of a cell, or NULL if memory is exhausted. */
static uint64_t *find_count(const struct sx_registry *registry, uint32_t cell)
{
    uint64_t **leaves = find_leaves(registry);
    if (leaves == NULL) {
        return NULL;
    }
    uint64_t **place = &leaves[cell / COUNTS_PER_LEAF];
    uint64_t *leaf = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (leaf == NULL) {
        uint64_t *made = calloc(COUNTS_PER_LEAF, sizeof *made);
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
    return &leaf[cell % COUNTS_PER_LEAF];
}

bool sx__pin(struct sx_registry *registry, uint32_t cell)
{
    uint64_t *count = registry->shared ? find_count(registry, cell) : NULL;
    if (registry->shared && count == NULL) {
        return false;
    }
    /* In the row first: when this returns, another process must see a pin. */
    (void)__atomic_fetch_add(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
    if (count != NULL && __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST) > 0) {
        (void)__atomic_fetch_sub(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
    }
    return true;
}

void sx__unpin(struct sx_registry *registry, uint32_t cell)
{
    if (registry->shared) {
        uint64_t *count = find_count(registry, cell);
        if (count == NULL || __atomic_fetch_sub(count, 1, __ATOMIC_SEQ_CST) > 1) {
            return;
        }
    }
    (void)__atomic_fetch_sub(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
}

/* The row of all further processes always counts as that of a living one. */
static uint64_t *cell_for_all(const struct sx_registry *registry, uint32_t cell)
{
    return sx__cell(sx__row(registry, SX__PROCESSES), cell);
}

void sx__pin_for_all(const struct sx_registry *registry, uint32_t cell)
{
    (void)__atomic_fetch_add(cell_for_all(registry, cell), 1, __ATOMIC_SEQ_CST);
}

void sx__unpin_for_all(const struct sx_registry *registry, uint32_t cell)
{
    (void)__atomic_fetch_sub(cell_for_all(registry, cell), 1, __ATOMIC_SEQ_CST);
}

void sx__pins_before_fork(struct sx_registry *registry)
{
    if (registry->shared && __atomic_load_n(&counts[registry->arena], __ATOMIC_ACQUIRE) != NULL) {
        __atomic_store_n(&registry->fork_ns, now_ns(), __ATOMIC_SEQ_CST);
    }
}

/* Whether a child may exist that has its parent's handles, and has not counted them yet. */
static bool is_forking(const struct sx_registry *registry)
{
    const int64_t fork_ns = __atomic_load_n(&registry->fork_ns, __ATOMIC_SEQ_CST);
    return fork_ns != 0 && now_ns() - fork_ns < FORK_NS;
}

static uint64_t pins_in_row(const struct sx_registry *registry, struct sx__peeking *peeking,
                            size_t row, uint32_t cell)
{
    return peeking != NULL
               ? sx__peek(peeking, row, cell)
               : __atomic_load_n(sx__cell(sx__row(registry, row), cell), __ATOMIC_SEQ_CST);
}

static bool is_pinned_in_any_row(struct sx_registry *registry, struct sx__peeking *peeking,
                                 uint32_t cell)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i) && pins_in_row(registry, peeking, i, cell) != 0 &&
            sx__process_row_lives(registry, i)) {
            return true;
        }
    }
    return false;
}

bool sx__is_pinned(struct sx_registry *registry, uint32_t cell)
{
    return is_forking(registry) || is_pinned_in_any_row(registry, NULL, cell);
}

bool sx__has_pins(struct sx_registry *registry, uint32_t cell)
{
    return is_pinned_in_any_row(registry, NULL, cell);
}

bool sx__is_still_pinned(struct sx__peeking *peeking, uint32_t cell)
{
    return is_forking(peeking->registry) || is_pinned_in_any_row(peeking->registry, peeking, cell);
}

/* The threads of the parent, which wrote what is read here, do not exist in the child. */
void sx__pins_after_fork(struct sx_registry *registry)
{
    uint64_t **leaves = __atomic_load_n(&counts[registry->arena], __ATOMIC_ACQUIRE);
    if (!registry->shared || leaves == NULL) {
        return;
    }
    for (size_t i = 0; i < leaf_count(registry); i++) {
        const uint64_t *leaf = __atomic_load_n(&leaves[i], __ATOMIC_ACQUIRE);
        for (size_t j = 0; leaf != NULL && j < COUNTS_PER_LEAF; j++) {
            if (__atomic_load_n(&leaf[j], __ATOMIC_RELAXED) > 0) {
                const uint32_t cell = (uint32_t)(i * COUNTS_PER_LEAF + j);
                (void)__atomic_fetch_add(row_cell(registry, cell), 1, __ATOMIC_SEQ_CST);
            }
        }
    }
}

void sx__pins_forget(const struct sx_registry *registry)
{
    uint64_t **leaves = counts[registry->arena];
    for (size_t i = 0; leaves != NULL && i < leaf_count(registry); i++) {
        free(leaves[i]);
    }
    free(leaves);
    counts[registry->arena] = NULL;
}
