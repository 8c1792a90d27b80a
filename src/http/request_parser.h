/* request.h: the memory of one request, and its way from bytes to an exchange.
 *
 * A connection that waits for nothing owns no request. When bytes come it takes one from a pool,
 * and gives it back once it is idle again. The bytes are parsed in three steps, each of which can
 * be repeated when more bytes have come:
 *
 *     sx__request_scan_head    finds the end of the header, line by line, within the limits
 *     sx__request_parse_head   reads the whole header: fills the exchange, or finds error
 *     sx__request_parse_body   reads the body until the message is complete
 *
 * Nothing is looked at before it is certain that it is all there, so that no result depends on
 * how the bytes were split.
 *
 * What ends a line is checked before llhttp sees it, and where the request ends is found by llhttp
 * and by us: what the two understand differently is refused, as others may, too.
 *
 * Offsets named *_offset count from `start`, the first byte of the request; the input may move
 * until parse_head, and from then on stays where it is.
 */
#ifndef SX_ENGINE_REQUEST_H
#define SX_ENGINE_REQUEST_H

#include "buffer.h"
#include "chunked.h"
#include "exchange.h"
#include <llhttp.h>
#include <string.h>

/* Room for reading that is left after a header, so that any body can come in. */
#define SX__INPUT_SPARE_BYTES 4096
#define SX__INPUT_BYTES 16384
#define SX__RESPONSE_HEAD_BYTES 1024

/* What is wrong with a request: how to answer, and how to count it. */
struct sx__http_error {
    int status;
    enum sx_reason reason; /* where it was not routed yet */
    const char *message;
};

enum sx__parse {
    SX__PARSE_MORE, /* more bytes are needed */
    SX__PARSE_DONE,
    SX__PARSE_BAD, /* `error` says what is wrong */
};

struct sx__request {
    struct sx__request *next; /* in a pool */
    const struct sx_run_options *limits;
    struct sx__buffer_pool *buffers;
    struct sx__buffer own_buffer; /* the space that holds the request itself */

    char *input; /* `own_input`, or `input_buffer` where that was too small */
    struct sx__buffer input_buffer;
    size_t capacity;
    size_t start;  /* of the present request */
    size_t parsed; /* all before this has been used up */
    size_t filled; /* all before this has been read */

    size_t scan_offset;    /* the next byte to look for a line end */
    size_t line_offset;    /* the line that is looked at */
    size_t headers_offset; /* where the header lines begin; 0: within the request line */
    size_t head_size;      /* set when the end of the header was found */
    size_t line_count;     /* header lines */
    size_t field_count;    /* of them, those that llhttp has split into a name and a value */
    const struct sx__http_error *error;

    size_t method_size; /* of the method; the request line begins at `start` */
    size_t target_size; /* the target follows the method and a space */
    size_t authority_offset;
    size_t authority_size; /* 0: the target has none */

    bool is_head; /* known from the request line on, and so are the next two */
    bool is_http_1_0;
    bool wants_close, wants_keep_alive; /* Connection: */
    bool expects_continue, expects_other;
    bool has_host, has_length, is_chunked;
    uint64_t content_length;
    struct sx_str host; /* of the Host header; size 0: there is none, or it is empty */

    llhttp_t parser;
    bool message_complete;
    struct sx__chunked chunked;
    char *body; /* within the input, or `own_body` where it does not fit or is chunked */
    size_t body_size;
    struct sx__buffer own_body;

    struct sx__exchange exchange;
    struct sx__header headers[SX__HEADERS_MAX];
    char response_head[SX__RESPONSE_HEAD_BYTES];
    char *path_space;
    size_t own_touched; /* bytes of own_input that have been written since it was mapped */
    size_t own_capacity;
    char own_input[]; /* own_capacity bytes, then the path space */
};

/* Requests kept for reuse by one thread. */
struct sx__request_pool {
    struct sx__buffer_pool *buffers; /* shared by all threads; NULL: there are none */
    struct sx__request *first;
    unsigned count;
};

/* Returns an empty request from the pool or from the buffers; NULL: no memory. */
struct sx__request *sx__request_new(struct sx__request_pool *pool,
                                    const struct sx_run_options *limits);
/* Back to the pool; NULL is a no-op. */
void sx__request_destroy(struct sx__request_pool *pool, struct sx__request *request);
void sx__request_pool_clean_up(struct sx__request_pool *pool);

/* Moves an unfinished header to the front of the input, or to a larger one. Errors: SX_ENOMEM */
int sx__request_make_room(struct sx__request *request);

/* Where the next bytes go: at least one. Errors: SX_ENOMEM */
int sx__request_reserve(struct sx__request *request, char **space, size_t *size);

/* Notes how many bytes have been received there. */
void sx__request_receive(struct sx__request *request, size_t size);

/* Makes room in `own_body` for a body of `size` bytes. Errors: SX_ENOMEM */
int sx__request_grow_body(struct sx__request *request, size_t size);

/* Forgets the present request and begins the next with the bytes that came after it. */
void sx__request_next(struct sx__request *request);

/* The memory that it occupies at most; and the part of it that a large body and a large header
 * occupy. */
size_t sx__request_get_buffered_bytes(const struct sx__request *request);
size_t sx__request_get_large_bytes(const struct sx__request *request);

enum sx__parse sx__request_scan_head(struct sx__request *request);

/* After scan_head was done. `service` sees nothing yet: the caller begins the exchange. */
enum sx__parse sx__request_parse_head(struct sx__request *request);

/* After parse_head was done and the exchange has begun: whether the body can be accepted. */
enum sx__parse sx__request_begin_body(struct sx__request *request);

/* After begin_body was done; sets exchange.body when it is. */
enum sx__parse sx__request_parse_body(struct sx__request *request);

/* ---- the pieces ---- */

struct sx__request_line {
    struct sx_str method;
    struct sx_str target;
    struct sx_str authority; /* host and port of a target in absolute-form; size 0: it has none */
    int minor_version;       /* of HTTP/1.x: 0, or 1 for all others */
};

static inline bool sx__is_connect(struct sx_str method)
{
    return method.size == 7 && memcmp(method.data, "CONNECT", 7) == 0;
}

/* Reads a request line without its CRLF; NULL: it is good. */
const struct sx__http_error *sx__request_line_parse(struct sx__request_line *line,
                                                    struct sx_str text);

/* Whether it is what a Host header or an authority may be, without user information. */
bool sx__is_host(struct sx_str text);

/* Has llhttp read the header, which scan_head has found, into request->headers. Gives HPE_OK, or
 * HPE_PAUSED where llhttp takes the request for complete, or what is wrong. */
llhttp_errno_t sx__request_split_head(struct sx__request *request);

/* After split_head gave `error`, and when the fields have been looked at: whether llhttp finds the
 * same framing in them, from where it goes on with the body. */
bool sx__request_has_agreed_framing(struct sx__request *request, llhttp_errno_t error);

#endif
