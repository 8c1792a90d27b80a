#include "network.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one connection may do before the others get their turn: reads, responses, handlers. */
#define STEPS_PER_TURN 64
#define BYTES_PER_TURN ((size_t)256 << 10)
#define BYTES_READ_PER_TURN ((size_t)1 << 20)
#define DISCARD_BYTES 4096
#define SENT_AT_ONCE_BYTES 8192 /* less than the initial window of TCP (RFC 6928) */
#define PUT_OFF_MS 1000         /* long enough for the monitor to close other clients */
#define TLS_BYTES 14336
#define NS_PER_MS 1000000u

/* One turn of one connection. */
struct turn {
    struct sx__worker *worker;
    struct sx__slot *slot;
    struct sx__connection *connection;
    uint64_t now_ns;
    bool waits;       /* nothing can be done before an event comes */
    bool blocked;     /* there is no room to write */
    bool drained;     /* the socket has nothing more to read now */
    bool ends;        /* there may be an end of input, which no further event will tell */
    bool granted;     /* it was queued, and its handler may run now, with or without a permit */
    bool queued;      /* it is not ours any more */
    bool has_looked;  /* for the end of the client's TLS */
    bool put_off;     /* there is no memory to read to */
    size_t sent;      /* bytes of responses */
    size_t read;      /* bytes of requests */
    size_t route;     /* of the last handler that was called, as a place; see blocking.h */
    bool has_blocked; /* a handler: it had no permit, or lost it */
};

/* ---- handlers ---- */

static void run_user_code(struct turn *turn)
{
    if (sx__connection_get_want(turn->connection) == SX__WANT_HANDLER) {
        sx__connection_handle(turn->connection, turn->worker->frame);
    } else {
        sx__slot_set_producing(turn->slot, turn->worker->network);
        sx__connection_produce(turn->connection, sx__now_ns());
        sx__slot_set_producing(NULL, NULL);
    }
}

static void call_handler(struct turn *turn)
{
    struct sx__worker *worker = turn->worker;
    turn->route = turn->connection->request->exchange.route_index % SX__ROUTES_KNOWN;
    sx__worker_enter_user_code(worker, turn->route);
    run_user_code(turn);
    if (sx__worker_leave_user_code(worker)) {
        /* A client is given its time to read from when there is something to read. */
        turn->now_ns = sx__now_ns();
        turn->has_blocked = true;
        sx__connection_lasted(turn->connection, turn->now_ns);
    }
}

static void refuse_overload(struct turn *turn)
{
    sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
    sx__connection_refuse_overload(turn->connection, turn->now_ns);
    sx__worker_leave_user_code(turn->worker);
}

static bool is_reserved(const struct turn *turn)
{
    return turn->connection->request->exchange.is_admin;
}

/* A request that is whole is not its client's any more: the bounds of the queue, and of the number
 * of threads, are those of its memory. */
static void let_go_of_request(struct turn *turn)
{
    struct sx__slot *slot = turn->slot;
    slot->queued_bytes = sx__request_get_large(turn->connection->request);
    if (slot->held == 0) {
        return;
    }
    const size_t taken = slot->taken;
    const uint64_t held_since_ns = slot->held_since_ns;
    sx__slot_hold(slot, turn->worker->network, 0);
    if (sx__connection_get_want(turn->connection) == SX__WANT_PRODUCE) {
        /* The speed of a stream's client is measured over all of its pieces. */
        slot->taken = taken;
        slot->held_since_ns = held_since_ns;
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
        sx__network_rouse_monitor(network);
        break;
    case SX__TOOK_NOTHING:
        refuse_overload(turn);
        break;
    }
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
    sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
    sx__connection_abort(turn->connection, turn->now_ns);
    sx__worker_leave_user_code(turn->worker);
}

static void reject(struct turn *turn, enum sx_reason reason)
{
    const struct sx__service *service = &turn->worker->network->protocol.service;
    sx__worker_enter_user_code(turn->worker, SX__PLACE_REJECTED);
    service->rejected(service->app, reason);
    sx__worker_leave_user_code(turn->worker);
}

static void half_close(struct turn *turn)
{
    sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
    sx__connection_half_close(turn->connection, turn->now_ns);
    sx__worker_leave_user_code(turn->worker);
}

/* For a connection that neither reads nor writes, because it has no other way to notice that its
 * client has gone. */
static void note_ends(struct turn *turn, enum sx__ends ends)
{
    if (ends == SX__ENDS_ALL) {
        abort_connection(turn);
    } else if (ends == SX__ENDS_INPUT) {
        half_close(turn);
    }
}

/* Called before each call of a producer, because a stream that always has something to send has no
 * other way to notice that its client has closed its sending side. Bytes that TLS has read already
 * cause no event. */
static void look_for_end(struct turn *turn)
{
    const bool is_marked = sx__slot_take_mark(turn->slot);
    if (is_marked) { /* as if the slot had been taken with this event */
        turn->drained = false;
        turn->ends = true;
    }
    if (is_marked || (turn->slot->tls != NULL && !turn->has_looked)) {
        turn->has_looked = true;
        note_ends(turn, sx__slot_find_ends(turn->slot));
    }
}

static bool is_stopping(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->network->protocol.stopping, memory_order_relaxed);
}

static bool is_in_handshake(const struct turn *turn)
{
    return turn->slot->tls != NULL && !sx__tls_is_established(turn->slot->tls);
}

static void give_up_input(struct turn *turn, int error)
{
    const bool is_refused = error == EPROTO && is_in_handshake(turn);
    if ((error == EPROTO || turn->slot->late) && is_in_handshake(turn)) {
        reject(turn, SX_REASON_TLS_HANDSHAKE);
    }
    if (is_refused) { /* who may still be sending, and shall read why */
        sx__connection_linger(turn->connection, turn->now_ns);
        return;
    }
    abort_connection(turn);
}

static void end_late(struct turn *turn)
{
    if (is_in_handshake(turn)) {
        if (!is_stopping(turn)) {
            reject(turn, SX_REASON_TLS_HANDSHAKE);
        }
        abort_connection(turn);
        return;
    }
    sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
    sx__connection_end_late(turn->connection, turn->now_ns);
    sx__worker_leave_user_code(turn->worker);
}

static void end_input(struct turn *turn)
{
    sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
    sx__connection_end_input(turn->connection, turn->now_ns);
    sx__worker_leave_user_code(turn->worker);
}

/* What came while the monitor looked may have given it more time. */
static bool is_late(const struct turn *turn)
{
    return turn->slot->late && turn->now_ns >= sx__slot_get_deadline(turn->slot);
}

/* Whether the client has to wait until other clients have been closed. All held memory belongs to
 * clients that are being waited for, so the monitor will close some. If that takes too long, the
 * client continues nevertheless. Clients at addresses that serve only admin routes do not wait.
 */
static bool is_put_off(struct turn *turn)
{
    struct sx__slot *slot = turn->slot;
    struct sx__network *network = turn->worker->network;
    if (sx__network_has_room(network) || slot->peer.admin == SX_ADMIN_ONLY ||
        !sx__network_is_full(network)) {
        slot->put_off_until_ns = 0;
        return false;
    }
    const uint64_t now_ns = sx__now_ns();
    if (slot->put_off_until_ns == 0) {
        slot->put_off_until_ns = now_ns + PUT_OFF_MS * NS_PER_MS;
    }
    if (now_ns >= slot->put_off_until_ns) {
        slot->put_off_until_ns = 0;
        return false;
    }
    sched_yield(); /* to the monitor */
    return true;
}

static void take_input(struct turn *turn, size_t count, size_t size)
{
    /* The kernel does not report bytes that TLS has read already. */
    turn->drained = count < size && !turn->ends && turn->slot->tls == NULL;
    turn->slot->taken += count;
    turn->read += count;
    turn->slot->has_looked = false;
    sx__connection_receive(turn->connection, count);
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
    if (is_put_off(turn)) {
        turn->put_off = true;
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
        take_input(turn, (size_t)count, size);
    } else if (count == 0 && !turn->slot->late) {
        end_input(turn);
    } else if (count == 0) {
        end_late(turn);
    } else if (errno == EAGAIN) {
        turn->drained = true;
        if (is_in_handshake(turn) && !turn->slot->late) {
            sx__connection_heard(turn->connection, turn->now_ns);
        }
    } else if (errno == EBUSY && turn->slot->tls != NULL && !is_late(turn)) {
        wait_for_room(turn);
    } else if (errno != EINTR) {
        give_up_input(turn, errno);
    }
}

/* The disk may block the thread as a handler may; the monitor then takes its permit in the same
 * way. `head` is sent before the file; size 0: no head. */
static ssize_t send_file(struct turn *turn, struct sx_str head, const struct sx__file_part *part)
{
    sx__worker_enter_user_code(turn->worker, SX__PLACE_FILE);
    ssize_t sent = head.size > 0 ? sx__slot_send_small_file(turn->slot, head, part)
                                 : sx__slot_send_file(turn->slot, part);
    const int error = errno;
    sx__worker_leave_user_code(turn->worker);
    errno = error;
    if (sent == 0) {
        /* It has become shorter than its Content-Length. */
        errno = EIO;
        sent = -1;
    }
    return sent;
}

static ssize_t send_output(struct turn *turn)
{
    struct sx_str pieces[2];
    struct sx__file_part part;
    const size_t count = sx__connection_get_output(turn->connection, pieces);
    const bool has_file = sx__connection_get_file(turn->connection, &part);
    if (count == 0) {
        return send_file(turn, (struct sx_str){NULL, 0}, &part);
    }
    if (count == 1 && has_file && part.size <= SX__SMALL_FILE_BYTES && turn->slot->tls == NULL) {
        return send_file(turn, pieces[0], &part);
    }
    return sx__slot_send(turn->slot, pieces, count, has_file);
}

static void write_output(struct turn *turn)
{
    const ssize_t size = send_output(turn);
    if (size >= 0) {
        turn->now_ns = sx__now_ns();
        turn->sent += (size_t)size;
        turn->slot->taken += (size_t)size;
        turn->slot->sent += (size_t)size;
        turn->slot->has_looked_again = false;
        sx__worker_enter_user_code(turn->worker, SX__PLACE_END);
        sx__connection_sent(turn->connection, (size_t)size, turn->now_ns);
        sx__worker_leave_user_code(turn->worker);
    } else if (errno == EAGAIN) {
        wait_for_room(turn);
    } else if (errno == EBUSY && turn->slot->tls != NULL) {
        turn->waits = true;
    } else if (errno != EINTR) {
        turn->now_ns = sx__now_ns();
        abort_connection(turn);
    }
}

/* If the client has announced that it sends no further request, lingering is not needed: no bytes
 * will come that make the kernel send a reset. Some clients send more nevertheless. A short
 * response has then left completely, and their kernels keep it; after a longer response the server
 * lingers. */
static bool may_close_at_once(const struct turn *turn)
{
    return turn->drained && turn->sent <= SENT_AT_ONCE_BYTES &&
           sx__connection_is_done(turn->connection);
}

/* RFC 9112 9.6: "the server then continues to read from the connection until it receives a
 * corresponding close by the client": not for ever, and who sends without a pause is never found
 * waiting by the monitor. */
static void linger(struct turn *turn)
{
    if (!turn->slot->lingering && may_close_at_once(turn)) {
        abort_connection(turn);
        return;
    }
    if (!turn->slot->lingering) {
        turn->slot->lingering = true;
        sx__addresses_linger(&turn->worker->network->addresses, turn->slot->address);
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
    } else if (count > 0) {
        sx__connection_discarded(turn->connection, (size_t)count, turn->now_ns);
    }
}

static void step(struct turn *turn, enum sx__want want)
{
    switch (want) {
    case SX__WANT_INPUT:
        read_input(turn);
        break;
    case SX__WANT_ADVANCE:
        sx__worker_enter_user_code(turn->worker, SX__PLACE_BEGIN);
        sx__connection_advance(turn->connection, turn->now_ns);
        sx__worker_leave_user_code(turn->worker);
        break;
    case SX__WANT_HANDLER:
        handle(turn);
        break;
    case SX__WANT_PRODUCE:
        look_for_end(turn);
        if (sx__connection_get_want(turn->connection) == SX__WANT_PRODUCE) {
            handle(turn);
        }
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
    /* Before the client sees the end, as it may come again at once. */
    sx__addresses_remove(&network->addresses, slot->address, slot->lingering);
    /* The descriptor's number may come back at once: the slot must be free by then. */
    const int fd = slot->fd;
    sx__slot_hold(slot, network, 0);
    /* RFC 9112 8: a response that ends with the connection is complete "unless an error was
     * indicated by the underlying connection (e.g., an "incomplete close" in TLS)". */
    if (!turn->connection->cut_off) {
        sx__slot_end_output(slot);
    }
    if (turn->connection->seems_whole) { /* a reset is an error, too */
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    sx__tls_stream_destroy(slot->tls);
    slot->tls = NULL;
    atomic_store_explicit(&slot->state, SX__SLOT_FREE, memory_order_release);
    close(fd);
    atomic_fetch_sub_explicit(&network->connections, 1, memory_order_release);
}

/* A turn of many calls that block would keep the token from those who are queued for as long as all
 * of them take together. */
static bool is_token_wanted(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->network->tokens.queued, memory_order_relaxed) > 0;
}

/* A thread that has lost its permit says what it has to say, and leaves the rest to others, and so
 * does one that may run admin handlers only. */
static bool is_over(const struct turn *turn, enum sx__want want, unsigned steps)
{
    if (want == SX__WANT_CLOSE || turn->waits || turn->blocked || turn->queued || turn->put_off ||
        steps >= STEPS_PER_TURN || turn->sent >= BYTES_PER_TURN ||
        turn->read >= BYTES_READ_PER_TURN) {
        return true;
    }
    const bool is_user_code = want == SX__WANT_HANDLER || want == SX__WANT_PRODUCE;
    if (is_user_code && turn->worker->token == SX__TOKEN_ADMIN && !is_reserved(turn)) {
        return true;
    }
    if (is_user_code && turn->has_blocked && is_token_wanted(turn)) {
        return true;
    }
    return !turn->worker->has_permit && !turn->granted && want != SX__WANT_OUTPUT &&
           want != SX__WANT_LINGER && want != SX__WANT_TIME;
}

/* OpenSSL does not report how much memory a connection takes, so TLS_BYTES was measured with
 * OpenSSL 3.0 (Debian 12). */
static size_t get_held(const struct turn *turn)
{
    return sx__connection_get_held(turn->connection) + (turn->slot->tls == NULL ? 0 : TLS_BYTES);
}

/* Lets the connection go, after which it is not ours any more; false: there is something to do. */
static bool release(struct turn *turn)
{
    struct sx__slot *slot = turn->slot;
    sx__connection_settle(turn->connection, &turn->worker->pool);
    atomic_store_explicit(&slot->deadline_ns, sx__slot_get_look(slot), memory_order_relaxed);
    const uint64_t resume_ns = sx__connection_get_want(turn->connection) == SX__WANT_TIME
                                   ? turn->connection->streamed.resume_ns
                                   : UINT64_MAX;
    if (resume_ns != atomic_load_explicit(&slot->resume_ns, memory_order_relaxed)) {
        sx__slot_pause(slot, turn->worker->network, resume_ns);
    }
    if (slot->tls != NULL && turn->connection->request == NULL) {
        slot->taken = 0;
        slot->held_since_ns = turn->now_ns;
    }
    sx__slot_hold(slot, turn->worker->network, get_held(turn));
    if (slot->late && !slot->shed && turn->now_ns < sx__slot_get_deadline(slot)) {
        slot->late = false; /* it has said something before it was told */
    }
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
    turn->read = 0;
    turn->put_off = false;
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

static bool is_cut_off(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->network->cuts_off, memory_order_relaxed);
}

static void take_turn(struct turn *turn)
{
    for (;;) {
        /* Who always has something to do is never found waiting by the monitor. */
        if (is_cut_off(turn)) {
            abort_connection(turn);
        }
        enum sx__want want = work(turn);
        if (turn->queued) {
            return;
        }
        /* Nor would anybody come back to what a handler leaves that was given up. */
        if (is_cut_off(turn)) {
            abort_connection(turn);
            want = SX__WANT_CLOSE;
        }
        if (want == SX__WANT_CLOSE) {
            close_connection(turn);
            return;
        }
        if (release(turn)) {
            return;
        }
        if (sx__connection_is_streamed(turn->connection)) {
            note_ends(turn, sx__slot_find_ends(turn->slot));
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
    note_ends(&turn, sx__slot_find_ends(slot));
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

void sx__turn_take(struct sx__worker *worker, struct sx__slot *slot, bool may_end)
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
    const bool is_streamed = sx__connection_is_streamed(turn.connection);
    const bool may_end_tls = is_streamed && slot->tls != NULL;
    const enum sx__ends ends = turn.ends || may_end_tls ? sx__slot_find_ends(slot) : SX__ENDS_NONE;
    if (is_streamed) {
        turn.has_looked = true;
        note_ends(&turn, ends);
    } else if (ends != SX__ENDS_NONE) {
        sx__connection_half_close(turn.connection, turn.now_ns);
    }
    const bool is_overloaded = slot->overloaded;
    slot->overloaded = false;
    /* The client of a stream may have closed while it was queued, which has ended the stream. */
    if (is_overloaded && sx__connection_get_want(turn.connection) != SX__WANT_CLOSE) {
        refuse_overload(&turn);
    }
    const uint64_t began_ns = turn.now_ns;
    take_turn(&turn);
    sx__worker_note_turn(worker, sx__now_ns() - began_ns, turn.route);
    struct sx__slot *granted;
    while ((granted = give_token(worker)) != NULL) {
        serve_granted(worker, granted);
    }
}
