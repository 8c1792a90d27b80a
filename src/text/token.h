/* token.h: what the header fields of HTTP are made of: RFC 9110, 5.6. */
#ifndef SX_TOKEN_H
#define SX_TOKEN_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* tchar, of which tokens are made. */
extern const bool sx__tchars[256];
static inline bool sx__is_tchar(char c)
{
    return sx__tchars[(unsigned char)c];
}

/* How many of the bytes, from the first one on, may be in a token. */
size_t sx__token_size(struct sx_str bytes);

/* Whether all of the text is one token. */
bool sx__is_token(struct sx_str text);

/* Whether the bytes begin with that token, followed by a byte that ends it. */
bool sx__begins_with_token(struct sx_str bytes, const char *token);

/* Whether they are the same in any case of ASCII, whatever the locale. */
bool sx__is_same(struct sx_str text, struct sx_str other);
static inline bool sx__is_word(struct sx_str text, const char *word)
{
    return sx__is_same(text, (struct sx_str){word, strlen(word)});
}

/* The text without spaces and tabs around it. */
struct sx_str sx__trim(struct sx_str text);

/* Takes off what stands before the separator, which is taken too; all where there is none. */
struct sx_str sx__take_until(struct sx_str *rest, char separator);

/* As sx__take_until, but for a separator outside of quoted strings, and without the white space
 * around what was taken. */
struct sx_str sx__take_part(struct sx_str *rest, char separator);

#endif
