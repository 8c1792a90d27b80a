/* blocking.h: which calls block, that is, wait for a database, a disk or a lock instead of using a
 * processor. A *place* is what is called: the handlers of a route, the observers at an end, a file.
 *
 * A thread gives up its permit to poll before it makes such a call, so that another thread takes
 * the next request meanwhile. A wrong guess has a cost: if a call blocks while its thread has a
 * permit, one processor's share of the requests waits until the monitor notices; if a call computes
 * while its thread has none, more threads run than there are processors.
 *
 * So calls are measured. At a place whose turns have been long, every 17th call of a thread is
 * measured: the wall time, the processor time of the thread, and whether the kernel counted a
 * voluntary context switch. Without such a switch the thread was busy, or another program had its
 * processor. With one, the difference between the two times is the time that the call waited. A
 * call is expected to block for as long as the calls at its place did on average. Places with short
 * turns are not measured.
 */
#ifndef SX_BLOCKING_H
#define SX_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__ROUTES_KNOWN 256

/* What a thread calls that may block: a handler, by its route, or one of these. */
enum sx__place {
    SX__PLACE_BEGIN = SX__ROUTES_KNOWN, /* observers, at the end of a header */
    SX__PLACE_END,                      /* observers, at the end of a response or a connection */
    SX__PLACE_FILE,                     /* the disk */
    SX__PLACE_REJECTED,                 /* observers, of what never became a request */
    SX__PLACES,
};

/* A place, or several routes whose indexes are equal modulo SX__ROUTES_KNOWN. Threads may overwrite
 * each other's results: more will come. */
struct sx__place_blocking {
    _Atomic uint32_t blocked_ns; /* of a call, a moving average */
    _Atomic unsigned watched; /* short measurements until it is not measured any more; 0: is not */
};

struct sx__blocking {
    struct sx__place_blocking places[SX__PLACES];
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
static inline bool sx__blocking_is_expected(const struct sx__blocking *blocking, size_t place)
{
    return atomic_load_explicit(&blocking->places[place].blocked_ns, memory_order_relaxed) >=
           SX__BLOCKING_WORTH_NS;
}

/* Whether some calls of this place are measured. */
static inline bool sx__blocking_is_watched(const struct sx__blocking *blocking, size_t place)
{
    return atomic_load_explicit(&blocking->places[place].watched, memory_order_relaxed) > 0;
}

/* A turn with a call of this place was long, or (`lasted`) longer than a tick of the monitor, for
 * whatever reason. */
void sx__blocking_note_long(struct sx__blocking *blocking, size_t place, bool lasted);

/* Before a call of a place that is watched; returns whether this one is measured. `calls` counts
 * those of the thread. */
bool sx__blocking_begin(struct sx__call *call, unsigned *calls);
/* After a call that is measured. */
void sx__blocking_end(struct sx__blocking *blocking, size_t place, const struct sx__call *call);

#endif
