/* left_values.c: see left_values.h. */
#include "left_values.h"

#include "cells.h"

/* A rule is one word, so that it is written by one store. */
#define KIND_BITS 2
#define CELL_BITS 31
#define CELL_MASK ((UINT64_C(1) << CELL_BITS) - 1)
#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

void sx__left_rule_set(struct sx_registry *registry, uint32_t cell,
                       const struct sx__left_rule *rule)
{
    const uint64_t word = (uint64_t)rule->kind | (uint64_t)rule->counter << KIND_BITS |
                          (uint64_t)rule->counter_pin << (KIND_BITS + CELL_BITS);
    __atomic_store_n(&registry->has_left_rules, true, __ATOMIC_RELEASE);
    __atomic_store_n(sx__cell(sx__row(registry, SX__RULES_ROW), cell), word, __ATOMIC_RELEASE);
}

struct sx__left_rule sx__left_rule_of(struct sx__peeking *peeking, uint32_t cell)
{
    const uint64_t word = sx__peek(peeking, SX__RULES_ROW, cell);
    return (struct sx__left_rule){
        .kind = (enum sx__left_kind)(word & ((1u << KIND_BITS) - 1)),
        .counter = (uint32_t)(word >> KIND_BITS & CELL_MASK),
        .counter_pin = (uint32_t)(word >> (KIND_BITS + CELL_BITS)),
    };
}

struct sx__stamped sx__merge(struct sx__stamped a, struct sx__stamped b, enum sx__merge merge)
{
    if (a.stamp == 0 || b.stamp == 0) {
        return a.stamp == 0 ? b : a;
    }
    if (merge == SX__MERGE_MOST_RECENT) {
        return b.stamp > a.stamp ? b : a;
    }
    if (a.value != a.value || b.value != b.value) { /* NaN is neither less nor greater */
        return a.value != a.value ? b : a;
    }
    return (merge == SX__MERGE_MIN ? b.value < a.value : b.value > a.value) ? b : a;
}

/* ---- a row whose process has ended ---- */

static void count_left(const struct sx_registry *registry, uint64_t *left, uint32_t counter)
{
    const double value = sx__double_of(__atomic_exchange_n(left, 0, __ATOMIC_ACQ_REL));
    if (value >= 1 && value <= WHOLE_MAX) {
        (void)__atomic_fetch_add(sx__cell(sx__overflow_row(registry), counter), (uint64_t)value,
                                 __ATOMIC_RELEASE);
    }
}

/* Readers of sums see the value in one of both rows: `keepings` is odd meanwhile. */
static void sum_left(struct sx_registry *registry, uint64_t *left, uint32_t cell)
{
    uint64_t *keepings = &registry->keepings;
    __atomic_store_n(keepings, *keepings + 1, __ATOMIC_RELEASE);
    const uint64_t bits = __atomic_exchange_n(left, 0, __ATOMIC_ACQ_REL);
    sx__cell_add_shared(sx__cell(sx__row(registry, SX__KEPT_ROW), cell), sx__double_of(bits));
    __atomic_store_n(keepings, *keepings + 1, __ATOMIC_RELEASE);
}

/* Nobody else writes to either row. */
static struct sx__stamped stamped_of(const char *row, uint32_t cell, uint32_t stamp)
{
    return (struct sx__stamped){
        .value = sx__double_of(__atomic_load_n(sx__cell(row, cell), __ATOMIC_RELAXED)),
        .stamp = __atomic_load_n(sx__cell(row, stamp), __ATOMIC_RELAXED),
    };
}

static void merge_left(const struct sx_registry *registry, const char *row, uint32_t cell,
                       const struct sx__left_rule *rule)
{
    const char *kept_row = sx__row(registry, SX__KEPT_ROW);
    const struct sx__stamped kept = stamped_of(kept_row, cell, rule->stamp);
    const struct sx__stamped left = stamped_of(row, cell, rule->stamp);
    const struct sx__stamped better = sx__merge(kept, left, (enum sx__merge)rule->merge);
    __atomic_store_n(sx__cell(kept_row, cell), sx__bits_of(better.value), __ATOMIC_RELEASE);
    __atomic_store_n(sx__cell(kept_row, rule->stamp), better.stamp, __ATOMIC_RELEASE);
    __atomic_store_n(sx__cell(row, rule->stamp), 0, __ATOMIC_RELEASE);
}

void sx__left_values_keep(struct sx_registry *registry, const char *row)
{
    struct sx__peeking peeking;
    sx__peeking_begin(&peeking, registry);
    if (registry->keepings % 2 != 0) { /* the process that moved a value was killed */
        __atomic_store_n(&registry->keepings, registry->keepings + 1, __ATOMIC_RELEASE);
    }
    for (uint32_t cell = 0; cell < registry->process_cells_used; cell++) {
        const struct sx__left_rule rule = sx__left_rule_of(&peeking, cell);
        if (rule.kind == SX__LEFT_COUNTED) {
            count_left(registry, sx__cell(row, cell), rule.counter);
        } else if (rule.kind == SX__LEFT_SUMMED) {
            sum_left(registry, sx__cell(row, cell), cell);
        } else if (rule.kind == SX__LEFT_MERGED) {
            merge_left(registry, row, cell, &rule);
        }
    }
}
