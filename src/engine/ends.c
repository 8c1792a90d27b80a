/* ends.c: whether a client has closed its sending side, or is gone. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "network.h"
#include <poll.h>
#include <stdatomic.h>

/* The connection whose producer runs on this thread, and its network. */
static __thread const struct sx__slot *producing;
static __thread const struct sx__network *network;

/* A close_notify is noticed only by reading it; only the thread that owns the slot may do that.
 * Only streams need this check, because every other response is followed by a read. */
enum sx__ends sx__slot_find_ends(const struct sx__slot *slot)
{
    struct pollfd poll_fd = {.fd = slot->fd, .events = POLLRDHUP};
    if (poll(&poll_fd, 1, 0) == 1) {
        return (poll_fd.revents & (POLLHUP | POLLERR)) != 0 ? SX__ENDS_ALL : SX__ENDS_INPUT;
    }
    const bool is_streamed = sx__connection_is_streamed(&slot->connection);
    return is_streamed && slot->tls != NULL && sx__tls_has_ended(slot->tls) ? SX__ENDS_INPUT
                                                                            : SX__ENDS_NONE;
}

void sx__slot_set_producing(const struct sx__slot *slot, const struct sx__network *runs)
{
    producing = slot;
    network = runs;
}

bool sx__stream_has_client(void)
{
    if (producing == NULL) {
        return true;
    }
    if (atomic_load_explicit(&network->cuts_off, memory_order_relaxed)) {
        return false;
    }
    /* Any event on the connection since then has left a mark. */
    if (atomic_load_explicit(&producing->state, memory_order_relaxed) != SX__SLOT_MARKED) {
        return true;
    }
    const enum sx__ends ends = sx__slot_find_ends(producing);
    const bool half_close = producing->connection.protocol->options.half_close_streams;
    return ends == SX__ENDS_NONE || (ends == SX__ENDS_INPUT && half_close);
}
