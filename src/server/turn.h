/* turn.h: one turn of a client: the thread that owns it reads, calls the handler and writes. */
#ifndef SX_TURN_H
#define SX_TURN_H

#include <stdbool.h>

struct sx__client;
struct sx__worker;

/* Takes a turn for a client that the worker's thread owns. Then takes turns for queued clients, as
 * long as the thread has a token that a queued client waits for. `may_end`: the event may announce
 * that the client has closed. Called on the worker's thread. */
void sx__turn_take(struct sx__worker *worker, struct sx__client *client, bool may_end);

#endif
