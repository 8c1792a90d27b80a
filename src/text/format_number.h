/* format_number.h: writing numbers: fast, shortest, and the same in every locale. */
#ifndef SX_FORMAT_NUMBER_H
#define SX_FORMAT_NUMBER_H

#include <stdint.h>

#define SX__WHOLE_SIZE_MAX 20  /* 18446744073709551615 */
#define SX__DOUBLE_SIZE_MAX 24 /* -2.2250738585072014e-308 */

/** Writes a number in decimal digits; gives the byte after the last one. */
char *sx__write_whole(char *at, uint64_t number);

/** Writes the shortest text that reads back as this very double: NaN, +Inf, -Inf, plain digits from
 *  0.0001 up to, and not with, 1e+21, else an exponent. Gives the byte after the last one.
 *
 * @param at  has room for SX__DOUBLE_SIZE_MAX
 */
char *sx__write_double(char *at, double value);

/** As sx__write_double, but with the exponent where Go's strconv, format 'g', has it: from 1e+06
 * on.
 *
 * A bucket's bound is a string to Prometheus, and this is how the other clients write it.
 */
char *sx__write_bound(char *at, double value);

#endif
