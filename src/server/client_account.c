/* client_account.c: counts the memory that clients make the server use. See client_account.h. */
#include "client_account.h"
#include "clock.h"
#include "server_types.h"
#include "wakeup.h"

#define FULL_SHARE 8 /* the memory may exceed its bound by 1/FULL_SHARE for a short time */

bool sx__server_has_room(struct sx__server *server)
{
    return atomic_load_explicit(&server->buffered_bytes, memory_order_relaxed) +
               atomic_load_explicit(&server->closing_bytes, memory_order_relaxed) +
               sx__buffer_pool_get_bytes(server->buffers) <=
           server->protocol.options.buffered_bytes;
}

bool sx__server_is_full(struct sx__server *server)
{
    const size_t most = server->protocol.options.buffered_bytes;
    const size_t used = atomic_load_explicit(&server->buffered_bytes, memory_order_relaxed) +
                        atomic_load_explicit(&server->closing_bytes, memory_order_relaxed);
    const size_t kept = sx__buffer_pool_get_bytes(server->buffers);
    if (kept > 0 && used + kept > most) {
        sx__buffer_pool_trim(server->buffers, true);
    }
    return used > most + most / FULL_SHARE;
}

void sx__client_account(struct sx__client *client, struct sx__server *server, size_t bytes)
{
    SX__ASSERT_OWNED(client);
    if (bytes == 0) {
        client->owned.transferred_bytes = 0;
        client->owned.buffered_since_ns = 0;
    }
    if (client->owned.closing_bytes > 0) {
        atomic_fetch_sub(&server->closing_bytes, client->owned.closing_bytes);
        client->owned.closing_bytes = 0;
    }
    if (bytes > 0 && client->owned.buffered_since_ns == 0) {
        client->owned.buffered_since_ns = sx__clock_now_ns();
    }
    const size_t before = client->owned.buffered_bytes;
    if (before == bytes) {
        return;
    }
    client->owned.buffered_bytes = bytes;
    const size_t more =
        bytes - before; /* less than 0 if memory is freed: both this and the sum wrap around */
    const size_t used = atomic_fetch_add(&server->buffered_bytes, more) + more;
    if (bytes > before && used + sx__buffer_pool_get_bytes(server->buffers) >
                              server->protocol.options.buffered_bytes) {
        sx__wakeup_monitor(server);
    }
}
