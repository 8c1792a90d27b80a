#include "json_text.h"

#include "utf8.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256
#define NUMBER_BYTES 64

struct text {
    char *bytes;
    size_t size;
    size_t capacity;
};

/* The arrays and objects that are being written, from the inside out. */
struct parent {
    const struct parent *outer;
    const json_t *value;
};

static bool put_value(struct text *text, json_t *value, const struct parent *outer);

static bool grow(struct text *text, size_t size)
{
    size_t capacity = text->capacity == 0 ? CAPACITY_FIRST : text->capacity;
    while (capacity - text->size < size) {
        if (capacity > SIZE_MAX / 2) {
            return false;
        }
        capacity *= 2;
    }
    char *bytes = realloc(text->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

static inline bool put(struct text *text, const char *bytes, size_t size)
{
    if (text->capacity - text->size < size && !grow(text, size)) {
        return false;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return true;
}

/* RFC 8259 7: "characters that MUST be escaped: quotation mark, reverse solidus, and the control
 * characters (U+0000 through U+001F)". */
static bool put_escaped(struct text *text, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't',  ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['\\'] = '\\', ['"'] = '"'};
    if (c < sizeof letters && letters[c] != '\0') {
        const char escape[] = {'\\', letters[c]};
        return put(text, escape, sizeof escape);
    }
    const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    return put(text, escape, sizeof escape);
}

static bool put_string(struct text *text, const char *string, size_t size)
{
    bool good = put(text, "\"", 1);
    bool is_ascii = true;
    size_t begun = 0;
    for (size_t i = 0; i < size && good; i++) {
        const unsigned char c = (unsigned char)string[i];
        is_ascii &= c < 0x80;
        if (c < 0x20 || c == '"' || c == '\\') {
            good = put(text, string + begun, i - begun) && put_escaped(text, c);
            begun = i + 1;
        }
    }
    return good && (is_ascii || sx__utf8_is_valid((struct sx_str){string, size})) &&
           put(text, string + begun, size - begun) && put(text, "\"", 1);
}

static bool put_integer(struct text *text, json_int_t value)
{
    char digits[24];
    size_t begin = sizeof digits;
    const bool negative = value < 0;
    uint64_t rest = negative ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--begin] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (negative) {
        digits[--begin] = '-';
    }
    return put(text, digits + begin, sizeof digits - begin);
}

/* With jansson's digits and decimal point, whatever the locale. */
static bool put_real(struct text *text, json_t *value)
{
    char number[NUMBER_BYTES];
    const size_t size = json_dumpb(value, number, sizeof number, JSON_ENCODE_ANY);
    return size > 0 && size <= sizeof number && put(text, number, size);
}

static bool contains_itself(const json_t *value, const struct parent *outer)
{
    while (outer != NULL && outer->value != value) {
        outer = outer->outer;
    }
    return outer != NULL;
}

static bool put_array(struct text *text, json_t *array, const struct parent *outer)
{
    const struct parent parent = {outer, array};
    bool good = !contains_itself(array, outer) && put(text, "[", 1);
    for (size_t i = 0; i < json_array_size(array) && good; i++) {
        good = (i == 0 || put(text, ",", 1)) && put_value(text, json_array_get(array, i), &parent);
    }
    return good && put(text, "]", 1);
}

static size_t key_size(void *at)
{
#if JANSSON_VERSION_HEX >= 0x020E00
    return json_object_iter_key_len(at);
#else
    return strlen(json_object_iter_key(at));
#endif
}

static bool put_object(struct text *text, json_t *object, const struct parent *outer)
{
    const struct parent parent = {outer, object};
    void *first = json_object_iter(object);
    bool good = !contains_itself(object, outer) && put(text, "{", 1);
    for (void *at = first; at != NULL && good; at = json_object_iter_next(object, at)) {
        good = (at == first || put(text, ",", 1)) &&
               put_string(text, json_object_iter_key(at), key_size(at)) && put(text, ":", 1) &&
               put_value(text, json_object_iter_value(at), &parent);
    }
    return good && put(text, "}", 1);
}

static bool put_value(struct text *text, json_t *value, const struct parent *outer)
{
    if (value == NULL) {
        return false;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(text, value, outer);
    case JSON_ARRAY:
        return put_array(text, value, outer);
    case JSON_STRING:
        return put_string(text, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return put_integer(text, json_integer_value(value));
    case JSON_REAL:
        return put_real(text, value);
    case JSON_TRUE:
        return put(text, "true", 4);
    case JSON_FALSE:
        return put(text, "false", 5);
    case JSON_NULL:
        return put(text, "null", 4);
    }
    return false;
}

char *sx__json_text(size_t *size, struct json_t *value)
{
    struct text text = {NULL, 0, 0};
    if (!put_value(&text, value, NULL) || !put(&text, "", 1)) {
        free(text.bytes);
        return NULL;
    }
    *size = text.size - 1;
    return text.bytes;
}
