/* Property: for any name, each escaping scheme writes a legacy name, `values` can be undone, and
 * `dots` too, if the name has no other characters than legacy ones and dots. Two names meet if and
 * only if `underscores` writes them alike. */
#include "escape_name.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 256
#define ESCAPED_MAX_SIZE (5 * NAME_MAX_SIZE * SX__UTF8_GROWTH + 3)

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static char *put_utf8(char *at, unsigned point)
{
    if (point < 0x80) {
        *at++ = (char)point;
    } else if (point < 0x800) {
        *at++ = (char)(0xC0 | point >> 6);
        *at++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *at++ = (char)(0xE0 | point >> 12);
        *at++ = (char)(0x80 | (point >> 6 & 0x3F));
        *at++ = (char)(0x80 | (point & 0x3F));
    } else {
        *at++ = (char)(0xF0 | point >> 18);
        *at++ = (char)(0x80 | (point >> 12 & 0x3F));
        *at++ = (char)(0x80 | (point >> 6 & 0x3F));
        *at++ = (char)(0x80 | (point & 0x3F));
    }
    return at;
}

/* Written from "Escaping schemes", not from the encoder. */
static size_t unescape_values(char *name, struct sx_str escaped)
{
    char *at = name;
    if (escaped.size < 3 || memcmp(escaped.data, "U__", 3) != 0) {
        memcpy(name, escaped.data, escaped.size);
        return escaped.size;
    }
    for (size_t i = 3; i < escaped.size; i++) {
        unsigned point = 0;
        if (escaped.data[i] != '_') {
            *at++ = escaped.data[i];
            continue;
        }
        i++;
        check(i < escaped.size);
        if (escaped.data[i] == '_') {
            *at++ = '_';
            continue;
        }
        for (; i < escaped.size && is_hex(escaped.data[i]); i++) {
            const char c = escaped.data[i];
            point = point * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        check(i < escaped.size && escaped.data[i] == '_' && point <= 0x10FFFF);
        at = put_utf8(at, point);
    }
    return (size_t)(at - name);
}

static size_t unescape_dots(char *name, struct sx_str escaped)
{
    char *at = name;
    for (size_t i = 0; i < escaped.size; i++) {
        if (escaped.data[i] != '_') {
            *at++ = escaped.data[i];
        } else if (i + 1 < escaped.size && escaped.data[i + 1] == '_') {
            *at++ = '_';
            i++;
        } else {
            check(escaped.size - i >= 5 && memcmp(escaped.data + i, "_dot_", 5) == 0);
            *at++ = '.';
            i += 4;
        }
    }
    return (size_t)(at - name);
}

static bool has_only_dots(struct sx_str name, enum sx__name_kind kind)
{
    char copy[NAME_MAX_SIZE * SX__UTF8_GROWTH];
    for (size_t i = 0; i < name.size; i++) {
        copy[i] = name.data[i] == '.' ? 'a' : name.data[i];
    }
    return sx__name_is_legacy((struct sx_str){copy, name.size}, kind);
}

static struct sx_str escape(char *escaped, struct sx_str name, enum sx__name_kind kind,
                            enum sx__name_scheme scheme)
{
    const char *end = sx__name_escape(escaped, name, kind, scheme);
    const struct sx_str text = {escaped, (size_t)(end - escaped)};
    check(text.size <= sx__name_escaped_size_max(name.size));
    const bool is_same = text.size == name.size && memcmp(escaped, name.data, name.size) == 0;
    check(is_same == sx__name_stays(name, kind, scheme));
    return text;
}

static void check_name(struct sx_str name, enum sx__name_kind kind)
{
    static char escaped[ESCAPED_MAX_SIZE], again[ESCAPED_MAX_SIZE];
    for (int scheme = SX__NAME_UNDERSCORES; scheme <= SX__NAME_VALUES; scheme++) {
        const struct sx_str text = escape(escaped, name, kind, (enum sx__name_scheme)scheme);
        check(sx__name_is_legacy(text, kind));
        size_t size = name.size;
        memcpy(again, name.data, size);
        if (scheme == SX__NAME_VALUES && !(sx__name_is_legacy(name, kind) && name.size >= 3 &&
                                           memcmp(name.data, "U__", 3) == 0)) {
            size = unescape_values(again, text);
        } else if (scheme == SX__NAME_DOTS && has_only_dots(name, kind)) {
            size = unescape_dots(again, text);
        }
        check(size == name.size && memcmp(again, name.data, size) == 0);
    }
}

static void check_pair(struct sx_str a, struct sx_str b, enum sx__name_kind kind)
{
    static char first[ESCAPED_MAX_SIZE], second[ESCAPED_MAX_SIZE];
    const struct sx_str x = escape(first, a, kind, SX__NAME_UNDERSCORES);
    const struct sx_str y = escape(second, b, kind, SX__NAME_UNDERSCORES);
    const bool alike = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    check(sx__names_meet(a, b, kind) == alike);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char names[2][NAME_MAX_SIZE * SX__UTF8_GROWTH];
    struct sx_str views[2];
    if (size == 0) {
        return 0;
    }
    const size_t half = data[0] % size;
    const struct sx_str halves[2] = {{(const char *)data + 1, half},
                                     {(const char *)data + 1 + half, size - 1 - half}};
    for (int i = 0; i < 2; i++) {
        struct sx_str cut = halves[i];
        cut.size = cut.size < NAME_MAX_SIZE ? cut.size : NAME_MAX_SIZE;
        views[i] = (struct sx_str){names[i], sx__utf8_clean(names[i], cut)};
        if (views[i].size == 0) {
            return 0;
        }
    }
    for (int kind = SX__NAME_OF_METRIC; kind <= SX__NAME_OF_LABEL; kind++) {
        check_name(views[0], (enum sx__name_kind)kind);
        check_name(views[1], (enum sx__name_kind)kind);
        check_pair(views[0], views[1], (enum sx__name_kind)kind);
    }
    return 0;
}
