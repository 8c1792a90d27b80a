/* json_text.h: JSON as bytes. */
#ifndef SX_JSON_TEXT_H
#define SX_JSON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct json_t;

/* JSON while it is being written; zeroed to begin with. There is a NUL behind it when it is done,
 * so that a unit test can compare it as a string. */
struct sx__json_text {
    char *bytes; /* to be freed by whoever has begun it; NULL: none yet */
    size_t size;
    size_t capacity;
};

/* False: it cannot be written, or there is no memory left. */
bool sx__json_text_dump(struct sx__json_text *text, struct json_t *value);

/* Writes what json_vpack and json_dumps would make of the arguments, without a value in between,
 * where it is one object of plain members: `s`, `i`, `I`, `b` and `n` by different keys, all text
 * of it printable ASCII that needs no escape. False: it is something else, or there is no memory
 * left; then nothing was written. */
bool sx__json_text_pack(struct sx__json_text *text, const char *format, va_list arguments);

#endif
