/* http_methods.h: the methods that metrics distinguish. No client can add one. */
#ifndef SX_HTTP_METHODS_H
#define SX_HTTP_METHODS_H

#include <stdbool.h>

/* RFC 9110 9.1 and RFC 5789, and one for all others. */
#define SX__HTTP_METHODS 10

/* The number of a method. NULL and unknown ones are "_OTHER"; the case of letters matters. */
unsigned short sx__http_method_find(const char *name);
const char *sx__http_method_name(unsigned short method);

/* Whether the texts are equal. Methods and schemes are so short that a call of strcmp costs more.
 */
static inline bool sx__http_is_word(const char *text, const char *word)
{
    while (*text != '\0' && *text == *word) {
        text++;
        word++;
    }
    return *text == *word;
}

#endif
