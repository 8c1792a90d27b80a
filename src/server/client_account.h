/* client_account.h: counts and bounds the memory that clients make the server use.
 *
 * The option buffered_bytes bounds the bytes of requests and responses that are buffered for their
 * clients. If more are buffered, the monitor closes the slowest clients. No further requests are
 * read until it has done so.
 */
#ifndef SX_CLIENT_ACCOUNT_H
#define SX_CLIENT_ACCOUNT_H

#include "client_table.h"

struct sx__server;

/* Sets how many bytes the client has buffered. Wakes the monitor if the total exceeds the bound.
 * Owner of the client. */
void sx__client_account(struct sx__client *client, struct sx__server *server, size_t bytes);

/* Returns whether so much is buffered that the server should read nothing more until the monitor
 * has closed some clients. First unmaps the buffers that are kept for reuse, if that helps. Any
 * thread. */
bool sx__server_is_full(struct sx__server *server);

/* Returns whether the server is below the bound even with the buffers that are kept for reuse: the
 * usual case, which needs no unmapping. Any thread. */
bool sx__server_has_room(struct sx__server *server);

#endif
