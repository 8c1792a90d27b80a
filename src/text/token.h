/* token.h: parses the parts of header fields: tokens, words, lists. RFC 9110, 5.6.
 *
 * Threads: any.
 */
#ifndef SX_TOKEN_H
#define SX_TOKEN_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether each byte is a tchar, which may be in a token. */
extern const bool sx__tchars[256];
static inline bool sx__is_tchar(char c)
{
    return sx__tchars[(unsigned char)c];
}

/* Returns how many of the first bytes may be in a token. */
size_t sx__token_size(struct sx_str bytes);

/* Returns whether the text is one token. */
bool sx__is_token(struct sx_str text);

/* Returns whether the bytes begin with that token, followed by a byte that ends it. */
bool sx__begins_with_token(struct sx_str bytes, const char *token);

/* Returns whether two texts are equal, ignoring the case of ASCII letters, in any locale. */
bool sx__is_same(struct sx_str text, struct sx_str other);
static inline bool sx__is_word(struct sx_str text, const char *word)
{
    return sx__is_same(text, (struct sx_str){word, strlen(word)});
}

/* Returns the text without spaces and tabs around it. */
struct sx_str sx__trim(struct sx_str text);

/* Removes the text up to the separator, or all of it if there is none, and returns it. The
 * separator itself is removed, too. */
struct sx_str sx__take_until(struct sx_str *rest, char separator);

/* As sx__take_until, but ignores separators in quoted strings, and trims the text that it returns.
 */
struct sx_str sx__take_part(struct sx_str *rest, char separator);

#endif
