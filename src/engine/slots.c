#include "network.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NS_PER_MS 1000000u
#define FIRST_LOOK_MS 1000 /* after a write; later looks are compared with this one */
#define LOOKS 4            /* per write time-out */

struct sx__slot *sx__slots_get(struct sx__slots *slots, int fd)
{
    const size_t index = (size_t)fd;
    if (index >= (size_t)SX__SLOTS_PER_LEAF * SX__SLOT_LEAVES) {
        return NULL;
    }
    struct sx__slot *_Atomic *leaf = &slots->leaves[index / SX__SLOTS_PER_LEAF];
    struct sx__slot *first = atomic_load_explicit(leaf, memory_order_acquire);
    if (first == NULL) {
        struct sx__slot *made = calloc(SX__SLOTS_PER_LEAF, sizeof *made);
        if (made == NULL) {
            return NULL;
        }
        /* Whoever accepts at another address may have been quicker. */
        if (atomic_compare_exchange_strong_explicit(leaf, &first, made, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            first = made;
        } else {
            free(made);
        }
    }
    return &first[index % SX__SLOTS_PER_LEAF];
}

static bool change(struct sx__slot *slot, unsigned from, unsigned to)
{
    return atomic_compare_exchange_strong_explicit(&slot->state, &from, to, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

bool sx__slot_take(struct sx__slot *slot)
{
    for (;;) {
        switch (atomic_load_explicit(&slot->state, memory_order_relaxed)) {
        case SX__SLOT_WAITING:
            if (change(slot, SX__SLOT_WAITING, SX__SLOT_BUSY)) {
                return true;
            }
            break;
        case SX__SLOT_BUSY:
            if (change(slot, SX__SLOT_BUSY, SX__SLOT_MARKED)) {
                return false;
            }
            break;
        case SX__SLOT_HELD:
            /* Whoever holds it is as good as done. */
            sched_yield();
            break;
        default:
            return false;
        }
    }
}

bool sx__slot_release(struct sx__slot *slot)
{
    if (change(slot, SX__SLOT_BUSY, SX__SLOT_WAITING)) {
        return true;
    }
    atomic_store_explicit(&slot->state, SX__SLOT_BUSY, memory_order_relaxed);
    return false;
}

bool sx__slot_take_mark(struct sx__slot *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_relaxed) == SX__SLOT_MARKED &&
           change(slot, SX__SLOT_MARKED, SX__SLOT_BUSY);
}

static void arm(struct sx__slot *slot, int epoll_fd)
{
    const uint32_t events = slot->watches_output ? SX__SLOT_EVENTS | EPOLLOUT : SX__SLOT_EVENTS;
    atomic_store_explicit(&slot->state, SX__SLOT_HELD, memory_order_relaxed);
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, slot->fd,
              &(struct epoll_event){.events = events, .data.ptr = slot});
    atomic_store_explicit(&slot->state, SX__SLOT_WAITING, memory_order_release);
}

void sx__slot_kick(struct sx__slot *slot, int epoll_fd)
{
    slot->watches_output = true;
    arm(slot, epoll_fd);
}

void sx__slot_pass_on(struct sx__slot *slot, int epoll_fd)
{
    /* Otherwise its owner looks again. */
    if (sx__slot_take(slot)) {
        arm(slot, epoll_fd);
    }
}

/* A handshake costs memory, and must not last as long as a client may be idle. */
uint64_t sx__slot_get_deadline(const struct sx__slot *slot)
{
    const struct sx__connection *connection = &slot->connection;
    const uint64_t deadline_ns = sx__connection_get_deadline(connection);
    const uint64_t header_ns =
        (uint64_t)connection->protocol->options.header_timeout_ms * NS_PER_MS;
    const uint64_t handshake_ns = connection->progress_ns + header_ns;
    const bool is_in_handshake = slot->tls != NULL && !sx__tls_is_established(slot->tls);
    return is_in_handshake && handshake_ns < deadline_ns ? handshake_ns : deadline_ns;
}

static bool has_output(const struct sx__slot *slot)
{
    const enum sx__want want = sx__connection_get_want(&slot->connection);
    return want == SX__WANT_OUTPUT || want == SX__WANT_LINGER;
}

uint64_t sx__slot_get_look(const struct sx__slot *slot)
{
    const uint64_t deadline_ns = sx__slot_get_deadline(slot);
    const uint64_t since_ns = slot->connection.progress_ns;
    if (deadline_ns <= since_ns || !has_output(slot)) {
        return deadline_ns;
    }
    if (slot->has_looked_again) { /* bytes from the client must not postpone the look */
        const uint64_t next_ns = atomic_load_explicit(&slot->deadline_ns, memory_order_relaxed);
        return next_ns < deadline_ns ? next_ns : deadline_ns;
    }
    const uint64_t half_ns = (deadline_ns - since_ns) / 2;
    const uint64_t most_ns = (uint64_t)FIRST_LOOK_MS * NS_PER_MS;
    return since_ns + (half_ns < most_ns ? half_ns : most_ns);
}

/* Whether a client that has something to read has acknowledged nothing within its time. The client
 * may have acknowledged bytes long before this look, so there are several looks before each
 * deadline. */
static bool takes_nothing(struct sx__slot *slot, uint64_t now_ns)
{
    struct sx__connection *connection = &slot->connection;
    const uint64_t before = slot->acknowledged;
    const bool is_compared = slot->has_looked;
    const bool may_be_late = slot->has_looked_again;
    slot->acknowledged = slot->sent - sx__slot_get_unacknowledged(slot);
    slot->has_looked = slot->has_looked_again = true;
    /* Compared as signed numbers, because TLS writes more bytes to the kernel than were counted. */
    if (is_compared && (int64_t)(slot->acknowledged - before) > 0) {
        sx__connection_acknowledged(connection, slot->acknowledged - before, now_ns);
    }
    const uint64_t deadline_ns = sx__slot_get_deadline(slot);
    const uint64_t timeout_ns =
        (uint64_t)connection->protocol->options.write_timeout_ms * NS_PER_MS;
    const uint64_t next_ns = now_ns + timeout_ns / LOOKS;
    atomic_store_explicit(&slot->deadline_ns, next_ns < deadline_ns ? next_ns : deadline_ns,
                          memory_order_relaxed);
    return may_be_late && deadline_ns <= now_ns;
}

/* The deadline that was stored at the release may be too late now, because a stop makes deadlines
 * shorter. */
static bool is_late(struct sx__slot *slot, uint64_t now_ns)
{
    const enum sx__want want = sx__connection_get_want(&slot->connection);
    const bool is_due = atomic_load_explicit(&slot->deadline_ns, memory_order_relaxed) <= now_ns;
    if (is_due && has_output(slot)) {
        return takes_nothing(slot, now_ns);
    }
    return want == SX__WANT_INPUT || want == SX__WANT_LINGER ? sx__slot_get_deadline(slot) <= now_ns
                                                             : is_due;
}

static void sweep_slot(struct sx__slot *slot, enum sx__sweep sweep, int epoll_fd, uint64_t now_ns)
{
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != SX__SLOT_WAITING) {
        return;
    }
    /* Most slots need nothing, so they are skipped without becoming their owner. */
    if (sweep == SX__SWEEP_LATE &&
        atomic_load_explicit(&slot->deadline_ns, memory_order_relaxed) > now_ns) {
        return;
    }
    if (!change(slot, SX__SLOT_WAITING, SX__SLOT_HELD)) {
        return;
    }
    const enum sx__want want = sx__connection_get_want(&slot->connection);
    const bool is_over = sweep == SX__SWEEP_ALL || is_late(slot, now_ns);
    slot->late |= is_over;
    if (is_over && sweep != SX__SWEEP_ALL && want == SX__WANT_INPUT) {
        /* It can still be answered with a 408, and read on after that. */
        sx__slot_kick(slot, epoll_fd);
        return;
    }
    if (is_over) {
        shutdown(slot->fd, SHUT_RDWR);
    }
    atomic_store_explicit(&slot->state, SX__SLOT_WAITING, memory_order_release);
}

void sx__slots_sweep(struct sx__slots *slots, enum sx__sweep sweep, int epoll_fd, uint64_t now_ns)
{
    for (size_t i = 0; i < SX__SLOT_LEAVES; i++) {
        struct sx__slot *first = atomic_load_explicit(&slots->leaves[i], memory_order_acquire);
        for (size_t j = 0; first != NULL && j < SX__SLOTS_PER_LEAF; j++) {
            sweep_slot(&first[j], sweep, epoll_fd, now_ns);
        }
    }
}

static bool is_pausing(struct sx__slot *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_acquire) != SX__SLOT_FREE &&
           atomic_load(&slot->resume_ns) != UINT64_MAX;
}

/* Gives when the slot is to be looked at again. */
static uint64_t resume_slot(struct sx__slot *slot, int epoll_fd, uint64_t now_ns)
{
    const uint64_t resume_ns = atomic_load(&slot->resume_ns);
    if (resume_ns > now_ns || !change(slot, SX__SLOT_WAITING, SX__SLOT_HELD)) {
        return resume_ns; /* who is not waiting has its owner, who is about to say something else */
    }
    atomic_store_explicit(&slot->resume_ns, UINT64_MAX, memory_order_relaxed);
    sx__slot_kick(slot, epoll_fd);
    return UINT64_MAX;
}

uint64_t sx__slots_resume(struct sx__slots *slots, int epoll_fd, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < SX__SLOT_LEAVES; i++) {
        struct sx__slot *first = atomic_load_explicit(&slots->leaves[i], memory_order_acquire);
        for (size_t j = 0; first != NULL && j < SX__SLOTS_PER_LEAF; j++) {
            const uint64_t slot_ns =
                is_pausing(&first[j]) ? resume_slot(&first[j], epoll_fd, now_ns) : UINT64_MAX;
            next_ns = slot_ns < next_ns ? slot_ns : next_ns;
        }
    }
    return next_ns;
}

/* ---- slow clients ---- */

/* As many as are closed by one look at all connections. */
#define SHED_AT_ONCE 16

/* A client that waits for the next piece of a stream is not slow, so it is closed after all others.
 */
#define OF_THOSE_WHO_WAIT 1e18

/* The slowest clients so far, the slowest first. */
struct slowest {
    struct {
        struct sx__slot *slot;
        double rate; /* bytes that came and went in a second */
    } items[SHED_AT_ONCE];
    size_t count;
};

static void add_slowest(struct slowest *slowest, struct sx__slot *slot, double rate)
{
    size_t at = slowest->count;
    if (at < SHED_AT_ONCE) {
        slowest->count++;
    } else if (rate < slowest->items[at - 1].rate) {
        at--;
    } else {
        return;
    }
    for (; at > 0 && rate < slowest->items[at - 1].rate; at--) {
        slowest->items[at] = slowest->items[at - 1];
    }
    slowest->items[at].slot = slot;
    slowest->items[at].rate = rate;
}

static void compare_rate(struct slowest *slowest, struct sx__slot *slot, uint64_t now_ns)
{
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != SX__SLOT_WAITING ||
        !change(slot, SX__SLOT_WAITING, SX__SLOT_HELD)) {
        return;
    }
    if (slot->held > 0) {
        const uint64_t held_ns = now_ns > slot->held_since_ns ? now_ns - slot->held_since_ns : 0;
        const double rate = (double)slot->taken / ((double)held_ns * 1e-9 + 1e-3);
        const bool waits = sx__connection_get_want(&slot->connection) == SX__WANT_TIME;
        add_slowest(slowest, slot, waits ? rate + OF_THOSE_WHO_WAIT : rate);
    }
    atomic_store_explicit(&slot->state, SX__SLOT_WAITING, memory_order_release);
}

/* Gives how much it held; 0: it has got an owner meanwhile, or has been read. What is shed holds
 * nothing: it is free as soon as somebody has noticed, and must not be counted again. */
static size_t shed(struct sx__slot *slot, int epoll_fd)
{
    if (!change(slot, SX__SLOT_WAITING, SX__SLOT_HELD)) {
        return 0;
    }
    const size_t held = slot->held;
    if (held > 0) {
        slot->held = 0;
        slot->dying += held;
        slot->late = true;
        slot->shed = true;
        if (sx__connection_get_want(&slot->connection) == SX__WANT_INPUT) {
            sx__slot_kick(slot, epoll_fd); /* as in sweep_slot */
            return held;
        }
        shutdown(slot->fd, SHUT_RDWR);
    }
    atomic_store_explicit(&slot->state, SX__SLOT_WAITING, memory_order_release);
    return held;
}

static void find_slowest(struct slowest *slowest, struct sx__slots *slots, uint64_t now_ns)
{
    slowest->count = 0;
    for (size_t i = 0; i < SX__SLOT_LEAVES; i++) {
        struct sx__slot *first = atomic_load_explicit(&slots->leaves[i], memory_order_acquire);
        for (size_t j = 0; first != NULL && j < SX__SLOTS_PER_LEAF; j++) {
            compare_rate(slowest, &first[j], now_ns);
        }
    }
}

size_t sx__slots_shed(struct sx__slots *slots, int epoll_fd, size_t excess, uint64_t now_ns,
                      unsigned *count)
{
    size_t freed = 0;
    size_t before;
    do {
        struct slowest slowest;
        find_slowest(&slowest, slots, now_ns);
        before = freed;
        for (size_t i = 0; i < slowest.count && freed < excess; i++) {
            const size_t held = shed(slowest.items[i].slot, epoll_fd);
            freed += held;
            *count += held > 0 ? 1 : 0;
        }
    } while (freed < excess && freed > before);
    return freed;
}

void sx__slots_clean_up(struct sx__slots *slots)
{
    for (size_t i = 0; i < SX__SLOT_LEAVES; i++) {
        free(atomic_load_explicit(&slots->leaves[i], memory_order_relaxed));
        atomic_store_explicit(&slots->leaves[i], NULL, memory_order_relaxed);
    }
}
