/* format_number.h: writing numbers as text: fast, the shortest text, the same in every locale. */
#ifndef SX_FORMAT_NUMBER_H
#define SX_FORMAT_NUMBER_H

#include <stdint.h>

#define SX__WHOLE_SIZE_MAX 20  /* 18446744073709551615 */
#define SX__DOUBLE_SIZE_MAX 24 /* -2.2250738585072014e-308 */

/** Writes a number in decimal digits. Returns the byte after the last one. */
char *sx__write_whole(char *at, uint64_t number);

/** Writes the shortest text that reads back as the same double: NaN, +Inf, -Inf, plain digits from
 *  0.0001 to below 1e+21, else an exponent. Returns the byte after the last one.
 *
 * @param at  has room for SX__DOUBLE_SIZE_MAX
 */
char *sx__write_double(char *at, double value);

/** As sx__write_double, but with the exponent where Go's strconv, format 'g', has it: from 1e+06
 * on.
 *
 * For Prometheus the bound of a bucket is a string, and other clients write it like this.
 */
char *sx__write_bound(char *at, double value);

#endif
