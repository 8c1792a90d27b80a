/* connection.h: the state machine of an HTTP/1.1 connection, without its socket.
 *
 * The caller (src/server/turn.c or inprocess.c) asks for the next step, does it, and asks again:
 *
 *     INPUT     call reserve, read into that buffer, call receive; at the end of the input call
 *               end_input
 *     ADVANCE   call advance: there is input that has not been parsed
 *     HANDLER   call handle: it runs the user's code, and may take long
 *     PRODUCE   call produce: it runs the user's code, which writes the next piece of a streamed
 *               body
 *     TIME      wait until `resume_ns`, then call resume
 *     OUTPUT    call get_output and get_file, send the bytes, call sent
 *     LINGER    the last response is sent: shut down the write side, and read and discard what the
 *               client still sends; otherwise a connection reset could destroy the response before
 *               the client has read it
 *     CLOSE     close the connection
 *
 * The connection makes no system calls and reads no clock: the caller passes the time. So the same
 * bytes always give the same exchanges and the same responses, however they are split.
 *
 * Threads: a connection belongs to one thread at a time.
 */
#ifndef SX_CONNECTION_H
#define SX_CONNECTION_H

#include "request_parser.h"

/* What all connections of a server share. */
struct sx__protocol {
    struct sx__service service;
    struct sx_run_options options; /* resolved: no option is 0 */
    struct sx__buffer_pool *buffers;
    const char *(*get_date)(void); /* returns the SX__DATE_BYTES of a Date; NULL: no Date */
    _Atomic bool stopping;         /* each response is the last of its connection */
    _Atomic uint64_t stopped_ns;   /* the time of the stop; set before `stopping` */
};

enum sx__next_step {
    SX__NEXT_INPUT,
    SX__NEXT_ADVANCE,
    SX__NEXT_HANDLER,
    SX__NEXT_PRODUCE,
    SX__NEXT_TIME,
    SX__NEXT_OUTPUT,
    SX__NEXT_LINGER,
    SX__NEXT_CLOSE,
};

enum sx__phase {
    SX__PHASE_HEAD,     /* idle, or the header is incomplete */
    SX__PHASE_CONTINUE, /* 100 Continue is being sent */
    SX__PHASE_BODY,
    SX__PHASE_READY,     /* the request is complete */
    SX__PHASE_RESPONSE,  /* the response of an exchange is being sent */
    SX__PHASE_PRODUCE,   /* everything that was produced is sent */
    SX__PHASE_PAUSE,     /* the producer has no data yet */
    SX__PHASE_REJECTION, /* an error response is being sent; there is no exchange */
    SX__PHASE_LINGER,
    SX__PHASE_CLOSED,
};

/* A response body that a producer writes piece by piece. */
struct sx__streamed {
    bool is_present; /* the response is streamed */
    bool chunked;
    bool in_piece;        /* `head` points into `buffer` */
    bool is_last;         /* the current piece is the last one */
    size_t piece_size;    /* of the current piece, without framing */
    uint64_t sent_bytes;  /* before the current piece, without framing */
    uint64_t progress_ns; /* when the producer last produced something */
    uint64_t resume_ns;
    struct sx__buffer buffer; /* present only while a piece is produced and sent */
};

#define SX__PEER_ADDRESS_BYTES 46 /* INET6_ADDRSTRLEN */

/* The other end of a connection. */
struct sx__peer {
    char address[SX__PEER_ADDRESS_BYTES]; /* IPv4 or IPv6, as text; empty: a Unix socket, or
                                             in-process */
    bool has_tls;
    enum sx_admin admin;
};

struct sx__connection {
    struct sx__protocol *protocol;
    const struct sx__peer *peer; /* set after init; NULL: in-process */
    struct sx__request *request; /* NULL while idle */
    enum sx__phase phase;
    bool has_unparsed_input; /* the request's input has bytes that have not been parsed */
    bool is_last_response;   /* the current response is the last one */
    bool is_half_closed;     /* the client has closed its sending side, or is gone */
    bool is_truncated;       /* the response was truncated, */
    bool is_close_delimited; /* and it is delimited by the close */
    unsigned empty_lines;    /* before the current request */
    uint64_t progress_ns;    /* when the deadline of the phase started to run */
    uint64_t extra_read_ns; /* extra time to read, for bytes that the client acknowledged at once */
    uint64_t last_input_ns; /* when request bytes last arrived */
    uint64_t linger_ns;     /* when lingering started, */
    uint64_t lingered_bytes; /* and how many bytes were discarded since */
    char *head; /* of the response: the request's response_head, `streamed.buffer`, or malloc */
    size_t head_size;
    struct sx_str body;        /* as it is sent, with the framing of a chunk */
    struct sx__file_part file; /* sent after the head */
    size_t sent;               /* bytes sent of head, body and file together */
    struct sx__streamed streamed;
};

void sx__connection_init(struct sx__connection *connection, struct sx__protocol *protocol,
                         uint64_t now_ns);

/* Ends the current exchange and frees its memory. May be called again. */
void sx__connection_clean_up(struct sx__connection *connection, struct sx__request_pool *pool,
                             uint64_t now_ns);

enum sx__next_step sx__connection_get_next_step(const struct sx__connection *connection);

/* Returns whether no request has begun. Such a connection may be closed without a response. */
bool sx__connection_is_idle(const struct sx__connection *connection);

/* Returns when sx__connection_end_timed_out must be called. */
uint64_t sx__connection_get_deadline(const struct sx__connection *connection);

/* Returns a buffer for input. Errors: SX_ENOMEM; the caller must then close the connection. */
int sx__connection_reserve(struct sx__connection *connection, struct sx__request_pool *pool,
                           char **space, size_t *size);
void sx__connection_receive(struct sx__connection *connection, size_t size);
void sx__connection_advance(struct sx__connection *connection, uint64_t now_ns);

/* Returns the request of an idle or lingering connection to the pool. Called at the end of a turn.
 */
void sx__connection_release_memory(struct sx__connection *connection,
                                   struct sx__request_pool *pool);

/* Called when the client will send nothing more. */
void sx__connection_end_input(struct sx__connection *connection, uint64_t now_ns);

/* Called when the deadline is over. An idle connection lingers: if the server closed it at once, a
 * request that is on its way would be answered with a connection reset. An incomplete request is
 * answered with 408. A response that the client does not read is aborted. */
void sx__connection_end_timed_out(struct sx__connection *connection, uint64_t now_ns);
/* Called when `size` bytes were discarded during lingering. */
void sx__connection_note_discarded(struct sx__connection *connection, size_t size, uint64_t now_ns);
/* Called when bytes of a TLS handshake arrived. */
void sx__connection_note_input(struct sx__connection *connection, uint64_t now_ns);
/* Makes the connection linger before its first request, because TLS has already sent an alert or an
 * error response to the client. */
void sx__connection_linger(struct sx__connection *connection, uint64_t now_ns);

/* Returns whether the client has announced that this was its last request, and all of that request
 * has been read. Then lingering is needed only for clients that send more nevertheless. */
bool sx__connection_is_done(const struct sx__connection *connection);

/* Aborts the current exchange and closes the connection: it is broken, or there is no memory for
 * it. */
void sx__connection_abort(struct sx__connection *connection, uint64_t now_ns);

/* Called instead of handle if no thread is free for it: the response is a 503. Called instead of
 * produce, it pauses the stream. */
void sx__connection_refuse_overload(struct sx__connection *connection, uint64_t now_ns);

/* Returns memory for one frame of the service; the caller frees it with free. NULL: no memory. */
void *sx__frame_new(const struct sx__service *service);

/* Does the next step if it needs neither input nor output: ADVANCE, HANDLER, PRODUCE or TIME.
 * Returns false if the next step is another one, which the driver does. `frame` is as below. */
bool sx__connection_do_step(struct sx__connection *connection, void *frame, uint64_t now_ns);

/* Calls the service's handler. `frame` comes from sx__frame_new. */
void sx__connection_handle(struct sx__connection *connection, void *frame);

/* Calls the producer of a streamed body. */
void sx__connection_produce(struct sx__connection *connection, uint64_t now_ns);
/* Called after a handler or producer took long: the client's time to read the result starts now. */
void sx__connection_note_long_handler(struct sx__connection *connection, uint64_t now_ns);
/* Continues a paused stream if its time has come. */
void sx__connection_resume(struct sx__connection *connection, uint64_t now_ns);
/* Called when the client has closed its sending side. A stream then ends, unless half_close_streams
 * is set. With half_close_streams, a stream is aborted after write_timeout_ms without anything to
 * send. Any other response continues. */
void sx__connection_half_close(struct sx__connection *connection, uint64_t now_ns);
/* Returns whether a producer writes the body of the current response. */
bool sx__connection_is_streamed(const struct sx__connection *connection);

/* Returns the number of memory pieces to send next, 0 to 2. 0: the next bytes come from a file. */
size_t sx__connection_get_output(const struct sx__connection *connection, struct sx_str pieces[2]);
/* Returns whether a file follows these pieces, and sets `part` to its remaining bytes. */
bool sx__connection_get_file(const struct sx__connection *connection, struct sx__file_part *part);
/* Returns the buffered bytes: a request counts until its exchange ends, a response from its first
 * byte sent until its last. */
size_t sx__connection_get_buffered_bytes(const struct sx__connection *connection);
/* Called when the client has acknowledged `size` more bytes of those that went to the kernel. */
void sx__connection_note_acknowledged(struct sx__connection *connection, uint64_t size,
                                      uint64_t now_ns);
/* Called when `size` bytes went to the kernel. */
void sx__connection_sent(struct sx__connection *connection, size_t size, uint64_t now_ns);

#endif
