/* request_llhttp.c: what llhttp reads: the lines of the header, and the body. */
#include "request.h"
#include <string.h>

static const struct sx__fault no_memory = {503, SX_REASON_OVERLOADED, "there is no memory left"};
static const struct sx__fault bad_chunk = {400, SX_REASON_MALFORMED,
                                           "the chunked body is malformed"};
static const struct sx__fault body_too_large = {413, SX_REASON_MALFORMED, "the body is too large"};
static const struct sx__fault length_too_large = {413, SX_REASON_MALFORMED,
                                                  "Content-Length is too large"};
static const struct sx__fault unknown_expectation = {417, SX_REASON_MALFORMED,
                                                     "the expectation is not 100-continue"};

/* Chunks may cost as many bytes as they carry, and a little more. */
#define CHUNK_SPARE_BYTES 16384

static struct sx__request *request_of(llhttp_t *parser)
{
    return parser->data;
}

/* scan_head has counted the lines, and there cannot be more fields; a trailer nobody needs. */
static int on_header_field(llhttp_t *parser, const char *data, size_t size)
{
    struct sx__request *request = request_of(parser);
    if (request->in_trailer) {
        return 0;
    }
    if (request->field_count == request->line_count) {
        return HPE_USER;
    }
    struct sx__header *header = &request->headers[request->field_count++];
    header->name = (struct sx_str){data, size};
    header->value = (struct sx_str){data + size + 1, 0}; /* behind the colon */
    return 0;
}

/* An empty value llhttp finds only when it has seen that the next line does not go on with it, and
 * tells of it there; it stays where the field has put it. */
static int on_header_value(llhttp_t *parser, const char *data, size_t size)
{
    struct sx__request *request = request_of(parser);
    if (request->in_trailer || size == 0) {
        return 0;
    }
    if (request->field_count == 0 || request->headers[request->field_count - 1].value.size > 0) {
        return HPE_USER;
    }
    request->headers[request->field_count - 1].value = (struct sx_str){data, size};
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    /* An upgrade is never made, so that the request is one like any other. */
    parser->upgrade = 0;
    return 0;
}

/* Either the body lies in the input already, behind the header, or it is copied. */
static int on_body(llhttp_t *parser, const char *data, size_t size)
{
    struct sx__request *request = request_of(parser);
    if (request->own_body.data != NULL || request->is_chunked) {
        if (sx__request_grow_body(request, request->body_size + size) < 0) {
            request->fault = &no_memory;
            return HPE_USER;
        }
        memcpy(request->own_body.data + request->body_size, data, size);
    }
    request->body_size += size;
    return 0;
}

/* Here llhttp has the size of the chunk in content_length. At the last one it pauses, so that the
 * trailer can be looked at before llhttp sees it. */
static int on_chunk_header(llhttp_t *parser)
{
    struct sx__request *request = request_of(parser);
    if (parser->content_length > request->limits->body_bytes - request->body_size) {
        request->fault = &body_too_large;
        return HPE_USER;
    }
    if (parser->content_length == 0) {
        request->in_trailer = true;
        request->trailer_previous = '\n';
        return HPE_PAUSED;
    }
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    request_of(parser)->message_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

/* llhttp knows a list of methods, and treats some in its own way. We have read the method, and it
 * makes no difference to where a request ends; so llhttp is told GET. The target of a CONNECT,
 * which is no path, gets a slash in front. */
llhttp_errno_t sx__request_split_head(struct sx__request *request,
                                      const struct sx__request_line *line)
{
    llhttp_t *parser = &request->parser;
    llhttp_init(parser, HTTP_REQUEST, &settings);
    parser->data = request;
    request->field_count = 0;
    const bool is_connect = line->method.size == 7 && memcmp(line->method.data, "CONNECT", 7) == 0;
    const char *method = is_connect ? "GET /" : "GET ";
    const llhttp_errno_t error = llhttp_execute(parser, method, strlen(method));
    if (error != HPE_OK) {
        return error;
    }
    const char *head_end = request->input + request->start + request->head_size;
    return llhttp_execute(parser, line->target.data, (size_t)(head_end - line->target.data));
}

bool sx__request_is_agreed(struct sx__request *request, llhttp_errno_t error)
{
    const llhttp_t *parser = &request->parser;
    const char *head_end = request->input + request->start + request->head_size;
    const bool has_body = request->is_chunked || request->content_length > 0;
    const bool is_read = has_body ? error == HPE_OK
                                  : error == HPE_PAUSED && llhttp_get_error_pos(parser) == head_end;
    llhttp_resume(&request->parser);
    return is_read && request->field_count == request->line_count &&
           request->message_complete != has_body &&
           ((parser->flags & F_CHUNKED) != 0) == request->is_chunked &&
           (!has_body || request->is_chunked || parser->content_length == request->content_length);
}

/* How the body will be kept; what cannot be accepted is known before a byte of it is read. */
static const struct sx__fault *prepare_body(struct sx__request *request)
{
    if (request->content_length > request->limits->body_bytes) {
        return &length_too_large;
    }
    if (request->expects_other) {
        return &unknown_expectation;
    }
    const size_t body_offset = request->start + request->head_size;
    request->body = request->input + body_offset;
    if (request->content_length > request->capacity - body_offset) {
        /* Address space; it becomes memory as the body arrives. */
        if (sx__spaces_take(request->spaces, &request->own_body, (size_t)request->content_length) <
            0) {
            return &no_memory;
        }
    }
    return NULL;
}

enum sx__parse sx__request_begin_body(struct sx__request *request)
{
    request->parsed = request->start + request->head_size;
    request->fault = prepare_body(request);
    return request->fault != NULL ? SX__PARSE_BAD : SX__PARSE_DONE;
}

/* llhttp lets a bare LF end the trailer, and lets its lines be folded or have no name; others may
 * not.
 * Gives how many bytes are beyond doubt. */
static size_t trailer_size(struct sx__request *request, const char *bytes, size_t size)
{
    char previous = request->trailer_previous;
    size_t i = 0;
    for (; i < size; i++) {
        const char c = bytes[i];
        const bool begins_line = previous == '\n';
        if ((c == '\n' && previous != '\r') ||
            (begins_line && (c == ' ' || c == '\t' || c == ':'))) {
            break;
        }
        previous = c;
    }
    request->trailer_previous = previous;
    return i;
}

static enum sx__parse bad_body(struct sx__request *request)
{
    if (request->fault == NULL) {
        request->fault = &bad_chunk;
    }
    return SX__PARSE_BAD;
}

/* Feeds llhttp once; DONE: it has taken all it was given. */
static enum sx__parse feed(struct sx__request *request, const char *bytes, size_t size)
{
    const size_t fed = request->in_trailer ? trailer_size(request, bytes, size) : size;
    const llhttp_errno_t error = llhttp_execute(&request->parser, bytes, fed);
    size_t used = fed;
    if (error == HPE_PAUSED) {
        used = (size_t)(llhttp_get_error_pos(&request->parser) - bytes);
        llhttp_resume(&request->parser);
    } else if (error != HPE_OK) {
        return bad_body(request);
    }
    request->parsed += used;
    request->body_raw_bytes += used;
    if (error == HPE_OK && fed < size) {
        return bad_body(request);
    }
    return SX__PARSE_DONE;
}

static void finish_body(struct sx__request *request)
{
    if (request->own_body.data != NULL) {
        request->body = request->own_body.data;
    }
    request->exchange.body = (struct sx_str){request->body, request->body_size};
    request->exchange.record.request_body_bytes = request->body_size;
}

enum sx__parse sx__request_parse_body(struct sx__request *request)
{
    const uint64_t raw_limit = 2 * (uint64_t)request->limits->body_bytes + CHUNK_SPARE_BYTES;
    while (!request->message_complete && request->parsed < request->filled) {
        const uint64_t left = raw_limit - request->body_raw_bytes;
        if (left == 0) {
            request->fault = &body_too_large;
            return SX__PARSE_BAD;
        }
        size_t size = request->filled - request->parsed;
        if (size > left) {
            size = (size_t)left;
        }
        const enum sx__parse parse = feed(request, request->input + request->parsed, size);
        request->exchange.record.request_body_bytes = request->body_size;
        if (parse == SX__PARSE_BAD) {
            return SX__PARSE_BAD;
        }
    }
    if (request->message_complete) {
        finish_body(request);
        return SX__PARSE_DONE;
    }
    /* What was copied need not be kept, so that there is always room to read. */
    if (request->own_body.data != NULL || request->is_chunked) {
        request->filled = request->parsed = request->start + request->head_size;
    }
    return SX__PARSE_MORE;
}
