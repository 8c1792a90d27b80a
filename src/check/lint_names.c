/* lint_names.c: words of metric names. See lint_names.h. */
#include "lint_names.h"

#include "view.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *unit, *base; /* NULL: the unit is a base unit */
} lint_units[] = {
    {"amperes", NULL},         {"bytes", NULL},        {"celsius", NULL},
    {"grams", NULL},           {"joules", NULL},       {"kelvin", NULL},
    {"meters", NULL},          {"metres", NULL},       {"seconds", NULL},
    {"volts", NULL},           {"minutes", "seconds"}, {"hours", "seconds"},
    {"days", "seconds"},       {"weeks", "seconds"},   {"kelvins", "kelvin"},
    {"fahrenheit", "celsius"}, {"rankine", "celsius"}, {"inches", "meters"},
    {"yards", "meters"},       {"miles", "meters"},    {"bits", "bytes"},
    {"calories", "joules"},    {"pounds", "grams"},    {"ounces", "grams"},
};

static const char *const unit_prefixes[] = {
    "",     "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo",
    "kibi", "mega", "mibi", "mebi",  "giga",  "gibi",  "tera", "tebi", "peta",  "pebi"};

static const char *const unit_abbreviations[] = {"s",  "ms", "us", "ns", "sec", "b", "kb",
                                                 "mb", "gb", "tb", "pb", "m",   "h", "d"};

static const char *const lint_types[] = {"counter", "gauge", "histogram", "summary"};

static const char *const lint_percents[] = {"percent", "percents", "percentage", "pct"};

#define LINT_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Takes the next word, up to an underscore. Returns false at the end. */
static bool next_word(struct sx_str *word, struct sx_str *rest)
{
    if (rest->data == NULL) {
        return false;
    }
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, '_', rest->size);
    *word = (struct sx_str){rest->data, end == NULL ? rest->size : (size_t)(end - rest->data)};
    *rest = end == NULL ? (struct sx_str){NULL, 0}
                        : (struct sx_str){end + 1, rest->size - word->size - 1};
    return true;
}

/* `small` has small letters. */
static bool is_in_any_case(struct sx_str word, const char *small)
{
    if (word.size != strlen(small)) {
        return false;
    }
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != small[i]) {
            return false;
        }
    }
    return true;
}

/* Returns the first word behind an underscore that is in the list. */
static struct sx_str find_word(struct sx_str name, const char *const *list, size_t count)
{
    struct sx_str word, rest = name;
    for (bool first = true; next_word(&word, &rest); first = false) {
        for (size_t i = 0; i < count && !first; i++) {
            if (is_in_any_case(word, list[i])) {
                return word;
            }
        }
    }
    return (struct sx_str){NULL, 0};
}

struct sx_str sx__lint_abbreviation(struct sx_str name)
{
    return find_word(name, unit_abbreviations, LINT_COUNT(unit_abbreviations));
}

struct sx_str sx__lint_type(struct sx_str name)
{
    return find_word(name, lint_types, LINT_COUNT(lint_types));
}

struct sx_str sx__lint_percent(struct sx_str name)
{
    return find_word(name, lint_percents, LINT_COUNT(lint_percents));
}

/* Whether the bytes are a prefix of units, or none at all. */
static bool is_unit_prefix(struct sx_str front)
{
    for (size_t i = 0; i < LINT_COUNT(unit_prefixes); i++) {
        if (sx__view_is(front, unit_prefixes[i])) {
            return true;
        }
    }
    return false;
}

/* Returns the base unit if the word is another unit; NULL: it is none, or a base unit. */
static const char *base_of(struct sx_str word)
{
    for (size_t u = 0; u < LINT_COUNT(lint_units); u++) {
        const char *unit = lint_units[u].unit, *base = lint_units[u].base;
        if (!sx__view_ends_with(word, sx__view(unit))) {
            continue;
        }
        const struct sx_str front = {word.data, word.size - strlen(unit)};
        if (is_unit_prefix(front) && (front.size > 0 || base != NULL)) {
            return base != NULL ? base : unit;
        }
    }
    return NULL;
}

struct sx__lint_unit sx__lint_unit(struct sx_str name)
{
    struct sx__lint_unit unit = {{NULL, 0}, NULL};
    struct sx_str word, rest = name;
    while (unit.base == NULL && next_word(&word, &rest)) {
        unit = (struct sx__lint_unit){word, base_of(word)};
    }
    return unit.base == NULL ? (struct sx__lint_unit){{NULL, 0}, NULL} : unit;
}

bool sx__lint_is_camel_case(struct sx_str name)
{
    for (size_t i = 1; i < name.size; i++) {
        if (name.data[i - 1] >= 'a' && name.data[i - 1] <= 'z' && name.data[i] >= 'A' &&
            name.data[i] <= 'Z') {
            return true;
        }
    }
    return false;
}
