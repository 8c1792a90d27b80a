/* labels.c: the text of a series, which a scrape only copies, and its values, which look-ups read.
 */
#include "labels.h"

#include "constants.h"
#include "label_escape.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

static char *put_text(char *at, struct sx_str bytes)
{
    memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

static bool has_name(const struct sx__family *family)
{
    return family->type != SX_HISTOGRAM;
}

static struct sx_str constant_labels_of(const struct sx__family *family)
{
    return sx__constant_labels(sx__arenas[family->arena].registry);
}

size_t sx__labels_text_size(const struct sx__family *family, const struct sx_str *values)
{
    const struct sx_str constant = constant_labels_of(family);
    size_t size = constant.size + (has_name(family) ? sx__family_name(family).size + 1 : 0);
    if (has_name(family) && (constant.size > 0 || family->label_count > 0)) {
        size += 2; /* the braces */
    }
    for (size_t i = 0; i < family->label_count; i++) {
        size += (i > 0 || constant.size > 0) +
                sx__label_escaped_size(sx__family_label(family, i), values[i]);
    }
    return size;
}

void sx__labels_write_text(char *text, const struct sx__family *family, const struct sx_str *values)
{
    char *at = text;
    const struct sx_str constant = constant_labels_of(family);
    bool braced = has_name(family) && (constant.size > 0 || family->label_count > 0);
    if (has_name(family)) {
        at = put_text(at, sx__family_name(family));
    }
    if (braced) {
        *at++ = '{';
    }
    at = put_text(at, constant);
    for (size_t i = 0; i < family->label_count; i++) {
        if (i > 0 || constant.size > 0) {
            *at++ = ',';
        }
        at = sx__label_write_escaped(at, sx__family_label(family, i), values[i]);
    }
    if (braced) {
        *at++ = '}';
    }
    if (has_name(family)) {
        *at = ' ';
    }
}

size_t sx__labels_values_size(const struct sx__family *family, const struct sx_str *values)
{
    size_t size = family->label_count * sizeof(uint32_t);
    for (size_t i = 0; i < family->label_count; i++) {
        size += values[i].size;
    }
    return size;
}

void sx__labels_write_values(struct sx__series *series, const struct sx__family *family,
                             const struct sx_str *values)
{
    char *sizes = (char *)(series + 1);
    char *at = sizes + family->label_count * sizeof(uint32_t);
    for (size_t i = 0; i < family->label_count; i++) {
        uint32_t size = (uint32_t)values[i].size;
        memcpy(sizes + i * sizeof size, &size, sizeof size);
        if (size > 0) {
            at = put_text(at, values[i]);
        }
    }
}

static uint64_t load(const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return word;
}

/* As memcmp == 0, but faster for short values, because it is inlined. */
static bool are_equal(const char *a, const char *b, size_t size)
{
    uint64_t difference = 0;
    if (size < 4) {
        return size == 0 ||
               (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
    }
    if (size < 8) {
        return ((load(a, 4) ^ load(b, 4)) | (load(a + size - 4, 4) ^ load(b + size - 4, 4))) == 0;
    }
    for (size_t i = 0; i + 8 < size; i += 8) {
        difference |= load(a + i, 8) ^ load(b + i, 8);
    }
    /* The last word may overlap the one before it. */
    return (difference | (load(a + size - 8, 8) ^ load(b + size - 8, 8))) == 0;
}

bool sx__labels_equal(const struct sx__series *series, const struct sx__family *family,
                      const struct sx_str *values)
{
    const char *sizes = (const char *)(series + 1);
    const char *at = sizes + family->label_count * sizeof(uint32_t);
    for (size_t i = 0; i < family->label_count; i++) {
        uint32_t size;
        memcpy(&size, sizes + i * sizeof size, sizeof size);
        if (size != values[i].size || !are_equal(at, values[i].data, size)) {
            return false;
        }
        at += size;
    }
    return true;
}

struct sx_str sx__labels_value(const struct sx__series *series, const struct sx__family *family,
                               size_t index)
{
    const char *sizes = (const char *)(series + 1);
    const char *at = sizes + family->label_count * sizeof(uint32_t);
    uint32_t size;
    for (size_t i = 0;; i++) {
        memcpy(&size, sizes + i * sizeof size, sizeof size);
        if (i == index) {
            return (struct sx_str){at, size};
        }
        at += size;
    }
}

int sx__labels_clean(struct sx_str *cleaned, char **memory, const struct sx_str *values,
                     size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        if (values[i].size > UINT32_MAX) {
            return SX_EFULL;
        }
        size += values[i].size * SX__UTF8_GROWTH;
    }
    char *at = malloc(size);
    if (at == NULL) {
        return SX_ENOMEM;
    }
    *memory = at;
    for (size_t i = 0; i < count; i++) {
        cleaned[i] = (struct sx_str){at, sx__utf8_clean(at, values[i])};
        at += cleaned[i].size;
    }
    return SX_OK;
}

const struct sx_str sx__labels_overflow_value = {SX_OVERFLOW_VALUE, sizeof SX_OVERFLOW_VALUE - 1};

bool sx__labels_are_overflow(const struct sx_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].size != sx__labels_overflow_value.size ||
            memcmp(values[i].data, sx__labels_overflow_value.data,
                   sx__labels_overflow_value.size) != 0) {
            return false;
        }
    }
    return count > 0;
}
