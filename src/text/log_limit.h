/* log_limit.h: limits the log lines that clients and other outsiders can cause.
 *
 * Of each kind of line, SX__LOG_LINES are written in SX__LOG_SECONDS. Further lines are counted,
 * and their number is logged before the next line that is allowed.
 *
 * Threads: any.
 */
#ifndef SX_LOG_LIMIT_H
#define SX_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SX__LOG_LINES 10
#define SX__LOG_SECONDS 10

/* One for each kind of line; zero-initialised. */
struct sx__log_limit {
    /* The upper half is the number of the interval of SX__LOG_SECONDS, from 1. The lower half is
     * the number of lines in it. Both are in one integer, so that one atomic exchange changes both.
     */
    uint64_t state;
};

/* Returns whether a line may be written now. `now_ns` comes from any clock that does not go back.
 * `*left_out` is the number of lines that were suppressed before this one, which the caller logs
 * first; otherwise 0. */
bool sx__log_limit_allows(struct sx__log_limit *limit, uint64_t now_ns, unsigned *left_out);

/* Returns the number of lines that were suppressed in an interval that is over or, with `at_last`,
 * in the current one, and resets it. */
unsigned sx__log_limit_take(struct sx__log_limit *limit, uint64_t now_ns, bool at_last);

#endif
