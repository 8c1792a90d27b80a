/* Property: the secret that is read from an Authorization header is the one that another encoder
 * wrote: a secret of basic authentication encoded by OpenSSL, and a token as it is. */
#include "authorization.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char decoded[SX__BASIC_BYTES];
    unsigned char encoded[SX__BASIC_BYTES * 2];
    enum sx__scheme scheme;
    struct sx_str secret;
    const struct sx_str value = {(const char *)data, size};
    if (sx__authorization_parse(&scheme, &secret, value, decoded) < 0) {
        return 0;
    }
    const char *text = secret.data;
    size_t length = secret.size;
    if (scheme == SX__SCHEME_BASIC) {
        length =
            (size_t)EVP_EncodeBlock(encoded, (const unsigned char *)secret.data, (int)secret.size);
        text = (const char *)encoded;
    }
    if (length >= size || memcmp(data + size - length, text, length) != 0 ||
        data[size - length - 1] != ' ') {
        abort();
    }
    return 0;
}
