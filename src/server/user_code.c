/* user_code.c: what a thread does before and after it calls the service. See user_code.h. */
#include "user_code.h"
#include "server_types.h"
#include "wakeup.h"

#define TURN_NS_MAX 1000000u
#define AVERAGED_TURNS 32 /* a single turn of TURN_NS_MAX must not make the average long */
#define IDLE_POLLERS_MAX 2

/* ---- pending events ---- */

struct sx__client *sx__user_code_get_client(uintptr_t event)
{
    return (struct sx__client *)(event & ~(uintptr_t)1);
}

uintptr_t sx__user_code_take_event(_Atomic uintptr_t *event)
{
    return atomic_load_explicit(event, memory_order_relaxed) == 0 ? 0 : atomic_exchange(event, 0);
}

void sx__user_code_repeat_events(struct sx__worker *worker)
{
    const unsigned count =
        atomic_load_explicit(&worker->shared.pending_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        const uintptr_t event = sx__user_code_take_event(&worker->shared.pending[i]);
        if (event != 0) {
            sx__client_repeat_event(sx__user_code_get_client(event), worker->server->epoll_fd);
        }
    }
}

/* ---- entering and leaving ---- */

uint32_t sx__user_code_get_turn_ns(const struct sx__server *server)
{
    return atomic_load_explicit(&server->turn_ns, memory_order_relaxed);
}

bool sx__user_code_are_turns_long(const struct sx__server *server)
{
    return sx__user_code_get_turn_ns(server) > SX__LONG_TURN_NS;
}

static void give_up_permit(struct sx__worker *worker)
{
    worker->has_permit = false;
    sx__user_code_repeat_events(worker);
    sx__poll_permits_give_up(&worker->server->poll_permits);
}

/* Takes a new permit after a call for which the thread gave up its permit. If turns are long
 * because they block, the thread continues to poll: parking it and waking another would cost two
 * context switches. It parks nevertheless if there are idle pollers: each event would wake an idle
 * poller, while a busy one finds it without a context switch. If most turns are short, one poller
 * is enough. */
static void take_permit_again(struct sx__worker *worker)
{
    struct sx__server *server = worker->server;
    const bool may_add = sx__user_code_are_turns_long(server) &&
                         atomic_load(&server->poll_permits.polling) < IDLE_POLLERS_MAX;
    worker->has_permit =
        sx__poll_permits_take(&server->poll_permits, may_add ? server->worker_space : 1);
}

void sx__user_code_enter(struct sx__worker *worker, size_t place)
{
    const struct sx__blocking *blocking = &worker->server->blocking;
    worker->place = place;
    worker->entered |= place < SX__ROUTES_KNOWN ? 1u : 2u << (place - SX__ROUTES_KNOWN);
    worker->gives_up = worker->has_permit && sx__blocking_is_expected(blocking, place);
    if (worker->gives_up) {
        give_up_permit(worker);
    }
    worker->is_measured = sx__blocking_is_watched(blocking, place) &&
                          sx__blocking_begin(&worker->call, &worker->calls);
    const uint64_t user = atomic_load_explicit(&worker->shared.user, memory_order_relaxed);
    const uint64_t call = (user & ~(uint64_t)3) + 4;
    if (worker->has_permit) {
        atomic_store(&worker->shared.user, call + SX__USER_INSIDE);
        sx__wakeup_monitor_if_asleep(worker->server);
    } else {
        atomic_store(&worker->shared.user, call + SX__USER_PREEMPTED);
    }
}

/* Returns whether the thread has no permit: it had none, or the monitor has taken it during the
 * call. */
static bool has_lasted(struct sx__worker *worker)
{
    const uint64_t user = atomic_load_explicit(&worker->shared.user, memory_order_relaxed);
    const uint64_t outside = user & ~(uint64_t)3;
    uint64_t inside = outside + SX__USER_INSIDE;
    if (atomic_compare_exchange_strong(&worker->shared.user, &inside, outside)) {
        return false;
    }
    atomic_store(&worker->shared.user, outside);
    return true;
}

bool sx__user_code_leave(struct sx__worker *worker)
{
    struct sx__blocking *blocking = &worker->server->blocking;
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

unsigned sx__workers_count_in_user_code(struct sx__server *server)
{
    unsigned count = 0;
    for (unsigned i = 0; i < server->worker_count; i++) {
        count += (atomic_load(&server->workers[i].shared.user) & 3) != SX__USER_OUTSIDE ? 1 : 0;
    }
    return count;
}

/* ---- long turns ---- */

/* Notes a long turn for each place that it has entered, because it is not known which place took
 * long. */
static void note_long_places(struct sx__worker *worker, size_t route)
{
    struct sx__blocking *blocking = &worker->server->blocking;
    if ((worker->entered & 1u) != 0) {
        sx__blocking_note_long(blocking, route, false);
    }
    for (size_t place = SX__ROUTES_KNOWN; place < SX__PLACES; place++) {
        if ((worker->entered & 2u << (place - SX__ROUTES_KNOWN)) != 0) {
            sx__blocking_note_long(blocking, place, false);
        }
    }
}

/* Returns whether an average is on the other side of a threshold, by an eighth of it, so that an
 * average that is close to the threshold is not stored again and again. */
static bool has_crossed(uint32_t before, uint32_t now, uint32_t threshold)
{
    return before > threshold ? now < threshold - threshold / 8 : now > threshold + threshold / 8;
}

/* Updates the moving average. Each thread has its own. It stores its average for all threads, which
 * then go on from there, only if that changes how they poll: a store after each turn would be the
 * one that all threads wait for. */
static void update_average(struct sx__worker *worker, uint32_t turn_ns)
{
    struct sx__server *server = worker->server;
    const uint32_t shared_ns = sx__user_code_get_turn_ns(server);
    if (worker->seen_turn_ns != shared_ns) {
        worker->seen_turn_ns = worker->turn_ns = shared_ns;
    }
    const uint32_t before = worker->turn_ns;
    const uint32_t now = before - before / AVERAGED_TURNS + turn_ns / AVERAGED_TURNS;
    worker->turn_ns = now;
    if (has_crossed(shared_ns, now, SX__LONG_TURN_NS) ||
        has_crossed(shared_ns, now, SX__LONG_TURN_NS / 2)) {
        worker->seen_turn_ns = now;
        atomic_store_explicit(&server->turn_ns, now, memory_order_relaxed);
    }
}

/* If turns are long, events would wait for the only poller, so further permits are issued before
 * they wait. */
void sx__user_code_note_turn(struct sx__worker *worker, uint64_t ns, size_t route)
{
    struct sx__server *server = worker->server;
    const uint32_t most = TURN_NS_MAX;
    const uint32_t turn_ns = ns < most ? (uint32_t)ns : most;
    update_average(worker, turn_ns);
    if (sx__user_code_are_turns_long(server)) {
        sx__poll_permits_add(&server->poll_permits, server->processors);
    }
    if (turn_ns > SX__LONG_TURN_NS) {
        note_long_places(worker, route);
    }
    worker->entered = 0;
}
