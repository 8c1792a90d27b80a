/* turn.h: what a thread does for a connection that it owns: read, call the handler, write. */
#ifndef SX_TURN_H
#define SX_TURN_H

#include <stdbool.h>

struct sx__client;
struct sx__worker;

/* Does what there is to do for a client that the worker's thread owns, and for the queued clients
 * that get the token which the thread then has. `may_end`: the event may announce an end. */
void sx__turn_take(struct sx__worker *worker, struct sx__client *client, bool may_end);

#endif
