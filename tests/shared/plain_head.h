/* plain_head.h: the lines of a header as RFC 9110 5 and RFC 9112 5 have them, read in the plainest
 * way, to compare with. */
#ifndef SX_PLAIN_HEAD_H
#define SX_PLAIN_HEAD_H

#include "request.h"
#include <string.h>

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

#endif
