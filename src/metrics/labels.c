/* labels.c: the text of a series, which a scrape only copies, and its values, which look-ups read.
 */
#include "labels.h"

#include "constants.h"
#include "label_escape.h"
#include "label_hash.h"
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
    return !sx__has_buckets(family);
}

static struct sx_str constant_labels_of(const struct sx__family *family)
{
    return sx__constant_labels(sx__arenas[family->arena].registry);
}

/* `name{labels} `, or `{"name",labels} ` */
size_t sx__labels_text_size(const struct sx__family *family, const struct sx_str *values)
{
    const struct sx_str constant = constant_labels_of(family);
    const bool has_labels = constant.size > 0 || family->label_count > 0;
    size_t size = constant.size;
    if (has_name(family)) {
        const struct sx_str name = sx__family_name(family);
        const bool is_quoted = !sx__name_is_legacy(name, SX__NAME_OF_METRIC);
        size += sx__name_quoted_size(name, SX__NAME_OF_METRIC) + 1; /* the blank */
        size += (has_labels || is_quoted) ? 2 : 0;                  /* the braces */
        size += has_labels && is_quoted;                            /* the comma */
    }
    for (size_t i = 0; i < family->label_count; i++) {
        size += (i > 0 || constant.size > 0) +
                sx__label_escaped_size(sx__family_label(family, i), values[i]);
    }
    return size;
}

/* Writes the name, and the brace and the comma around it. */
static char *begin_series_text(char *at, struct sx_str name, bool has_labels)
{
    const bool is_quoted = !sx__name_is_legacy(name, SX__NAME_OF_METRIC);
    if (is_quoted) {
        *at++ = '{';
    }
    at = sx__name_write_quoted(at, name, SX__NAME_OF_METRIC);
    if (has_labels) {
        *at++ = is_quoted ? ',' : '{';
    }
    return at;
}

void sx__labels_write_text(char *text, const struct sx__family *family, const struct sx_str *values)
{
    char *at = text;
    const struct sx_str constant = constant_labels_of(family);
    const bool has_labels = constant.size > 0 || family->label_count > 0;
    if (has_name(family)) {
        at = begin_series_text(at, sx__family_name(family), has_labels);
    }
    at = put_text(at, constant);
    for (size_t i = 0; i < family->label_count; i++) {
        if (i > 0 || constant.size > 0) {
            *at++ = ',';
        }
        at = sx__label_write_escaped(at, sx__family_label(family, i), values[i]);
    }
    if (has_name(family)) {
        if (has_labels || text[0] == '{') {
            *at++ = '}';
        }
        *at = ' ';
    }
}

size_t sx__labels_values_size(const struct sx__family *family, const struct sx_str *values)
{
    size_t words = 0;
    for (size_t i = 0; i < family->label_count; i++) {
        words += 1 + (values[i].size < 8 ? 0 : (values[i].size + 7) / 8);
    }
    return words * sizeof(uint64_t);
}

static char *put_word(char *at, uint64_t word)
{
    word = sx__word_at((const char *)&word); /* little-endian */
    memcpy(at, &word, sizeof word);
    return at + sizeof word;
}

void sx__labels_write_values(struct sx__series *series, const struct sx__family *family,
                             const struct sx_str *values)
{
    char *at = (char *)(series + 1);
    for (size_t i = 0; i < family->label_count; i++) {
        const struct sx_str value = values[i];
        if (value.size < 8) {
            at = put_word(at, sx__short_word(value.data, value.size) | (uint64_t)value.size
                                                                           << SX__SIZE_SHIFT);
            continue;
        }
        at = put_word(at, value.size);
        const size_t before_last = (value.size - 1) / 8 * 8;
        memcpy(at, value.data, before_last);
        at = put_word(at + before_last, sx__last_word(value.data, value.size));
    }
}

/* Reads the value at `words` and returns where the next one is. */
static const char *next_value(struct sx_str *value, const char *words)
{
    const uint64_t word = sx__word_at(words);
    const size_t size = (size_t)(word >> SX__SIZE_SHIFT);
    if (size > 0 || word == 0) {
        *value = (struct sx_str){words, size};
        return words + sizeof word;
    }
    *value = (struct sx_str){words + sizeof word, (size_t)word};
    return value->data + (word + 7) / 8 * 8;
}

bool sx__labels_equal(const struct sx__series *series, const struct sx__family *family,
                      const struct sx_str *values)
{
    const char *at = (const char *)(series + 1);
    for (size_t i = 0; i < family->label_count; i++) {
        struct sx_str value;
        at = next_value(&value, at);
        if (value.size != values[i].size ||
            (value.size > 0 && memcmp(value.data, values[i].data, value.size) != 0)) {
            return false;
        }
    }
    return true;
}

struct sx_str sx__labels_value(const struct sx__series *series, const struct sx__family *family,
                               size_t index)
{
    struct sx_str value = {NULL, 0};
    const char *at = (const char *)(series + 1);
    for (size_t i = 0; i <= index && i < family->label_count; i++) {
        at = next_value(&value, at);
    }
    return value;
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
