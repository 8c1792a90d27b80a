/* accept_spread.h: spreads connections evenly over the processes that accept at the same listening
 * sockets.
 *
 * The kernel wakes one process for a new connection, usually the one that began to wait first, so
 * one process could get most of them. Each process publishes its number of connections in a line of
 * memory that all share. A process that has just accepted compares itself with the others. If
 * another one that accepts has clearly fewer connections, it pauses: it takes the listening sockets
 * out of its epoll set. If it has caught up with one that pauses, it rings: an eventfd wakes all
 * processes. Those that pause look whether they may accept again, and the others whether a
 * connection waits.
 *
 * No connection waits for a process that pauses. A process pauses only while another one accepts.
 * It rings if a connection waits at that time, because the kernel may have told only this process
 * of it. One that leaves or dies rings, too. If a connection waits nevertheless, because the
 * process that should accept it hangs, the monitor of a process that pauses notices within a
 * second. It marks the others as stuck, rings, and accepts. A process that is only slow removes its
 * mark when it hears that.
 *
 * The processes are compared with the one that has the fewest connections, not with the mean: with
 * many processes, one may have none while all others are hardly above the mean.
 *
 * Threads: any, unless a function says otherwise.
 */
#ifndef SX_ACCEPT_SPREAD_H
#define SX_ACCEPT_SPREAD_H

#include <stdatomic.h>
#include <stdbool.h>

enum sx__spread_state {
    SX__SPREAD_ABSENT, /* no process, or it no longer listens */
    SX__SPREAD_ACCEPTS,
    SX__SPREAD_PAUSES,
    SX__SPREAD_STUCK, /* it should accept, but does not */
};

/* What a process publishes. Only its own threads write it, except for the mark STUCK; the others
 * read it once for each connection that they accept. */
struct sx__spread_line {
    _Alignas(64) _Atomic unsigned connections; /* that are open */
    _Atomic unsigned accepted;                 /* so far; may wrap around */
    _Atomic unsigned state;                    /* enum sx__spread_state */
};

struct sx__spread;

/* Creates the shared lines, all absent. NULL: no memory or no descriptors. Before any fork. */
struct sx__spread *sx__spread_new(unsigned line_count);
/* NULL is a no-op. */
void sx__spread_destroy(struct sx__spread *spread);

struct sx__spread_line *sx__spread_get_line(struct sx__spread *spread, unsigned index);

/* Returns the eventfd that is written to ring. It stays readable, so watch it edge-triggered. */
int sx__spread_get_bell(const struct sx__spread *spread);

/* Wakes all processes. */
void sx__spread_ring(struct sx__spread *spread);

/* The process of this line accepts from now on. */
void sx__spread_join(struct sx__spread_line *line);
/* The process of this line does not accept any more. Called by itself, or by its parent after it
 * has ended, which also sets its connections to 0. */
void sx__spread_leave(struct sx__spread *spread, struct sx__spread_line *line);
void sx__spread_bury(struct sx__spread *spread, struct sx__spread_line *line);

/* Notes that the process has accepted a connection, and rings if another process may accept again
 * because of that. Returns whether the process should pause. */
bool sx__spread_note_accepted(struct sx__spread *spread, struct sx__spread_line *line);

/* Marks the process as pausing. Returns false, and changes nothing, if no other process accepts.
 * One thread of a process at a time. */
bool sx__spread_pause(struct sx__spread *spread, struct sx__spread_line *line);

/* Makes a process that pauses accept again, if it may. Returns whether it may. One thread of a
 * process at a time. */
bool sx__spread_resume(struct sx__spread *spread, struct sx__spread_line *line);

/* Called by a thread of the process that sees an event: the process does not hang. */
void sx__spread_note_alive(struct sx__spread_line *line);

/* After so many checks in which a connection waited and no process accepted one, those that should
 * have are stuck. A busy machine may not run a process for some tenths of a second. */
#define SX__SPREAD_CHECKS 10

/* What the checks of a process that pauses have seen. */
struct sx__spread_check {
    unsigned in_vain;  /* how many in a row */
    unsigned accepted; /* by all processes until the last one */
};

/* Called ten times a second by the monitor of a process that pauses; `has_waiting`: a connection
 * waits to be accepted. Marks the others as stuck if they are. */
void sx__spread_check(struct sx__spread *spread, struct sx__spread_check *check, bool has_waiting);

#endif
