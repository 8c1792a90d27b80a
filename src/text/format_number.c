/* format_number.c: writes numbers as text. See format_number.h. */
#include "format_number.h"

#include "double.h"

#include <math.h>
#include <string.h>

#define DIGITS_LIMIT 9007199254740992.0 /* 2^53: smaller integers are written as plain digits */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* A number of n bits has 1 + n * log10(2) digits, rounded down, or one less. */
static size_t digits_of(uint64_t number)
{
    static const uint64_t powers[] = {
        UINT64_C(1),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    if (number < 100) { /* most are */
        return 1 + (number >= 10);
    }
    const unsigned bits = 64 - (unsigned)__builtin_clzll(number);
    const size_t count = bits * 1233 >> 12; /* 1233 / 4096 is nearly log10(2) */
    return count + (number >= powers[count]);
}

/* Writes the digits in place, the last ones first: this is a large part of the time of a scrape. */
char *sx__write_whole(char *at, uint64_t number)
{
    char *end = at + digits_of(number);
    char *pair = end - 2;
    for (; number >= 100; number /= 100, pair -= 2) {
        memcpy(pair, pairs + number % 100 * 2, 2);
    }
    if (number >= 10) {
        memcpy(at, pairs + number * 2, 2);
    } else {
        *at = (char)('0' + number);
    }
    return end;
}

static char *write_special(char *at, const char *text)
{
    size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static char *write_zeros(char *at, int count)
{
    for (int i = 0; i < count; i++) {
        *at++ = '0';
    }
    return at;
}

/* Writes d.ddde±dd, with at least two digits of exponent. */
static char *write_scientific(char *at, const char *digits, int count, int exponent)
{
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, (size_t)count - 1);
        at += count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (size < 10) {
        *at++ = '0';
    }
    return sx__write_whole(at, size);
}

/* Writes ddd000, ddd.ddd or 0.000ddd. `point` is the number of digits before the point. */
static char *write_plain(char *at, const char *digits, int count, int point)
{
    if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        at = write_zeros(at, -point);
        memcpy(at, digits, (size_t)count);
        return at + count;
    }
    if (point >= count) {
        memcpy(at, digits, (size_t)count);
        return write_zeros(at + count, point - count);
    }
    memcpy(at, digits, (size_t)point);
    at += point;
    *at++ = '.';
    memcpy(at, digits + point, (size_t)(count - point));
    return at + count - point;
}

/* Writes an exponent for numbers below 0.0001, and from 10^exponent_from on. */
static char *write_finite(char *at, double value, int exponent_from)
{
    char digits[SX__WHOLE_SIZE_MAX];
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (value == 0) {
        *at++ = '0';
        return at;
    }
    struct sx__decimal decimal = sx__double_shortest(value);
    int count = (int)(sx__write_whole(digits, decimal.digits) - digits);
    int point = count + decimal.exponent;
    if (point - 1 < -4 || point - 1 >= exponent_from) {
        return write_scientific(at, digits, count, point - 1);
    }
    return write_plain(at, digits, count, point);
}

static char *write_double(char *at, double value, int exponent_from)
{
    if (isnan(value)) {
        return write_special(at, "NaN");
    }
    if (isinf(value)) {
        return write_special(at, value > 0 ? "+Inf" : "-Inf");
    }
    return write_finite(at, value, exponent_from);
}

char *sx__write_double(char *at, double value)
{
    if (value > 0 && value < DIGITS_LIMIT && (double)(uint64_t)value == value) {
        return sx__write_whole(at, (uint64_t)value);
    }
    return write_double(at, value, 21);
}

char *sx__write_bound(char *at, double value)
{
    return write_double(at, value, 6);
}

char *sx__write_canonical_bound(char *at, double value)
{
    char *end = sx__write_bound(at, value);
    const size_t size = (size_t)(end - at);
    if (isfinite(value) && memchr(at, '.', size) == NULL && memchr(at, 'e', size) == NULL) {
        *end++ = '.';
        *end++ = '0';
    }
    return end;
}
