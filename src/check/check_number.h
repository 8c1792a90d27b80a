/* check_number.h: numbers of a page, read exactly.
 *
 * They stay decimals and are compared digit by digit: no rounding, no locale, no memory.
 */
#ifndef SX_CHECK_NUMBER_H
#define SX_CHECK_NUMBER_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>

enum sx__number_kind {
    SX__NUMBER_UNKNOWN = 0, /* not a number */
    SX__NUMBER_FINITE,
    SX__NUMBER_INFINITE,
    SX__NUMBER_NAN,
};

struct sx__number {
    enum sx__number_kind kind;
    bool negative; /* never of a zero or NaN */
    struct sx_str
        digits;       /* from the first that is not 0; may hold the point; empty: the number 0 */
    int64_t exponent; /* of the first digit: 250 has 2 */
};

/** Reads a number as Go's ParseFloat does in decimal, or NaN, +Inf and -Inf in just this spelling.
 *
 * @param number  borrows from the text; SX__NUMBER_UNKNOWN if it is not a number
 * @return  NULL, or the error, which completes a sentence after "is"
 */
const char *sx__number_read(struct sx__number *number, struct sx_str text);

/** Compares as strcmp does. Neither may be NaN or unknown. */
int sx__number_compare(const struct sx__number *a, const struct sx__number *b);

/** Whether the number can be a count: finite, whole, not negative. */
bool sx__number_is_count(const struct sx__number *number);

#endif
