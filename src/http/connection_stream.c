/* connection_stream.c: streamed bodies, which a producer writes piece by piece. See connection.h.
 */
#include "connection_internal.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000u
#define STREAM_BYTES 16384
#define CHUNK_HEAD_BYTES 8 /* "4000" and CRLF, at most */
#define CHUNK_TAIL_BYTES 2
#define SPACE_BYTES (CHUNK_HEAD_BYTES + STREAM_BYTES + CHUNK_TAIL_BYTES)
#define PAUSE_MAX_MS 3600000u

static bool has_lost_client(const struct sx__connection *connection)
{
    return connection->is_half_closed && !connection->protocol->options.half_close_streams;
}

int sx__connection_begin_stream(struct sx__connection *connection, bool chunked)
{
    /* A stream also ends if the client closes a moment later. So the outcome does not depend on the
     * timing. */
    if (has_lost_client(connection)) {
        return SX_EPROTO;
    }
    connection->streamed = (struct sx__streamed){
        .is_present = true,
        .chunked = chunked,
        .progress_ns = connection->progress_ns,
    };
    return 0;
}

/* A paused stream is aborted in two cases: the server stops, or the client has half-closed and
 * nothing has been sent for so long that the client may be gone. (Only a write would show that.) */
void sx__connection_pause_stream(struct sx__connection *connection, unsigned wait_ms,
                                 uint64_t now_ns)
{
    struct sx__streamed *streamed = &connection->streamed;
    const struct sx__protocol *protocol = connection->protocol;
    const uint64_t patience_ns = (uint64_t)protocol->options.write_timeout_ms * NS_PER_MS;
    const bool is_lost = connection->is_half_closed && now_ns - streamed->progress_ns > patience_ns;
    if (is_lost || atomic_load_explicit(&protocol->stopping, memory_order_relaxed)) {
        sx__connection_abort(connection, now_ns);
        return;
    }
    /* Thousands of streams may wait for hours, so a paused stream has no buffer for pieces. */
    sx__buffer_pool_give(protocol->buffers, &streamed->buffer);
    const uint64_t wait_ns =
        (uint64_t)(wait_ms < PAUSE_MAX_MS ? wait_ms : PAUSE_MAX_MS) * NS_PER_MS;
    streamed->resume_ns = now_ns + wait_ns;
    /* The deadline counts from the time at which the stream continues. */
    sx__connection_enter(connection, SX__PHASE_PAUSE, streamed->resume_ns);
}

/* Starts to send a piece. The framing is written around the data in the same buffer, so that a
 * piece is sent with one call. */
static void send_piece(struct sx__connection *connection, size_t size)
{
    struct sx__streamed *streamed = &connection->streamed;
    char *data = streamed->buffer.data + CHUNK_HEAD_BYTES;
    streamed->piece_size = size;
    streamed->in_piece = true;
    sx__buffer_touch(&streamed->buffer, CHUNK_HEAD_BYTES + size + CHUNK_TAIL_BYTES);
    connection->sent = 0;
    connection->head_size = 0;
    connection->body = (struct sx_str){data, size};
    if (streamed->chunked) {
        char text[CHUNK_HEAD_BYTES + 1];
        const int text_size = snprintf(text, sizeof text, "%zx\r\n", size);
        connection->head_size = (size_t)text_size;
        memcpy(data - text_size, text, (size_t)text_size);
        memcpy(data + size, "\r\n", CHUNK_TAIL_BYTES);
        connection->body.size += CHUNK_TAIL_BYTES;
    }
    connection->head = data - connection->head_size;
    sx__connection_set_phase(connection, SX__PHASE_RESPONSE);
}

void sx__connection_produce(struct sx__connection *connection, uint64_t now_ns)
{
    assert(connection->phase == SX__PHASE_PRODUCE);
    struct sx__streamed *streamed = &connection->streamed;
    const struct sx__response *response = &connection->request->exchange.response;
    unsigned wait_ms = SX__CONNECTION_PAUSE_MS;
    if (streamed->buffer.data == NULL &&
        sx__buffer_pool_take(connection->protocol->buffers, &streamed->buffer, SPACE_BYTES) < 0) {
        sx__connection_abort(connection, now_ns);
        return;
    }
    const int size =
        response->produce(response->produce_context, streamed->buffer.data + CHUNK_HEAD_BYTES,
                          STREAM_BYTES, &wait_ms);
    if (size == SX_EAGAIN) {
        sx__connection_pause_stream(connection, wait_ms, now_ns);
    } else if (size < 0 || size > STREAM_BYTES) {
        /* RFC 9112 8: without its last chunk "the message is incomplete". */
        sx__connection_abort(connection, now_ns);
    } else {
        streamed->is_last = size == 0;
        send_piece(connection, (size_t)size);
        if (size == 0 && !streamed->chunked) {
            sx__connection_finish_output(connection, now_ns);
        }
    }
}

void sx__connection_resume(struct sx__connection *connection, uint64_t now_ns)
{
    if (connection->phase != SX__PHASE_PAUSE) {
        return;
    }
    /* The producer is called once more before the server stops. */
    if (now_ns >= connection->streamed.resume_ns ||
        atomic_load_explicit(&connection->protocol->stopping, memory_order_relaxed)) {
        sx__connection_enter(connection, SX__PHASE_PRODUCE, now_ns);
    }
}

bool sx__connection_is_streamed(const struct sx__connection *connection)
{
    return connection->streamed.is_present;
}

/* If the producer has finished, the rest of the stream is sent like any other response. */
void sx__connection_half_close(struct sx__connection *connection, uint64_t now_ns)
{
    connection->is_half_closed = true;
    if (sx__connection_is_streamed(connection) && !connection->streamed.is_last &&
        has_lost_client(connection)) {
        sx__connection_abort(connection, now_ns);
    }
}
