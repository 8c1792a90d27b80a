/* connection_internal.h: what connection.c and connection_stream.c share. Private to them.
 *
 * Threads: the thread that owns the connection.
 */
#ifndef SX_CONNECTION_INTERNAL_H
#define SX_CONNECTION_INTERNAL_H

#include "connection.h"

/* Sets the phase. It must be one that may follow the present phase. */
void sx__connection_set_phase(struct sx__connection *connection, enum sx__phase phase);

#define SX__CONNECTION_PAUSE_MS 100 /* used if the producer sets no time */

/* Starts a streamed response body. Errors: SX_EPROTO: the client is gone */
int sx__connection_begin_stream(struct sx__connection *connection, bool chunked);

/* Pauses a stream for `wait_ms`, because the producer has no data. */
void sx__connection_pause_stream(struct sx__connection *connection, unsigned wait_ms,
                                 uint64_t now_ns);

/* In connection.c: enters a phase and starts its deadline. */
void sx__connection_enter(struct sx__connection *connection, enum sx__phase phase, uint64_t now_ns);

/* In connection.c: called when everything that was to be sent has been sent. */
void sx__connection_finish_output(struct sx__connection *connection, uint64_t now_ns);

#endif
