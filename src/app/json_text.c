/* Writes JSON from the arguments of sx_json without a json_t; see json_text.h. Any thread. */
#include "json_text.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256

/* Where `size` bytes can be written, and a NUL behind them; NULL: there is no memory left. */
static char *reserve(struct sx__json_text *text, size_t size)
{
    if (size >= text->capacity - text->size) {
        const size_t capacity = 2 * text->capacity + size + FIRST_BYTES;
        char *grown = realloc(text->bytes, capacity);
        if (grown == NULL) {
            return NULL;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    return text->bytes + text->size;
}

static bool append(struct sx__json_text *text, const char *bytes, size_t size)
{
    char *at = reserve(text, size);
    if (at != NULL) {
        memcpy(at, bytes, size);
        at[size] = '\0';
        text->size += size;
    }
    return at != NULL;
}

bool sx__json_text_append(struct sx__json_text *text, const char *bytes, size_t size)
{
    return append(text, bytes, size);
}

/* ---- without a value in between ---- */

/* An answer is small, and its keys are compared with each other. */
#define MEMBERS_MAX 16

struct members {
    const char *keys[MEMBERS_MAX];
    size_t count;
};

/* The next character of a format of jansson; it skips these. */
static char next(const char **format)
{
    while (**format == ' ' || **format == '\t' || **format == '\n' || **format == ',' ||
           **format == ':') {
        (*format)++;
    }
    return **format == '\0' ? '\0' : *(*format)++;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
}

/* The text in quotes, between two characters; '\0': none. */
static bool append_string(struct sx__json_text *text, char before, const char *string, char after)
{
    size_t size = 0;
    while (string != NULL && is_plain((unsigned char)string[size])) {
        size++;
    }
    char *at = string == NULL || string[size] != '\0' ? NULL : reserve(text, size + 4);
    if (at == NULL) {
        return false;
    }
    *at = before;
    at += before != '\0';
    *at++ = '"';
    memcpy(at, string, size);
    at += size;
    *at++ = '"';
    *at = after;
    at += after != '\0';
    *at = '\0';
    text->size = (size_t)(at - text->bytes);
    return true;
}

/* Of the same key twice the last value counts, at the place of the first. */
static bool append_key(struct sx__json_text *text, struct members *members, const char *key)
{
    if (key == NULL) {
        return false;
    }
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->keys[i], key) == 0) {
            return false;
        }
    }
    members->keys[members->count++] = key;
    return append_string(text, members->count == 1 ? '{' : ',', key, ':');
}

static bool append_word(struct sx__json_text *text, const char *word)
{
    return append(text, word, strlen(word));
}

/* The kind of argument that a value of this letter takes, see sx__json_kinds; 0: none; '?': it is
 * not plain. */
static char plain_kind(char letter)
{
    switch (letter) {
    case 's':
    case 'I':
    case 'f':
    case 'i':
        return letter;
    case 'b':
        return 'i';
    case 'n':
        return '\0';
    default:
        return '?';
    }
}

/* Whether the format is one object whose members take one argument each, and the arguments match
 * it. No argument is read before that, because a string for `s#` need not end in NUL. */
static bool is_plain_format(const char *format, const char *kinds)
{
    if (next(&format) != '{') {
        return false;
    }
    size_t members = 0;
    for (char c = next(&format); c != '}'; c = next(&format)) {
        const char kind = plain_kind(next(&format));
        if (c != 's' || kind == '?' || ++members > MEMBERS_MAX) {
            return false;
        }
        if (kinds != NULL && (*kinds++ != 's' || (kind != '\0' && *kinds++ != kind))) {
            return false;
        }
    }
    return next(&format) == '\0' && (kinds == NULL || *kinds == '\0');
}

static bool pack_object(struct sx__json_text *text, const char *format, va_list arguments)
{
    struct members members = {.count = 0};
    bool packed = next(&format) == '{';
    while (packed && next(&format) == 's') {
        packed = append_key(text, &members, va_arg(arguments, const char *));
        if (!packed) {
            break;
        }
        switch (next(&format)) {
        case 's':
            packed = append_string(text, '\0', va_arg(arguments, const char *), '\0');
            break;
        case 'i':
            packed = sx__json_text_append_integer(text, va_arg(arguments, int));
            break;
        case 'I':
            packed = sx__json_text_append_integer(text, va_arg(arguments, json_int_t));
            break;
        case 'f':
            packed = sx__json_text_append_real(text, va_arg(arguments, double));
            break;
        case 'b':
            packed = append_word(text, va_arg(arguments, int) ? "true" : "false");
            break;
        default:
            packed = append_word(text, "null");
            break;
        }
    }
    return packed && (members.count == 0 ? append(text, "{}", 2) : append(text, "}", 1));
}

bool sx__json_text_pack(struct sx__json_text *text, const char *kinds, const char *format,
                        va_list arguments)
{
    if (format != NULL && is_plain_format(format, kinds) && pack_object(text, format, arguments)) {
        return true;
    }
    text->size = 0;
    return false;
}
