#include "json_text.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
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

static int append_dumped(const char *bytes, size_t size, void *context)
{
    return append(context, bytes, size) ? 0 : -1;
}

bool sx__json_text_dump(struct sx__json_text *text, json_t *value)
{
    return json_dump_callback(value, append_dumped, text, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
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

static bool append_string(struct sx__json_text *text, const char *string)
{
    size_t size = 0;
    while (string != NULL && is_plain((unsigned char)string[size])) {
        size++;
    }
    char *at = string == NULL || string[size] != '\0' ? NULL : reserve(text, size + 2);
    if (at != NULL) {
        *at = '"';
        memcpy(at + 1, string, size);
        memcpy(at + 1 + size, "\"", 2);
        text->size += size + 2;
    }
    return at != NULL;
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
    return (members->count == 1 || append(text, ",", 1)) && append_string(text, key) &&
           append(text, ":", 1);
}

static bool append_integer(struct sx__json_text *text, json_int_t value)
{
    char digits[32];
    const int size = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, value);
    return append(text, digits, (size_t)size);
}

static bool append_word(struct sx__json_text *text, const char *word)
{
    return append(text, word, strlen(word));
}

/* Whether it is one object of members that are each one argument. No argument is looked at before:
 * that of `s#` need not end in NUL. */
static bool is_plain_format(const char *format)
{
    if (next(&format) != '{') {
        return false;
    }
    size_t members = 0;
    for (char c = next(&format); c != '}'; c = next(&format)) {
        const char value = next(&format);
        if (c != 's' || value == '\0' || strchr("siIbn", value) == NULL ||
            ++members > MEMBERS_MAX) {
            return false;
        }
    }
    return next(&format) == '\0';
}

static bool pack_object(struct sx__json_text *text, const char *format, va_list arguments)
{
    struct members members = {.count = 0};
    bool packed = next(&format) == '{' && append(text, "{", 1);
    while (packed && next(&format) == 's') {
        packed = append_key(text, &members, va_arg(arguments, const char *));
        if (!packed) {
            break;
        }
        switch (next(&format)) {
        case 's':
            packed = append_string(text, va_arg(arguments, const char *));
            break;
        case 'i':
            packed = append_integer(text, va_arg(arguments, int));
            break;
        case 'I':
            packed = append_integer(text, va_arg(arguments, json_int_t));
            break;
        case 'b':
            packed = append_word(text, va_arg(arguments, int) ? "true" : "false");
            break;
        default:
            packed = append_word(text, "null");
            break;
        }
    }
    return packed && append(text, "}", 1);
}

bool sx__json_text_pack(struct sx__json_text *text, const char *format, va_list arguments)
{
    if (format != NULL && is_plain_format(format) && pack_object(text, format, arguments)) {
        return true;
    }
    text->size = 0;
    return false;
}
