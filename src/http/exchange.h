/* exchange.h: the interface between the app and HTTP.
 *
 * HTTP (this folder) turns bytes into exchanges and exchanges into bytes. The service (the app)
 * turns the request of an exchange into its response. Two drivers move the bytes: the server
 * (src/server), and the in-process connection (inprocess.h), which is the test client.
 *
 * The life of an exchange, which belongs to one thread at a time:
 *
 *     begin      the header is complete and well-formed: the service routes it
 *     handle     the body is complete: the service fills `response`; then response.produce, if it
 *                is set, is called until the body is complete
 *     refuse     instead of handle, if HTTP cannot let the service handle the request (413, 408,
 *                400 within the body, 503): the service fills `response` with that error
 *     end        the last byte of the response went to the kernel, or the exchange was aborted
 *
 * Neither handle nor refuse is called if the client goes away first. A request that is rejected
 * before its header is complete has no exchange. HTTP calls `rejected`, and itself writes the error
 * response, if the client is still there.
 *
 * Memory: all views of the request point into memory of HTTP that does not move between begin and
 * end. The service may overwrite the byte after the method, after the target, and after each
 * header's name and value (a blank, a colon, a CR) with a NUL.
 */
#ifndef SX_EXCHANGE_H
#define SX_EXCHANGE_H

#include <sextant/app.h>

#define SX__HEADERS_MAX 100
#define SX__APP_STATE_BYTES 1024

struct sx__header {
    struct sx_str name;
    struct sx_str value; /* without the white space around it */
};

/* A part of an open file. The file belongs to the service until end. */
struct sx__file_part {
    bool present;
    int fd;
    uint64_t offset;
    size_t size;
};

struct sx__response {
    int status;                 /* 200-599 */
    struct sx_str content_type; /* size 0: none */
    struct sx_str header_lines; /* further complete lines, each with its CRLF */
    struct sx_str body;         /* not sent for HEAD, 204 and 304 */
    sx_produce_fn *produce;     /* writes the body instead of `body`; NULL: none */
    void *produce_context;
    struct sx__file_part file; /* if present, the body */
};

struct sx__exchange {
    struct sx_record record; /* HTTP sets method, target, started_ns, *_bytes, ended_ns; the service
                                sets the rest */
    enum sx_admin admin;     /* set by HTTP: the routes that the address serves */
    size_t buffered_bytes;   /* set by HTTP, from the options; see sx__response_body_fits */
    size_t route_index;      /* set by the service in begin: the server measures each route */
    bool is_admin; /* set by the service in begin: an admin route, which has a thread of its own */
    bool skips_body; /* set by the service in begin: the response does not depend on the body */
    struct sx__header *headers; /* the service may change the bytes that they refer to */
    size_t header_count;
    struct sx_str host; /* from an absolute-form target, otherwise the Host header; size 0: none */
    struct sx_str body; /* complete before handle, unless the service has set skips_body */
    char *path_space;   /* target.size + 2 bytes in which the service decodes the path */
    struct sx__response response; /* filled by handle or refuse; its memory stays valid until end */
    union {
        void *align_pointer;
        long double align_long_double;
        unsigned char bytes[SX__APP_STATE_BYTES];
    } app_state; /* private to the service; zeroed before begin */
};

/* Returns whether a response.body of that size can be sent. If not, writes the reason for the log:
 * the client would be closed as a slow reader, however fast it reads. The service then
 * answers with an error. */
bool sx__response_body_fits(const struct sx__exchange *exchange, size_t body_size, char *reason,
                            size_t reason_size);

/* The functions of the service. No mutex is locked while they run. begin, handle, refuse and end
 * are called by the thread that owns the client; rejected also by a thread that accepts a
 * connection; log by any thread, also by the monitor. In-process, the thread that uses the test
 * client calls all of them. */
struct sx__service {
    void *app;
    size_t frame_bytes; /* memory that handle needs in addition; one frame per thread */
    size_t frame_align; /* a power of two; 0: that of max_align_t */
    void (*begin)(void *app, struct sx__exchange *exchange);
    void (*handle)(void *app, struct sx__exchange *exchange, void *frame);
    void (*refuse)(void *app, struct sx__exchange *exchange, int status, const char *message);
    void (*end)(void *app, struct sx__exchange *exchange, enum sx_outcome outcome);
    void (*rejected)(void *app, enum sx_reason reason);
    void (*log)(void *app, enum sx_log_level level, const char *message);
};

#endif
