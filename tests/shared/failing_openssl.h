/* failing_openssl.h: the allocations of OpenSSL fail as those of the program do; see
 * failing_allocation.h. */
#ifndef FAILING_OPENSSL_H
#define FAILING_OPENSSL_H

#include "failing_allocation.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static inline void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(size);
}

static inline void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(memory, size);
}

static inline void openssl_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Call it before OpenSSL has allocated anything; false: it has. */
static inline bool fail_openssl_allocations(void)
{
    return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;
}

#endif
