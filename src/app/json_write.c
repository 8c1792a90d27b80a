/* Writes values of jansson as JSON. jansson's own writer gives every real 17 digits, which turns
 * 48.4 into 48.399999999999999. */
#include "json_text.h"

#include "format_number.h"
#include "utf8.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Twice as deep as jansson reads; the stack of a thread holds it. */
#define DEPTH_MAX 4096

/* The path down to a value. A container that contains itself would never end, so each container is
 * compared with one of its ancestors: the one at the last depth that is a power of two. On a path
 * that is a cycle that ancestor comes again (Brent's cycle detection). */
struct path {
    size_t depth;
    size_t marked_depth;
    const json_t *marked;
};

static bool write_value(struct sx__json_text *text, const json_t *value, const struct path *path);

static bool put(struct sx__json_text *text, const char *bytes, size_t size)
{
    return sx__json_text_append(text, bytes, size);
}

/* ---- scalars ---- */

static bool put_escaped(struct sx__json_text *text, unsigned char byte)
{
    static const char letters[] = "b\bf\fn\nr\rt\t\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if ((unsigned char)letters[i + 1] == byte) {
            return put(text, (const char[]){'\\', letters[i]}, 2);
        }
    }
    char escape[8];
    snprintf(escape, sizeof escape, "\\u%04X", byte);
    return put(text, escape, 6);
}

static bool write_string(struct sx__json_text *text, const char *bytes, size_t size)
{
    bool good = sx__utf8_is_valid((struct sx_str){bytes, size}) && put(text, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; good && i < size; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            good = put(text, bytes + from, i - from) && put_escaped(text, byte);
            from = i + 1;
        }
    }
    return good && put(text, bytes + from, size - from) && put(text, "\"", 1);
}

bool sx__json_text_append_integer(struct sx__json_text *text, int64_t value)
{
    char digits[SX__WHOLE_SIZE_MAX + 1];
    char *at = digits;
    if (value < 0) {
        *at++ = '-';
    }
    at = sx__write_whole(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    return put(text, digits, (size_t)(at - digits));
}

/* Always with a point or an exponent, so that readers that distinguish integers from reals read a
 * real. */
bool sx__json_text_append_real(struct sx__json_text *text, double value)
{
    char digits[SX__DOUBLE_SIZE_MAX + 2];
    if (!isfinite(value)) {
        return false;
    }
    char *end = sx__write_double(digits, value);
    const size_t size = (size_t)(end - digits);
    if (memchr(digits, '.', size) == NULL && memchr(digits, 'e', size) == NULL) {
        memcpy(end, ".0", 2);
        end += 2;
    }
    return put(text, digits, (size_t)(end - digits));
}

/* ---- containers ---- */

static bool write_array(struct sx__json_text *text, const json_t *array, const struct path *path)
{
    bool good = put(text, "[", 1);
    for (size_t i = 0; good && i < json_array_size(array); i++) {
        good = (i == 0 || put(text, ",", 1)) && write_value(text, json_array_get(array, i), path);
    }
    return good && put(text, "]", 1);
}

static bool write_object(struct sx__json_text *text, json_t *object, const struct path *path)
{
    bool good = put(text, "{", 1);
    bool first = true;
    for (void *at = json_object_iter(object); good && at != NULL;
         at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        good = (first || put(text, ",", 1)) &&
               write_string(text, key, json_object_iter_key_len(at)) && put(text, ":", 1) &&
               write_value(text, json_object_iter_value(at), path);
        first = false;
    }
    return good && put(text, "}", 1);
}

static bool write_container(struct sx__json_text *text, const json_t *value,
                            const struct path *path)
{
    struct path inside = *path;
    if (value == path->marked || ++inside.depth > DEPTH_MAX) {
        return false;
    }
    if (inside.depth >= 2 * inside.marked_depth) {
        inside.marked = value;
        inside.marked_depth = inside.depth;
    }
    return json_is_array(value) ? write_array(text, value, &inside)
                                : write_object(text, (json_t *)(uintptr_t)value, &inside);
}

static bool write_value(struct sx__json_text *text, const json_t *value, const struct path *path)
{
    if (value == NULL) {
        return false;
    }
    switch (json_typeof(value)) {
    case JSON_STRING:
        return write_string(text, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return sx__json_text_append_integer(text, json_integer_value(value));
    case JSON_REAL:
        return sx__json_text_append_real(text, json_real_value(value));
    case JSON_TRUE:
        return put(text, "true", 4);
    case JSON_FALSE:
        return put(text, "false", 5);
    case JSON_NULL:
        return put(text, "null", 4);
    default:
        return write_container(text, value, path);
    }
}

bool sx__json_text_dump(struct sx__json_text *text, json_t *value)
{
    const struct path top = {0, 0, NULL};
    return write_value(text, value, &top);
}
