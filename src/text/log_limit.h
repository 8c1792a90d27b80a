/* log_limit.h: limits log lines that others, such as clients, can cause.
 *
 * In SX__LOG_SECONDS, SX__LOG_LINES of each kind of line are written. Further lines are counted,
 * and their number is logged before the next line that is allowed.
 */
#ifndef SX_LOG_LIMIT_H
#define SX_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SX__LOG_LINES 10
#define SX__LOG_SECONDS 10

/* One for each kind of line; zero-initialised. */
struct sx__log_limit {
    /* The upper half is the number of the interval of SX__LOG_SECONDS, from 1; the lower half is
     * the number of lines in it. So one atomic exchange changes both. */
    uint64_t state;
};

/* Whether a line may be written now, by any clock that does not go back. *left_out is the number of
 * lines that were suppressed before it, which the caller logs first; else 0. [any] */
bool sx__log_limit_allows(struct sx__log_limit *limit, uint64_t now_ns, unsigned *left_out);

/* Takes the number of lines that were suppressed in an interval that is over or, with `at_last`, in
 * the current one. They are not counted again. [any] */
unsigned sx__log_limit_take(struct sx__log_limit *limit, uint64_t now_ns, bool at_last);

/* The current time of such a clock. */
uint64_t sx__log_limit_now_ns(void);

#endif
