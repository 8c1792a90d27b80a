/* Property: what is packed without a value in between is, byte for byte, what jansson makes of the
 * same arguments; and what jansson refuses is not packed. */
#include "json_text.h"

#include <jansson.h>
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
    const bool packed = sx__json_text_pack(&text, format, arguments);
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

/* The text up to the next NUL, with one behind it; to be freed. */
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
    memcpy(&number, data, sizeof number);
    const char *format = formats[data[sizeof number] % (sizeof formats / sizeof *formats)];
    data += sizeof number + 1;
    size -= sizeof number + 1;
    char *texts[4];
    for (size_t i = 0; i < 4; i++) {
        texts[i] = take_text(&data, &size);
    }
    compare(format, texts[0], texts[1], texts[2], (int)number, texts[3], (json_int_t)number);
    for (size_t i = 0; i < 4; i++) {
        free(texts[i]);
    }
    return 0;
}
