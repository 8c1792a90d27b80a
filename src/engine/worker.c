#define _GNU_SOURCE /* POLLRDHUP */
#include "network.h"
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one connection may do before the others get their turn: reads, responses, handlers. */
#define STEPS_PER_TURN 64
#define BYTES_PER_TURN ((size_t)256 << 10)
#define DISCARD_BYTES 4096
#define SLOWNESS_MAX 16
#define NS_PER_MS 1000000u
#define SLOW_NS NS_PER_MS
#define LONG_TURN_NS 50000u /* waking a thread costs about a tenth of that */
#define TURN_NS_MAX 2000000u
#define EXTRA_PATIENCE_MS 10

/* One turn of one connection. */
struct turn {
    struct sx__worker *worker;
    struct sx__slot *slot;
    struct sx__connection *connection;
    uint64_t now_ns;
    bool waits;   /* nothing can be done before an event comes */
    bool blocked; /* there is no room to write */
    bool drained; /* the socket has nothing more to read now */
    bool ends;    /* there may be an end of input, which no further event will tell */
    bool granted; /* it was queued, and its handler may run now, with or without a permit */
    bool queued;  /* it is not ours any more */
    size_t sent;  /* bytes of responses */
};

static struct sx__slot *slot_of(uintptr_t event)
{
    return (struct sx__slot *)(event & ~(uintptr_t)1);
}

/* ---- handlers ---- */

/* The monitor sleeps while nobody is in a handler or queued. Either it sees this thread before it
 * goes to sleep, or this thread sees that it sleeps: both sides write before they read. */
static void rouse_monitor(struct sx__network *network)
{
    if (atomic_load(&network->monitor_asleep) && atomic_exchange(&network->monitor_asleep, false)) {
        sx__network_wake_monitor(network);
    }
}

/* Around all that the service is called for: a handler may block, and so may an observer. */
static void enter_user_code(struct sx__worker *worker)
{
    const uint64_t user = atomic_load_explicit(&worker->user, memory_order_relaxed);
    const uint64_t call = (user & ~(uint64_t)3) + 4;
    if (worker->has_permit) {
        atomic_store(&worker->user, call + SX__USER_INSIDE);
        rouse_monitor(worker->network);
    } else {
        atomic_store(&worker->user, call + SX__USER_ROBBED);
    }
}

/* From now on it is known whether the thread still has its permit. */
static void leave_user_code(struct sx__worker *worker)
{
    const uint64_t user = atomic_load_explicit(&worker->user, memory_order_relaxed);
    const uint64_t outside = user & ~(uint64_t)3;
    uint64_t inside = outside + SX__USER_INSIDE;
    if (!atomic_compare_exchange_strong(&worker->user, &inside, outside)) {
        worker->has_permit = false;
        atomic_store(&worker->user, outside);
    }
}

/* A route whose handlers have lasted lately is expected to go on so: its thread gives up the permit
 * before it calls, instead of keeping it from all others until the monitor comes. Otherwise P
 * permits would let no more than about P blocking calls begin in a millisecond. A single late
 * return proves nothing, as any thread may have to wait for a processor. */
static void learn(_Atomic unsigned char *slowness, bool was_slow)
{
    const unsigned known = atomic_load_explicit(slowness, memory_order_relaxed);
    const unsigned now = was_slow ? (known + 4 < SLOWNESS_MAX ? known + 4 : SLOWNESS_MAX)
                                  : (known > 0 ? known - 1 : 0);
    if (now != known) {
        /* Another thread's lesson may be lost; there will be more. */
        atomic_store_explicit(slowness, (unsigned char)now, memory_order_relaxed);
    }
}

/* A client is given its time to read from when there is something to read. */
static void after_user_code(struct turn *turn, _Atomic unsigned char *slowness, bool was_slow)
{
    learn(slowness, was_slow);
    if (was_slow) {
        turn->now_ns = sx__now_ns();
        sx__connection_lasted(turn->connection, turn->now_ns);
    }
}

static void run_user_code(struct turn *turn)
{
    if (sx__connection_get_want(turn->connection) == SX__WANT_HANDLER) {
        sx__connection_handle(turn->connection, turn->worker->frame);
    } else {
        sx__connection_produce(turn->connection, sx__now_ns());
    }
}

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

static void give_up_permit(struct sx__worker *worker)
{
    worker->has_permit = false;
    pass_on_events(worker);
    sx__permits_give(&worker->network->permits, worker->has_extra);
}

static void call_handler(struct turn *turn)
{
    struct sx__worker *worker = turn->worker;
    struct sx__network *network = worker->network;
    const size_t route = turn->connection->request->exchange.record.route_index;
    _Atomic unsigned char *slowness = &network->slowness[route % SX__ROUTES_KNOWN];
    if (worker->has_permit &&
        atomic_load_explicit(slowness, memory_order_relaxed) >= SLOWNESS_MAX / 2) {
        give_up_permit(worker);
    }
    const bool is_watched = worker->has_permit;
    const uint64_t began_ns = is_watched ? 0 : sx__now_ns();
    enter_user_code(worker);
    run_user_code(turn);
    leave_user_code(worker);
    after_user_code(turn, slowness,
                    is_watched ? !worker->has_permit : sx__now_ns() - began_ns > SLOW_NS);
}

static void refuse_overload(struct turn *turn)
{
    enter_user_code(turn->worker);
    sx__connection_refuse_overload(turn->connection, turn->now_ns);
    leave_user_code(turn->worker);
}

static bool is_reserved(const struct turn *turn)
{
    return turn->connection->request->exchange.reserved;
}

/* A request that is whole is not its client's any more: the bounds of the queue, and of the number
 * of threads, are those of its memory. */
static void let_go_of_request(struct turn *turn)
{
    struct sx__slot *slot = turn->slot;
    slot->queued_bytes = sx__connection_get_held(turn->connection);
    if (slot->queued_bytes > 0 && sx__connection_get_want(turn->connection) == SX__WANT_HANDLER) {
        sx__slot_hold(slot, turn->worker->network, 0);
    }
}

static void handle(struct turn *turn)
{
    struct sx__worker *worker = turn->worker;
    struct sx__network *network = worker->network;
    enum sx__took took = SX__TOOK_TOKEN;
    let_go_of_request(turn);
    if (worker->token == SX__TOKEN_NONE) {
        const uint64_t wait_ms = network->protocol.options.queue_timeout_ms;
        took = sx__tokens_take(&network->tokens, turn->slot, is_reserved(turn),
                               turn->now_ns + wait_ms * NS_PER_MS, &worker->token);
    }
    switch (took) {
    case SX__TOOK_TOKEN:
        turn->granted = false;
        call_handler(turn);
        break;
    case SX__TOOK_PLACE:
        turn->queued = true;
        rouse_monitor(network);
        break;
    case SX__TOOK_NOTHING:
        refuse_overload(turn);
        break;
    }
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
            /* As soon as it is robbed it may get another permit. */
            const bool is_extra = atomic_load_explicit(&worker->has_extra, memory_order_relaxed);
            if (atomic_compare_exchange_strong(&worker->user, &user, robbed)) {
                user = robbed;
                tick.robbed = true;
                sx__permits_give(&network->permits, is_extra);
            }
        }
        worker->seen_user = user;
        hurry_events(worker);
    }
    const bool caught_up =
        atomic_exchange_explicit(&network->caught_up, false, memory_order_relaxed);
    if (!caught_up && atomic_load_explicit(&network->permits.extra, memory_order_relaxed) > 0 &&
        has_backlog(network)) {
        sx__permits_give_extra(&network->permits);
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

/* ---- what a connection wants ---- */

/* The first time the kick will watch for room to write. */
static void wait_for_room(struct turn *turn)
{
    turn->blocked = true;
    turn->waits = turn->slot->watches_output;
}

static void abort_connection(struct turn *turn)
{
    enter_user_code(turn->worker);
    sx__connection_abort(turn->connection, turn->now_ns);
    leave_user_code(turn->worker);
}

static void reject(struct turn *turn, enum sx_reason reason)
{
    const struct sx__service *service = &turn->worker->network->protocol.service;
    enter_user_code(turn->worker);
    service->rejected(service->app, reason);
    leave_user_code(turn->worker);
}

static bool is_in_handshake(const struct turn *turn)
{
    return turn->slot->tls != NULL && !sx__tls_is_established(turn->slot->tls);
}

static void give_up_input(struct turn *turn, int error)
{
    if ((error == EPROTO || turn->slot->late) && is_in_handshake(turn)) {
        reject(turn, SX_REASON_TLS_HANDSHAKE);
    }
    abort_connection(turn);
}

static void end_late(struct turn *turn)
{
    if (is_in_handshake(turn)) {
        reject(turn, SX_REASON_TLS_HANDSHAKE);
    }
    enter_user_code(turn->worker);
    sx__connection_end_late(turn->connection, turn->now_ns);
    leave_user_code(turn->worker);
}

static void end_input(struct turn *turn)
{
    enter_user_code(turn->worker);
    sx__connection_end_input(turn->connection, turn->now_ns);
    leave_user_code(turn->worker);
}

/* What came while the monitor looked may have given it more time. */
static bool is_late(const struct turn *turn)
{
    return turn->slot->late && turn->now_ns >= sx__slot_get_deadline(turn->slot);
}

static void read_input(struct turn *turn)
{
    if (turn->drained && is_late(turn)) {
        end_late(turn);
        return;
    }
    if (turn->drained) {
        turn->waits = true;
        return;
    }
    if (turn->slot->shed) {
        /* What the kernel still has of its body would count again. */
        end_late(turn);
        return;
    }
    char *space;
    size_t size;
    if (sx__connection_reserve(turn->connection, &turn->worker->pool, &space, &size) < 0) {
        if (sx__connection_is_idle(turn->connection)) {
            reject(turn, SX_REASON_OVERLOADED);
        }
        abort_connection(turn);
        return;
    }
    const ssize_t count = sx__slot_receive(turn->slot, space, size);
    if (count > 0) {
        /* What TLS has read already the kernel does not tell of again. */
        turn->drained = (size_t)count < size && !turn->ends && turn->slot->tls == NULL;
        turn->slot->taken += (size_t)count;
        sx__connection_receive(turn->connection, (size_t)count);
    } else if (count == 0 && !turn->slot->late) {
        end_input(turn);
    } else if (count == 0) {
        end_late(turn);
    } else if (errno == EAGAIN) {
        turn->drained = true;
    } else if (errno == EBUSY && turn->slot->tls != NULL && !is_late(turn)) {
        wait_for_room(turn);
    } else if (errno != EINTR) {
        give_up_input(turn, errno);
    }
}

/* The disk may keep the thread as a handler may, and then its permit is taken in the same way. */
static ssize_t send_file(struct turn *turn, const struct sx__file_part *part)
{
    enter_user_code(turn->worker);
    ssize_t sent = sx__slot_send_file(turn->slot, part);
    const int error = errno;
    leave_user_code(turn->worker);
    errno = error;
    if (sent == 0) {
        /* It has become shorter than its Content-Length. */
        errno = EIO;
        sent = -1;
    }
    return sent;
}

static void write_output(struct turn *turn)
{
    struct sx_str pieces[2];
    struct sx__file_part part;
    const size_t count = sx__connection_get_output(turn->connection, pieces);
    const bool has_file = sx__connection_get_file(turn->connection, &part);
    const ssize_t size =
        count > 0 ? sx__slot_send(turn->slot, pieces, count, has_file) : send_file(turn, &part);
    if (size >= 0) {
        turn->now_ns = sx__now_ns();
        turn->sent += (size_t)size;
        turn->slot->taken += (size_t)size;
        enter_user_code(turn->worker);
        sx__connection_sent(turn->connection, (size_t)size, turn->now_ns);
        leave_user_code(turn->worker);
    } else if (errno == EAGAIN) {
        wait_for_room(turn);
    } else if (errno == EBUSY && turn->slot->tls != NULL) {
        turn->waits = true;
    } else if (errno != EINTR) {
        turn->now_ns = sx__now_ns();
        abort_connection(turn);
    }
}

/* RFC 9112 9.6: "the server then continues to read from the connection until it receives a
 * corresponding close by the client": not for ever, and who sends without a pause is never found
 * waiting by the monitor. */
static void linger(struct turn *turn)
{
    if (!turn->slot->lingering) {
        turn->slot->lingering = true;
        sx__slot_end_output(turn->slot);
        shutdown(turn->slot->fd, SHUT_WR);
    }
    char discarded[DISCARD_BYTES];
    const ssize_t count = recv(turn->slot->fd, discarded, sizeof discarded, 0);
    if (count < 0 && errno == EAGAIN) {
        turn->waits = true;
    } else if (count == 0 || (count < 0 && errno != EINTR) ||
               turn->now_ns >= sx__connection_get_deadline(turn->connection)) {
        abort_connection(turn);
    }
}

static void step(struct turn *turn, enum sx__want want)
{
    switch (want) {
    case SX__WANT_INPUT:
        read_input(turn);
        break;
    case SX__WANT_ADVANCE:
        enter_user_code(turn->worker);
        sx__connection_advance(turn->connection, turn->now_ns);
        leave_user_code(turn->worker);
        break;
    case SX__WANT_HANDLER:
    case SX__WANT_PRODUCE:
        handle(turn);
        break;
    case SX__WANT_TIME:
        sx__connection_resume(turn->connection, turn->now_ns);
        turn->waits = sx__connection_get_want(turn->connection) == SX__WANT_TIME;
        break;
    case SX__WANT_OUTPUT:
        write_output(turn);
        break;
    case SX__WANT_LINGER:
        linger(turn);
        break;
    case SX__WANT_CLOSE:
        break;
    }
}

/* ---- turns ---- */

static void close_connection(struct turn *turn)
{
    struct sx__network *network = turn->worker->network;
    struct sx__slot *slot = turn->slot;
    abort_connection(turn);
    sx__connection_clean_up(turn->connection, &turn->worker->pool, turn->now_ns);
    /* The descriptor's number may come back at once: the slot must be free by then. */
    const int fd = slot->fd;
    sx__slot_hold(slot, network, 0);
    /* RFC 9112 8: a response that ends with the connection is complete "unless an error was
     * indicated by the underlying connection (e.g., an "incomplete close" in TLS)". */
    if (!turn->connection->cut_off) {
        sx__slot_end_output(slot);
    }
    sx__tls_stream_destroy(slot->tls);
    slot->tls = NULL;
    sx__addresses_remove(&network->addresses, slot->address);
    atomic_store_explicit(&slot->state, SX__SLOT_FREE, memory_order_release);
    close(fd);
    atomic_fetch_sub_explicit(&network->connections, 1, memory_order_release);
}

/* A thread that has lost its permit says what it has to say, and leaves the rest to others, and so
 * does one that may run reserved handlers only. */
static bool is_over(const struct turn *turn, enum sx__want want, unsigned steps)
{
    if (want == SX__WANT_CLOSE || turn->waits || turn->blocked || turn->queued ||
        steps >= STEPS_PER_TURN || turn->sent >= BYTES_PER_TURN) {
        return true;
    }
    const bool is_user_code = want == SX__WANT_HANDLER || want == SX__WANT_PRODUCE;
    if (is_user_code && turn->worker->token == SX__TOKEN_RESERVED && !is_reserved(turn)) {
        return true;
    }
    return !turn->worker->has_permit && !turn->granted && want != SX__WANT_OUTPUT &&
           want != SX__WANT_TIME;
}

/* Lets the connection go, after which it is not ours any more; false: there is something to do. */
static bool release(struct turn *turn)
{
    struct sx__slot *slot = turn->slot;
    sx__connection_settle(turn->connection, &turn->worker->pool);
    atomic_store_explicit(&slot->deadline_ns, sx__slot_get_deadline(slot), memory_order_relaxed);
    const uint64_t resume_ns = sx__connection_get_want(turn->connection) == SX__WANT_TIME
                                   ? turn->connection->streamed.resume_ns
                                   : UINT64_MAX;
    if (resume_ns != atomic_load_explicit(&slot->resume_ns, memory_order_relaxed)) {
        sx__slot_pause(slot, turn->worker->network, resume_ns);
    }
    sx__slot_hold(slot, turn->worker->network, sx__connection_get_held(turn->connection));
    const bool is_read =
        turn->drained && sx__connection_get_want(turn->connection) == SX__WANT_INPUT;
    if (turn->waits || is_read) {
        turn->waits = false;
        turn->blocked = false;
        turn->drained = false;
        turn->ends = true;
        return sx__slot_release(slot);
    }
    /* Its turn is over, but not its work: it gets in line again. */
    turn->sent = 0;
    sx__slot_kick(slot, turn->worker->network->epoll_fd);
    return true;
}

/* Does what can be done; gives what the connection wants then. */
static enum sx__want work(struct turn *turn)
{
    enum sx__want want = sx__connection_get_want(turn->connection);
    for (unsigned steps = 0; !is_over(turn, want, steps); steps++) {
        step(turn, want);
        want = turn->queued ? want : sx__connection_get_want(turn->connection);
    }
    return want;
}

/* What an event would say now of the ends of the connection. */
static uint32_t find_ends(const struct sx__slot *slot)
{
    struct pollfd poll_fd = {.fd = slot->fd, .events = POLLRDHUP};
    if (poll(&poll_fd, 1, 0) != 1) {
        return 0;
    }
    return (poll_fd.revents & (POLLHUP | POLLERR)) != 0 ? EPOLLHUP : EPOLLRDHUP;
}

/* Of a connection that neither reads nor writes: by nothing else would it learn that there is
 * nobody to work for. */
static void note_ends(struct turn *turn, uint32_t ends)
{
    if ((ends & (EPOLLHUP | EPOLLERR)) != 0) {
        abort_connection(turn);
    } else if ((ends & EPOLLRDHUP) != 0) {
        sx__connection_half_close(turn->connection);
    }
}

static void take_turn(struct turn *turn)
{
    const struct sx__protocol *protocol = &turn->worker->network->protocol;
    for (;;) {
        /* Who always has something to do is never found waiting by the monitor. */
        if (atomic_load_explicit(&turn->worker->network->cuts_off, memory_order_relaxed)) {
            abort_connection(turn);
        }
        const enum sx__want want = work(turn);
        if (turn->queued) {
            return;
        }
        const bool stopping = atomic_load_explicit(&protocol->stopping, memory_order_relaxed);
        if (want == SX__WANT_CLOSE || (stopping && sx__connection_is_idle(turn->connection))) {
            close_connection(turn);
            return;
        }
        if (release(turn)) {
            return;
        }
        if (want == SX__WANT_TIME) {
            note_ends(turn, find_ends(turn->slot));
        }
    }
}

/* A connection that has waited in the queue, and whose token the thread has. What its marks meant
 * is not known any more, so it may be the end of input. */
static void serve_granted(struct sx__worker *worker, struct sx__slot *slot)
{
    struct turn turn = {
        .worker = worker,
        .slot = slot,
        .connection = &slot->connection,
        .now_ns = sx__now_ns(),
        .ends = true,
        .granted = true,
    };
    note_ends(&turn, find_ends(slot));
    take_turn(&turn);
}

/* The token that the turn needed goes to whoever has waited longest for it. */
static struct sx__slot *give_token(struct sx__worker *worker)
{
    if (worker->token == SX__TOKEN_NONE) {
        return NULL;
    }
    struct sx__slot *slot = sx__tokens_give(&worker->network->tokens, worker->token);
    worker->token = slot == NULL ? SX__TOKEN_NONE : worker->token;
    return slot;
}

/* A moving average. Where turns are long the others would have to wait for the one poller, so the
 * extra permits are given out before they do. Whoever has lost its permit kept nobody waiting. */
static void note_turn(struct sx__worker *worker, uint64_t ns)
{
    struct sx__network *network = worker->network;
    if (!worker->has_permit) {
        return;
    }
    const uint32_t before = atomic_load_explicit(&network->turn_ns, memory_order_relaxed);
    const uint32_t most = TURN_NS_MAX;
    const uint32_t now = before - before / 16 + (ns < most ? (uint32_t)ns : most) / 16;
    atomic_store_explicit(&network->turn_ns, now, memory_order_relaxed);
    if (now > LONG_TURN_NS &&
        atomic_load_explicit(&network->permits.extra, memory_order_relaxed) > 0) {
        sx__permits_give_extra(&network->permits);
    }
}

static void serve(struct sx__worker *worker, struct sx__slot *slot, bool may_end)
{
    struct turn turn = {
        .worker = worker,
        .slot = slot,
        .connection = &slot->connection,
        .now_ns = sx__now_ns(),
        .ends = may_end,
    };
    /* The event may be that of a connection which had the descriptor before, and which ended while
     * this thread was on its way here: so it is asked again. */
    const uint32_t ends = turn.ends ? find_ends(slot) : 0;
    if (sx__connection_get_want(turn.connection) == SX__WANT_TIME) {
        note_ends(&turn, ends);
    } else if (ends != 0) {
        sx__connection_half_close(turn.connection);
    }
    if (slot->overloaded) {
        slot->overloaded = false;
        refuse_overload(&turn);
    }
    const uint64_t began_ns = turn.now_ns;
    take_turn(&turn);
    note_turn(worker, turn.now_ns - began_ns);
    struct sx__slot *granted;
    while ((granted = give_token(worker)) != NULL) {
        serve_granted(worker, granted);
    }
}

static struct sx__listener *find_listener(struct sx__network *network, const void *pointer)
{
    const uintptr_t first = (uintptr_t)network->listeners;
    const uintptr_t end = (uintptr_t)(network->listeners + network->listener_count);
    const uintptr_t at = (uintptr_t)pointer;
    return at >= first && at < end ? &network->listeners[(at - first) / sizeof *network->listeners]
                                   : NULL;
}

static uint32_t get_turn_ns(const struct sx__worker *worker)
{
    return atomic_load_explicit(&worker->network->turn_ns, memory_order_relaxed);
}

/* How long to wait for an event. */
static int patience_ms(const struct sx__worker *worker)
{
    return !worker->has_extra ? -1 : get_turn_ns(worker) > LONG_TURN_NS ? EXTRA_PATIENCE_MS : 0;
}

/* One event at a time where turns are long, so that whoever is free takes the next. Half of what is
 * long, so that what has been taken is seldom passed on. */
static int most_events(const struct sx__worker *worker)
{
    return get_turn_ns(worker) > LONG_TURN_NS / 2 ? 1 : SX__EVENTS_MAX;
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
            enter_user_code(worker);
            sx__listener_accept(worker->network, listener);
            leave_user_code(worker);
        }
    }
}

static void poll_once(struct sx__worker *worker)
{
    struct sx__network *network = worker->network;
    struct epoll_event events[SX__EVENTS_MAX];
    const int most = most_events(worker);
    const int found = epoll_wait(network->epoll_fd, events, most, patience_ms(worker));
    if (found < most) {
        atomic_store_explicit(&network->caught_up, true, memory_order_relaxed);
    }
    if (found == 0) {
        worker->has_permit = false;
        sx__permits_put_back(&network->permits);
    }
    atomic_store_explicit(&worker->aside, found > 0 ? (unsigned)found : 0, memory_order_relaxed);
    if (set_aside(worker, events, found)) {
        accept_connections(worker, events, found);
    }
    for (int i = 0; i < found; i++) {
        const uintptr_t event = take_event(&worker->events[i]);
        if (event != 0 && sx__slot_take(slot_of(event))) {
            serve(worker, slot_of(event), (event & 1) != 0);
        }
        /* Turns have become long: who has got an extra permit may take the others. */
        if (i + 1 < found && get_turn_ns(worker) > LONG_TURN_NS) {
            pass_on_events(worker);
        }
    }
    atomic_store_explicit(&worker->aside, 0, memory_order_relaxed);
}

void *sx__worker_run(void *argument)
{
    struct sx__worker *worker = argument;
    struct sx__permits *permits = &worker->network->permits;
    while (sx__permits_take(permits, worker)) {
        while (worker->has_permit && !atomic_load(&permits->closed)) {
            poll_once(worker);
        }
    }
    sx__request_pool_clean_up(&worker->pool);
    atomic_store(&worker->ended, true);
    return NULL;
}
