/* Converts the text of parameters and settings to their types; see convert.h. Any thread. */
#define _XOPEN_SOURCE 700 /* newlocale, uselocale */
#include "convert.h"

#include "format_number.h"
#include "utf8.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_u64(uint64_t *value, const char *text)
{
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_digit(*text) || sum > (UINT64_MAX - (uint64_t)(*text - '0')) / 10) {
            return false;
        }
        sum = sum * 10 + (uint64_t)(*text - '0');
    }
    *value = sum;
    return true;
}

static bool parse_i64(int64_t *value, const char *text)
{
    uint64_t magnitude;
    bool negative = *text == '-';
    if (!parse_u64(&magnitude, text + negative) ||
        magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* The grammar of a decimal number; strtod also takes hex, inf, nan and leading white space. */
static bool is_decimal(const char *p)
{
    p += *p == '-' || *p == '+';
    size_t digits = 0;
    for (; is_digit(*p); p++) {
        digits++;
    }
    if (*p == '.') {
        for (p++; is_digit(*p); p++) {
            digits++;
        }
    }
    if (digits > 0 && (*p == 'e' || *p == 'E')) {
        p++;
        p += *p == '-' || *p == '+';
        if (!is_digit(*p)) {
            return false;
        }
        while (is_digit(*p)) {
            p++;
        }
    }
    return digits > 0 && *p == '\0';
}

/* strtod reads the decimal point of the locale, which a program may have set to a comma. */
static bool parse_f64(double *value, const char *text)
{
    if (!is_decimal(text)) {
        return false;
    }
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) {
        return false;
    }
    locale_t before = uselocale(c);
    *value = strtod(text, NULL);
    uselocale(before);
    freelocale(c);
    return isfinite(*value);
}

static bool parse_flag(bool *value, const char *text)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"true", true},   {"1", true},  {"on", true},
                 {"false", false}, {"0", false}, {"off", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i].text) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

static bool in_range(const struct sx_param *param, long double value)
{
    return (!param->has_min || value >= param->min) && (!param->has_max || value <= param->max);
}

#define LIMIT_BYTES 48

/* As a client would write it, in every locale: 0.1, not 0.1000000000000000056. */
static void write_limit(char text[LIMIT_BYTES], enum sx_type type, long double limit)
{
    if (type == SX_TYPE_F64) {
        *sx__write_double(text, (double)limit) = '\0';
    } else {
        snprintf(text, LIMIT_BYTES, "%.19Lg", limit);
    }
}

bool sx__convert(union sx_value *value, const struct sx_param *param, const char *text,
                 char message[SX__CONVERT_MESSAGE_BYTES])
{
    bool good = false;
    switch (param->type) {
    case SX_TYPE_I64:
        good = parse_i64(&value->i64, text) && in_range(param, (long double)value->i64);
        break;
    case SX_TYPE_U64:
        good = parse_u64(&value->u64, text) && in_range(param, (long double)value->u64);
        break;
    case SX_TYPE_F64:
        good = parse_f64(&value->f64, text) && in_range(param, (long double)value->f64);
        break;
    case SX_TYPE_FLAG:
        good = parse_flag(&value->flag, text);
        break;
    case SX_TYPE_STR:
        good = sx__utf8_is_valid((struct sx_str){text, strlen(text)});
        value->pointer = (void *)(uintptr_t)text;
        break;
    default:
        break;
    }
    if (!good) {
        char what[SX__CONVERT_MESSAGE_BYTES - 16];
        sx__convert_describe(param, what, sizeof what);
        snprintf(message, SX__CONVERT_MESSAGE_BYTES, "must be %s", what);
    }
    return good;
}

void sx__convert_describe(const struct sx_param *param, char *text, size_t size)
{
    static const char *const nouns[] = {
        [SX_TYPE_NONE] = "nothing",
        [SX_TYPE_I64] = "a whole number",
        [SX_TYPE_U64] = "a whole number, not negative",
        [SX_TYPE_F64] = "a number",
        [SX_TYPE_FLAG] = "true or false",
        [SX_TYPE_STR] = "UTF-8 text",
        [SX_TYPE_LIST_STR] = "any number of UTF-8 texts",
        [SX_TYPE_JSON] = "JSON",
        [SX_TYPE_BYTES] = "any bytes",
    };
    const char *noun = nouns[param->type];
    char min[LIMIT_BYTES];
    char max[LIMIT_BYTES];
    write_limit(min, param->type, param->min);
    write_limit(max, param->type, param->max);
    if (param->has_min && param->has_max) {
        snprintf(text, size, "%s from %s to %s", noun, min, max);
    } else if (param->has_min) {
        snprintf(text, size, "%s of at least %s", noun, min);
    } else if (param->has_max) {
        snprintf(text, size, "%s of at most %s", noun, max);
    } else {
        snprintf(text, size, "%s", noun);
    }
}
