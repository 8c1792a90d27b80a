/* http_methods.c: the methods that metrics distinguish. See http_methods.h. */
#include "http_methods.h"

#include <stddef.h>

/* The most frequent ones first. */
static const char *const method_names[SX__HTTP_METHODS] = {
    "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "_OTHER",
};

unsigned short sx__http_method_find(const char *name)
{
    unsigned short method = 0;
    while (method < SX__HTTP_METHODS - 1 &&
           (name == NULL || !sx__http_is_word(name, method_names[method]))) {
        method++;
    }
    return method;
}

const char *sx__http_method_name(unsigned short method)
{
    return method_names[method];
}
