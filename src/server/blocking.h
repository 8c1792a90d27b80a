/* blocking.h: measures which calls block, that is, wait for a database, a disk or a lock instead of
 * using a processor. A *place* is what is called: the handlers of a route, the observers at an end,
 * a file.
 *
 * A thread gives up its permit to poll before it makes such a call, so that another thread takes
 * the next request meanwhile. A wrong guess has a cost. If a call blocks while its thread has a
 * permit, one processor's share of the requests waits until the monitor notices. If a call computes
 * while its thread has none, more threads run than there are processors.
 *
 * So calls are measured. At a place whose turns have been long, every 17th call of a thread is
 * measured: the wall time, the processor time of the thread, and whether the kernel counted a
 * voluntary context switch. Without such a switch the thread was busy, or another program had its
 * processor. With one, the difference between the two times is the time that the call waited. A
 * call is expected to block for as long as the calls at its place did on average. Places with short
 * turns are not measured.
 *
 * Threads: each function runs on the thread that makes the call; several threads may measure the
 * same place at once.
 */
#ifndef SX_BLOCKING_H
#define SX_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__ROUTES_KNOWN 256

/* The places: the handlers of a route have the route's index, the others one of these numbers. */
enum sx__place {
    SX__PLACE_BEGIN = SX__ROUTES_KNOWN, /* observers, at the end of a header */
    SX__PLACE_END,                      /* observers, at the end of a response or a connection */
    SX__PLACE_FILE,                     /* the disk */
    SX__PLACE_REJECTED,                 /* observers of rejected requests */
    SX__PLACES,
};

/* One place, or several routes whose indexes are equal modulo SX__ROUTES_KNOWN. Threads may
 * overwrite each other's results, because further samples follow. */
struct sx__place_blocking {
    _Atomic uint32_t blocked_ns; /* how long a call blocks: a moving average */
    _Atomic unsigned watched;    /* how many short samples until measuring stops; 0: not measured */
};

struct sx__blocking {
    struct sx__place_blocking places[SX__PLACES];
};

/* The clocks and counters at the start of a measured call. */
struct sx__call {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    long switches; /* voluntary context switches */
};

/* Waking a thread costs about a fifth of this. */
#define SX__BLOCKING_WORTH_NS 20000u

/* Returns whether a call is expected to block for so long that waking another thread is worth its
 * cost. */
static inline bool sx__blocking_is_expected(const struct sx__blocking *blocking, size_t place)
{
    return atomic_load_explicit(&blocking->places[place].blocked_ns, memory_order_relaxed) >=
           SX__BLOCKING_WORTH_NS;
}

/* Returns whether some calls of this place are measured. */
static inline bool sx__blocking_is_watched(const struct sx__blocking *blocking, size_t place)
{
    return atomic_load_explicit(&blocking->places[place].watched, memory_order_relaxed) > 0;
}

/* Notes that a turn with a call of this place was long or, with `lasted`, that the call took longer
 * than a tick of the monitor. The reason is not known. */
void sx__blocking_note_long(struct sx__blocking *blocking, size_t place, bool lasted);

/* Called before a call of a watched place. Returns whether this call is measured. `calls` counts
 * the calls of the thread. */
bool sx__blocking_begin(struct sx__call *call, unsigned *calls);
/* Called after a measured call. */
void sx__blocking_end(struct sx__blocking *blocking, size_t place, const struct sx__call *call);

#endif
