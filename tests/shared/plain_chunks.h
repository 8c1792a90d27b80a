/* plain_chunks.h: reads a chunked body (RFC 9112 7.1) in the plainest way: line by line, all of it
 * in memory, without limits. The decoder is compared with this reader. */
#ifndef SX_PLAIN_CHUNKS_H
#define SX_PLAIN_CHUNKS_H

#include "plain_head.h"
#include <strings.h>

enum plain_verdict {
    PLAIN_GOOD, /* `size` bytes are a complete chunked body */
    PLAIN_MORE, /* the bytes end within it */
    PLAIN_BAD,  /* no chunked body begins with these bytes */
};

struct plain_chunks {
    enum plain_verdict verdict;
    size_t size;
    size_t body_size; /* bytes of the body that were stored, limited by the room */
};

struct plain_text {
    const char *at, *end;
};

static inline bool plain_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline void plain_skip_blanks(struct plain_text *text)
{
    while (text->at < text->end && plain_is_blank(*text->at)) {
        text->at++;
    }
}

static inline bool plain_take(struct plain_text *text, char c)
{
    const bool is_there = text->at < text->end && *text->at == c;
    text->at += is_there ? 1 : 0;
    return is_there;
}

static inline bool plain_take_token(struct plain_text *text)
{
    const char *begin = text->at;
    while (text->at < text->end && plain_is_token(text->at, 1)) {
        text->at++;
    }
    return text->at > begin;
}

/* RFC 9110 5.6.4: quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE. The opening quote is
 * taken. */
static inline bool plain_take_quoted(struct plain_text *text)
{
    while (text->at < text->end) {
        const char c = *text->at++;
        if (c == '"') {
            return true;
        }
        if (c == '\\' && text->at == text->end) {
            return false;
        }
        if (!plain_is_value(c == '\\' ? text->at++ : text->at - 1, 1)) {
            return false;
        }
    }
    return false;
}

/* RFC 9112 7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ) */
static inline bool plain_are_extensions(struct plain_text text)
{
    while (text.at < text.end) {
        plain_skip_blanks(&text);
        if (!plain_take(&text, ';')) {
            return false;
        }
        plain_skip_blanks(&text);
        if (!plain_take_token(&text)) {
            return false;
        }
        struct plain_text value = text;
        plain_skip_blanks(&value);
        if (plain_take(&value, '=')) {
            plain_skip_blanks(&value);
            if (!(plain_take(&value, '"') ? plain_take_quoted(&value) : plain_take_token(&value))) {
                return false;
            }
            text = value;
        }
    }
    return true;
}

/* The line that begins at `at`, without its CRLF, which is taken. */
static inline enum plain_verdict plain_take_line(struct plain_text *line, struct plain_text *rest)
{
    line->at = line->end = rest->at;
    while (line->end < rest->end && *line->end != '\r' && *line->end != '\n') {
        line->end++;
    }
    if (line->end == rest->end || (*line->end == '\r' && line->end + 1 == rest->end)) {
        return PLAIN_MORE;
    }
    if (line->end[0] != '\r' || line->end[1] != '\n') {
        return PLAIN_BAD;
    }
    rest->at = line->end + 2;
    return PLAIN_GOOD;
}

/* RFC 9112 7.1: chunk-size = 1*HEXDIG */
static inline bool plain_take_size(uint64_t *size, struct plain_text *line)
{
    static const char digits[] = "0123456789abcdef";
    const char *begin = line->at;
    *size = 0;
    while (line->at < line->end) {
        const char c = *line->at >= 'A' && *line->at <= 'F' ? (char)(*line->at | 0x20) : *line->at;
        const char *digit = c == '\0' ? NULL : strchr(digits, c);
        if (digit == NULL) {
            break;
        }
        if (*size > UINT64_MAX / 16) {
            return false;
        }
        *size = *size * 16 + (uint64_t)(digit - digits);
        line->at++;
    }
    return line->at > begin;
}

/* RFC 9112 7.1.2: trailer-section = *( field-line CRLF ), and the CRLF behind it. */
static inline enum plain_verdict plain_take_trailer(struct plain_text *rest)
{
    for (;;) {
        struct plain_text line;
        struct sx__header field;
        const enum plain_verdict verdict = plain_take_line(&line, rest);
        if (verdict != PLAIN_GOOD || line.at == line.end) {
            return verdict;
        }
        if (!plain_read_line(&field, line.at, (size_t)(line.end - line.at))) {
            return PLAIN_BAD;
        }
        if ((field.name.size == 14 && strncasecmp(field.name.data, "Content-Length", 14) == 0) ||
            (field.name.size == 17 && strncasecmp(field.name.data, "Transfer-Encoding", 17) == 0)) {
            return PLAIN_BAD;
        }
    }
}

/* Reads one chunk, or the last one with the trailer section, and then sets *is_last. */
static inline enum plain_verdict plain_take_chunk(struct plain_text *rest, struct plain_text *data,
                                                  bool *is_last)
{
    struct plain_text line;
    uint64_t size;
    enum plain_verdict verdict = plain_take_line(&line, rest);
    *data = (struct plain_text){rest->at, rest->at};
    if (verdict != PLAIN_GOOD) {
        return verdict;
    }
    if (!plain_take_size(&size, &line) || !plain_are_extensions(line)) {
        return PLAIN_BAD;
    }
    *is_last = size == 0;
    if (*is_last) {
        return plain_take_trailer(rest);
    }
    const size_t left = (size_t)(rest->end - rest->at);
    data->at = rest->at;
    data->end = rest->at + (size < left ? (size_t)size : left);
    rest->at = data->end;
    verdict = size <= left ? plain_take_line(&line, rest) : PLAIN_MORE;
    return verdict == PLAIN_GOOD && line.at < line.end ? PLAIN_BAD : verdict;
}

/* `body` has room for `room` bytes of the data, or is NULL. */
static inline struct plain_chunks plain_read_chunks(const char *bytes, size_t size, char *body,
                                                    size_t room)
{
    struct plain_text rest = {bytes, bytes + size};
    struct plain_chunks chunks = {.verdict = PLAIN_GOOD};
    bool is_last = false;
    while (chunks.verdict == PLAIN_GOOD && !is_last) {
        struct plain_text data;
        chunks.verdict = plain_take_chunk(&rest, &data, &is_last);
        const size_t data_size = (size_t)(data.end - data.at);
        if (body != NULL && chunks.body_size < room) {
            const size_t left = room - chunks.body_size;
            memcpy(body + chunks.body_size, data.at, data_size < left ? data_size : left);
        }
        chunks.body_size += data_size;
    }
    chunks.size = (size_t)(rest.at - bytes);
    return chunks;
}

#endif
