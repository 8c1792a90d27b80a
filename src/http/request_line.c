/* request_line.c: parses the request line, such as "GET /users/7?full HTTP/1.1". */
#include "percent.h"
#include "request_parser.h"
#include "token.h"
#include <string.h>

static const struct sx__http_error bad_line = {400, SX_REASON_MALFORMED,
                                               "the request line is not METHOD TARGET HTTP/1.1"};
static const struct sx__http_error bad_method = {400, SX_REASON_MALFORMED,
                                                 "the method is not a token"};
static const struct sx__http_error bad_target = {400, SX_REASON_MALFORMED,
                                                 "the request target is malformed"};
static const struct sx__http_error bad_version = {505, SX_REASON_MALFORMED,
                                                  "the HTTP version is not supported"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ) */
static bool is_in_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || (c != '\0' && strchr("_~%!$&'()*+,;=", c) != NULL);
}

/* Returns the size of the name or IPv4 address that the text begins with: pct-encoded = "%" HEXDIG
 * HEXDIG */
static size_t name_size(struct sx_str text)
{
    size_t i = 0;
    while (i < text.size && is_in_name(text.data[i])) {
        if (text.data[i] == '%' && (text.size - i < 3 || sx__hex_digit(text.data[i + 1]) < 0 ||
                                    sx__hex_digit(text.data[i + 2]) < 0)) {
            break;
        }
        i++;
    }
    return i;
}

/* Returns the size of the bracketed IPv6 address that the text begins with, or 0. The address
 * itself is not checked further. */
static size_t literal_size(struct sx_str text)
{
    size_t i = 1;
    while (i < text.size &&
           (sx__hex_digit(text.data[i]) >= 0 || text.data[i] == ':' || text.data[i] == '.')) {
        i++;
    }
    return i > 1 && i < text.size && text.data[i] == ']' ? i + 1 : 0;
}

bool sx__is_host(struct sx_str text)
{
    const bool is_literal = text.size > 0 && text.data[0] == '[';
    size_t i = is_literal ? literal_size(text) : name_size(text);
    if (is_literal && i == 0) {
        return false;
    }
    if (i < text.size && text.data[i] == ':') {
        i++;
        while (i < text.size && is_digit(text.data[i])) {
            i++;
        }
    }
    return i == text.size;
}

/* RFC 9112 3.2.3: authority-form = uri-host ":" port. RFC 9110 9.3.6: "A server MUST reject a
 * CONNECT request that targets an empty or invalid port number". */
static bool is_authority(struct sx_str target)
{
    size_t digits = 0;
    unsigned long port = 0;
    while (digits < target.size && is_digit(target.data[target.size - 1 - digits])) {
        digits++;
    }
    for (size_t i = target.size - digits; i < target.size && port <= UINT16_MAX; i++) {
        port = port * 10 + (unsigned long)(target.data[i] - '0');
    }
    return digits > 0 && digits + 1 < target.size && target.data[target.size - 1 - digits] == ':' &&
           port > 0 && port <= UINT16_MAX && sx__is_host(target);
}

static bool has_scheme(struct sx_str target, const char *scheme)
{
    const size_t size = strlen(scheme);
    return target.size > size && sx__is_word((struct sx_str){target.data, size}, scheme);
}

/* RFC 9112 3.2.2: "a server MUST accept the absolute-form in requests". User information before the
 * host is rejected, as RFC 9110 4.2.4 recommends. */
static bool is_absolute(struct sx_str *authority, struct sx_str target)
{
    size_t skip = has_scheme(target, "http://") ? 7 : has_scheme(target, "https://") ? 8 : 0;
    if (skip == 0) {
        return false;
    }
    const char *host = target.data + skip;
    size_t size = 0;
    while (skip + size < target.size && host[size] != '/' && host[size] != '?') {
        size++;
    }
    *authority = (struct sx_str){host, size};
    return size > 0 && host[0] != ':' && sx__is_host(*authority);
}

/* RFC 3986 does not allow these bytes in a URI. It does not allow `^`, `{`, `|`, `}` and the
 * backquote either, but these are accepted, because browsers send them. A fragment is not part of
 * any request target. A backslash is rejected in a path, because some servers read it as a slash.
 * Spaces and all bytes that are not printable ASCII have been rejected before. */
static bool has_bad_byte(struct sx_str target)
{
    enum { BAD = 1, QUERY, BAD_IN_PATH };
    static const unsigned char kinds[256] = {
        ['"'] = BAD, ['#'] = BAD, ['<'] = BAD, ['>'] = BAD, ['?'] = QUERY, ['\\'] = BAD_IN_PATH};
    bool in_query = false;
    for (size_t i = 0; i < target.size; i++) {
        const unsigned char kind = kinds[(unsigned char)target.data[i]];
        if (kind == BAD || (kind == BAD_IN_PATH && !in_query)) {
            return true;
        }
        in_query |= kind == QUERY;
    }
    return false;
}

static bool is_target(struct sx__request_line *line)
{
    const struct sx_str target = line->target;
    if (has_bad_byte(target)) {
        return false;
    }
    if (sx__is_connect(line->method)) {
        return is_authority(target);
    }
    if (target.size == 1 && target.data[0] == '*') {
        return line->method.size == 7 && memcmp(line->method.data, "OPTIONS", 7) == 0;
    }
    return target.size > 0 && (target.data[0] == '/' || is_absolute(&line->authority, target));
}

static bool is_version(struct sx_str text)
{
    return text.size == 8 && memcmp(text.data, "HTTP/", 5) == 0 && is_digit(text.data[5]) &&
           text.data[6] == '.' && is_digit(text.data[7]);
}

const struct sx__http_error *sx__request_line_parse(struct sx__request_line *line,
                                                    struct sx_str text)
{
    const size_t method_size = sx__token_size(text);
    if (method_size == 0 || method_size == text.size || text.data[method_size] != ' ') {
        return &bad_method;
    }
    struct sx_str target = {text.data + method_size + 1, 0};
    const size_t rest = text.size - method_size - 1;
    const char *space = memchr(target.data, ' ', rest);
    if (space == NULL) {
        return &bad_line;
    }
    target.size = (size_t)(space - target.data);
    const struct sx_str version = {space + 1, rest - target.size - 1};
    if (!is_version(version)) {
        return &bad_line;
    }
    if (version.data[5] != '1') {
        return &bad_version;
    }
    /* RFC 9110 6.2: a minor version above what is implemented is processed "as if it were in the
     * highest minor version within that major version to which the recipient is conformant". */
    struct sx__request_line read = {.method = {text.data, method_size},
                                    .target = target,
                                    .minor_version = version.data[7] == '0' ? 0 : 1};
    if (!is_target(&read)) {
        return &bad_target;
    }
    *line = read;
    return NULL;
}
