/* format_number.h: writes numbers as text: fast, as short as possible, and the same in every
 * locale.
 *
 * Threads: any.
 */
#ifndef SX_FORMAT_NUMBER_H
#define SX_FORMAT_NUMBER_H

#include <stdint.h>

#define SX__WHOLE_SIZE_MAX 20  /* 18446744073709551615 */
#define SX__DOUBLE_SIZE_MAX 24 /* -2.2250738585072014e-308 */

/** Writes a number in decimal digits. Returns the position after the last digit. */
char *sx__write_whole(char *at, uint64_t number);

/** Writes the shortest text that parses as exactly this double: NaN, +Inf, -Inf, plain digits for
 * 0.0001 <= |value| < 1e+21, otherwise with an exponent. Returns the position after the last byte.
 *
 * @param at  has room for SX__DOUBLE_SIZE_MAX bytes
 */
char *sx__write_double(char *at, double value);

/** As sx__write_double, but with an exponent from 1e+06 on, as format 'g' of Go's strconv writes
 * it.
 *
 * Prometheus treats a bucket's bound as a string, and this is how the other client libraries write
 * it.
 */
char *sx__write_bound(char *at, double value);

/** As sx__write_bound, with `.0` behind a whole number that has no exponent. `at` needs no more
 * room.
 *
 * Source: OpenMetrics 1.0, "Considerations: Canonical Numbers"
 */
char *sx__write_canonical_bound(char *at, double value);

#endif
