/* credentials.h: who is let in: digests of passwords and tokens, and how they are compared.
 *
 * Nothing that is compared with a secret takes time by the secret: not by where it first differs,
 * as CRYPTO_memcmp reads all bytes; not by its length, as digests are of one size and those of the
 * secrets are made once, at the start; not by which of several it is, as all are compared. What is
 * left is the time of the digest of what a client sent, which depends on the client alone.
 */
#ifndef SX_AUTHENTICATION_CREDENTIALS_H
#define SX_AUTHENTICATION_CREDENTIALS_H

#include "authorization.h"

#define SX__DIGEST_BYTES 32

struct sx__credential {
    enum sx__scheme scheme;
    unsigned char digest[SX__DIGEST_BYTES]; /* SHA-256 of the token, or of "name:password" */
};

/* Zeroed is empty. */
struct sx__credentials {
    struct sx__credential *items;
    size_t count;
};

/* Adds a secret as a client would send it.
 *
 * Errors:   SX_EINVAL: no client could send it: a bearer's must be a token by RFC 6750, and one of
 * basic authentication NAME:PASSWORD without control characters, at most SX__BASIC_BYTES long.
 * SX_ENOMEM
 */
int sx__credentials_add(struct sx__credentials *credentials, enum sx__scheme scheme,
                        struct sx_str secret);

/* Adds each line of a file that is not empty, of which there must be one. Where it cannot, `why`
 * says so, without a word of what the file has. */
int sx__credentials_load(struct sx__credentials *credentials, enum sx__scheme scheme,
                         const char *path, char *why, size_t why_size);

/* Gives 1 where it is one of them, 0 where not. Errors: SX_ENOMEM. [any] */
int sx__credentials_match(const struct sx__credentials *credentials, enum sx__scheme scheme,
                          struct sx_str secret);

bool sx__credentials_has(const struct sx__credentials *credentials, enum sx__scheme scheme);
void sx__credentials_clean_up(struct sx__credentials *credentials);

#endif
