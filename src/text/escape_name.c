/* escape_name.c: the escaping schemes of names. See escape_name.h. */
#include "escape_name.h"

#include "utf8.h"

#include <string.h>

/* Not isalpha(): names are ASCII, whatever the locale. */
static bool is_legacy_byte(char c, size_t position, enum sx__name_kind kind)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9' && position > 0) || (c == ':' && kind == SX__NAME_OF_METRIC);
}

size_t sx__name_legacy_size(struct sx_str text, enum sx__name_kind kind)
{
    size_t i = 0;
    while (i < text.size && is_legacy_byte(text.data[i], i, kind)) {
        i++;
    }
    return i;
}

bool sx__name_is_legacy(struct sx_str name, enum sx__name_kind kind)
{
    return name.size > 0 && sx__name_legacy_size(name, kind) == name.size;
}

static char *put_name_text(char *at, const char *text)
{
    const size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

/* Returns the code point of a well-formed sequence. */
static unsigned code_point(const char *bytes, size_t size)
{
    static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned point = (unsigned char)bytes[0] & first_bits[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | ((unsigned char)bytes[i] & 0x3Fu);
    }
    return point;
}

static char *put_hex(char *at, unsigned number)
{
    unsigned shift = 0;
    while (number >> shift >= 16) {
        shift += 4;
    }
    *at++ = '_';
    for (;; shift -= 4) {
        *at++ = "0123456789abcdef"[number >> shift & 15];
        if (shift == 0) {
            break;
        }
    }
    *at++ = '_';
    return at;
}

/* Writes a character that is neither a legacy one nor an underscore. */
static char *put_foreign(char *at, const char *bytes, size_t size, enum sx__name_scheme scheme)
{
    switch (scheme) {
    case SX__NAME_VALUES:
        return put_hex(at, code_point(bytes, size));
    case SX__NAME_DOTS:
        return put_name_text(at, *bytes == '.' ? "_dot_" : "__");
    default:
        *at = '_';
        return at + 1;
    }
}

char *sx__name_escape(char *at, struct sx_str name, enum sx__name_kind kind,
                      enum sx__name_scheme scheme)
{
    if (scheme == SX__NAME_AS_IT_IS ||
        (scheme != SX__NAME_DOTS && sx__name_is_legacy(name, kind))) {
        memcpy(at, name.data, name.size);
        return at + name.size;
    }
    if (scheme == SX__NAME_VALUES) {
        at = put_name_text(at, "U__");
    }
    for (size_t i = 0; i < name.size;) {
        bool valid = true;
        const size_t size = sx__utf8_measure((struct sx_str){name.data + i, name.size - i}, &valid);
        const char c = name.data[i];
        if (c == '_' && scheme != SX__NAME_UNDERSCORES) {
            at = put_name_text(at, "__");
        } else if (size == 1 && is_legacy_byte(c, i, kind)) {
            *at++ = c;
        } else {
            at = put_foreign(at, name.data + i, size, scheme);
        }
        i += size;
    }
    return at;
}

bool sx__name_stays(struct sx_str name, enum sx__name_kind kind, enum sx__name_scheme scheme)
{
    return scheme == SX__NAME_AS_IT_IS ||
           (sx__name_is_legacy(name, kind) &&
            (scheme != SX__NAME_DOTS || memchr(name.data, '_', name.size) == NULL));
}

/* Takes the first character of a name, as SX__NAME_UNDERSCORES writes it. */
static char take_escaped(struct sx_str *name, size_t *position, enum sx__name_kind kind)
{
    bool valid = true;
    const size_t size = sx__utf8_measure(*name, &valid);
    const char c = *name->data;
    const bool stays = size == 1 && is_legacy_byte(c, *position, kind);
    name->data += size;
    name->size -= size;
    *position += size;
    return stays ? c : '_';
}

bool sx__names_meet(struct sx_str a, struct sx_str b, enum sx__name_kind kind)
{
    size_t at_a = 0;
    size_t at_b = 0;
    while (a.size > 0 && b.size > 0) {
        if (take_escaped(&a, &at_a, kind) != take_escaped(&b, &at_b, kind)) {
            return false;
        }
    }
    return a.size == 0 && b.size == 0;
}
