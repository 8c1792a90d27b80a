/* token.h: the alphabet of HTTP, RFC 9110, 5.6.2. */
#ifndef SX_TOKEN_H
#define SX_TOKEN_H

#include <sextant/status.h>
#include <stdbool.h>

/* How many of the bytes, from the first one on, may be in a token. */
size_t sx__token_size(const char *bytes, size_t size);

/* Whether the text is `word`, in any case of ASCII. `word` is in lower case. */
bool sx__is_word(struct sx_str text, const char *word);

/* Takes the first element off a comma-separated list, without the white space around it; false: the
 * list is at its end. Elements may be empty. */
bool sx__list_next(struct sx_str *list, struct sx_str *element);

/* The text without spaces and tabs around it. */
struct sx_str sx__trim(struct sx_str text);

#endif
