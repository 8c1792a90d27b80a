/* client_account.h: the memory that clients make the server use, and its bound.
 *
 * The option held_bytes bounds the bytes of requests and responses that wait for their clients. If
 * they become more, the monitor closes the slowest clients, and until it has done so no further
 * requests are read.
 */
#ifndef SX_CLIENT_ACCOUNT_H
#define SX_CLIENT_ACCOUNT_H

#include "client_table.h"

struct sx__server;

/* Sets how many bytes the client has buffered. Wakes the monitor if that is too much. Owner. */
void sx__client_account(struct sx__client *client, struct sx__server *server, size_t bytes);

/* Returns whether so much is buffered that nothing more should be read until the monitor has closed
 * some clients. First unmaps the memory that is kept for reuse. Any thread. */
bool sx__server_is_full(struct sx__server *server);

/* Returns whether nothing needs to be unmapped to know that the server is not full: the usual case.
 * Any thread. */
bool sx__server_has_room(struct sx__server *server);

#endif
