/* user_code.h: entering and leaving the code of the service: handlers, producers, observers.
 *
 * User code may block, so a thread that enters it may lose its permit to poll. The thread gives up
 * its permit if the code is expected to block. The monitor takes the permit if the code takes long
 * unexpectedly.
 *
 * Threads: each function is called by the worker's own thread, unless it says otherwise.
 */
#ifndef SX_USER_CODE_H
#define SX_USER_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sx__client;
struct sx__server;
struct sx__worker;

#define SX__LONG_TURN_NS 50000u /* waking a thread costs about a tenth of that */

/* Called before user code. `place` is defined in blocking.h. */
void sx__user_code_enter(struct sx__worker *worker, size_t place);
/* Called after user code. Returns true if the call may have taken long: the thread had no permit,
 * or the monitor has taken the permit during the call. */
bool sx__user_code_leave(struct sx__worker *worker);

/* Notes how long a turn took; `route` is the place of the last handler that it called. */
void sx__user_code_note_turn(struct sx__worker *worker, uint64_t ns, size_t route);

/* Return how long a turn takes on average, in nanoseconds, and whether that is so long that several
 * threads should poll. Any thread. */
uint32_t sx__user_code_get_turn_ns(const struct sx__server *server);
bool sx__user_code_are_turns_long(const struct sx__server *server);

/* Returns the client of an event. The event's lowest bit is set if the client may have closed. */
struct sx__client *sx__user_code_get_client(uintptr_t event);

/* Takes an event out of the worker's pending events. 0: another thread has taken it, or there is
 * none. The worker's thread, or the monitor. */
uintptr_t sx__user_code_take_event(_Atomic uintptr_t *event);
/* Makes the worker's pending events come again, so that other threads can handle them. The worker's
 * thread, or the monitor. */
void sx__user_code_repeat_events(struct sx__worker *worker);

/* Returns how many threads are in user code. Any thread. */
unsigned sx__workers_count_in_user_code(struct sx__server *server);

#endif
