/* double.c: finds the shortest decimal of a double, by Schubfach. See double.h.
 *
 * A double v = c * 2^q stands for all reals that round to it: from halfway to the double below up
 * to halfway to the double above. Let 10^k be the largest power of ten that is not larger than the
 * width of that interval. Then the interval contains one or more multiples of 10^k, but at most one
 * of 10^(k+1). v and both ends of the interval, each scaled by 10^-k, decide which multiple is
 * chosen. Scaling multiplies by a 128-bit power of ten, rounded up. The last bit of the product
 * records whether anything was cut off, which is enough to compare exactly.
 *
 * Source: Raffaello Giulietti, "The Schubfach way to render doubles", 2020; names are the paper's.
 */
#include "double.h"

#include <float.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "doubles are IEEE 754 binary64");

#define SIGNIFICAND_BITS 52
#define EXPONENT_BIAS 1075 /* of c as an integer */
#define POWER_FIRST (-292)

static const struct {
    uint64_t high, low;
} powers[] = {
#include "powers_of_ten.inc"
};

/* Returns the upper 64 bits of the product, and sets `*low` to the lower ones. C11 has no 128-bit
 * integers. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low)
{
    uint64_t a_low = (uint32_t)a, a_high = a >> 32;
    uint64_t b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t lows = a_low * b_low;
    uint64_t middle = a_high * b_low + (lows >> 32);
    uint64_t other = a_low * b_high + (uint32_t)middle;
    *low = other << 32 | (uint32_t)lows;
    return a_high * b_high + (middle >> 32) + (other >> 32);
}

/* Returns g * c / 2^128, rounded down. The last bit is set if more than the error of g was cut off.
 */
static uint64_t scale(int power, uint64_t c)
{
    uint64_t low, middle;
    uint64_t carry = multiply(powers[power - POWER_FIRST].low, c, &low);
    uint64_t high = multiply(powers[power - POWER_FIRST].high, c, &middle);
    middle += carry;
    high += middle < carry;
    return high | (middle > 1);
}

/* Returns floor(log10(2^q)), or floor(log10(3/4 * 2^q)); exact for all exponents of doubles. */
static int log10_of_power_of_2(int q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* floor(log2(10^e)) */
static int log2_of_power_of_10(int e)
{
    return (e * 1741647) >> 19;
}

static struct sx__decimal trim(uint64_t digits, int exponent)
{
    while (digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    return (struct sx__decimal){digits, exponent};
}

static struct sx__decimal shortest(uint64_t c, int q, bool closer_below)
{
    bool odd = c & 1; /* parsing rounds to even: only if c is even do the ends parse as v */
    int k = log10_of_power_of_2(q, closer_below);
    int h = q + log2_of_power_of_10(-k) + 1;

    /* Each is four times the scaled value, so that the ends are integers before they are scaled. */
    uint64_t lower = scale(-k, (4 * c - 2 + closer_below) << h) + odd;
    uint64_t v = scale(-k, (4 * c) << h);
    uint64_t upper = scale(-k, (4 * c + 2) << h) - odd;

    uint64_t s = v / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below_inside = lower <= 40 * tens;
        bool above_inside = 40 * tens + 40 <= upper;
        if (below_inside != above_inside) {
            return trim(tens + above_inside, k + 1);
        }
    }
    bool below_inside = lower <= 4 * s;
    bool above_inside = 4 * s + 4 <= upper;
    if (below_inside != above_inside) {
        return trim(s + above_inside, k);
    }
    uint64_t middle = 4 * s + 2;
    bool up = v > middle || (v == middle && (s & 1));
    return trim(s + up, k);
}

struct sx__decimal sx__double_shortest(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t significand = bits & ((UINT64_C(1) << SIGNIFICAND_BITS) - 1);
    int exponent = (int)(bits >> SIGNIFICAND_BITS);
    if (exponent == 0) {
        return shortest(significand, 1 - EXPONENT_BIAS, false);
    }
    uint64_t c = significand | UINT64_C(1) << SIGNIFICAND_BITS;
    /* Below a power of two, doubles are half as far apart as above it. */
    return shortest(c, exponent - EXPONENT_BIAS, significand == 0 && exponent > 1);
}
