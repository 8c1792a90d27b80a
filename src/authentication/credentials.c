/* The digests of the accepted credentials; see credentials.h. Read by any thread once they are
 * loaded. */
#include "credentials.h"

#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES = 65536 };

static int digest(unsigned char out[SX__DIGEST_BYTES], struct sx_str secret)
{
    return EVP_Digest(secret.data, secret.size, out, NULL, EVP_sha256(), NULL) == 1 ? SX_OK
                                                                                    : SX_ENOMEM;
}

/* RFC 7617, 2: "The user-id and password MUST NOT contain any control characters", and the user-id
 * no colon, as the first one ends it. Neither may be empty here. */
static bool is_name_and_password(struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    const char *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
    return colon != NULL && colon != text.data && colon + 1 != text.data + text.size &&
           text.size <= SX__BASIC_BYTES;
}

int sx__credentials_add(struct sx__credentials *credentials, enum sx__scheme scheme,
                        struct sx_str secret)
{
    if (scheme == SX__SCHEME_BEARER ? !sx__is_bearer_token(secret)
                                    : !is_name_and_password(secret)) {
        return SX_EINVAL;
    }
    struct sx__credential made = {.scheme = scheme};
    struct sx__credential *grown =
        realloc(credentials->items, (credentials->count + 1) * sizeof *grown);
    if (grown != NULL) {
        credentials->items = grown;
    }
    if (grown == NULL || digest(made.digest, secret) < 0) {
        return SX_ENOMEM;
    }
    grown[credentials->count++] = made;
    return SX_OK;
}

/* Gives the size, at most `size`, or a negative errno. */
static int read_file(const char *path, char *bytes, size_t size)
{
    size_t used = 0;
    ssize_t got = 1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && used < size && got != 0) {
        got = read(fd, bytes + used, size - used);
        if (got < 0 && errno != EINTR) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    const int problem = fd < 0 || got < 0 ? -errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return problem < 0 ? problem : (int)used;
}

static int add_lines(struct sx__credentials *credentials, enum sx__scheme scheme,
                     struct sx_str text, char *why, size_t why_size)
{
    const char *form = scheme == SX__SCHEME_BEARER
                           ? "a bearer token (letters, digits and -._~+/, and = at its end)"
                           : "NAME:PASSWORD";
    const size_t before = credentials->count;
    for (unsigned number = 1; text.size > 0; number++) {
        struct sx_str line = sx__take_until(&text, '\n');
        if (line.size > 0 && line.data[line.size - 1] == '\r') {
            line.size--;
        }
        if (line.size == 0) {
            continue;
        }
        const int status = sx__credentials_add(credentials, scheme, line);
        if (status < 0) {
            snprintf(why, why_size, status == SX_EINVAL ? "line %u is not %s" : "no memory", number,
                     form);
            return status;
        }
    }
    if (credentials->count == before) {
        snprintf(why, why_size, "there is no line that is %s", form);
        return SX_EINVAL;
    }
    return SX_OK;
}

int sx__credentials_load(struct sx__credentials *credentials, enum sx__scheme scheme,
                         const char *path, char *why, size_t why_size)
{
    char *bytes = malloc(FILE_BYTES);
    if (bytes == NULL) {
        snprintf(why, why_size, "%s", sx_status_text(SX_ENOMEM));
        return SX_ENOMEM;
    }
    int status = SX_EINVAL;
    const int size = read_file(path, bytes, FILE_BYTES);
    if (size < 0) {
        (void)strerror_r(-size, why, why_size);
    } else if (size == FILE_BYTES) {
        snprintf(why, why_size, "it has more than %d bytes", FILE_BYTES - 1);
    } else {
        status =
            add_lines(credentials, scheme, (struct sx_str){bytes, (size_t)size}, why, why_size);
    }
    OPENSSL_cleanse(bytes, FILE_BYTES);
    free(bytes);
    return status;
}

int sx__credentials_match(const struct sx__credentials *credentials, enum sx__scheme scheme,
                          struct sx_str secret)
{
    unsigned char sent[SX__DIGEST_BYTES];
    if (digest(sent, secret) < 0) {
        return SX_ENOMEM;
    }
    int found = 0;
    for (size_t i = 0; i < credentials->count; i++) {
        const struct sx__credential *item = &credentials->items[i];
        found |= (item->scheme == scheme) & (CRYPTO_memcmp(item->digest, sent, sizeof sent) == 0);
    }
    return found;
}

bool sx__credentials_has(const struct sx__credentials *credentials, enum sx__scheme scheme)
{
    bool has = false;
    for (size_t i = 0; i < credentials->count; i++) {
        has = has || credentials->items[i].scheme == scheme;
    }
    return has;
}

void sx__credentials_clean_up(struct sx__credentials *credentials)
{
    free(credentials->items);
    *credentials = (struct sx__credentials){0};
}
