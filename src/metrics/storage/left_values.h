/* left_values.h: what becomes of the gauges in the row of a process that has ended.
 *
 * Most are forgotten. Others are kept: a rule for their cell says how. A shared arena has two more
 * process rows that no process owns. SX__RULES_ROW has the rules, each in the cell that it is for.
 * SX__KEPT_ROW has what ended processes have left, and the gauges that all processes update in one
 * cell.
 *
 * A scrape applies the rules to the rows of processes that have ended. So does a process that takes
 * such a row. A value is taken out of its row before it is added elsewhere, so it is never added
 * twice. It is lost if the process that adds it is killed in between. A value that may replace the
 * kept one is never lost: it is taken out afterwards.
 */
#ifndef SX_METRICS_LEFT_VALUES_H
#define SX_METRICS_LEFT_VALUES_H

#include "peek.h"

enum sx__left_kind {
    SX__LEFT_FORGOTTEN,
    SX__LEFT_COUNTED, /* its whole part is added to a counter */
    SX__LEFT_SUMMED,  /* it is added to the kept value */
    SX__LEFT_MERGED,  /* it may replace the kept value; two cells: the value, and when it was set */
};

/* Which value is kept of two, and shown of several. */
enum sx__merge { SX__MERGE_MIN, SX__MERGE_MAX, SX__MERGE_MOST_RECENT };

struct sx__left_rule {
    enum sx__left_kind kind;
    union {
        uint32_t counter; /* SX__LEFT_COUNTED: the counter's cell in thread rows */
        uint32_t stamp;   /* SX__LEFT_MERGED: the second cell, which lies behind the first */
    };
    union {
        uint32_t counter_pin; /* the cell of the counter's pins */
        uint32_t merge;       /* enum sx__merge */
    };
};

/** A value, and when it was set. */
struct sx__stamped {
    double value;
    uint64_t stamp; /* nanoseconds of CLOCK_MONOTONIC; 0: it was never set */
};

/** Sets the rule of a cell. The directory's lock is held, or the cell is not known to anybody. */
void sx__left_rule_set(struct sx_registry *registry, uint32_t cell,
                       const struct sx__left_rule *rule);

/** The rule of a cell. The directory's lock is held. */
struct sx__left_rule sx__left_rule_of(struct sx__peeking *peeking, uint32_t cell);

/** Whether process rows may have values that are kept; otherwise the two rows are all zeros. */
static inline bool sx__has_left_rules(const struct sx_registry *registry)
{
    return __atomic_load_n(&registry->has_left_rules, __ATOMIC_ACQUIRE);
}

/** The better one of two values; one that was never set is the worst. */
struct sx__stamped sx__merge(struct sx__stamped a, struct sx__stamped b, enum sx__merge merge);

/** Applies the rules to a row. The directory's lock is held, and so is the seat of the row. */
void sx__left_values_keep(struct sx_registry *registry, const char *row);

#endif
