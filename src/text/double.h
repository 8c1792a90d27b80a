/* double.h: finds the shortest decimal of a double.
 *
 * Threads: any.
 */
#ifndef SX_DOUBLE_H
#define SX_DOUBLE_H

#include <stdint.h>

/* The number digits * 10^exponent. The last digit is not 0, unless the number is 0. */
struct sx__decimal {
    uint64_t digits;
    int exponent;
};

/** Returns the shortest decimal that parses as this double, and the closest to it of these.
 *
 * @param value  finite and positive
 */
struct sx__decimal sx__double_shortest(double value);

#endif
