/* json_text.h: JSON as bytes. */
#ifndef SX_JSON_TEXT_H
#define SX_JSON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

/* JSON while it is being written; zeroed to begin with. There is a NUL behind it when it is done,
 * so that a unit test can compare it as a string. */
struct sx__json_text {
    char *bytes; /* the caller frees it; NULL: none yet */
    size_t size;
    size_t capacity;
};

/* Each returns false if there is no memory left; the one for reals also if the number is not
 * finite. */
bool sx__json_text_append(struct sx__json_text *text, const char *bytes, size_t size);
bool sx__json_text_append_integer(struct sx__json_text *text, int64_t value);
bool sx__json_text_append_real(struct sx__json_text *text, double value);

/* Writes a value compactly, reals with the fewest digits that read back as the same number. Returns
 * false if the value cannot be written (text that is not UTF-8, a value that contains itself, more
 * than 4,096 levels), or if there is no memory left. */
bool sx__json_text_dump(struct sx__json_text *text, struct json_t *value);

/* Writes the same text as json_vpack and sx__json_text_dump, but makes no json_t, if the format is
 * one object of plain members: `s`, `i`, `I`, `f`, `b` and `n` with different keys, and text of
 * printable ASCII that needs no escape. `kinds` are the kinds of the arguments (json_format.h);
 * NULL: not known. Returns false, and has written nothing, if the format is another one, the
 * arguments do not match it, or there is no memory left. */
bool sx__json_text_pack(struct sx__json_text *text, const char *kinds, const char *format,
                        va_list arguments);

#endif
