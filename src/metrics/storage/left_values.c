/* left_values.c: see left_values.h. */
#include "left_values.h"

#include "cells.h"

/* A rule is one word, so that it is written by one store. */
#define KIND_BITS 2
#define CELL_BITS 31
#define CELL_MASK ((UINT64_C(1) << CELL_BITS) - 1)
#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

static uint64_t *rule_cell(const struct sx_registry *registry, uint32_t cell)
{
    return sx__cell(sx__row(registry, SX__RULES_ROW), cell);
}

void sx__left_rule_set(struct sx_registry *registry, uint32_t cell,
                       const struct sx__left_rule *rule)
{
    const uint64_t word = (uint64_t)rule->kind | (uint64_t)rule->other << KIND_BITS |
                          (uint64_t)rule->more << (KIND_BITS + CELL_BITS);
    __atomic_store_n(&registry->has_left_rules, true, __ATOMIC_RELEASE);
    __atomic_store_n(rule_cell(registry, cell), word, __ATOMIC_RELEASE);
}

struct sx__left_rule sx__left_rule_of(const struct sx_registry *registry, uint32_t cell)
{
    const uint64_t word = __atomic_load_n(rule_cell(registry, cell), __ATOMIC_ACQUIRE);
    return (struct sx__left_rule){
        .kind = (enum sx__left_kind)(word & ((1u << KIND_BITS) - 1)),
        .other = (uint32_t)(word >> KIND_BITS & CELL_MASK),
        .more = (uint32_t)(word >> (KIND_BITS + CELL_BITS)),
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

struct sx__stamped sx__stamped_read(const char *row, uint32_t cell, uint32_t stamp_cell)
{
    const uint64_t stamp = __atomic_load_n(sx__cell(row, stamp_cell), __ATOMIC_ACQUIRE);
    return (struct sx__stamped){
        .value = sx__double_of(__atomic_load_n(sx__cell(row, cell), __ATOMIC_ACQUIRE)),
        .stamp = stamp,
    };
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

static void merge_left(const struct sx_registry *registry, const char *row, uint32_t cell,
                       const struct sx__left_rule *rule)
{
    const char *kept_row = sx__row(registry, SX__KEPT_ROW);
    const struct sx__stamped kept = sx__stamped_read(kept_row, cell, rule->other);
    const struct sx__stamped left = sx__stamped_read(row, cell, rule->other);
    const struct sx__stamped better = sx__merge(kept, left, (enum sx__merge)rule->more);
    /* Kept before it is taken out: reading both does no harm, and reading neither would. */
    __atomic_store_n(sx__cell(kept_row, cell), sx__bits_of(better.value), __ATOMIC_RELEASE);
    __atomic_store_n(sx__cell(kept_row, rule->other), better.stamp, __ATOMIC_RELEASE);
    __atomic_store_n(sx__cell(row, rule->other), 0, __ATOMIC_RELEASE);
}

void sx__left_values_keep(struct sx_registry *registry, const char *row)
{
    const uint32_t cells = registry->process_cells_used;
    const uint64_t odd = registry->keepings | 1; /* it is odd if the last one was killed */
    __atomic_store_n(&registry->keepings, odd, __ATOMIC_RELEASE);
    for (uint32_t cell = 0; cell < cells; cell++) {
        const struct sx__left_rule rule = sx__left_rule_of(registry, cell);
        uint64_t *left = sx__cell(row, cell);
        switch (rule.kind) {
        case SX__LEFT_FORGOTTEN:
            break;
        case SX__LEFT_COUNTED:
            count_left(registry, left, rule.other);
            break;
        case SX__LEFT_SUMMED:
            sx__cell_add_shared(sx__cell(sx__row(registry, SX__KEPT_ROW), cell),
                                sx__double_of(__atomic_exchange_n(left, 0, __ATOMIC_ACQ_REL)));
            break;
        case SX__LEFT_MERGED:
            merge_left(registry, row, cell, &rule);
            break;
        }
    }
    __atomic_store_n(&registry->keepings, odd + 1, __ATOMIC_RELEASE);
}
