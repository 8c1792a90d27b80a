/* check_number.c: parsing, comparing and converting decimal numbers. */
#include "check_number.h"

#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger exponents are the same as this one, because no page has so many digits. */
#define EXPONENT_LIMIT INT64_C(1000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `letters` are small ASCII letters. Locales have no influence, unlike on strncasecmp. */
static bool equals_in_any_case(struct sx_str text, const char *letters)
{
    if (text.size != strlen(letters)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] | ('a' - 'A')) != letters[i]) {
            return false;
        }
    }
    return true;
}

static const char *explain(struct sx_str bare)
{
    if (bare.size > 1 && bare.data[0] == '0' && (bare.data[1] == 'x' || bare.data[1] == 'X')) {
        return "not a number: digits must be decimal";
    }
    if (bare.size > 0 && memchr(bare.data, ',', bare.size) != NULL) {
        return "not a number: a fraction needs a point, not a comma";
    }
    return "not a number";
}

/* Reads the exponent after `e`. Returns false if anything but digits follows. */
static bool read_exponent(int64_t *exponent, struct sx_str text)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    *exponent = 0;
    if (at == text.size) {
        return false;
    }
    for (; at < text.size && is_digit(text.data[at]); at++) {
        if (*exponent < EXPONENT_LIMIT) {
            *exponent = *exponent * 10 + (text.data[at] - '0');
        }
    }
    *exponent = negative ? -*exponent : *exponent;
    return at == text.size;
}

/* Reads the digits of an unsigned decimal, up to its exponent or end. */
static bool read_digits(struct sx__number *number, struct sx_str text, size_t *end)
{
    size_t first = text.size, point = text.size, count = 0, at = 0;
    for (; at < text.size && (is_digit(text.data[at]) || text.data[at] == '.'); at++) {
        if (text.data[at] == '.') {
            if (point != text.size) {
                return false;
            }
            point = at;
            continue;
        }
        count++;
        if (first == text.size && text.data[at] != '0') {
            first = at;
        }
    }
    *end = at;
    point = point < at ? point : at;
    if (first < at) {
        number->digits = (struct sx_str){text.data + first, at - first};
        number->exponent = first < point ? (int64_t)(point - first) - 1 : -(int64_t)(first - point);
    }
    return count > 0;
}

static bool read_decimal(struct sx__number *number, struct sx_str text)
{
    size_t end = 0;
    int64_t exponent = 0;
    if (!read_digits(number, text, &end)) {
        return false;
    }
    if (end < text.size) {
        struct sx_str rest = {text.data + end + 1, text.size - end - 1};
        if ((text.data[end] != 'e' && text.data[end] != 'E') || !read_exponent(&exponent, rest)) {
            return false;
        }
    }
    number->exponent += exponent;
    number->negative = number->negative && number->digits.size > 0;
    return true;
}

/* From half a step above the largest double on, a number is read as infinite; these are the first
 * digits of that bound, as many as anybody writes. */
static bool is_too_large(const struct sx__number *number)
{
    static const struct sx__number limit = {.kind = SX__NUMBER_FINITE,
                                            .digits = {"179769313486231580793728971405303", 33},
                                            .exponent = 308};
    struct sx__number magnitude = *number;
    magnitude.negative = false;
    return sx__number_compare(&magnitude, &limit) >= 0;
}

/* Reads an infinity or NaN. `bare` is the text without its sign; NaN has none. */
static bool read_special(struct sx__number *number, struct sx_str text, struct sx_str bare)
{
    if (equals_in_any_case(bare, "inf") || equals_in_any_case(bare, "infinity")) {
        number->kind = SX__NUMBER_INFINITE;
        number->misspelled = !sx__view_is(text, "+Inf") && !sx__view_is(text, "-Inf");
        return true;
    }
    if (equals_in_any_case(text, "nan")) {
        number->kind = SX__NUMBER_NAN;
        number->misspelled = !sx__view_is(text, "NaN");
        return true;
    }
    return false;
}

const char *sx__number_read(struct sx__number *number, struct sx_str text)
{
    size_t sign = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    const struct sx_str bare = {text.data + sign, text.size - sign};
    struct sx__number read = {.kind = SX__NUMBER_FINITE,
                              .negative = sign > 0 && text.data[0] == '-'};
    *number = (struct sx__number){.kind = SX__NUMBER_UNKNOWN};
    if (!read_special(&read, text, bare)) {
        if (!read_decimal(&read, bare)) {
            return explain(bare);
        }
        if (is_too_large(&read)) {
            return "too large for a double";
        }
    }
    *number = read;
    return NULL;
}

/* Returns the next digit; after the last one, always 0. */
static int next_digit(struct sx_str *digits)
{
    if (digits->size > 0 && digits->data[0] == '.') {
        digits->data++;
        digits->size--;
    }
    if (digits->size == 0) {
        return 0;
    }
    digits->size--;
    return *digits->data++ - '0';
}

static int compare_magnitudes(const struct sx__number *a, const struct sx__number *b)
{
    struct sx_str left = a->digits, right = b->digits;
    if (left.size == 0 || right.size == 0) {
        return (left.size > 0) - (right.size > 0);
    }
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    while (left.size > 0 || right.size > 0) {
        int difference = next_digit(&left) - next_digit(&right);
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

int sx__number_compare(const struct sx__number *a, const struct sx__number *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    bool a_infinite = a->kind == SX__NUMBER_INFINITE;
    bool b_infinite = b->kind == SX__NUMBER_INFINITE;
    int order = a_infinite || b_infinite ? a_infinite - b_infinite : compare_magnitudes(a, b);
    return a->negative ? -order : order;
}

/* No point halfway between two doubles has more significant digits than 767. So of the digits
 * behind these it only counts whether one is not 0. */
#define DIGITS_MOST 770
/* A number with a smaller exponent is nearer to 0 than to any other double. */
#define EXPONENT_SMALLEST (-400)

/* Returns how many digits were written. */
static size_t write_digits(char *text, struct sx_str digits)
{
    size_t size = 0;
    while (size < DIGITS_MOST && digits.size > 0) {
        text[size++] = (char)('0' + next_digit(&digits));
    }
    bool more = false;
    while (digits.size > 0) {
        more = next_digit(&digits) != 0 || more;
    }
    if (more) {
        text[size++] = '1';
    }
    return size;
}

double sx__number_to_double(const struct sx__number *number)
{
    double magnitude = INFINITY;
    if (number->kind == SX__NUMBER_FINITE) {
        if (number->digits.size == 0 || number->exponent < EXPONENT_SMALLEST) {
            return 0;
        }
        /* A whole number with an exponent: strtod reads it alike in every locale. */
        char text[DIGITS_MOST + 32];
        size_t size = write_digits(text, number->digits);
        int exponent = (int)(number->exponent - (int64_t)size) + 1;
        snprintf(text + size, sizeof text - size, "e%d", exponent);
        magnitude = strtod(text, NULL);
    }
    return number->negative && magnitude > 0 ? -magnitude : magnitude;
}

bool sx__number_is_whole(const struct sx__number *number)
{
    struct sx_str digits = number->digits;
    for (int64_t place = number->exponent; digits.size > 0; place--) {
        if (next_digit(&digits) != 0 && place < 0) {
            return false;
        }
    }
    return true;
}
