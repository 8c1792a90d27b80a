/* request_head.c: finds and parses the request line and the header. See request_parser.h. */
#include "request_parser.h"
#include "token.h"
#include <string.h>

static const struct sx__http_error bare_cr = {400, SX_REASON_MALFORMED,
                                              "a CR is not followed by an LF"};
static const struct sx__http_error bare_lf = {400, SX_REASON_MALFORMED, "a line ends in a bare LF"};
static const struct sx__http_error control = {
    400, SX_REASON_MALFORMED, "the request line contains a byte that is not printable ASCII"};
static const struct sx__http_error target_too_long = {414, SX_REASON_TARGET_TOO_LONG,
                                                      "the request line is too long"};
static const struct sx__http_error header_too_large = {431, SX_REASON_HEADER_TOO_LARGE,
                                                       "the header is too large"};
static const struct sx__http_error too_many_headers = {431, SX_REASON_HEADER_TOO_LARGE,
                                                       "there are too many header lines"};
static const struct sx__http_error folded = {400, SX_REASON_MALFORMED,
                                             "a header line begins with white space"};
static const struct sx__http_error bad_name = {400, SX_REASON_MALFORMED,
                                               "a header name is not a token followed by a colon"};
static const struct sx__http_error bad_value = {400, SX_REASON_MALFORMED,
                                                "a header value contains a control character"};
static const struct sx__http_error no_host = {400, SX_REASON_MALFORMED,
                                              "the Host header is missing"};
static const struct sx__http_error bad_host = {400, SX_REASON_MALFORMED,
                                               "the Host header is malformed or repeated"};
static const struct sx__http_error bad_length = {400, SX_REASON_MALFORMED,
                                                 "Content-Length is malformed or repeated"};
static const struct sx__http_error bad_coding = {
    400, SX_REASON_MALFORMED, "the only supported Transfer-Encoding is a single chunked"};
static const struct sx__http_error two_framings = {
    400, SX_REASON_MALFORMED, "Content-Length and Transfer-Encoding exclude each other"};
static const struct sx__http_error unclear = {400, SX_REASON_MALFORMED, "the header is ambiguous"};

static enum sx__parse bad(struct sx__request *request, const struct sx__http_error *error)
{
    request->error = error;
    return SX__PARSE_BAD;
}

/* The parts are stored as sizes and offsets, because the input may move until the header is
 * complete. */
static enum sx__parse read_request_line(struct sx__request *request, struct sx_str text)
{
    struct sx__request_line line;
    const struct sx__http_error *error = sx__request_line_parse(&line, text);
    if (error != NULL) {
        return bad(request, error);
    }
    request->method_size = line.method.size;
    request->target_size = line.target.size;
    request->authority_offset =
        line.authority.size > 0 ? (size_t)(line.authority.data - text.data) : 0;
    request->authority_size = line.authority.size;
    request->is_head = line.method.size == 4 && memcmp(line.method.data, "HEAD", 4) == 0;
    request->is_http_1_0 = line.minor_version == 0;
    return SX__PARSE_DONE;
}

/* The line is checked byte by byte, so that bytes that are not HTTP at all (a TLS handshake, say)
 * are rejected at the first wrong byte. The server does not wait for a line end that never comes.
 */
static enum sx__parse scan_request_line(struct sx__request *request)
{
    const char *bytes = request->input + request->start;
    const size_t size = request->filled - request->start;
    for (size_t i = request->scan_offset; i < size; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c == '\r') {
            if (i + 1 == size) {
                request->scan_offset = i;
                return SX__PARSE_MORE;
            }
            if (bytes[i + 1] != '\n') {
                return bad(request, &bare_cr);
            }
            request->scan_offset = request->line_offset = request->headers_offset = i + 2;
            return read_request_line(request, (struct sx_str){bytes, i});
        }
        if (c == '\n') {
            return bad(request, &bare_lf);
        }
        if (c < 0x20 || c >= 0x7f) {
            return bad(request, &control);
        }
        if (i >= request->limits->request_line_bytes) {
            return bad(request, &target_too_long);
        }
    }
    request->scan_offset = size;
    return SX__PARSE_MORE;
}

/* Checks one header line, with its line end. */
static const struct sx__http_error *check_line(struct sx__request *request, struct sx_str line)
{
    const size_t sum = request->line_offset + line.size - request->headers_offset;
    if (sum > request->limits->header_bytes) {
        return &header_too_large;
    }
    if (line.size < 2 || line.data[line.size - 2] != '\r') {
        return &bare_lf;
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return &folded;
    }
    request->line_count++;
    return request->line_count > request->limits->header_count ? &too_many_headers : NULL;
}

enum sx__parse sx__request_scan_head(struct sx__request *request)
{
    if (request->headers_offset == 0) {
        const enum sx__parse parse = scan_request_line(request);
        if (parse != SX__PARSE_DONE) {
            return parse;
        }
    }
    const char *bytes = request->input + request->start;
    const size_t size = request->filled - request->start;
    const char *end;
    while (request->scan_offset < size && (end = memchr(bytes + request->scan_offset, '\n',
                                                        size - request->scan_offset)) != NULL) {
        const struct sx_str line = {bytes + request->line_offset,
                                    (size_t)(end + 1 - bytes) - request->line_offset};
        request->scan_offset = (size_t)(end + 1 - bytes);
        if (line.size == 2 && line.data[0] == '\r') {
            request->head_size = request->scan_offset;
            return SX__PARSE_DONE;
        }
        const struct sx__http_error *error = check_line(request, line);
        if (error != NULL) {
            return bad(request, error);
        }
        request->line_offset = request->scan_offset;
    }
    request->scan_offset = size;
    /* The two extra bytes may be the empty line. */
    if (size - request->headers_offset > request->limits->header_bytes + 2) {
        return bad(request, &header_too_large);
    }
    return SX__PARSE_MORE;
}

/* ---- the fields for framing and routing ---- */

static const struct sx__http_error *on_host(struct sx__request *request, struct sx_str value)
{
    if (request->has_host || !sx__is_host(value)) {
        return &bad_host;
    }
    request->has_host = true;
    request->host = value;
    return NULL;
}

/* llhttp rejects a tab after these values, although RFC 9110 5.6.3 counts it as white space. */
static bool has_tab_behind(struct sx_str value)
{
    const char *at = value.data + value.size;
    while (*at == ' ') {
        at++;
    }
    return *at == '\t';
}

static const struct sx__http_error *on_content_length(struct sx__request *request,
                                                      struct sx_str value)
{
    if (request->has_length || value.size == 0 || has_tab_behind(value)) {
        return &bad_length;
    }
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        const unsigned digit = (unsigned)(unsigned char)value.data[i] - '0';
        if (digit > 9 || length > (UINT64_MAX - digit) / 10) {
            return &bad_length;
        }
        length = length * 10 + digit;
    }
    request->has_length = true;
    request->content_length = length;
    return NULL;
}

static const struct sx__http_error *on_transfer_encoding(struct sx__request *request,
                                                         struct sx_str value)
{
    if (request->is_chunked || request->is_http_1_0 || !sx__is_word(value, "chunked") ||
        has_tab_behind(value)) {
        return &bad_coding;
    }
    request->is_chunked = true;
    return NULL;
}

static const struct sx__http_error *on_connection(struct sx__request *request, struct sx_str value)
{
    while (value.size > 0) {
        const struct sx_str option = sx__trim(sx__take_until(&value, ','));
        request->wants_close |= sx__is_word(option, "close");
        request->wants_keep_alive |= sx__is_word(option, "keep-alive");
    }
    return NULL;
}

/* RFC 9110 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST
 * ignore that expectation." */
static const struct sx__http_error *on_expect(struct sx__request *request, struct sx_str value)
{
    while (!request->is_http_1_0 && value.size > 0) {
        const struct sx_str expectation = sx__trim(sx__take_until(&value, ','));
        if (sx__is_word(expectation, "100-continue")) {
            request->expects_continue = true;
        } else if (expectation.size > 0) {
            request->expects_other = true;
        }
    }
    return NULL;
}

static const struct {
    struct sx_str name;
    const struct sx__http_error *(*read)(struct sx__request *request, struct sx_str value);
} known_fields[] = {
    {{"Host", 4}, on_host},
    {{"Expect", 6}, on_expect},
    {{"Connection", 10}, on_connection},
    {{"Content-Length", 14}, on_content_length},
    {{"Transfer-Encoding", 17}, on_transfer_encoding},
};

/* A bit for the size of each of these names; the sizes of most other names have no bit. */
#define KNOWN_SIZES (1u << 4 | 1u << 6 | 1u << 10 | 1u << 14 | 1u << 17)

static const struct sx__http_error *read_known(struct sx__request *request,
                                               const struct sx__header *header)
{
    if (header->name.size > 17 || (KNOWN_SIZES >> header->name.size & 1) == 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof known_fields / sizeof *known_fields; i++) {
        if (header->name.size == known_fields[i].name.size &&
            sx__is_same(header->name, known_fields[i].name)) {
            return known_fields[i].read(request, header->value);
        }
    }
    return NULL;
}

/* RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
 * message that lacks a Host header field". RFC 9112 6.3 says that Transfer-Encoding together with
 * Content-Length "ought to be handled as an error" (request smuggling). */
static const struct sx__http_error *check_together(const struct sx__request *request)
{
    if (!request->has_host && !request->is_http_1_0) {
        return &no_host;
    }
    return request->has_length && request->is_chunked ? &two_framings : NULL;
}

/* Reads the fields that llhttp has split. llhttp accepts an empty name, so check it here. */
static const struct sx__http_error *read_fields(struct sx__request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct sx__header *header = &request->headers[i];
        header->value = sx__trim(header->value);
        const struct sx__http_error *error =
            header->name.size == 0 ? &bad_name : read_known(request, header);
        if (error != NULL) {
            return error;
        }
    }
    return check_together(request);
}

/* RFC 9110 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous". All
 * other control characters except the tab are rejected, too. */
static const struct sx__http_error *find_bad_byte(struct sx_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return c == '\r' ? &bare_cr : &bad_value;
        }
    }
    return NULL;
}

static const struct sx__http_error *find_line_fault(struct sx__request *request, struct sx_str line)
{
    struct sx_str value = line;
    const struct sx_str name = sx__take_until(&value, ':');
    if (name.size == line.size || !sx__is_token(name)) {
        return &bad_name;
    }
    const struct sx__http_error *error = find_bad_byte(value);
    const struct sx__header header = {name, sx__trim(value)};
    return error != NULL ? error : read_known(request, &header);
}

/* Finds the error in a header that llhttp has rejected. The error codes of llhttp differ between
 * versions, so the lines are checked again here. */
static const struct sx__http_error *explain(struct sx__request *request)
{
    const char *head = request->input + request->start;
    struct sx_str rest = {head + request->headers_offset,
                          request->head_size - request->headers_offset - 2};
    const struct sx__http_error *error = NULL;
    while (rest.size > 0 && error == NULL) {
        struct sx_str line = sx__take_until(&rest, '\n');
        line.size--; /* the CR */
        error = find_line_fault(request, line);
    }
    error = error != NULL ? error : check_together(request);
    return error != NULL ? error : &unclear;
}

/* ---- the whole header ---- */

static const struct sx__http_error no_memory = {503, SX_REASON_OVERLOADED,
                                                "the server is out of memory"};

/* If llhttp and we disagree about the framing, a proxy may too, so the request is rejected (request
 * smuggling). */
static const struct sx__http_error *parse_fields(struct sx__request *request)
{
    const llhttp_errno_t split_error = sx__request_split_head(request);
    if (split_error != HPE_OK && split_error != HPE_PAUSED) {
        return explain(request);
    }
    const struct sx__http_error *error = read_fields(request);
    if (error != NULL) {
        return error;
    }
    return sx__request_has_agreed_framing(request, split_error) ? NULL : &unclear;
}

enum sx__parse sx__request_parse_head(struct sx__request *request)
{
    const size_t head_end = request->start + request->head_size;
    if (request->capacity - head_end < SX__INPUT_SPARE_BYTES &&
        sx__request_make_room(request) < 0) {
        return bad(request, &no_memory);
    }
    const struct sx__http_error *error = parse_fields(request);
    if (error != NULL) {
        return bad(request, error);
    }
    const char *head = request->input + request->start;
    memset(&request->exchange, 0, sizeof request->exchange);
    request->exchange.record.method = (struct sx_str){head, request->method_size};
    request->exchange.record.target =
        (struct sx_str){head + request->method_size + 1, request->target_size};
    request->exchange.host =
        request->authority_size > 0
            ? (struct sx_str){head + request->authority_offset, request->authority_size}
            : request->host;
    request->exchange.headers = request->headers;
    request->exchange.header_count = request->line_count;
    request->exchange.path_space = request->path_space;
    return SX__PARSE_DONE;
}
