/* label_escape.c: escaping once, when a text is made, so that a scrape only copies. */
#include "label_escape.h"

#include <string.h>

/* Returns what follows the backslash, or 0 if the byte is not escaped. Prometheus exposition
 * formats: "label_value can be any sequence of UTF-8 characters, but the backslash, double-quote,
 * and line feed characters have to be escaped". All other control bytes stay, NUL included: parsers
 * return what was written. */
static char escape_of(char c)
{
    switch (c) {
    case '\\':
        return '\\';
    case '"':
        return '"';
    case '\n':
        return 'n';
    default:
        return 0;
    }
}

static size_t escaped_size(struct sx_str value)
{
    size_t size = value.size;
    for (size_t i = 0; i < value.size; i++) {
        size += escape_of(value.data[i]) != 0;
    }
    return size;
}

char *sx__label_escape(char *at, struct sx_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        char escape = escape_of(value.data[i]);
        if (escape != 0) {
            *at++ = '\\';
        }
        *at++ = escape != 0 ? escape : value.data[i];
    }
    return at;
}

/* Prometheus "Exposition formats": names with other characters than legacy ones are in quotes. */
size_t sx__name_quoted_size(struct sx_str name, enum sx__name_kind kind)
{
    return sx__name_is_legacy(name, kind) ? name.size : escaped_size(name) + 2;
}

char *sx__name_write_quoted(char *at, struct sx_str name, enum sx__name_kind kind)
{
    if (sx__name_is_legacy(name, kind)) {
        memcpy(at, name.data, name.size);
        return at + name.size;
    }
    *at++ = '"';
    at = sx__label_escape(at, name);
    *at++ = '"';
    return at;
}

size_t sx__label_escaped_size(struct sx_str name, struct sx_str value)
{
    return sx__name_quoted_size(name, SX__NAME_OF_LABEL) + 3 +
           escaped_size(value); /* `="` and `"` */
}

char *sx__label_write_escaped(char *at, struct sx_str name, struct sx_str value)
{
    at = sx__name_write_quoted(at, name, SX__NAME_OF_LABEL);
    *at++ = '=';
    *at++ = '"';
    at = sx__label_escape(at, value);
    *at++ = '"';
    return at;
}
