/* Walks the format of json_pack (jansson's documentation, "Building Values") from left to right,
 * and compares each letter with the kind of the argument that it takes. */
#include "json_format.h"

#include <jansson.h>
#include <stdio.h>

struct walk {
    const char *format;
    const char *at;
    const char *kinds;
    size_t taken; /* arguments so far */
    struct sx__json_mismatch *mismatch;
    bool fits;
};

static void report(struct walk *walk, const char *message)
{
    if (walk->fits) {
        snprintf(walk->mismatch->message, sizeof walk->mismatch->message, "%s", message);
    }
    walk->fits = false;
}

/* ---- the format ---- */

static char peek(struct walk *walk)
{
    while (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == ',' ||
           *walk->at == ':') {
        walk->at++;
    }
    return *walk->at;
}

static char next(struct walk *walk)
{
    const char c = peek(walk);
    walk->at += c != '\0';
    return c;
}

static bool skip(struct walk *walk, char wanted)
{
    const bool is_there = peek(walk) == wanted;
    walk->at += is_there;
    return is_there;
}

static bool malformed(struct walk *walk, char c)
{
    char message[SX__JSON_MESSAGE_BYTES];
    if (c == '\0') {
        snprintf(message, sizeof message, "the format ends too early");
    } else {
        snprintf(message, sizeof message, "unexpected '%c' as character %zu of the format", c,
                 (size_t)(walk->at - walk->format));
    }
    report(walk, message);
    return false;
}

/* ---- the arguments ---- */

static const char *kind_text(char kind)
{
    switch (kind) {
    case 's':
        return "a string";
    case 'i':
        return "an int";
    case 'I':
        return "a 64-bit integer";
    case 'f':
        return "a double";
    case 'o':
        return "a json_t *";
    case 'p':
        return "a void *";
    default:
        return "something else";
    }
}

/* Takes the next argument, for this letter. Returns false if there is none. */
static bool take(struct walk *walk, char letter, char kind)
{
    char message[SX__JSON_MESSAGE_BYTES];
    const char have = walk->kinds[walk->taken];
    if (have == '\0') {
        snprintf(message, sizeof message, "argument %zu after the format, %s for '%c', is missing",
                 walk->taken + 1, kind_text(kind), letter);
        report(walk, message);
        return false;
    }
    if (have != kind && !(have == 'p' && (kind == 's' || kind == 'o'))) {
        snprintf(message, sizeof message, "argument %zu after the format is %s, but '%c' takes %s",
                 walk->taken + 1, kind_text(have), letter, kind_text(kind));
        report(walk, message);
    }
    if (letter == 'o' && walk->taken < 64) {
        walk->mismatch->stolen |= UINT64_C(1) << walk->taken;
    }
    walk->taken++;
    return true;
}

static bool take_text(struct walk *walk, bool optional)
{
    do {
        if (!take(walk, 's', 's')) {
            return false;
        }
        const char c = peek(walk);
        if (optional && (c == '#' || c == '%' || c == '+')) {
            return malformed(walk, next(walk));
        }
        if ((skip(walk, '#') && !take(walk, '#', 'i')) ||
            (skip(walk, '%') && !take(walk, '%', 'I'))) {
            return false;
        }
    } while (skip(walk, '+'));
    return true;
}

static bool take_value(struct walk *walk);

static bool take_members(struct walk *walk)
{
    while (!skip(walk, '}')) {
        const char c = next(walk);
        if (c != 's') {
            return malformed(walk, c);
        }
        if (!take_text(walk, false) || !take_value(walk)) {
            return false;
        }
    }
    return true;
}

static bool take_items(struct walk *walk)
{
    while (!skip(walk, ']')) {
        if (!take_value(walk)) {
            return false;
        }
    }
    return true;
}

static bool take_value(struct walk *walk)
{
    const char c = next(walk);
    switch (c) {
    case '{':
        return take_members(walk);
    case '[':
        return take_items(walk);
    case 'n':
        return true;
    case 'b':
    case 'i':
        return take(walk, c, 'i');
    case 'I':
    case 'f':
        return take(walk, c, c);
    case 's':
        return take_text(walk, skip(walk, '?') || skip(walk, '*'));
    case 'o':
    case 'O':
        (void)(skip(walk, '?') || skip(walk, '*'));
        return take(walk, c, 'o');
    default:
        return malformed(walk, c);
    }
}

bool sx__json_format_fits(struct sx__json_mismatch *mismatch, const char *format, const char *kinds)
{
    struct walk walk = {
        .format = format, .at = format, .kinds = kinds, .mismatch = mismatch, .fits = true};
    *mismatch = (struct sx__json_mismatch){.stolen = 0};
    if (format == NULL) {
        report(&walk, "the format is NULL");
    } else if (take_value(&walk)) {
        if (peek(&walk) != '\0') {
            malformed(&walk, next(&walk));
        } else if (kinds[walk.taken] != '\0') {
            char message[SX__JSON_MESSAGE_BYTES];
            snprintf(message, sizeof message, "argument %zu after the format, %s, is one too many",
                     walk.taken + 1, kind_text(kinds[walk.taken]));
            report(&walk, message);
        }
    }
    return walk.fits;
}

void sx__json_arguments_release(const struct sx__json_mismatch *mismatch, const char *kinds,
                                va_list arguments)
{
    for (size_t i = 0; kinds[i] != '\0' && kinds[i] != '?' && i < 64; i++) {
        if (kinds[i] == 'i') {
            (void)va_arg(arguments, int);
        } else if (kinds[i] == 'I') {
            (void)va_arg(arguments, long long);
        } else if (kinds[i] == 'f') {
            (void)va_arg(arguments, double);
        } else if (kinds[i] == 'o' && (mismatch->stolen >> i & 1) != 0) {
            json_decref(va_arg(arguments, json_t *));
        } else {
            (void)va_arg(arguments, void *);
        }
    }
}
