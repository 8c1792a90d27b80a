/* client_ends.h: whether a client has closed its sending side, or is gone. Owner of the client. */
#ifndef SX_CLIENT_ENDS_H
#define SX_CLIENT_ENDS_H

#include "client_table.h"

struct sx__server;

/* Which directions of a connection the client has ended. */
enum sx__ends {
    SX__ENDS_NONE,
    SX__ENDS_INPUT, /* it has closed its sending side */
    SX__ENDS_ALL,   /* the connection is gone, or reset */
};

/* Asks the kernel, and for a stream also TLS. */
enum sx__ends sx__client_find_ends(const struct sx__client *client);

/* Called before and after a producer runs on this thread, for sx__stream_has_client. `client` NULL:
 * the producer has returned. */
void sx__client_set_producing(const struct sx__client *client, const struct sx__server *runs);

#endif
