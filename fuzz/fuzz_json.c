/* Properties: packing without a value in between gives, byte for byte, the same as jansson for the
 * same arguments, and arguments that jansson rejects are not packed. Arguments that match a format
 * by our check are read by jansson as what they are. A value that is written parses as the same
 * value, and is written as jansson writes it if it has no reals. */
#include "json_format.h"
#include "json_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each takes s, s, s, i, s, I. */
static const char *const formats[] = {"{s:s#,s:i,s:I}",
                                      "{s#:i,s:s,s:I}",
                                      "{s%:s,s:i,s:I}",
                                      "{s:s+,s:i,s:I}",
                                      "{s:s,s:i,s:I}",
                                      "{s:s,s:b,s:I}",
                                      " { s\n:\ts s:i , s:I } ",
                                      "{sssisI}",
                                      "{s:s?,s:i,s:I}",
                                      "{s:s*,s:i,s:I}",
                                      "{s:s,s:i,s:I",
                                      "{s:s,s:i,s:I}}",
                                      "[s,s,s,i,s,I]",
                                      "{s:s,s:{s:i?,s:I}",
                                      "{s:s,s:i,s:I}x",
                                      "{s+s:s,i:s,I}",
                                      "{s:[s,s,i],s:I}",
                                      "{s:{s:s,i},s:I}",
                                      "{s:s,s:i,s:I},",
                                      "s",
                                      "{s:s,s:[i],s:[I]}"};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void compare(const char *format, ...)
{
    struct sx__json_text text = {NULL, 0, 0};
    va_list arguments;
    va_start(arguments, format);
    const bool packed = sx__json_text_pack(&text, NULL, format, arguments);
    va_end(arguments);
    check(packed ? text.size == strlen(text.bytes) : text.size == 0);
    if (packed) {
        va_start(arguments, format);
        json_t *value = json_vpack_ex(NULL, 0, format, arguments);
        va_end(arguments);
        check(value != NULL);
        char *dumped = json_dumps(value, JSON_COMPACT);
        check(dumped != NULL && strcmp(dumped, text.bytes) == 0);
        free(dumped);
        json_decref(value);
    }
    free(text.bytes);
}

/* Lengths are 0, so that no format makes jansson read past a text. */
static void pack_what_fits(const char *format, const char *one, const char *other)
{
    struct sx__json_mismatch mismatch;
    if (!sx__json_format_fits(&mismatch, format, "sssisIsf")) {
        check(memchr(mismatch.message, '\0', sizeof mismatch.message) > (void *)mismatch.message);
        return;
    }
    json_decref(json_pack(format, one, other, one, 0, other, (json_int_t)0, one, 0.5));
}

static bool has_real(const json_t *value)
{
    size_t i;
    const char *key;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        if (has_real(item)) {
            return true;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (has_real(item)) {
            return true;
        }
    }
    return json_is_real(value);
}

static void write_and_read(const uint8_t *data, size_t size)
{
    json_t *value = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL) {
        return;
    }
    struct sx__json_text text = {NULL, 0, 0};
    check(sx__json_text_dump(&text, value));
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    check(dumped != NULL);
    check(has_real(value) || strcmp(dumped, text.bytes) == 0);
    json_t *again = json_loadb(text.bytes, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    check(again != NULL && json_equal(value, again));
    free(dumped);
    free(text.bytes);
    json_decref(value);
    json_decref(again);
}

/* Returns the text up to the next NUL, NUL-terminated; the caller frees it. */
static char *take_text(const uint8_t **data, size_t *size)
{
    const size_t text_size = strnlen((const char *)*data, *size);
    char *text = malloc(text_size + 1);
    check(text != NULL);
    memcpy(text, *data, text_size);
    text[text_size] = '\0';
    const size_t taken = text_size < *size ? text_size + 1 : text_size;
    *data += taken;
    *size -= taken;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t number = 0;
    if (size <= sizeof number) {
        return 0;
    }
    write_and_read(data, size);
    memcpy(&number, data, sizeof number);
    const char *format = formats[data[sizeof number] % (sizeof formats / sizeof *formats)];
    data += sizeof number + 1;
    size -= sizeof number + 1;
    char *texts[4];
    for (size_t i = 0; i < 4; i++) {
        texts[i] = take_text(&data, &size);
    }
    compare(format, texts[0], texts[1], texts[2], (int)number, texts[3], (json_int_t)number);
    pack_what_fits(texts[0], texts[1], texts[2]);
    for (size_t i = 0; i < 4; i++) {
        free(texts[i]);
    }
    return 0;
}
