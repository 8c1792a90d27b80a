/* blocking.h: which routes have handlers that block, that is, wait for a database, a disk or a lock
 * instead of using a processor.
 *
 * A thread that calls such a handler gives up its permit to poll first, so that another thread
 * takes the next request while it waits. The cost of guessing wrong: a handler that blocks with a
 * permit stops its processor's share of the requests until the monitor notices, and a handler that
 * computes without one has more threads run than there are processors.
 *
 * So handlers are measured. Of a route whose turns have been long, every seventh call is: the time
 * that passed, the processor time that the thread used, and whether the kernel counts a voluntary
 * context switch. Without such a switch the thread was busy, or another program had its processor;
 * with one, the difference between the two times is what the handler waited. A handler is expected
 * to block as long as the calls of its route did on average. Short turns cost nothing here.
 */
#ifndef SX_BLOCKING_H
#define SX_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__ROUTES_KNOWN 256

/* A route, or several whose indexes are equal modulo SX__ROUTES_KNOWN. Threads may overwrite each
 * other's results: more will come. */
struct sx__route_blocking {
    _Atomic uint32_t blocked_ns; /* of a call, a moving average */
    _Atomic unsigned watched; /* short measurements until it is not measured any more; 0: is not */
};

struct sx__blocking {
    struct sx__route_blocking routes[SX__ROUTES_KNOWN];
};

/* What a call is measured by, from before to after. */
struct sx__call {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    long switches; /* voluntary context switches */
};

/* Waking a thread costs about a fifth of that. */
#define SX__BLOCKING_WORTH_NS 20000u

/* Whether a call is expected to block for so long that it is worth waking another thread. */
static inline bool sx__blocking_is_expected(const struct sx__blocking *blocking, size_t route_index)
{
    return atomic_load_explicit(&blocking->routes[route_index % SX__ROUTES_KNOWN].blocked_ns,
                                memory_order_relaxed) >= SX__BLOCKING_WORTH_NS;
}

/* Whether some calls of this route are measured. */
static inline bool sx__blocking_is_watched(const struct sx__blocking *blocking, size_t route_index)
{
    return atomic_load_explicit(&blocking->routes[route_index % SX__ROUTES_KNOWN].watched,
                                memory_order_relaxed) > 0;
}

/* A turn with a call of this route was long, or (`lasted`) longer than a tick of the monitor, for
 * whatever reason. */
void sx__blocking_note_long(struct sx__blocking *blocking, size_t route_index, bool lasted);

/* Before a call of a route that is watched; returns whether this one is measured. `calls` counts
 * those of the thread. */
bool sx__blocking_begin(struct sx__call *call, unsigned *calls);
/* After a call that is measured. */
void sx__blocking_end(struct sx__blocking *blocking, size_t route_index,
                      const struct sx__call *call);

#endif
