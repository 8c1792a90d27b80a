/* turn.c: one turn of a client: reading, calling the handler, writing, closing. See turn.h.
 *
 * Threads: every function runs on the thread that owns the client.
 */
#include "turn.h"
#include "client_account.h"
#include "client_ends.h"
#include "clock.h"
#include "server_types.h"
#include "socket_io.h"
#include "tls.h"
#include "user_code.h"
#include "wakeup.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The most that one connection may do before other connections get a turn. */
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
    struct sx__client *client;
    struct sx__connection *connection;
    uint64_t now_ns;
    bool would_block;    /* nothing more can be done until an event comes */
    bool is_output_full; /* the socket buffer has no room */
    bool is_input_empty; /* the socket has no more bytes to read now */
    bool may_have_ended; /* the client may have closed, and no further event will report it */
    bool was_queued;     /* the client was queued; its handler may run with or without a permit */
    bool queued;         /* the client is queued, and this thread no longer owns it */
    bool has_looked;     /* this turn has checked whether the client has ended its TLS stream */
    bool put_off;        /* the client has to wait, because memory is short */
    size_t sent;         /* response bytes that were sent */
    size_t read;         /* request bytes that were received */
    size_t route;        /* the place (see blocking.h) of the last handler that was called */
    bool has_blocked;    /* a handler ran without a permit, or lost it to the monitor */
};

/* ---- handlers ---- */

static void run_user_code(struct turn *turn)
{
    if (sx__connection_get_next_step(turn->connection) == SX__NEXT_HANDLER) {
        sx__connection_handle(turn->connection, turn->worker->frame);
    } else {
        sx__client_set_producing(turn->client, turn->worker->server);
        sx__connection_produce(turn->connection, sx__clock_now_ns());
        sx__client_set_producing(NULL, NULL);
    }
}

static void call_handler(struct turn *turn)
{
    struct sx__worker *worker = turn->worker;
    turn->route = turn->connection->request->exchange.route_index % SX__ROUTES_KNOWN;
    sx__user_code_enter(worker, turn->route);
    run_user_code(turn);
    if (sx__user_code_leave(worker)) {
        /* The client's time to read starts when there is something to read. */
        turn->now_ns = sx__clock_now_ns();
        turn->has_blocked = true;
        sx__connection_note_long_handler(turn->connection, turn->now_ns);
    }
}

static void refuse_overload(struct turn *turn)
{
    sx__user_code_enter(turn->worker, SX__PLACE_END);
    sx__connection_refuse_overload(turn->connection, turn->now_ns);
    sx__user_code_leave(turn->worker);
}

/* OpenSSL does not report how much memory a connection takes, so TLS_BYTES was measured with
 * OpenSSL 3.0 (Debian 12). */
static size_t get_tls_bytes(const struct turn *turn)
{
    return turn->client->fixed.tls == NULL ? 0 : TLS_BYTES;
}

static bool is_admin(const struct turn *turn)
{
    return turn->connection->request->exchange.is_admin;
}

/* A complete request no longer counts as the client's memory. From here on, the bounds of the queue
 * and of the number of threads also bound its memory. What TLS takes stays counted, so that the
 * total does not change with each request. */
static void uncount_request(struct turn *turn)
{
    struct sx__client *client = turn->client;
    client->queue.bytes = sx__request_get_large_bytes(turn->connection->request);
    if (client->owned.buffered_bytes == 0) {
        return;
    }
    const size_t taken = client->owned.transferred_bytes;
    const uint64_t buffered_since_ns = client->owned.buffered_since_ns;
    sx__client_account(client, turn->worker->server, get_tls_bytes(turn));
    /* The rate of a streaming client is measured over all pieces of the stream. */
    const bool is_streamed = sx__connection_get_next_step(turn->connection) == SX__NEXT_PRODUCE;
    client->owned.transferred_bytes = is_streamed ? taken : 0;
    client->owned.buffered_since_ns = is_streamed ? buffered_since_ns : 0;
}

static void handle(struct turn *turn)
{
    struct sx__worker *worker = turn->worker;
    struct sx__server *server = worker->server;
    enum sx__admitted took = SX__ADMITTED;
    uncount_request(turn);
    if (worker->token == SX__TOKEN_NONE) {
        const uint64_t wait_ms = server->protocol.options.queue_timeout_ms;
        took = sx__admission_take(&server->admission, worker, turn->client, is_admin(turn),
                                  turn->now_ns + wait_ms * NS_PER_MS);
    }
    switch (took) {
    case SX__ADMITTED:
        turn->was_queued = false;
        call_handler(turn);
        break;
    case SX__ADMITTED_LATER:
        turn->queued = true;
        sx__wakeup_monitor_if_asleep(server);
        break;
    case SX__ADMITTED_NEVER:
        refuse_overload(turn);
        break;
    }
}

/* ---- the steps of a connection ---- */

/* The first time, the turn ends and sx__client_rearm starts to watch the socket for room to write.
 */
static void wait_for_room(struct turn *turn)
{
    turn->is_output_full = true;
    turn->would_block = turn->client->owned.watches_output;
}

static void abort_connection(struct turn *turn)
{
    sx__user_code_enter(turn->worker, SX__PLACE_END);
    sx__connection_abort(turn->connection, turn->now_ns);
    sx__user_code_leave(turn->worker);
}

static void reject(struct turn *turn, enum sx_reason reason)
{
    const struct sx__service *service = &turn->worker->server->protocol.service;
    sx__user_code_enter(turn->worker, SX__PLACE_REJECTED);
    service->rejected(service->app, reason);
    sx__user_code_leave(turn->worker);
}

static void half_close(struct turn *turn)
{
    sx__user_code_enter(turn->worker, SX__PLACE_END);
    sx__connection_half_close(turn->connection, turn->now_ns);
    sx__user_code_leave(turn->worker);
}

/* Called for a connection that neither reads nor writes. It has no other way to notice that its
 * client is gone. */
static void note_ends(struct turn *turn, enum sx__ends ends)
{
    if (ends == SX__ENDS_ALL) {
        abort_connection(turn);
    } else if (ends == SX__ENDS_INPUT) {
        half_close(turn);
    }
}

/* Called before each call of a producer. A stream that always has something to send has no other
 * way to notice that its client has closed its sending side. Bytes that TLS has already read cause
 * no event. */
static void look_for_end(struct turn *turn)
{
    const bool is_marked = sx__client_take_notification(turn->client);
    if (is_marked) { /* as if this event had started the turn */
        turn->is_input_empty = false;
        turn->may_have_ended = true;
    }
    if (is_marked || (turn->client->fixed.tls != NULL && !turn->has_looked)) {
        turn->has_looked = true;
        note_ends(turn, sx__client_find_ends(turn->client));
    }
}

static bool is_stopping(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->server->protocol.stopping, memory_order_relaxed);
}

static bool is_in_handshake(const struct turn *turn)
{
    return turn->client->fixed.tls != NULL && !sx__tls_is_established(turn->client->fixed.tls);
}

static void give_up_input(struct turn *turn, int error)
{
    const bool is_refused = error == EPROTO && is_in_handshake(turn);
    if ((error == EPROTO || turn->client->owned.is_late) && is_in_handshake(turn)) {
        reject(turn, SX_REASON_TLS_HANDSHAKE);
    }
    if (is_refused) { /* The client may still be sending. It must be able to read the alert. */
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
    sx__user_code_enter(turn->worker, SX__PLACE_END);
    sx__connection_end_timed_out(turn->connection, turn->now_ns);
    sx__user_code_leave(turn->worker);
}

static void end_input(struct turn *turn)
{
    sx__user_code_enter(turn->worker, SX__PLACE_END);
    sx__connection_end_input(turn->connection, turn->now_ns);
    sx__user_code_leave(turn->worker);
}

/* Bytes that arrived while the monitor checked the deadline may have extended it. */
static bool is_late(const struct turn *turn)
{
    return turn->client->owned.is_late && turn->now_ns >= sx__client_get_deadline(turn->client);
}

/* Returns whether the client has to wait until other clients have been closed. All buffered memory
 * belongs to clients that the server waits for, so the monitor will close some of them. If that
 * takes longer than PUT_OFF_MS, the client continues nevertheless. Clients of an address that
 * serves only admin routes do not wait. */
static bool is_put_off(struct turn *turn)
{
    struct sx__client *client = turn->client;
    struct sx__server *server = turn->worker->server;
    if (sx__server_has_room(server) || client->fixed.peer.admin == SX_ADMIN_ONLY ||
        !sx__server_is_full(server)) {
        client->owned.put_off_until_ns = 0;
        return false;
    }
    const uint64_t now_ns = sx__clock_now_ns();
    if (client->owned.put_off_until_ns == 0) {
        client->owned.put_off_until_ns = now_ns + PUT_OFF_MS * NS_PER_MS;
    }
    if (now_ns >= client->owned.put_off_until_ns) {
        client->owned.put_off_until_ns = 0;
        return false;
    }
    sched_yield(); /* lets the monitor run */
    return true;
}

static void take_input(struct turn *turn, size_t count, size_t size)
{
    /* The kernel does not report bytes that TLS has already read. */
    turn->is_input_empty = count < size && !turn->may_have_ended && turn->client->fixed.tls == NULL;
    turn->client->owned.transferred_bytes += count;
    turn->read += count;
    turn->client->owned.has_check = false;
    sx__connection_receive(turn->connection, count);
}

static void read_input(struct turn *turn)
{
    if (turn->is_input_empty && is_late(turn)) {
        end_late(turn);
        return;
    }
    if (turn->is_input_empty) {
        turn->would_block = true;
        return;
    }
    if (turn->client->owned.is_closed_for_memory) {
        /* Bytes of its body that are still in the kernel would count as buffered memory again. */
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
    const ssize_t count = sx__socket_receive(turn->client, space, size);
    if (count > 0) {
        take_input(turn, (size_t)count, size);
    } else if (count == 0 && !turn->client->owned.is_late) {
        end_input(turn);
    } else if (count == 0) {
        end_late(turn);
    } else if (errno == EAGAIN) {
        turn->is_input_empty = true;
        if (is_in_handshake(turn) && !turn->client->owned.is_late) {
            sx__connection_note_input(turn->connection, turn->now_ns);
        }
    } else if (errno == EBUSY && turn->client->fixed.tls != NULL && !is_late(turn)) {
        wait_for_room(turn);
    } else if (errno != EINTR) {
        give_up_input(turn, errno);
    }
}

/* Sends a part of a file, preceded by `head`; size 0: no head. The disk may block the thread as a
 * handler may, so the monitor may take its permit in the same way. */
static ssize_t send_file(struct turn *turn, struct sx_str head, const struct sx__file_part *part)
{
    sx__user_code_enter(turn->worker, SX__PLACE_FILE);
    ssize_t sent = head.size > 0 ? sx__socket_send_small_file(turn->client, head, part)
                                 : sx__socket_send_file(turn->client, part);
    const int error = errno;
    sx__user_code_leave(turn->worker);
    errno = error;
    if (sent == 0) {
        /* The file is now shorter than the Content-Length that was sent. */
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
    if (count == 1 && has_file && part.size <= SX__SMALL_FILE_BYTES &&
        turn->client->fixed.tls == NULL) {
        return send_file(turn, pieces[0], &part);
    }
    return sx__socket_send(turn->client, pieces, count, has_file);
}

static void write_output(struct turn *turn)
{
    const ssize_t size = send_output(turn);
    if (size >= 0) {
        turn->now_ns = sx__clock_now_ns();
        turn->sent += (size_t)size;
        turn->client->owned.transferred_bytes += (size_t)size;
        turn->client->owned.sent_bytes += (size_t)size;
        turn->client->owned.has_check_since_write = false;
        sx__user_code_enter(turn->worker, SX__PLACE_END);
        sx__connection_sent(turn->connection, (size_t)size, turn->now_ns);
        sx__user_code_leave(turn->worker);
    } else if (errno == EAGAIN) {
        wait_for_room(turn);
    } else if (errno == EBUSY && turn->client->fixed.tls != NULL) {
        turn->would_block = true;
    } else if (errno != EINTR) {
        turn->now_ns = sx__clock_now_ns();
        abort_connection(turn);
    }
}

/* Lingering is not needed if the client has announced that it sends no further request: then no
 * bytes arrive that would make the kernel send a reset. Some clients send more bytes nevertheless.
 * A short response has left completely by then, and the client's kernel keeps it despite a reset.
 * After a longer response the server lingers. */
static bool may_close_at_once(const struct turn *turn)
{
    return turn->is_input_empty && turn->sent <= SENT_AT_ONCE_BYTES &&
           sx__connection_is_done(turn->connection);
}

/* RFC 9112 9.6: "the server then continues to read from the connection until it receives a
 * corresponding close by the client". The deadline is also checked here, because the monitor never
 * finds a client idle that sends without a pause. */
static void linger(struct turn *turn)
{
    if (!turn->client->owned.lingers && may_close_at_once(turn)) {
        abort_connection(turn);
        return;
    }
    if (!turn->client->owned.lingers) {
        turn->client->owned.lingers = true;
        sx__client_limits_linger(&turn->worker->server->client_limits, turn->client->fixed.limit);
        sx__socket_end_output(turn->client);
        shutdown(turn->client->fixed.fd, SHUT_WR);
    }
    char discarded[DISCARD_BYTES];
    const ssize_t count = recv(turn->client->fixed.fd, discarded, sizeof discarded, 0);
    if (count < 0 && errno == EAGAIN) {
        turn->would_block = true;
    } else if (count == 0 || (count < 0 && errno != EINTR) ||
               turn->now_ns >= sx__connection_get_deadline(turn->connection)) {
        abort_connection(turn);
    } else if (count > 0) {
        sx__connection_note_discarded(turn->connection, (size_t)count, turn->now_ns);
    }
}

static void step(struct turn *turn, enum sx__next_step next)
{
    switch (next) {
    case SX__NEXT_INPUT:
        read_input(turn);
        break;
    case SX__NEXT_ADVANCE:
        sx__user_code_enter(turn->worker, SX__PLACE_BEGIN);
        sx__connection_advance(turn->connection, turn->now_ns);
        sx__user_code_leave(turn->worker);
        break;
    case SX__NEXT_HANDLER:
        handle(turn);
        break;
    case SX__NEXT_PRODUCE:
        look_for_end(turn);
        if (sx__connection_get_next_step(turn->connection) == SX__NEXT_PRODUCE) {
            handle(turn);
        }
        break;
    case SX__NEXT_TIME:
        sx__connection_resume(turn->connection, turn->now_ns);
        turn->would_block = sx__connection_get_next_step(turn->connection) == SX__NEXT_TIME;
        break;
    case SX__NEXT_OUTPUT:
        write_output(turn);
        break;
    case SX__NEXT_LINGER:
        linger(turn);
        break;
    case SX__NEXT_CLOSE:
        break;
    }
}

/* ---- turns ---- */

static void close_connection(struct turn *turn)
{
    struct sx__server *server = turn->worker->server;
    struct sx__client *client = turn->client;
    abort_connection(turn);
    sx__connection_clean_up(turn->connection, &turn->worker->pool, turn->now_ns);
    /* Removed before the client can see the close, because it may reconnect at once. */
    sx__client_limits_remove(&server->client_limits, client->fixed.limit, client->owned.lingers);
    /* Another connection may get the same descriptor number at once. The client's record must be
     * free by then. */
    const int fd = client->fixed.fd;
    sx__client_account(client, server, 0);
    /* RFC 9112 8: a response that is delimited by the close is complete "unless an error was
     * indicated by the underlying connection (e.g., an "incomplete close" in TLS)". So a truncated
     * response gets no close_notify. */
    if (!turn->connection->is_truncated) {
        sx__socket_end_output(client);
    }
    if (turn->connection->is_close_delimited) { /* a connection reset also indicates the error */
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    sx__tls_stream_destroy(client->fixed.tls);
    client->fixed.tls = NULL;
    sx__client_free(client);
    close(fd);
    atomic_fetch_sub_explicit(&server->line->connections, 1, memory_order_release);
}

/* Returns whether clients are queued for a token. A turn of many blocking calls would otherwise
 * keep its token, and the queued clients would wait for as long as all these calls take together.
 */
static bool is_client_queued(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->server->admission.queued, memory_order_relaxed) > 0;
}

/* Returns whether the turn ends here. A thread that has lost its permit still sends what is ready,
 * and leaves everything else to other threads. A thread whose token is for admin routes only
 * leaves the handlers of all other routes to other threads. */
static bool is_over(const struct turn *turn, enum sx__next_step next, unsigned steps)
{
    if (next == SX__NEXT_CLOSE || turn->would_block || turn->is_output_full || turn->queued ||
        turn->put_off || steps >= STEPS_PER_TURN || turn->sent >= BYTES_PER_TURN ||
        turn->read >= BYTES_READ_PER_TURN) {
        return true;
    }
    const bool is_user_code = next == SX__NEXT_HANDLER || next == SX__NEXT_PRODUCE;
    if (is_user_code && turn->worker->token == SX__TOKEN_ADMIN && !is_admin(turn)) {
        return true;
    }
    if (is_user_code && turn->has_blocked && is_client_queued(turn)) {
        return true;
    }
    return !turn->worker->has_permit && !turn->was_queued && next != SX__NEXT_OUTPUT &&
           next != SX__NEXT_LINGER && next != SX__NEXT_TIME;
}

/* Returns the memory that the client makes the server use. */
static size_t get_buffered_bytes(const struct turn *turn)
{
    return sx__connection_get_buffered_bytes(turn->connection) + get_tls_bytes(turn);
}

/* Releases the client: afterwards this thread no longer owns it. Returns false if another event has
 * come; then the thread still owns the client and continues. */
static bool release(struct turn *turn)
{
    struct sx__client *client = turn->client;
    sx__connection_release_memory(turn->connection, &turn->worker->pool);
    atomic_store_explicit(&client->shared.deadline_ns, sx__client_get_check_time(client),
                          memory_order_relaxed);
    const uint64_t resume_ns = sx__connection_get_next_step(turn->connection) == SX__NEXT_TIME
                                   ? turn->connection->streamed.resume_ns
                                   : UINT64_MAX;
    if (resume_ns != atomic_load_explicit(&client->shared.resume_ns, memory_order_relaxed)) {
        sx__wakeup_set_resume_time(client, turn->worker->server, resume_ns);
    }
    if (client->fixed.tls != NULL && turn->connection->request == NULL) {
        client->owned.transferred_bytes = 0;
        client->owned.buffered_since_ns = turn->now_ns;
    }
    sx__client_account(client, turn->worker->server, get_buffered_bytes(turn));
    if (client->owned.is_late && !client->owned.is_closed_for_memory &&
        turn->now_ns < sx__client_get_deadline(client)) {
        client->owned.is_late = false; /* bytes came before the time-out was answered */
    }
    const bool is_read =
        turn->is_input_empty && sx__connection_get_next_step(turn->connection) == SX__NEXT_INPUT;
    if (turn->would_block || is_read) {
        turn->would_block = false;
        turn->is_output_full = false;
        turn->is_input_empty = false;
        turn->may_have_ended = true;
        return sx__client_release(client);
    }
    /* The turn is over, but there is more to do. The client's event is made to come again, behind
     * the events of other clients. */
    turn->sent = 0;
    turn->read = 0;
    turn->put_off = false;
    sx__client_rearm(client, turn->worker->server->epoll_fd);
    return true;
}

/* Does the connection's steps until the turn is over. Returns the next step. */
static enum sx__next_step work(struct turn *turn)
{
    enum sx__next_step next = sx__connection_get_next_step(turn->connection);
    for (unsigned steps = 0; !is_over(turn, next, steps); steps++) {
        step(turn, next);
        next = turn->queued ? next : sx__connection_get_next_step(turn->connection);
    }
    return next;
}

static bool is_cut_off(const struct turn *turn)
{
    return atomic_load_explicit(&turn->worker->server->cuts_off, memory_order_relaxed);
}

static void take_turn(struct turn *turn)
{
    for (;;) {
        /* The monitor cannot end a client that is never idle, so its owner does. */
        if (is_cut_off(turn)) {
            abort_connection(turn);
        }
        enum sx__next_step next = work(turn);
        if (turn->queued) {
            return;
        }
        /* A handler that was abandoned may have produced a response. No thread would send it any
         * more. */
        if (is_cut_off(turn)) {
            abort_connection(turn);
            next = SX__NEXT_CLOSE;
        }
        if (next == SX__NEXT_CLOSE) {
            close_connection(turn);
            return;
        }
        if (release(turn)) {
            return;
        }
        if (sx__connection_is_streamed(turn->connection)) {
            note_ends(turn, sx__client_find_ends(turn->client));
        }
    }
}

/* Serves a client that was queued, with the token that this thread has. Events may have come while
 * the client was queued, and one of them may have announced the end of its input. */
static void serve_granted(struct sx__worker *worker, struct sx__client *client)
{
    struct turn turn = {
        .worker = worker,
        .client = client,
        .connection = &client->owned.connection,
        .now_ns = sx__clock_now_ns(),
        .may_have_ended = true,
        .was_queued = true,
    };
    SX__SET_OWNER(client);
    note_ends(&turn, sx__client_find_ends(client));
    take_turn(&turn);
}

/* Passes the token that the turn needed to the client that has waited longest for one. Returns that
 * client, which this thread now owns, or NULL. */
static struct sx__client *give_token(struct sx__worker *worker)
{
    return worker->token == SX__TOKEN_NONE ? NULL
                                           : sx__admission_give(&worker->server->admission, worker);
}

void sx__turn_take(struct sx__worker *worker, struct sx__client *client, bool may_end)
{
    struct turn turn = {
        .worker = worker,
        .client = client,
        .connection = &client->owned.connection,
        .now_ns = sx__clock_now_ns(),
        .may_have_ended = may_end,
    };
    /* The event may belong to an earlier connection with the same descriptor, which ended before
     * this thread handled the event. So ask the kernel again. */
    const bool is_streamed = sx__connection_is_streamed(turn.connection);
    const bool may_end_tls = is_streamed && client->fixed.tls != NULL;
    const enum sx__ends ends =
        turn.may_have_ended || may_end_tls ? sx__client_find_ends(client) : SX__ENDS_NONE;
    if (is_streamed) {
        turn.has_looked = true;
        note_ends(&turn, ends);
    } else if (ends != SX__ENDS_NONE) {
        sx__connection_half_close(turn.connection, turn.now_ns);
    }
    const bool is_overloaded = client->owned.is_overloaded;
    client->owned.is_overloaded = false;
    /* The client may have closed its stream while it was queued, which has ended the stream. */
    if (is_overloaded && sx__connection_get_next_step(turn.connection) != SX__NEXT_CLOSE) {
        refuse_overload(&turn);
    }
    const uint64_t began_ns = turn.now_ns;
    take_turn(&turn);
    sx__user_code_note_turn(worker, sx__clock_now_ns() - began_ns, turn.route);
    struct sx__client *granted;
    while ((granted = give_token(worker)) != NULL) {
        serve_granted(worker, granted);
    }
}
