/* log_limit.h: a bound on the lines of a log that others can cause, as clients can.
 *
 * Of each kind of line, SX__LOG_LINES are written in SX__LOG_SECONDS; those that are left out are
 * counted, and the log says how many they were as soon as there may be another line.
 */
#ifndef SX_LOG_LIMIT_H
#define SX_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SX__LOG_LINES 10
#define SX__LOG_SECONDS 10

/* One for each kind of line; all zeros is right. */
struct sx__log_limit {
    /* The number of the interval of SX__LOG_SECONDS, from 1, in the upper half, and the lines that
     * there were in it in the lower: so that one atomic exchange takes both. */
    uint64_t state;
};

/* Whether a line may be written now; the clock is any that does not go back. *left_out: how many
 * have been left out before it, which is to be said first; else 0. [any] */
bool sx__log_limit_allows(struct sx__log_limit *limit, uint64_t now_ns, unsigned *left_out);

/* How many lines have been left out in an interval that is over, or `at_last` in this one. They are
 * not said again. [any] */
unsigned sx__log_limit_take(struct sx__log_limit *limit, uint64_t now_ns, bool at_last);

/* The time by such a clock. */
uint64_t sx__log_limit_now_ns(void);

#endif
