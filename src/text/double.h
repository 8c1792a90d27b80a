/* double.h: the shortest decimal of a double. */
#ifndef SX_DOUBLE_H
#define SX_DOUBLE_H

#include <stdint.h>

/* digits * 10^exponent; the digits do not end in 0, unless they are 0. */
struct sx__decimal {
    uint64_t digits;
    int exponent;
};

/** The shortest decimal that reads back as this double, and the closest one of these.
 *
 * @param value  finite and positive
 */
struct sx__decimal sx__double_shortest(double value);

#endif
