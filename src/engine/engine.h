/* engine.h: all that the app layer and an engine know of each other.
 *
 * An engine turns bytes into exchanges and exchanges into bytes; the service (the app) turns the
 * request of an exchange into its response. There are two engines over one HTTP connection
 * (connection.c): the network engine, and the in-process engine, which is the test client.
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
#ifndef SX_ENGINE_H
#define SX_ENGINE_H

#include <sextant/app.h>

#define SX__HEADERS_MAX 100
#define SX__THREADS_MAX 4096
#define SX__ADDRESS_DEFAULT "127.0.0.1:0"
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

/* Whether the engine can send a response.body of that size. If not, writes the reason for the log:
 * the client would be closed as a slow reader, however fast it reads. The service then answers with
 * an error. */
bool sx__response_body_fits(const struct sx__exchange *exchange, size_t body_size, char *reason,
                            size_t reason_size);

/* Whether the client of the stream whose producer runs on the calling thread is still there and may
 * still be answered. True if no producer of the network engine runs on this thread. */
bool sx__stream_has_client(void);

/* What an engine calls. Functions are called from any thread, never with a lock held. */
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

/* ---- the network engine ---- */

struct sx__network;

/* Binds and listens; afterwards clients can connect, and wait in the backlog until it runs.
 * `options` has no zeroes left for defaults: see sx__run_options_resolve. The service is copied.
 * Errors: SX_EADDRESS, SX_ETLS, SX_ESYSTEM (logged through the service with the reason),
 * SX_ENOMEM */
int sx__network_new(struct sx__network **network, const struct sx__service *service,
                    const struct sx_run_options *options);
/* Of the first address, or of further ones; 0: it has none. */
uint16_t sx__network_get_port(const struct sx__network *network, size_t index);
/* Serves until stopped, then closes the listener, answers what is in flight with Connection: close
 * within stop_timeout_ms, closes everything, joins its threads and returns 0. SX_ETIMEOUT: handlers
 * did not return by then; they have been logged, and their threads go on. */
int sx__network_run(struct sx__network *network);
void sx__network_stop(struct sx__network *network); /* any thread, async-signal-safe */
/* Has certificates read again, soon; any thread, async-signal-safe. */
void sx__network_reload(struct sx__network *network);
/* False: nothing was freed, because an abandoned handler still runs; else NULL is a no-op. */
bool sx__network_destroy(struct sx__network *network);

/* Replaces each zero by its default. Errors: SX_EINVAL for values that cannot work. */
int sx__run_options_resolve(struct sx_run_options *out, const struct sx_run_options *options);
/* The option that cannot work, and its limits, for a sentence; NULL: all can. */
const char *sx__run_options_fault(const struct sx_run_options *options);

/* ---- the in-process engine ---- */

struct sx__inprocess;

/* One connection without a socket, with default limits. Errors: SX_ENOMEM */
int sx__inprocess_new(struct sx__inprocess **inprocess, const struct sx__service *service);
/* Gives the connection bytes; whatever responses they cause are appended to `*out` (malloc, the
 * caller frees; `*out_size` grows). Gives 0, or SX_EPROTO where the connection is closed, after
 * which a further send begins a new connection. */
int sx__inprocess_send(struct sx__inprocess *inprocess, const char *bytes, size_t size, char **out,
                       size_t *out_size);
/* The client goes away: whatever is in progress ends. */
void sx__inprocess_close(struct sx__inprocess *inprocess);
void sx__inprocess_destroy(struct sx__inprocess *inprocess);

#endif
