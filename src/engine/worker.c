#include "network.h"
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#define LONG_TURN_NS 50000u /* waking a thread costs about a tenth of that */
#define TURN_NS_MAX 1000000u
#define AVERAGED_TURNS 32 /* a single turn of TURN_NS_MAX must not make the average long */
#define PATIENCE_MS 10
#define IDLE_POLLERS_MAX 2

static struct sx__slot *slot_of(uintptr_t event)
{
    return (struct sx__slot *)(event & ~(uintptr_t)1);
}

/* ---- who has the permit ---- */

/* Takes an event that may be taken by another thread, too; 0: there is none. */
static uintptr_t take_event(_Atomic uintptr_t *event)
{
    return atomic_load_explicit(event, memory_order_relaxed) == 0 ? 0 : atomic_exchange(event, 0);
}

/* Has the events come again that the worker has not looked at yet: its thread is busy, and they
 * must not wait for it. */
static void pass_on_events(struct sx__worker *worker)
{
    const unsigned aside = atomic_load_explicit(&worker->aside, memory_order_acquire);
    for (unsigned i = 0; i < aside; i++) {
        const uintptr_t event = take_event(&worker->events[i]);
        if (event != 0) {
            sx__slot_pass_on(slot_of(event), worker->network->epoll_fd);
        }
    }
}

static uint32_t get_turn_ns(const struct sx__network *network)
{
    return atomic_load_explicit(&network->turn_ns, memory_order_relaxed);
}

static bool are_turns_long(const struct sx__network *network)
{
    return get_turn_ns(network) > LONG_TURN_NS;
}

static void give_up_permit(struct sx__worker *worker)
{
    worker->has_permit = false;
    pass_on_events(worker);
    sx__permits_give_up(&worker->network->permits);
}

/* Where turns are long because they block, a thread that has blocked goes on to poll: to park it
 * and wake another would cost two context switches. Beyond a few idle pollers it parks all the
 * same, since each event wakes an idle poller, where a busy one would have found it without a
 * context switch. Where most turns are short, one poller is enough. */
static void take_permit_again(struct sx__worker *worker)
{
    struct sx__network *network = worker->network;
    const bool may_add =
        are_turns_long(network) && atomic_load(&network->permits.polling) < IDLE_POLLERS_MAX;
    worker->has_permit = sx__permits_take(&network->permits, may_add ? network->worker_space : 1);
}

void sx__worker_enter_user_code(struct sx__worker *worker, size_t place)
{
    const struct sx__blocking *blocking = &worker->network->blocking;
    worker->place = place;
    worker->entered |= place < SX__ROUTES_KNOWN ? 1u : 2u << (place - SX__ROUTES_KNOWN);
    worker->gives_up = worker->has_permit && sx__blocking_is_expected(blocking, place);
    if (worker->gives_up) {
        give_up_permit(worker);
    }
    worker->is_measured = sx__blocking_is_watched(blocking, place) &&
                          sx__blocking_begin(&worker->call, &worker->calls);
    const uint64_t user = atomic_load_explicit(&worker->user, memory_order_relaxed);
    const uint64_t call = (user & ~(uint64_t)3) + 4;
    if (worker->has_permit) {
        atomic_store(&worker->user, call + SX__USER_INSIDE);
        sx__network_rouse_monitor(worker->network);
    } else {
        atomic_store(&worker->user, call + SX__USER_ROBBED);
    }
}

/* The monitor may have taken the permit. */
static bool has_lasted(struct sx__worker *worker)
{
    const uint64_t user = atomic_load_explicit(&worker->user, memory_order_relaxed);
    const uint64_t outside = user & ~(uint64_t)3;
    uint64_t inside = outside + SX__USER_INSIDE;
    if (atomic_compare_exchange_strong(&worker->user, &inside, outside)) {
        return false;
    }
    atomic_store(&worker->user, outside);
    return true;
}

bool sx__worker_leave_user_code(struct sx__worker *worker)
{
    struct sx__blocking *blocking = &worker->network->blocking;
    const bool had_permit = worker->has_permit;
    const bool lasted = has_lasted(worker);
    if (worker->is_measured) {
        sx__blocking_end(blocking, worker->place, &worker->call);
    }
    if (lasted && had_permit) {
        worker->has_permit = false;
        sx__blocking_note_long(blocking, worker->place, true);
    }
    if (worker->gives_up) {
        take_permit_again(worker);
    }
    return lasted;
}

static bool has_backlog(const struct sx__network *network)
{
    struct pollfd poll_fd = {.fd = network->epoll_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* What was set aside at the last tick, too, has waited for long enough: for a handler that lasts,
 * or for one short handler after another. */
static void hurry_events(struct sx__worker *worker)
{
    uintptr_t last = 0;
    const unsigned aside = atomic_load_explicit(&worker->aside, memory_order_acquire);
    for (unsigned i = aside; i > 0 && last == 0; i--) {
        last = atomic_load_explicit(&worker->events[i - 1], memory_order_relaxed);
    }
    if (last != 0 && last == worker->seen_event) {
        pass_on_events(worker);
    }
    worker->seen_event = last;
}

struct sx__tick sx__workers_tick(struct sx__network *network)
{
    struct sx__tick tick = {atomic_load(&network->tokens.queued) > 0, false};
    for (unsigned i = 0; i < network->worker_count; i++) {
        struct sx__worker *worker = &network->workers[i];
        uint64_t user = atomic_load(&worker->user);
        tick.active |= user != worker->seen_user || (user & 3) == SX__USER_INSIDE;
        if (user == worker->seen_user && (user & 3) == SX__USER_INSIDE) {
            const uint64_t robbed = user - SX__USER_INSIDE + SX__USER_ROBBED;
            if (atomic_compare_exchange_strong(&worker->user, &user, robbed)) {
                user = robbed;
                tick.robbed = true;
                sx__permits_give_up(&network->permits);
            }
        }
        worker->seen_user = user;
        hurry_events(worker);
    }
    const bool caught_up =
        atomic_exchange_explicit(&network->caught_up, false, memory_order_relaxed);
    if (!caught_up && atomic_load(&network->permits.issued) < network->processors &&
        has_backlog(network)) {
        sx__permits_add(&network->permits, network->processors);
    }
    return tick;
}

unsigned sx__workers_count_inside(struct sx__network *network)
{
    unsigned count = 0;
    for (unsigned i = 0; i < network->worker_count; i++) {
        count += (atomic_load(&network->workers[i].user) & 3) != SX__USER_OUTSIDE ? 1 : 0;
    }
    return count;
}

/* ---- polling ---- */

/* One of the places that the turn has been to was the reason. */
static void note_long_places(struct sx__worker *worker, size_t route)
{
    struct sx__blocking *blocking = &worker->network->blocking;
    if ((worker->entered & 1u) != 0) {
        sx__blocking_note_long(blocking, route, false);
    }
    for (size_t place = SX__ROUTES_KNOWN; place < SX__PLACES; place++) {
        if ((worker->entered & 2u << (place - SX__ROUTES_KNOWN)) != 0) {
            sx__blocking_note_long(blocking, place, false);
        }
    }
}

/* A moving average. Where turns are long, events would wait for the one poller, so further permits
 * are issued before they do. */
void sx__worker_note_turn(struct sx__worker *worker, uint64_t ns, size_t route)
{
    struct sx__network *network = worker->network;
    const uint32_t before = get_turn_ns(network);
    const uint32_t most = TURN_NS_MAX;
    const uint32_t turn_ns = ns < most ? (uint32_t)ns : most;
    const uint32_t now = before - before / AVERAGED_TURNS + turn_ns / AVERAGED_TURNS;
    atomic_store_explicit(&network->turn_ns, now, memory_order_relaxed);
    if (now > LONG_TURN_NS) {
        sx__permits_add(&network->permits, network->processors);
    }
    if (turn_ns > LONG_TURN_NS) {
        note_long_places(worker, route);
    }
    worker->entered = 0;
}

static struct sx__listener *find_listener(struct sx__network *network, const void *pointer)
{
    const uintptr_t first = (uintptr_t)network->listeners;
    const uintptr_t end = (uintptr_t)(network->listeners + network->listener_count);
    const uintptr_t at = (uintptr_t)pointer;
    return at >= first && at < end ? &network->listeners[(at - first) / sizeof *network->listeners]
                                   : NULL;
}

/* How long to wait for an event. A thread that has the only permit waits until one comes. */
static int patience_ms(const struct sx__network *network)
{
    if (atomic_load_explicit(&network->permits.issued, memory_order_relaxed) <= 1) {
        return -1;
    }
    return are_turns_long(network) ? PATIENCE_MS : 0;
}

/* If turns are long, a thread takes one event at a time, so that the next free thread takes the
 * next. The threshold is half of a long turn, so that events that were taken are seldom passed on.
 */
static int most_events(const struct sx__network *network)
{
    return get_turn_ns(network) > LONG_TURN_NS / 2 ? 1 : SX__EVENTS_MAX;
}

/* Sets those of connections aside; gives whether there are others. */
static bool set_aside(struct sx__worker *worker, const struct epoll_event *events, int count)
{
    struct sx__network *network = worker->network;
    bool has_others = false;
    for (int i = 0; i < count; i++) {
        void *pointer = events[i].data.ptr;
        if (find_listener(network, pointer) != NULL) {
            has_others = true;
        } else if (pointer != &network->exit_fd) {
            const bool ends = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            atomic_store_explicit(&worker->events[i], (uintptr_t)pointer + ends,
                                  memory_order_release);
        }
    }
    return has_others;
}

static void accept_connections(struct sx__worker *worker, const struct epoll_event *events,
                               int count)
{
    for (int i = 0; i < count; i++) {
        struct sx__listener *listener = find_listener(worker->network, events[i].data.ptr);
        if (listener != NULL) {
            sx__worker_enter_user_code(worker, SX__PLACE_REJECTED);
            sx__listener_accept(worker->network, listener);
            sx__worker_leave_user_code(worker);
        }
    }
}

static int wait_for_events(struct sx__network *network, struct epoll_event *events, int most)
{
    const int patience = patience_ms(network);
    if (patience < 0) { /* the only poller need not be counted */
        return epoll_wait(network->epoll_fd, events, most, patience);
    }
    atomic_fetch_add(&network->permits.polling, 1);
    const int found = epoll_wait(network->epoll_fd, events, most, patience);
    atomic_fetch_sub(&network->permits.polling, 1);
    return found;
}

/* A thread that finds no event is not needed; nor are threads that have blocked, once turns are
 * short again. */
static void return_surplus_permit(struct sx__worker *worker, int found)
{
    struct sx__network *network = worker->network;
    const unsigned issued = atomic_load_explicit(&network->permits.issued, memory_order_relaxed);
    if (found > 0 && issued <= network->processors) {
        return;
    }
    const unsigned least = found == 0                ? 1
                           : are_turns_long(network) ? network->worker_space
                                                     : network->processors;
    worker->has_permit = !sx__permits_return(&network->permits, least);
}

static void poll_once(struct sx__worker *worker)
{
    struct sx__network *network = worker->network;
    struct epoll_event events[SX__EVENTS_MAX];
    const int most = most_events(network);
    const int found = wait_for_events(network, events, most);
    if (found < most) {
        atomic_store_explicit(&network->caught_up, true, memory_order_relaxed);
    }
    atomic_store_explicit(&worker->aside, found > 0 ? (unsigned)found : 0, memory_order_relaxed);
    if (set_aside(worker, events, found)) {
        accept_connections(worker, events, found);
    }
    for (int i = 0; i < found; i++) {
        const uintptr_t event = take_event(&worker->events[i]);
        if (event != 0 && sx__slot_take(slot_of(event))) {
            sx__turn_take(worker, slot_of(event), (event & 1) != 0);
        }
        /* Turns have become long: other threads may take the remaining events. */
        if (i + 1 < found && are_turns_long(network)) {
            pass_on_events(worker);
        }
    }
    atomic_store_explicit(&worker->aside, 0, memory_order_relaxed);
    if (worker->has_permit) {
        return_surplus_permit(worker, found);
    }
}

void *sx__worker_run(void *argument)
{
    struct sx__worker *worker = argument;
    struct sx__permits *permits = &worker->network->permits;
    while (sx__permits_wait(permits, worker)) {
        while (worker->has_permit && !atomic_load(&permits->closed)) {
            poll_once(worker);
        }
    }
    sx__request_pool_clean_up(&worker->pool);
    atomic_store(&worker->ended, true);
    return NULL;
}
