/* stream.h: what the connection and its streamed bodies know of each other. */
#ifndef SX_STREAM_H
#define SX_STREAM_H

#include "connection.h"

/* Sets the phase. It must be one that may follow the present phase. */
void sx__connection_set_phase(struct sx__connection *connection, enum sx__phase phase);

#define SX__CONNECTION_PAUSE_MS 100 /* where the producer does not say */

/* The body of the response will be produced. Errors: SX_EPROTO: the client has left */
int sx__connection_begin_stream(struct sx__connection *connection, bool chunked);

/* Nothing is to be sent for a while. */
void sx__connection_pause_stream(struct sx__connection *connection, unsigned wait_ms,
                                 uint64_t now_ns);

/* Of the connection: a phase begins, and its deadline to run. */
void sx__connection_enter(struct sx__connection *connection, enum sx__phase phase, uint64_t now_ns);

/* Of the connection: all that there is to send has been sent. */
void sx__connection_finish_output(struct sx__connection *connection, uint64_t now_ns);

#endif
