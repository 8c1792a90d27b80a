/* responses.c: reads the bytes that a server sends as a client would. See responses.h. */
#include "responses.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns the end of the chunks that begin at `at`; NULL: they are malformed. */
static const char *skip_chunks(const char *at, const char *end)
{
    for (;;) {
        char *line_end;
        const size_t size = strtoul(at, &line_end, 16);
        if (line_end == at || strncmp(line_end, "\r\n", 2) != 0 ||
            size + 4 > (size_t)(end - line_end)) {
            return NULL;
        }
        at = line_end + 2 + size;
        if (strncmp(at, "\r\n", 2) != 0) {
            return NULL;
        }
        at += 2;
        if (size == 0) {
            return at;
        }
    }
}

/* Returns the end of the body at `body` of the response at `start`; without a length that is the
 * end of the output. NULL: the body is shorter than the header says, or the header is ambiguous. */
static const char *skip_body(const char *start, const char *body, const char *end)
{
    static const char length_name[] = "\r\nContent-Length: ";
    const char *length = strstr(start, length_name);
    const char *coding = strstr(start, "\r\nTransfer-Encoding: chunked\r\n");
    const bool has_length = length != NULL && length < body;
    const bool is_chunked = coding != NULL && coding < body;
    if (has_length && is_chunked) {
        return NULL;
    }
    if (is_chunked) {
        return skip_chunks(body, end);
    }
    if (!has_length) {
        return end;
    }
    const size_t size = strtoul(length + sizeof length_name - 1, NULL, 10);
    return size > (size_t)(end - body) ? NULL : body + size;
}

/* Returns the end of the response that begins at `start`; NULL: it is not a response. */
static const char *skip_response(const char *start, const char *end, bool is_head, int *status)
{
    static const char version[] = "HTTP/1.1 ";
    const char *body = strstr(start, "\r\n\r\n");
    if (strncmp(start, version, sizeof version - 1) != 0 || body == NULL) {
        return NULL;
    }
    body += 4;
    *status = atoi(start + sizeof version - 1);
    if (*status == 100) {
        /* The server sends no header fields with a 100, because some clients do not expect them. */
        return strstr(start, "\r\n") + 4 == body ? body : NULL;
    }
    return is_head || *status == 204 || *status == 304 ? body : skip_body(start, body, end);
}

void responses_read(char *statuses, size_t size, struct sx_str output, bool is_head)
{
    const char *at = output.data;
    const char *end = output.data + output.size;
    size_t used = 0;
    statuses[0] = '\0';
    while (at < end && size - used > sizeof " nonsense") {
        int status = 0;
        const char *next = skip_response(at, end, is_head, &status);
        used += (size_t)snprintf(statuses + used, size - used, "%s", used > 0 ? " " : "");
        if (next == NULL) {
            snprintf(statuses + used, size - used, "nonsense");
            return;
        }
        used += (size_t)snprintf(statuses + used, size - used, "%d", status);
        is_head = is_head && status == 100;
        at = next;
    }
}
