/* json_text.h: a JSON value as text.
 *
 * It is the text of jansson's json_dumps with JSON_COMPACT, which for each array and object makes a
 * hash table to find cycles with and formats an address for it: for a small answer that costs more
 * than all else that is done for a request.
 */
#ifndef SX_JSON_TEXT_H
#define SX_JSON_TEXT_H

#include <stddef.h>

struct json_t;

/* The value as text, from malloc, and behind it a NUL that is not counted; NULL: it contains
 * itself, or a string that is not UTF-8, or there is no memory. */
char *sx__json_text(size_t *size, struct json_t *value);

#endif
