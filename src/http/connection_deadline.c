/* connection_deadline.c: how long a connection may take for its present phase. See connection.h.
 *
 * Threads: the thread that owns the connection.
 */
#include "connection.h"
#include <stdatomic.h>

#define LINGER_MS 2000     /* without a byte from the client; during a stop, in total */
#define SLOWEST_BYTES 1024 /* per second: the slowest client that the server waits for, */
#define EARNED_MOST 4      /* up to this many times the time-out */
#define QUIET_MS 1000      /* how long a stop waits for a silent client, */
#define QUIET_SHARE 4      /* or this fraction of stop_timeout_ms, if that is shorter */
#define NS_PER_MS 1000000u

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Returns the deadline during a stop. A client has a second to send its next request or the rest of
 * a header. A client that sends one request after another, or has just connected, sends its request
 * within that time and is answered. If the server closed at once, it would answer a request that is
 * on its way with a connection reset. A silent client must not delay the stop until its usual
 * deadline. */
static uint64_t get_stop_deadline(const struct sx__connection *connection)
{
    const struct sx__protocol *protocol = connection->protocol;
    const uint64_t quiet_ms = earlier(QUIET_MS, protocol->options.stop_timeout_ms / QUIET_SHARE);
    const uint64_t stopped_ns = atomic_load_explicit(&protocol->stopped_ns, memory_order_relaxed);
    const uint64_t since_ns = later(connection->progress_ns, stopped_ns);
    switch (connection->phase) {
    case SX__PHASE_HEAD:
        return later(since_ns, connection->last_input_ns) + quiet_ms * NS_PER_MS;
    case SX__PHASE_LINGER:
        return earlier(since_ns + quiet_ms * NS_PER_MS,
                       later(connection->linger_ns, stopped_ns) + (uint64_t)LINGER_MS * NS_PER_MS);
    default:
        return UINT64_MAX;
    }
}

static uint64_t get_usual_deadline(const struct sx__connection *connection)
{
    const struct sx_run_options *options = &connection->protocol->options;
    const unsigned timeouts_ms[] = {
        [SX__PHASE_HEAD] = sx__connection_is_idle(connection) ? options->idle_timeout_ms
                                                              : options->header_timeout_ms,
        [SX__PHASE_CONTINUE] = options->write_timeout_ms,
        [SX__PHASE_BODY] = options->body_timeout_ms,
        [SX__PHASE_READY] = options->write_timeout_ms,
        [SX__PHASE_RESPONSE] = options->write_timeout_ms,
        [SX__PHASE_PRODUCE] = options->write_timeout_ms,
        [SX__PHASE_PAUSE] = options->write_timeout_ms,
        [SX__PHASE_REJECTION] = options->write_timeout_ms,
        [SX__PHASE_LINGER] = LINGER_MS,
        [SX__PHASE_CLOSED] = 0,
    };
    const uint64_t earned_s = connection->phase == SX__PHASE_BODY
                                  ? connection->request->body_size / options->body_rate_bytes
                                  : 0;
    const uint64_t deadline_ns =
        connection->progress_ns + (uint64_t)timeouts_ms[connection->phase] * NS_PER_MS +
        earned_s * 1000 * NS_PER_MS +
        (connection->phase == SX__PHASE_RESPONSE ? connection->extra_read_ns : 0);
    const uint64_t linger_ms = options->body_timeout_ms;
    return connection->phase == SX__PHASE_LINGER
               ? earlier(deadline_ns, connection->linger_ns + linger_ms * NS_PER_MS)
               : deadline_ns;
}

uint64_t sx__connection_get_deadline(const struct sx__connection *connection)
{
    const uint64_t deadline_ns = get_usual_deadline(connection);
    return atomic_load_explicit(&connection->protocol->stopping, memory_order_acquire)
               ? earlier(deadline_ns, get_stop_deadline(connection))
               : deadline_ns;
}

/* Linux does not reopen a closed receive window until the program has read a sixteenth of the
 * receive buffer, and acknowledges nothing before. With a buffer of 8 MiB and a reader of 16 KB/s
 * that takes 32 s. So the number of bytes that are acknowledged at once determines how long the
 * next pause may be. */
void sx__connection_note_acknowledged(struct sx__connection *connection, uint64_t size,
                                      uint64_t now_ns)
{
    const uint64_t timeout_ms = connection->protocol->options.write_timeout_ms;
    connection->extra_read_ns =
        earlier(size * 1000 / SLOWEST_BYTES, timeout_ms * EARNED_MOST) * NS_PER_MS;
    connection->progress_ns = now_ns;
}
