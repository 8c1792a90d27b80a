/* request_parser.h: the memory of one request, and parsing its bytes into an exchange.
 *
 * An idle connection owns no request. When bytes arrive, the connection takes a request from a
 * pool, and returns it when it is idle again. The bytes are parsed in three steps. Each step can be
 * repeated when more bytes have arrived:
 *
 *     sx__request_scan_head    finds the end of the header, line by line, within the limits
 *     sx__request_parse_head   parses the complete header: fills the exchange, or sets `error`
 *     sx__request_parse_body   reads the body until the message is complete
 *
 * No result depends on how the bytes were split: the request line is checked byte by byte, a header
 * line after all of it has arrived, and the fields after the whole header has arrived.
 *
 * Our own code checks line ends before llhttp sees the lines. Both llhttp and our own code
 * determine where the request ends. If they disagree, a proxy may too, so the request is rejected
 * (request smuggling).
 *
 * Fields named *_offset count from `start`, the first byte of the request. The input may move until
 * parse_head, and afterwards stays where it is.
 *
 * Threads: a request belongs to one thread at a time, as its connection does.
 */
#ifndef SX_REQUEST_PARSER_H
#define SX_REQUEST_PARSER_H

#include "buffer.h"
#include "chunked.h"
#include "exchange.h"
#include <llhttp.h>
#include <string.h>

/* The room for input that is left after a header, for a body of any size. */
#define SX__INPUT_SPARE_BYTES 4096
#define SX__INPUT_BYTES 16384
#define SX__RESPONSE_HEAD_BYTES 1024

/* An error in a request: how to answer it, and how to count it. */
struct sx__http_error {
    int status;
    enum sx_reason reason; /* counted if the request has not been routed yet */
    const char *message;
};

enum sx__parse {
    SX__PARSE_MORE, /* more bytes are needed */
    SX__PARSE_DONE,
    SX__PARSE_BAD, /* `error` is set */
};

struct sx__request {
    struct sx__request *next; /* the next request in a pool */
    const struct sx_run_options *limits;
    struct sx__buffer_pool *buffers;
    struct sx__buffer own_buffer; /* the buffer that this request lies in */

    char *input; /* `own_input`, or the data of `input_buffer` if that was too small */
    struct sx__buffer input_buffer;
    size_t capacity;
    size_t start;  /* the first byte of the current request */
    size_t parsed; /* all bytes before this one have been parsed */
    size_t filled; /* all bytes before this one have been received */

    size_t scan_offset;    /* the search for a line end continues here */
    size_t line_offset;    /* the start of the current line */
    size_t headers_offset; /* where the header lines begin; 0: the request line is incomplete */
    size_t head_size;      /* set when the end of the header has been found */
    size_t line_count;     /* header lines */
    size_t field_count;    /* lines that llhttp has split into a name and a value */
    const struct sx__http_error *error;

    size_t method_size; /* the method begins at `start` */
    size_t target_size; /* the target follows the method and a space */
    size_t authority_offset;
    size_t authority_size; /* 0: the target has no authority */

    bool is_head; /* set when the request line has been parsed; so is is_http_1_0 */
    bool is_http_1_0;
    bool wants_close, wants_keep_alive; /* from the Connection header */
    bool expects_continue, expects_other;
    bool has_host, has_length, is_chunked;
    uint64_t content_length;
    struct sx_str host; /* the value of the Host header; size 0: there is none, or it is empty */

    llhttp_t parser;
    bool message_complete;
    struct sx__chunked chunked;
    char *body; /* in the input, or `own_body` if it does not fit or is chunked */
    size_t body_size;
    struct sx__buffer own_body;

    struct sx__exchange exchange;
    struct sx__header headers[SX__HEADERS_MAX];
    char response_head[SX__RESPONSE_HEAD_BYTES];
    char *path_space;
    size_t own_touched; /* bytes of own_input that have been written since it was mapped */
    size_t own_capacity;
    char own_input[]; /* own_capacity bytes, followed by path_space */
};

/* Requests that one thread keeps for reuse. */
struct sx__request_pool {
    struct sx__buffer_pool *buffers; /* shared by all threads; NULL: no buffers are kept */
    struct sx__request *first;
    unsigned count;
};

/* Returns an empty request from the pool or from the buffers; NULL: no memory. */
struct sx__request *sx__request_new(struct sx__request_pool *pool,
                                    const struct sx_run_options *limits);
/* Returns a request to the pool. NULL is a no-op. */
void sx__request_destroy(struct sx__request_pool *pool, struct sx__request *request);
void sx__request_pool_clean_up(struct sx__request_pool *pool);

/* Moves an unfinished header to the front of the input, or to a larger one. Errors: SX_ENOMEM */
int sx__request_make_room(struct sx__request *request);

/* Returns the buffer for the next bytes, of at least one byte. Errors: SX_ENOMEM */
int sx__request_reserve(struct sx__request *request, char **space, size_t *size);

/* Notes how many bytes were received in that buffer. */
void sx__request_receive(struct sx__request *request, size_t size);

/* Makes room in `own_body` for a body of `size` bytes. Errors: SX_ENOMEM */
int sx__request_grow_body(struct sx__request *request, size_t size);

/* Discards the current request and starts the next one with the bytes that follow it. */
void sx__request_next(struct sx__request *request);

/* Return the memory that the request occupies at most, and the part of it for a large body and a
 * large header. */
size_t sx__request_get_buffered_bytes(const struct sx__request *request);
size_t sx__request_get_large_bytes(const struct sx__request *request);

enum sx__parse sx__request_scan_head(struct sx__request *request);

/* Called after scan_head has returned SX__PARSE_DONE. The service is not called yet: the caller
 * begins the exchange. */
enum sx__parse sx__request_parse_head(struct sx__request *request);

/* Called after parse_head has returned SX__PARSE_DONE and the exchange has begun. Checks whether
 * the body can be accepted. */
enum sx__parse sx__request_begin_body(struct sx__request *request);

/* Called after begin_body has returned SX__PARSE_DONE. Sets exchange.body when the body is
 * complete. */
enum sx__parse sx__request_parse_body(struct sx__request *request);

/* ---- parts of the parser ---- */

struct sx__request_line {
    struct sx_str method;
    struct sx_str target;
    struct sx_str authority; /* host and port of a target in absolute-form; size 0: none */
    int minor_version;       /* of HTTP/1.x: 0, or 1 for any higher number */
};

static inline bool sx__is_connect(struct sx_str method)
{
    return method.size == 7 && memcmp(method.data, "CONNECT", 7) == 0;
}

/* Parses a request line without its CRLF. Returns an error, or NULL if the line is valid. */
const struct sx__http_error *sx__request_line_parse(struct sx__request_line *line,
                                                    struct sx_str text);

/* Returns whether the text is valid as a Host header or an authority, without user information. */
bool sx__is_host(struct sx_str text);

/* Makes llhttp split the header that scan_head has found into request->headers. Returns HPE_OK,
 * HPE_PAUSED if llhttp considers the request complete, or another error of llhttp. */
llhttp_errno_t sx__request_split_head(struct sx__request *request);

/* Called after split_head has returned `error` and our own code has read the fields. Returns
 * whether llhttp found the same framing, that is, the same start and size of the body. */
bool sx__request_has_agreed_framing(struct sx__request *request, llhttp_errno_t error);

#endif
