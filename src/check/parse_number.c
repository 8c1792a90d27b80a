/* parse_number.c: a number of a page as the nearest double.
 *
 * Most numbers have so few digits that digits and power of ten are doubles exactly, so that one
 * multiplication or division rounds correctly (Clinger, "How to read floating point numbers
 * accurately", 1990). check_number.c reads the others.
 */
#include "check_number.h"
#include "parser.h"

#include <float.h>
#include <math.h>

_Static_assert(DBL_MANT_DIG == 53, "doubles are IEEE 754 binary64");

#define EXACT_WHOLE (UINT64_C(1) << DBL_MANT_DIG)
#define EXACT_POWER 22

static const double exact_powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Reads up to 18 digits, which may have a point. Returns their number. */
static int read_mantissa(const char **at, const char *end, uint64_t *mantissa, int *exponent)
{
    int digits = 0;
    bool point = false;
    const char *c = *at;
    for (; c < end && digits <= 18; c++) {
        unsigned digit = (unsigned)(unsigned char)*c - '0';
        if (digit <= 9) {
            *mantissa = *mantissa * 10 + digit;
            *exponent -= point;
            digits++;
        } else if (*c == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    *at = c;
    return digits;
}

/* Returns false if the number has another form, or is not certain to be exact. */
static bool read_short(double *value, struct sx_str text)
{
    const char *at = text.data, *end = text.data + text.size;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    uint64_t mantissa = 0;
    int exponent = 0;
    int digits = read_mantissa(&at, end, &mantissa, &exponent);
    if (digits == 0 || digits > 18 || mantissa > EXACT_WHOLE) {
        return false;
    }
    if (end - at >= 2 && (*at | 0x20) == 'e') {
        at++;
        bool below = *at == '-';
        at += *at == '-' || *at == '+';
        if (at == end || end - at > 3) {
            return false;
        }
        int power = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++) {
            power = power * 10 + (*at - '0');
        }
        exponent += below ? -power : power;
    }
    if (at != end || exponent < -EXACT_POWER || exponent > EXACT_POWER) {
        return false;
    }
    double whole = (double)mantissa;
    double magnitude =
        exponent < 0 ? whole / exact_powers[-exponent] : whole * exact_powers[exponent];
    *value = negative ? -magnitude : magnitude;
    return true;
}

const char *sx__parse_number(struct sx_parsed_number *number, struct sx_str text)
{
    number->text = text;
    if (read_short(&number->value, text)) {
        return NULL;
    }
    struct sx__number decimal;
    const char *wrong = sx__number_read(&decimal, text);
    if (wrong != NULL) {
        *number = (struct sx_parsed_number){{NULL, 0}, 0};
        return wrong;
    }
    if (decimal.kind == SX__NUMBER_NAN) {
        number->value = (double)NAN;
        return NULL;
    }
    number->value = sx__number_to_double(&decimal);
    if (number->value == 0 && text.data[0] == '-') {
        number->value = -0.0;
    }
    return NULL;
}
