/* Parses the Authorization header; see authorization.h. Any thread. */
#include "authorization.h"

#include "token.h"

#include <string.h>

/* ---- base64 ---- */

/* The number of a digit; negative: none. */
static int digit_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Four digits become up to three bytes; gives how many, negative where they are wrong. RFC 4648,
 * 3.5: "The padding step ... implementations MAY ... reject ... if the pad bits have not been set
 * to zero": so there is one spelling of each password. */
static int decode_four(const char digits[4], char bytes[3])
{
    int size = digits[3] != '=' ? 3 : digits[2] != '=' ? 2 : 1;
    unsigned bits = 0;
    for (int i = 0; i < 4; i++) {
        const int value = i > size ? 0 : digit_value(digits[i]);
        if (value < 0) {
            return -1;
        }
        bits = bits << 6 | (unsigned)value;
    }
    if ((size == 1 && (bits & 0xffff) != 0) || (size == 2 && (bits & 0xff) != 0)) {
        return -1;
    }
    bytes[0] = (char)(bits >> 16);
    bytes[1] = (char)(bits >> 8);
    bytes[2] = (char)bits;
    return size;
}

static size_t decoded_size(struct sx_str text)
{
    const size_t size = text.size / 4 * 3;
    return size - (text.data[text.size - 1] == '=') - (text.data[text.size - 2] == '=');
}

/* Gives the size of what was decoded, or SX_EPROTO. */
static int decode(char bytes[SX__BASIC_BYTES], struct sx_str text)
{
    int size = 0;
    if (text.size == 0 || text.size % 4 != 0 || decoded_size(text) > SX__BASIC_BYTES) {
        return SX_EPROTO;
    }
    for (size_t at = 0; at < text.size; at += 4) {
        char three[3];
        const int got = decode_four(text.data + at, three);
        if (got < 0 || (got < 3 && at + 4 < text.size)) {
            return SX_EPROTO;
        }
        memcpy(bytes + size, three, (size_t)got);
        size += got;
    }
    return size;
}

/* ---- the header ---- */

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
bool sx__is_bearer_token(struct sx_str text)
{
    size_t i = 0;
    while (i < text.size && text.data[i] != '=' &&
           (digit_value(text.data[i]) >= 0 || strchr("-._~", text.data[i]) != NULL) &&
           text.data[i] != '\0') {
        i++;
    }
    const bool any = i > 0;
    while (i < text.size && text.data[i] == '=') {
        i++;
    }
    return any && i == text.size;
}

int sx__authorization_parse(enum sx__scheme *scheme, struct sx_str *secret, struct sx_str value,
                            char decoded[SX__BASIC_BYTES])
{
    const struct sx_str name = sx__take_until(&value, ' ');
    while (value.size > 0 && value.data[0] == ' ') {
        value.data++;
        value.size--;
    }
    if (sx__is_word(name, "Bearer") && sx__is_bearer_token(value)) {
        *scheme = SX__SCHEME_BEARER;
        *secret = value;
        return SX_OK;
    }
    const int size = sx__is_word(name, "Basic") ? decode(decoded, value) : SX_EPROTO;
    if (size < 0 || memchr(decoded, ':', (size_t)size) == NULL) {
        return SX_EPROTO;
    }
    *scheme = SX__SCHEME_BASIC;
    *secret = (struct sx_str){decoded, (size_t)size};
    return SX_OK;
}
