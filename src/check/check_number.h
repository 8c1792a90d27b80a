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
    SX__NUMBER_UNKNOWN = 0, /* it could not be read */
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
 * @param number  borrows from the text; SX__NUMBER_UNKNOWN where it is no number
 * Gives NULL, or what is wrong with it, to stand behind "is".
 */
const char *sx__number_read(struct sx__number *number, struct sx_str text);

/** Less than, equal to or greater than 0, as `a` is than `b`; neither is NaN or unknown. */
int sx__number_compare(const struct sx__number *a, const struct sx__number *b);

/** Whether it can be a count: finite, whole, not negative. */
bool sx__number_is_count(const struct sx__number *number);

#endif
