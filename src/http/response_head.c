/* response_head.c: writes the status line and the header of a response. See response_head.h. */
#include "response_head.h"
#include <string.h>

#define FIXED_LINES_BYTES \
    256 /* the status line, Date, Content-Length and Connection, at their longest */

/* The codes of the IANA registry. */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

/* Returns the reason phrase, or "" for unknown codes. RFC 9112 4: "A server MUST send the space
 * that separates the status-code from the reason-phrase even when the reason-phrase is absent". */
static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "";
}

bool sx__status_has_body(int status)
{
    return status != 204 && status != 205 && status != 304;
}

static char *append(char *at, const char *bytes, size_t size)
{
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

static char *append_text(char *at, const char *text)
{
    return append(at, text, strlen(text));
}

static char *append_number(char *at, size_t number)
{
    char digits[24];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return append(at, digits + i, sizeof digits - i);
}

size_t sx__response_head_bound(const struct sx__response_head *head)
{
    return FIXED_LINES_BYTES + head->content_type.size + head->header_lines.size;
}

size_t sx__response_head_write(char *buffer, const struct sx__response_head *head)
{
    char *at = append_text(buffer, "HTTP/1.1 ");
    at = append_number(at, (size_t)head->status);
    at = append_text(at, " ");
    at = append_text(at, reason_of(head->status));
    if (head->date != NULL) {
        at = append_text(at, "\r\nDate: ");
        at = append(at, head->date, SX__DATE_BYTES);
    }
    if (head->content_type.size > 0) {
        at = append_text(at, "\r\nContent-Type: ");
        at = append(at, head->content_type.data, head->content_type.size);
    }
    /* RFC 9110 8.6: "A server MUST NOT send a Content-Length header field in any response with a
     * status code of 1xx (Informational) or 204 (No Content)." In a 304 it would have to be the
     * length of the body that a 200 would have. */
    if (head->chunked) {
        at = append_text(at, "\r\nTransfer-Encoding: chunked");
    } else if (!head->streamed && head->status != 204 && head->status != 304) {
        at = append_text(at, "\r\nContent-Length: ");
        at = append_number(at, head->content_length);
    }
    if (head->close) {
        at = append_text(at, "\r\nConnection: close");
    } else if (head->keep_alive) {
        at = append_text(at, "\r\nConnection: keep-alive");
    }
    at = append_text(at, "\r\n");
    at = append(at, head->header_lines.data, head->header_lines.size);
    at = append_text(at, "\r\n");
    return (size_t)(at - buffer);
}
