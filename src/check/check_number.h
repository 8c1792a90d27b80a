/* check_number.h: numbers of a page, read exactly.
 *
 * Values stay decimals and are compared digit by digit: no rounding, no locale, no memory. Bounds
 * are converted to doubles, because two bounds that are the same double are one bucket.
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
    bool negative;   /* never of a zero or NaN */
    bool misspelled; /* an infinity or NaN in another spelling than +Inf, -Inf, NaN */
    struct sx_str
        digits;       /* from the first that is not 0; may hold the point; empty: the number 0 */
    int64_t exponent; /* of the first digit: 250 has 2 */
};

/** Reads a number as Go's ParseFloat does in decimal: infinities and NaN in every spelling.
 *
 * @param number  borrows from the text; SX__NUMBER_UNKNOWN if it is not a number
 * @return  NULL, or the error, which completes a sentence after "is"
 */
const char *sx__number_read(struct sx__number *number, struct sx_str text);

/** Compares as strcmp does. Neither may be NaN or unknown. */
int sx__number_compare(const struct sx__number *a, const struct sx__number *b);

/** Returns the nearest double; zeros are positive. The number may not be NaN or unknown. */
double sx__number_to_double(const struct sx__number *number);

/** Whether a number that is finite has no fraction. */
bool sx__number_is_whole(const struct sx__number *number);

#endif
