/* client_ends.h: finds out whether a client has closed its sending side, or is gone.
 *
 * Threads: the owner of the client.
 */
#ifndef SX_CLIENT_ENDS_H
#define SX_CLIENT_ENDS_H

#include "client_table.h"

struct sx__server;

/* Which directions of a connection the client has ended. */
enum sx__ends {
    SX__ENDS_NONE,
    SX__ENDS_INPUT, /* the client has closed its sending side (half-close) */
    SX__ENDS_ALL,   /* the connection is closed or reset */
};

/* Returns which directions the client has ended, from the kernel and, for a stream, from TLS. */
enum sx__ends sx__client_find_ends(const struct sx__client *client);

/* Called before and after a producer runs on this thread, so that sx__stream_has_client knows its
 * client. `client` NULL: the producer has returned. */
void sx__client_set_producing(const struct sx__client *client, const struct sx__server *runs);

#endif
