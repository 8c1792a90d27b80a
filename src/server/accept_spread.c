/* accept_spread.c: see accept_spread.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "accept_spread.h"

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* A process pauses if it has more connections than another one, by more than AHEAD_LEAST and this
 * share of the other's. So the processes differ by some 8 % when they have hundreds. Pausing and
 * resuming cost system calls and wake the others, so they must not follow each connection: with 1
 * in place of AHEAD_LEAST, 16 clients that connect anew for each request cost 4 processes a
 * fifth more time. */
#define AHEAD_LEAST 4
#define AHEAD_SHARE 16

/* Two lines in one cache line would make each accept of one process cost the others a cache miss
 * (false sharing). */
_Static_assert(sizeof(struct sx__spread_line) == 64, "a line is a cache line");

struct sx__spread {
    int bell_fd;
    unsigned count;
    struct sx__spread_line *lines; /* a shared mapping */
};

static size_t bytes_of(unsigned count)
{
    return count * sizeof(struct sx__spread_line);
}

struct sx__spread *sx__spread_new(unsigned line_count)
{
    struct sx__spread *made = malloc(sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    void *lines =
        mmap(NULL, bytes_of(line_count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *made = (struct sx__spread){.bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .count = line_count,
                                .lines = lines == MAP_FAILED ? NULL : lines};
    if (made->bell_fd < 0 || made->lines == NULL) {
        sx__spread_destroy(made);
        return NULL;
    }
    return made;
}

void sx__spread_destroy(struct sx__spread *spread)
{
    if (spread == NULL) {
        return;
    }
    if (spread->lines != NULL) {
        munmap(spread->lines, bytes_of(spread->count));
    }
    if (spread->bell_fd >= 0) {
        close(spread->bell_fd);
    }
    free(spread);
}

struct sx__spread_line *sx__spread_get_line(struct sx__spread *spread, unsigned index)
{
    return &spread->lines[index];
}

int sx__spread_get_bell(const struct sx__spread *spread)
{
    return spread->bell_fd;
}

/* The counter is never read. It does not overflow: that would take 2^64 calls. */
void sx__spread_ring(struct sx__spread *spread)
{
    const uint64_t one = 1;
    const ssize_t written = write(spread->bell_fd, &one, sizeof one);
    (void)written;
}

void sx__spread_join(struct sx__spread_line *line)
{
    atomic_store(&line->state, SX__SPREAD_ACCEPTS);
}

void sx__spread_leave(struct sx__spread *spread, struct sx__spread_line *line)
{
    atomic_store(&line->state, SX__SPREAD_ABSENT);
    sx__spread_ring(spread);
}

void sx__spread_bury(struct sx__spread *spread, struct sx__spread_line *line)
{
    atomic_store(&line->connections, 0);
    sx__spread_leave(spread, line);
}

/* ---- comparing ---- */

/* Returns the fewest connections of another process in this state. UINT_MAX: there is none. */
static unsigned find_fewest(const struct sx__spread *spread, const struct sx__spread_line *own,
                            enum sx__spread_state state)
{
    unsigned fewest = UINT_MAX;
    for (unsigned i = 0; i < spread->count; i++) {
        const struct sx__spread_line *line = &spread->lines[i];
        if (line != own && atomic_load(&line->state) == (unsigned)state) {
            const unsigned count = atomic_load_explicit(&line->connections, memory_order_relaxed);
            fewest = count < fewest ? count : fewest;
        }
    }
    return fewest;
}

static bool is_ahead(unsigned connections, unsigned fewest)
{
    return fewest != UINT_MAX && connections > fewest &&
           connections - fewest > AHEAD_LEAST + fewest / AHEAD_SHARE;
}

bool sx__spread_note_accepted(struct sx__spread *spread, struct sx__spread_line *line)
{
    atomic_fetch_add_explicit(&line->accepted, 1, memory_order_relaxed);
    const unsigned own = atomic_load_explicit(&line->connections, memory_order_relaxed);
    if (is_ahead(own, find_fewest(spread, line, SX__SPREAD_ACCEPTS))) {
        return true;
    }
    const unsigned paused = find_fewest(spread, line, SX__SPREAD_PAUSES);
    if (own >= paused) {
        sx__spread_ring(spread);
    }
    if (is_ahead(own, paused)) {
        (void)sched_yield(); /* they have not had a processor since this one has rung */
    }
    return false;
}

void sx__spread_note_alive(struct sx__spread_line *line)
{
    unsigned stuck = SX__SPREAD_STUCK;
    if (atomic_load_explicit(&line->state, memory_order_relaxed) == stuck) {
        (void)atomic_compare_exchange_strong(&line->state, &stuck, SX__SPREAD_ACCEPTS);
    }
}

/* If several processes pause at the same time, the last one to store its state sees that no process
 * is left. */
bool sx__spread_pause(struct sx__spread *spread, struct sx__spread_line *line)
{
    const unsigned before = atomic_exchange(&line->state, SX__SPREAD_PAUSES);
    if (find_fewest(spread, line, SX__SPREAD_ACCEPTS) != UINT_MAX) {
        return true;
    }
    atomic_store(&line->state, before);
    return false;
}

bool sx__spread_resume(struct sx__spread *spread, struct sx__spread_line *line)
{
    const unsigned own = atomic_load_explicit(&line->connections, memory_order_relaxed);
    if (own > find_fewest(spread, line, SX__SPREAD_ACCEPTS)) {
        return false;
    }
    atomic_store(&line->state, SX__SPREAD_ACCEPTS);
    return true;
}

void sx__spread_check(struct sx__spread *spread, struct sx__spread_check *check, bool has_waiting)
{
    unsigned accepted = 0;
    for (unsigned i = 0; i < spread->count; i++) {
        accepted += atomic_load_explicit(&spread->lines[i].accepted, memory_order_relaxed);
    }
    const bool in_vain = has_waiting && accepted == check->accepted;
    check->accepted = accepted;
    check->in_vain = in_vain ? check->in_vain + 1 : 0;
    if (check->in_vain < SX__SPREAD_CHECKS) {
        return;
    }
    check->in_vain = 0;
    for (unsigned i = 0; i < spread->count; i++) {
        unsigned state = SX__SPREAD_ACCEPTS;
        (void)atomic_compare_exchange_strong(&spread->lines[i].state, &state, SX__SPREAD_STUCK);
    }
    sx__spread_ring(spread);
}
