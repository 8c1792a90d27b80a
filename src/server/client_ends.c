/* client_ends.c: finds out whether a client has closed its sending side, or is gone. See
 * client_ends.h. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "client_ends.h"
#include "server.h"
#include "server_types.h"
#include "tls.h"
#include <poll.h>
#include <stdatomic.h>

/* The client whose producer runs on this thread, and its server. */
static __thread const struct sx__client *producing;
static __thread const struct sx__server *server;

/* The server notices a close_notify only by reading it, and only the thread that owns the client
 * may read. Only streams need this check, because every other response is followed by a read. */
enum sx__ends sx__client_find_ends(const struct sx__client *client)
{
    struct pollfd poll_fd = {.fd = client->fixed.fd, .events = POLLRDHUP};
    if (poll(&poll_fd, 1, 0) == 1) {
        return (poll_fd.revents & (POLLHUP | POLLERR)) != 0 ? SX__ENDS_ALL : SX__ENDS_INPUT;
    }
    const bool is_streamed = sx__connection_is_streamed(&client->owned.connection);
    return is_streamed && client->fixed.tls != NULL && sx__tls_has_ended(client->fixed.tls)
               ? SX__ENDS_INPUT
               : SX__ENDS_NONE;
}

void sx__client_set_producing(const struct sx__client *client, const struct sx__server *runs)
{
    producing = client;
    server = runs;
}

bool sx__stream_has_client(void)
{
    if (producing == NULL) {
        return true;
    }
    if (atomic_load_explicit(&server->cuts_off, memory_order_relaxed)) {
        return false;
    }
    /* Any event since the producer was called has set this state. */
    if (atomic_load_explicit(&producing->shared.state, memory_order_relaxed) !=
        SX__CLIENT_NOTIFIED) {
        return true;
    }
    const enum sx__ends ends = sx__client_find_ends(producing);
    const bool half_close = producing->owned.connection.protocol->options.half_close_streams;
    return ends == SX__ENDS_NONE || (ends == SX__ENDS_INPUT && half_close);
}
