/* connection.h: an HTTP/1.1 connection without its socket.
 *
 * Bytes go in, exchanges come out and go to the service, bytes of responses come out. The engine
 * around it asks what the connection wants, and does that:
 *
 *     INPUT     reserve, read into the space, receive; or end_input where there will be no more
 *     ADVANCE   advance: bytes are waiting that have not been looked at
 *     HANDLER   handle: runs the user's code, and may take long
 *     PRODUCE   produce: runs the user's code for the next bytes of a streamed body, as handle does
 *     TIME      nothing before `resume_ns`, then resume
 *     OUTPUT    get_output, write, sent
 *     LINGER    everything is said: shut the write side down and read what still comes, so that the
 *               client gets the last response before it is told that nobody listened
 *     CLOSE     close
 *
 * It never calls the system, and does not know the time: it is told. So the same bytes always give
 * the same exchanges and the same responses, however they were split.
 *
 * Threads: a connection belongs to one thread at a time.
 */
#ifndef SX_CONNECTION_H
#define SX_CONNECTION_H

#include "request_parser.h"

/* What all connections of an engine share. */
struct sx__protocol {
    struct sx__service service;
    struct sx_run_options options; /* no zeroes left */
    struct sx__buffer_pool *buffers;
    const char *(*get_date)(void); /* SX__DATE_BYTES of a Date; NULL: no Date */
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
    SX__PHASE_HEAD,     /* before the end of a header, or idle */
    SX__PHASE_CONTINUE, /* 100 Continue is on its way */
    SX__PHASE_BODY,
    SX__PHASE_READY,     /* the request is whole */
    SX__PHASE_RESPONSE,  /* of an exchange */
    SX__PHASE_PRODUCE,   /* all that was produced is sent */
    SX__PHASE_PAUSE,     /* the producer has nothing yet */
    SX__PHASE_REJECTION, /* the response to what never became an exchange */
    SX__PHASE_LINGER,
    SX__PHASE_CLOSED,
};

/* A body that is produced piece by piece. */
struct sx__streamed {
    bool is_present; /* the response is streamed */
    bool chunked;
    bool in_piece;        /* what is being sent lies in `buffer`, not the head */
    bool is_last;         /* and nothing comes after it */
    size_t piece_size;    /* of the piece without its framing */
    uint64_t sent_bytes;  /* before this piece, without framing */
    uint64_t progress_ns; /* when something was produced at last */
    uint64_t resume_ns;
    struct sx__buffer buffer; /* only while a piece is produced and sent */
};

#define SX__PEER_ADDRESS_BYTES 46 /* INET6_ADDRSTRLEN */

/* The other end of a connection. */
struct sx__peer {
    char address[SX__PEER_ADDRESS_BYTES]; /* IPv4 or IPv6, as text; empty: it has none */
    bool has_tls;
    enum sx_admin admin;
};

struct sx__connection {
    struct sx__protocol *protocol;
    const struct sx__peer *peer; /* set after init; NULL: within the process */
    struct sx__request *request; /* NULL while idle */
    enum sx__phase phase;
    bool has_unparsed_input; /* bytes in the request's input have not been looked at */
    bool is_last_response;   /* the present response is the last */
    bool is_half_closed;     /* the client has closed its side, or is gone */
    bool is_truncated;       /* a response has ended before its end, */
    bool is_close_delimited; /* and only the end of the connection tells where that is */
    unsigned empty_lines;    /* before the present request */
    uint64_t progress_ns;    /* when the deadline of the phase began to run */
    uint64_t extra_read_ns; /* extra time to read, for bytes that the client acknowledged at once */
    uint64_t last_input_ns; /* when bytes of a request last came */
    uint64_t linger_ns;     /* when it began to linger, */
    uint64_t lingered_bytes; /* and how many bytes have come since */
    char *head;              /* of the response; the request's response_head, or malloc */
    size_t head_size;
    struct sx_str body;        /* as it is sent */
    struct sx__file_part file; /* sent after them */
    size_t sent;               /* of all three together */
    struct sx__streamed streamed;
};

void sx__connection_init(struct sx__connection *connection, struct sx__protocol *protocol,
                         uint64_t now_ns);

/* Ends what is in progress and gives its memory back. May be called again. */
void sx__connection_clean_up(struct sx__connection *connection, struct sx__request_pool *pool,
                             uint64_t now_ns);

enum sx__next_step sx__connection_get_next_step(const struct sx__connection *connection);

/* Whether no request has begun: the connection may be closed without a word. */
bool sx__connection_is_idle(const struct sx__connection *connection);

/* When end_late is due. */
uint64_t sx__connection_get_deadline(const struct sx__connection *connection);

/* Where to read to. Errors: SX_ENOMEM, and the connection is to be closed. */
int sx__connection_reserve(struct sx__connection *connection, struct sx__request_pool *pool,
                           char **space, size_t *size);
void sx__connection_receive(struct sx__connection *connection, size_t size);
void sx__connection_advance(struct sx__connection *connection, uint64_t now_ns);

/* Gives the memory of a connection back that is idle or lingers; call it when a turn ends. */
void sx__connection_release_memory(struct sx__connection *connection,
                                   struct sx__request_pool *pool);

/* The client will send nothing more. */
void sx__connection_end_input(struct sx__connection *connection, uint64_t now_ns);

/* Called when the deadline is over. An idle connection lingers, because a close would answer a
 * request on its way with a reset. An unfinished request is answered with 408. A response that the
 * client does not read is given up. */
void sx__connection_end_timed_out(struct sx__connection *connection, uint64_t now_ns);
/* Called when `size` bytes came during lingering and were thrown away. */
void sx__connection_note_discarded(struct sx__connection *connection, size_t size, uint64_t now_ns);
/* Called when bytes of a handshake came. */
void sx__connection_note_input(struct sx__connection *connection, uint64_t now_ns);
/* Before its first request: everything has been said to its client without us. */
void sx__connection_linger(struct sx__connection *connection, uint64_t now_ns);

/* Whether the client has announced that this was its last request, and all of it has been read.
 * Then lingering is needed only for clients that break this promise. */
bool sx__connection_is_done(const struct sx__connection *connection);

/* The connection is broken, or there is no memory for it: whatever is in progress ends. */
void sx__connection_abort(struct sx__connection *connection, uint64_t now_ns);

/* In place of handle: there is no thread for it. In place of produce: it waits for a while. */
void sx__connection_refuse_overload(struct sx__connection *connection, uint64_t now_ns);

/* Memory for the service's frames, one at a time; free frees it. NULL: exhausted. */
void *sx__frame_new(const struct sx__service *service);

/* `frame` is one of sx__frame_new. */
void sx__connection_handle(struct sx__connection *connection, void *frame);

/* Runs the producer; as handle. */
void sx__connection_produce(struct sx__connection *connection, uint64_t now_ns);
/* After either of them has lasted: the client has all its time to take what comes of it. */
void sx__connection_note_long_handler(struct sx__connection *connection, uint64_t now_ns);
/* Where it is time, it wants to produce again. */
void sx__connection_resume(struct sx__connection *connection, uint64_t now_ns);
/* The client has closed its sending side. A stream then ends, unless half_close_streams is set; in
 * that case it is given up after a long time without anything to send. Any other response goes on.
 */
void sx__connection_half_close(struct sx__connection *connection, uint64_t now_ns);
/* Whether a producer makes the body of the current response. */
bool sx__connection_is_streamed(const struct sx__connection *connection);

/* What to send next, in one or two pieces; gives how many. None: it is of a file. */
size_t sx__connection_get_output(const struct sx__connection *connection, struct sx_str pieces[2]);
/* Whether what comes next, or behind those pieces, is of a file; gives what is left of it. */
bool sx__connection_get_file(const struct sx__connection *connection, struct sx__file_part *part);
/* The memory of a large request until its exchange ends, and of a response that has begun to be
 * sent, until all of it is. */
size_t sx__connection_get_buffered_bytes(const struct sx__connection *connection);
/* The client has acknowledged `size` bytes more of what went to the kernel. */
void sx__connection_note_acknowledged(struct sx__connection *connection, uint64_t size,
                                      uint64_t now_ns);
/* `size` bytes went to the kernel. */
void sx__connection_sent(struct sx__connection *connection, size_t size, uint64_t now_ns);

#endif
