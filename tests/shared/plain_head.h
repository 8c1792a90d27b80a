/* plain_head.h: the lines of a header as RFC 9110 5 and RFC 9112 5 have them, read in the plainest
 * way, to compare with. */
#ifndef SX_PLAIN_HEAD_H
#define SX_PLAIN_HEAD_H

#include "request_parser.h"
#include <string.h>
#include <strings.h>

/* RFC 9110 5.6.2 */
static inline bool plain_is_token(const char *text, size_t size)
{
    static const char chars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < size; i++) {
        if (memchr(chars, text[i], sizeof chars - 1) == NULL) {
            return false;
        }
    }
    return size > 0;
}

/* RFC 9110 5.5: VCHAR, obs-text, and between them spaces and tabs. */
static inline bool plain_is_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* RFC 9112 5: field-line = field-name ":" OWS field-value OWS */
static inline bool plain_read_line(struct sx__header *header, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    if (colon == NULL) {
        return false;
    }
    const char *value = colon + 1;
    const char *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    header->name = (struct sx_str){line, (size_t)(colon - line)};
    header->value = (struct sx_str){value, (size_t)(end - value)};
    return plain_is_token(line, header->name.size) && plain_is_value(value, header->value.size);
}

/* Whether that is what was read from the line. The value lies behind the colon even if it is empty,
 * and no farther than the line end: the byte behind it may be overwritten. */
static inline bool plain_is_read(const struct sx__header *read, const struct sx__header *plain,
                                 const char *line_end)
{
    return read->name.data == plain->name.data && read->name.size == plain->name.size &&
           read->value.size == plain->value.size &&
           (plain->value.size > 0 ? read->value.data == plain->value.data
                                  : read->value.data > plain->name.data + plain->name.size &&
                                        read->value.data <= line_end);
}

/* Whether the header that scan_head has found is made of such lines, and request->headers, unless
 * it is NULL, of what is in them. */
static inline bool plain_head_is(const struct sx__request *request,
                                 const struct sx__header *headers)
{
    const char *line = request->input + request->start + request->headers_offset;
    const char *end = request->input + request->start + request->head_size - 2;
    size_t count = 0;
    while (line < end) {
        const char *line_end = line;
        while (line_end[0] != '\r' || line_end[1] != '\n') {
            line_end++;
        }
        struct sx__header plain;
        if (!plain_read_line(&plain, line, (size_t)(line_end - line)) ||
            (headers != NULL && !plain_is_read(&headers[count], &plain, line_end))) {
            return false;
        }
        count++;
        line = line_end + 2;
    }
    return count == request->line_count;
}

/* ---- the whole header ---- */

/* The framing and the host, as the header lines give them. */
struct plain_fields {
    unsigned hosts, lengths, codings;
    bool is_bad; /* one of them is not what it may be */
};

static inline bool plain_is(struct sx_str text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static inline bool plain_are_all(struct sx_str text, const char *bytes)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\0' || strchr(bytes, text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

#define PLAIN_DIGITS "0123456789"
#define PLAIN_HEX PLAIN_DIGITS "abcdefABCDEF"
#define PLAIN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* RFC 3986 3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ) */
static inline bool plain_is_name(struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' &&
            (text.size - i < 3 ||
             !plain_are_all((struct sx_str){text.data + i + 1, 2}, PLAIN_HEX))) {
            return false;
        }
    }
    return plain_are_all(text, PLAIN_LETTERS PLAIN_DIGITS "-._~%!$&'()*+,;=");
}

/* RFC 9110 7.2: Host = uri-host [ ":" port ] */
static inline bool plain_is_host(struct sx_str text)
{
    size_t port = text.size;
    while (port > 0 && plain_are_all((struct sx_str){text.data + port - 1, 1}, PLAIN_DIGITS)) {
        port--;
    }
    const bool has_port = port > 0 && text.data[port - 1] == ':';
    const struct sx_str host = {text.data, has_port ? port - 1 : text.size};
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        return plain_are_all((struct sx_str){host.data + 1, host.size - 2}, PLAIN_HEX ":.");
    }
    return plain_is_name(host);
}

/* RFC 9110 8.6: Content-Length = 1*DIGIT, of 64 bits here */
static inline bool plain_is_length(struct sx_str text)
{
    while (text.size > 1 && text.data[0] == '0') {
        text = (struct sx_str){text.data + 1, text.size - 1};
    }
    return text.size > 0 && plain_are_all(text, PLAIN_DIGITS) &&
           (text.size < 20 ||
            (text.size == 20 && memcmp(text.data, "18446744073709551615", 20) <= 0));
}

/* A tab behind the value is refused where the framing depends on it: see docs/server.md. */
static inline bool plain_has_tab_behind(struct sx_str value, const char *line_end)
{
    const char *end = value.data + value.size;
    return memchr(end, '\t', (size_t)(line_end - end)) != NULL;
}

static inline void plain_note_field(struct plain_fields *fields, const struct sx__header *field,
                                    const char *line_end)
{
    if (plain_is(field->name, "Host")) {
        fields->hosts++;
        fields->is_bad |= !plain_is_host(field->value);
    } else if (plain_is(field->name, "Content-Length")) {
        fields->lengths++;
        fields->is_bad |=
            !plain_is_length(field->value) || plain_has_tab_behind(field->value, line_end);
    } else if (plain_is(field->name, "Transfer-Encoding")) {
        fields->codings++;
        fields->is_bad |=
            !plain_is(field->value, "chunked") || plain_has_tab_behind(field->value, line_end);
    }
}

/* RFC 9112 3.2.3: authority-form = uri-host ":" port */
static inline bool plain_is_authority(struct sx_str target)
{
    const char *colon = target.data + target.size;
    while (colon > target.data && colon[-1] != ':') {
        colon--;
    }
    if (colon <= target.data + 1) {
        return false;
    }
    struct sx_str port = {colon, (size_t)(target.data + target.size - colon)};
    while (port.size > 0 && port.data[0] == '0') {
        port = (struct sx_str){port.data + 1, port.size - 1};
    }
    return port.size > 0 && plain_are_all(port, PLAIN_DIGITS) &&
           (port.size < 5 || (port.size == 5 && memcmp(port.data, "65535", 5) <= 0)) &&
           plain_is_host(target);
}

/* RFC 9112 3.2.2, with the schemes that we have. */
static inline bool plain_is_absolute(struct sx_str target)
{
    const size_t skip = target.size > 7 && strncasecmp(target.data, "http://", 7) == 0    ? 7
                        : target.size > 8 && strncasecmp(target.data, "https://", 8) == 0 ? 8
                                                                                          : 0;
    size_t end = skip;
    while (end < target.size && target.data[end] != '/' && target.data[end] != '?') {
        end++;
    }
    return skip > 0 && end > skip && target.data[skip] != ':' &&
           plain_is_host((struct sx_str){target.data + skip, end - skip});
}

static inline bool plain_is_target(struct sx_str method, struct sx_str target)
{
    const char *query = memchr(target.data, '?', target.size);
    const size_t path_size = query == NULL ? target.size : (size_t)(query - target.data);
    for (size_t i = 0; i < target.size; i++) {
        const char c = target.data[i];
        if (c <= ' ' || c > '~' || strchr("\"<>#", c) != NULL || (c == '\\' && i < path_size)) {
            return false;
        }
    }
    if (method.size == 7 && memcmp(method.data, "CONNECT", 7) == 0) {
        return plain_is_authority(target);
    }
    if (target.size == 1 && target.data[0] == '*') {
        return method.size == 7 && memcmp(method.data, "OPTIONS", 7) == 0;
    }
    return target.size > 0 && (target.data[0] == '/' || plain_is_absolute(target));
}

/* RFC 9112 3: request-line = method SP request-target SP HTTP-version; the line without its CRLF.
 */
static inline bool plain_is_request_line(struct sx_str line, bool *is_1_0)
{
    const char *space = memchr(line.data, ' ', line.size);
    if (space == NULL || line.size < 10) {
        return false;
    }
    const struct sx_str method = {line.data, (size_t)(space - line.data)};
    const char *version = line.data + line.size - 9;
    if (version <= space || memcmp(version, " HTTP/1.", 8) != 0 ||
        !plain_are_all((struct sx_str){version + 8, 1}, PLAIN_DIGITS)) {
        return false;
    }
    *is_1_0 = version[8] == '0';
    return plain_is_token(method.data, method.size) &&
           plain_is_target(method, (struct sx_str){space + 1, (size_t)(version - space - 1)});
}

/* Whether bytes that end with the empty line are the header of one unambiguous request. This is the
 * whole definition, independent of the parser. */
static inline bool plain_is_head(struct sx_str bytes)
{
    struct plain_fields fields = {0};
    bool is_1_0 = false;
    const char *line = bytes.data;
    const char *end = bytes.data + bytes.size - 2;
    while (line < end) {
        const char *line_end = line;
        while (line_end[0] != '\r' || line_end[1] != '\n') {
            line_end++;
        }
        const struct sx_str text = {line, (size_t)(line_end - line)};
        struct sx__header field;
        if (line == bytes.data ? !plain_is_request_line(text, &is_1_0)
                               : !plain_read_line(&field, text.data, text.size)) {
            return false;
        }
        if (line != bytes.data) {
            plain_note_field(&fields, &field, line_end);
        }
        line = line_end + 2;
    }
    return !fields.is_bad && fields.hosts <= 1 && (fields.hosts == 1 || is_1_0) &&
           fields.lengths <= 1 && fields.codings <= 1 &&
           (fields.codings == 0 || (fields.lengths == 0 && !is_1_0));
}

#endif
