/* The header lines of a response; see header_lines.h. Used by the thread that handles the request.
 */
#include "header_lines.h"

#include "token.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Framing is the server's: a handler that could write these could desynchronise the connection. It
 * writes the content type of the result, too, and there may be only one. */
static const char *const http_headers[] = {"Content-Length", "Transfer-Encoding", "Connection",
                                           "Date",           "Keep-Alive",        "Upgrade",
                                           "Trailer",        "Content-Type"};

bool sx__header_value_is_allowed(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_allowed(const char *name, const char *value)
{
    if (name == NULL || value == NULL || !sx__is_token((struct sx_str){name, strlen(name)}) ||
        !sx__header_value_is_allowed(value)) {
        return false;
    }
    for (size_t i = 0; i < sizeof http_headers / sizeof *http_headers; i++) {
        if (strcasecmp(name, http_headers[i]) == 0) {
            return false;
        }
    }
    return true;
}

static size_t line_size(const char *line, const char *end)
{
    const char *lf = memchr(line, '\n', (size_t)(end - line));
    return (lf == NULL ? (size_t)(end - line) : (size_t)(lf - line) + 1);
}

static void remove_name(struct sx__header_lines *lines, const char *name, size_t name_size)
{
    size_t at = 0;
    while (at < lines->size) {
        char *line = lines->text + at;
        size_t size = line_size(line, lines->text + lines->size);
        if (size > name_size && line[name_size] == ':' && strncasecmp(line, name, name_size) == 0) {
            memmove(line, line + size, lines->size - at - size);
            lines->size -= size;
        } else {
            at += size;
        }
    }
}

/* RFC 9110 5.3: "the "Set-Cookie" header field often appears in a response message across multiple
 * field lines". And what a response varies with, handlers, hooks and the framework each have to say
 * for themselves. */
static bool may_be_many(const char *line)
{
    return strncasecmp(line, "Set-Cookie:", 11) == 0 || strncasecmp(line, "Vary:", 5) == 0;
}

static int append(struct sx__header_lines **lines, const char *const parts[], size_t count)
{
    size_t need = 0;
    for (size_t i = 0; i < count; i++) {
        need += strlen(parts[i]);
    }
    size_t size = *lines == NULL ? 0 : (*lines)->size;
    size_t capacity = *lines == NULL ? 0 : (*lines)->capacity;
    if (*lines == NULL || capacity - size < need) {
        capacity = (size + need) * 2 + 128;
        struct sx__header_lines *grown = realloc(*lines, sizeof **lines + capacity);
        if (grown == NULL) {
            return SX_ENOMEM;
        }
        grown->size = size;
        grown->capacity = capacity;
        *lines = grown;
    }
    for (size_t i = 0; i < count; i++) {
        size_t part = strlen(parts[i]);
        memcpy((*lines)->text + (*lines)->size, parts[i], part);
        (*lines)->size += part;
    }
    return SX_OK;
}

int sx__header_lines_set(struct sx__header_lines **lines, const char *name, const char *value)
{
    if (!is_allowed(name, value)) {
        return SX_EINVAL;
    }
    const char *const parts[] = {name, ": ", value, "\r\n"};
    size_t before = *lines == NULL ? 0 : (*lines)->size;
    int status = append(lines, parts, sizeof parts / sizeof *parts);
    if (status < 0) {
        return status;
    }
    /* The old line goes only after the new one is in: on failure nothing is lost. */
    struct sx__header_lines *all = *lines;
    size_t added = all->size - before;
    all->size = before;
    if (!may_be_many(all->text + before)) {
        remove_name(all, name, strlen(name));
    }
    memmove(all->text + all->size, all->text + before, added);
    all->size += added;
    return SX_OK;
}

/* Makes room for each that may not be many. */
static void replace_all(struct sx__header_lines *lines, const struct sx__header_lines *by)
{
    for (size_t at = 0; at < by->size;) {
        const char *line = by->text + at;
        const size_t size = line_size(line, by->text + by->size);
        const char *colon = memchr(line, ':', size);
        if (colon != NULL && !may_be_many(line)) {
            remove_name(lines, line, (size_t)(colon - line));
        }
        at += size;
    }
}

int sx__header_lines_merge(struct sx__header_lines **lines, const struct sx__header_lines *from)
{
    if (from == NULL || from->size == 0) {
        return SX_OK;
    }
    char *copy = malloc(from->size + 1);
    if (copy == NULL) {
        return SX_ENOMEM;
    }
    memcpy(copy, from->text, from->size);
    copy[from->size] = '\0';
    if (*lines != NULL) {
        replace_all(*lines, from);
    }
    const char *const parts[] = {copy};
    int status = append(lines, parts, 1);
    free(copy);
    return status;
}

/* The last of the lines that are the same. */
static void remove_line(struct sx__header_lines *lines, const char *line, size_t line_bytes)
{
    size_t last = lines->size;
    for (size_t at = 0; at < lines->size;) {
        size_t size = line_size(lines->text + at, lines->text + lines->size);
        last = size == line_bytes && memcmp(lines->text + at, line, size) == 0 ? at : last;
        at += size;
    }
    if (last < lines->size) {
        lines->size -= line_bytes;
        memmove(lines->text + last, lines->text + last + line_bytes, lines->size - last);
    }
}

void sx__header_lines_remove_all(struct sx__header_lines *lines,
                                 const struct sx__header_lines *others)
{
    for (size_t at = 0; lines != NULL && others != NULL && at < others->size;) {
        const char *line = others->text + at;
        const size_t size = line_size(line, others->text + others->size);
        remove_line(lines, line, size);
        at += size;
    }
}
