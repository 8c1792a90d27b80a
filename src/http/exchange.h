/* exchange.h: all that the app and HTTP know of each other.
 *
 * HTTP (this folder) turns bytes into exchanges and exchanges into bytes. The service (the app)
 * turns the request of an exchange into its response. Two drivers move the bytes: the server
 * (src/server), and the in-process connection (inprocess.h), which is the test client.
 *
 * The life of an exchange, always on one thread at a time:
 *
 *     begin      the header is complete and well-formed: the service routes it
 *     handle     the body is complete: the service fills `response`
 *                then response.produce, where there is one, until the body is complete
 *   or refuse    the engine cannot have it handled (413, 408, 400 within the body, 503)
 *     end        the last byte of the response went to the kernel, or the exchange died
 *
 * handle or refuse is left out where the client went away first. What died before its header was
 * complete never becomes an exchange: the service hears `rejected`, the engine answers by itself.
 *
 * Memory: all views of the request lie in memory of the engine that does not move from begin to
 * end. The byte after the method, the target, and each header's name and value (a blank, a colon, a
 * CR) may be written too: the service ends them with a NUL there.
 */
#ifndef SX_EXCHANGE_H
#define SX_EXCHANGE_H

#include <sextant/app.h>

#define SX__HEADERS_MAX 100
#define SX__APP_STATE_BYTES 1024

struct sx__header {
    struct sx_str name;
    struct sx_str value; /* without white space around it */
};

/* Bytes of an open file, which is the service's until end. */
struct sx__file_part {
    bool present;
    int fd;
    uint64_t offset;
    size_t size;
};

struct sx__response {
    int status;                 /* 200-599 */
    struct sx_str content_type; /* size 0: none */
    struct sx_str header_lines; /* further whole lines, each ended by CRLF */
    struct sx_str body;         /* not sent for HEAD, 204 and 304 */
    sx_produce_fn *produce;     /* gives the body in place of `body`; NULL: none */
    void *produce_context;
    struct sx__file_part file; /* is the body, where it is present */
};

struct sx__exchange {
    struct sx_record
        record; /* engine: method, target, started_ns, *_bytes, ended_ns; service: the rest */
    enum sx_admin admin; /* engine: which routes its address has */
    size_t held_bytes;   /* engine: of its options; see sx__response_body_fits */
    size_t route_index;  /* service, in begin: so that the engine knows slow routes from fast */
    bool is_admin;       /* service, in begin: there is a thread for it that others do not get */
    bool skips_body;     /* service, in begin: the response does not depend on the body */
    struct sx__header *headers; /* the service may change what they refer to */
    size_t header_count;
    struct sx_str host; /* of an absolute-form target, else of the Host header; size 0: none */
    struct sx_str body; /* whole before handle, unless the service has set skips_body */
    char *path_space;   /* target.size + 2 bytes for the service, for the decoded path */
    struct sx__response
        response; /* filled by handle or refuse; its memory is the service's until end */
    union {
        void *align_pointer;
        long double align_long_double;
        unsigned char bytes[SX__APP_STATE_BYTES];
    } app_state; /* the service's own, untouched by the engine; zeroed before begin */
};

/* Returns whether a response.body of that size can be sent. If not, writes the reason for the log:
 * the client would be closed as a slow reader, however fast it reads. The service then answers with
 * an error. */
bool sx__response_body_fits(const struct sx__exchange *exchange, size_t body_size, char *reason,
                            size_t reason_size);

/* The service's functions. They are called from any thread, and no lock is held meanwhile. */
struct sx__service {
    void *app;
    size_t frame_bytes; /* memory that handle needs besides; one frame a thread */
    size_t frame_align; /* a power of two; 0: none in particular */
    void (*begin)(void *app, struct sx__exchange *exchange);
    void (*handle)(void *app, struct sx__exchange *exchange, void *frame);
    void (*refuse)(void *app, struct sx__exchange *exchange, int status, const char *message);
    void (*end)(void *app, struct sx__exchange *exchange, enum sx_outcome outcome);
    void (*rejected)(void *app, enum sx_reason reason);
    void (*log)(void *app, enum sx_log_level level, const char *message);
};

#endif
