/* request_body.c: llhttp splits the header lines into fields; our own code reads the body, so the
 * accepted grammar does not depend on the version of llhttp. See request_parser.h. */
#include "request_parser.h"
#include <string.h>

static const struct sx__http_error no_memory = {503, SX_REASON_OVERLOADED,
                                                "the server is out of memory"};
static const struct sx__http_error bad_chunk = {400, SX_REASON_MALFORMED,
                                                "the chunked body is malformed"};
static const struct sx__http_error bad_trailer = {
    400, SX_REASON_MALFORMED, "the trailer has a Content-Length or Transfer-Encoding field"};
static const struct sx__http_error body_too_large = {413, SX_REASON_MALFORMED,
                                                     "the body is too large"};
static const struct sx__http_error framing_too_large = {
    413, SX_REASON_MALFORMED, "the chunk framing is too large for the data"};
static const struct sx__http_error length_too_large = {413, SX_REASON_MALFORMED,
                                                       "Content-Length is too large"};
static const struct sx__http_error unknown_expectation = {
    417, SX_REASON_MALFORMED, "the only supported expectation is 100-continue"};

/* RFC 9110 9.1: "An origin server that receives a request method that is unrecognized or not
 * implemented SHOULD respond with the 501 (Not Implemented) status code." */
static const struct sx__http_error no_tunnels = {
    501, SX_REASON_MALFORMED, "CONNECT is not supported: this server is not a proxy"};

static struct sx__request *request_of(llhttp_t *parser)
{
    return parser->data;
}

/* scan_head has counted the lines, so more fields than lines are an error. */
static int on_header_field(llhttp_t *parser, const char *data, size_t size)
{
    struct sx__request *request = request_of(parser);
    if (request->field_count == request->line_count) {
        return HPE_USER;
    }
    struct sx__header *header = &request->headers[request->field_count++];
    header->name = (struct sx_str){data, size};
    header->value = (struct sx_str){data + size + 1, 0}; /* after the colon */
    return 0;
}

/* llhttp reports an empty value only after it has seen that the next line does not continue it, and
 * then with a position in that next line. So an empty value keeps the position that on_header_field
 * gave it. */
static int on_header_value(llhttp_t *parser, const char *data, size_t size)
{
    struct sx__request *request = request_of(parser);
    if (size == 0) {
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
    /* The server never upgrades a connection, so llhttp must treat the request like any other. */
    parser->upgrade = 0;
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
    .on_message_complete = on_message_complete,
};

/* llhttp knows a list of methods and versions, and treats some of them specially. Our own code has
 * parsed the request line already. It does not affect where the request ends, so llhttp gets a
 * plain one instead. */
llhttp_errno_t sx__request_split_head(struct sx__request *request)
{
    llhttp_t *parser = &request->parser;
    llhttp_init(parser, HTTP_REQUEST, &settings);
    parser->data = request;
    request->field_count = 0;
    const char *line = request->is_http_1_0 ? "GET / HTTP/1.0\r\n" : "GET / HTTP/1.1\r\n";
    const llhttp_errno_t error = llhttp_execute(parser, line, strlen(line));
    if (error != HPE_OK) {
        return error;
    }
    const char *head = request->input + request->start;
    return llhttp_execute(parser, head + request->headers_offset,
                          request->head_size - request->headers_offset);
}

bool sx__request_has_agreed_framing(struct sx__request *request, llhttp_errno_t error)
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

/* Decides where the body will be stored. Returns an error if the body cannot be accepted, before
 * any byte of it is read. */
static const struct sx__http_error *prepare_body(struct sx__request *request)
{
    if (sx__is_connect(request->exchange.record.method)) {
        return &no_tunnels;
    }
    if (request->content_length > request->limits->body_bytes) {
        return &length_too_large;
    }
    if (request->expects_other) {
        return &unknown_expectation;
    }
    const size_t body_offset = request->start + request->head_size;
    sx__chunked_init(&request->chunked, request->limits->body_bytes);
    request->body = request->input + body_offset;
    if (request->content_length > request->capacity - body_offset) {
        /* Reserves address space only. Memory is committed as the body arrives. */
        if (sx__buffer_pool_take(request->buffers, &request->own_body,
                                 (size_t)request->content_length) < 0) {
            return &no_memory;
        }
    }
    return NULL;
}

enum sx__parse sx__request_begin_body(struct sx__request *request)
{
    request->parsed = request->start + request->head_size;
    request->error = prepare_body(request);
    return request->error != NULL ? SX__PARSE_BAD : SX__PARSE_DONE;
}

/* Adds data to the body. The body either stays in the input, right after the header, or is copied
 * to own_body. */
static const struct sx__http_error *add_to_body(struct sx__request *request, struct sx_str data)
{
    if (request->own_body.data != NULL || request->is_chunked) {
        if (sx__request_grow_body(request, request->body_size + data.size) < 0) {
            return &no_memory;
        }
        memcpy(request->own_body.data + request->body_size, data.data, data.size);
    }
    request->body_size += data.size;
    return NULL;
}

static const struct sx__http_error *read_sized_body(struct sx__request *request)
{
    const size_t left = (size_t)request->content_length - request->body_size;
    const size_t came = request->filled - request->parsed;
    const struct sx_str data = {request->input + request->parsed, came < left ? came : left};
    request->parsed += data.size;
    request->message_complete = data.size == left;
    return data.size > 0 ? add_to_body(request, data) : NULL;
}

static const struct sx__http_error *error_of(enum sx__chunked_result result)
{
    switch (result) {
    case SX__CHUNKED_BAD:
        return &bad_chunk;
    case SX__CHUNKED_BAD_TRAILER:
        return &bad_trailer;
    case SX__CHUNKED_TOO_LARGE:
        return &body_too_large;
    case SX__CHUNKED_FRAMING_TOO_LARGE:
        return &framing_too_large;
    default:
        return NULL;
    }
}

static const struct sx__http_error *read_chunks(struct sx__request *request)
{
    struct sx_str bytes = {request->input + request->parsed, request->filled - request->parsed};
    const struct sx__http_error *error = NULL;
    enum sx__chunked_result result;
    do {
        struct sx_str data;
        result = sx__chunked_read(&request->chunked, &bytes, &data);
        error = result == SX__CHUNKED_DATA ? add_to_body(request, data) : error_of(result);
    } while (result == SX__CHUNKED_DATA && error == NULL);
    request->parsed = request->filled - bytes.size;
    request->message_complete = result == SX__CHUNKED_DONE;
    return error;
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
    if (!request->message_complete) {
        request->error = request->is_chunked ? read_chunks(request) : read_sized_body(request);
        request->exchange.record.request_body_bytes = request->body_size;
    }
    if (request->error != NULL) {
        return SX__PARSE_BAD;
    }
    if (request->message_complete) {
        finish_body(request);
        return SX__PARSE_DONE;
    }
    /* Copied bytes are dropped from the input, so that there is always room to read. */
    if (request->own_body.data != NULL || request->is_chunked) {
        request->filled = request->parsed = request->start + request->head_size;
    }
    return SX__PARSE_MORE;
}
