/* Property: for any sequence of events on a connection (bytes, writes of any size, time, the end of
 * input, a deadline, overload, a stop, an allocation that fails, the close), each exchange that
 * begins ends exactly once and not before. No more is sent than there was, all of it is sent if the
 * exchange ends as complete, and all memory is freed.
 *
 * The input is a sequence of events: a byte for the kind, and a byte for the amount. Events that
 * receive bytes are followed by that number of bytes.
 */
#include "connection.h"
#include "failing_allocation.h"
#include "run_options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000u

struct world {
    struct sx__protocol protocol;
    struct sx__request_pool pool;
    struct sx__connection connection;
    uint64_t now_ns;
    unsigned open, rejected, answered; /* counts for the current exchange */
    bool is_streamed;
    size_t expected; /* the size of the body that is sent, if it is not streamed */
    unsigned pieces; /* pieces that are left of the stream */
    bool
        has_closed; /* the client has closed its sending side: no producer may be called any more */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_events: %s\n", what);
        abort();
    }
}

/* ---- the service ---- */

static void on_begin(void *app, struct sx__exchange *exchange)
{
    struct world *world = app;
    demand(++world->open == 1, "two exchanges at once");
    world->answered = 0;
    exchange->skips_body = exchange->record.target.size % 11 == 5;
    memset(exchange->path_space, 'p', exchange->record.target.size + 2);
    memset(exchange->app_state.bytes, 's', sizeof exchange->app_state.bytes);
}

/* Writes pieces, pauses if the target says so, and fails or ends. */
static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct world *world = context;
    demand(!world->has_closed, "a producer is called without a client");
    if (world->pieces-- == 0) {
        return world->now_ns % 3 == 0 ? SX_ESYSTEM : 0;
    }
    if (world->pieces % 3 == 1) {
        *wait_ms = 1000 * world->pieces;
        return SX_EAGAIN;
    }
    const size_t piece = world->pieces % 2 == 0 ? 5 : size;
    memset(space, 'p', piece);
    return (int)piece;
}

static bool is_sent(const struct sx__exchange *exchange)
{
    const struct sx_str method = exchange->record.method;
    const int status = exchange->response.status;
    return !(method.size == 4 && memcmp(method.data, "HEAD", 4) == 0) && status != 204 &&
           status != 205 && status != 304;
}

static void respond(struct world *world, struct sx__exchange *exchange, int status,
                    struct sx_str body)
{
    demand(world->open == 1 && ++world->answered == 1, "an answer too many");
    exchange->response =
        (struct sx__response){.status = status, .content_type = {"text/plain", 10}, .body = body};
    world->is_streamed = false;
    world->expected = is_sent(exchange) ? body.size : 0;
}

static void on_handle(void *app, struct sx__exchange *exchange, void *frame)
{
    (void)frame;
    struct world *world = app;
    static const int statuses[] = {200, 204, 304, 205, 404, 200, 500};
    static char lines[4002];
    const size_t size = exchange->record.target.size;
    respond(world, exchange, statuses[size % 7], exchange->body);
    struct sx__response *response = &exchange->response;
    switch (size % 5) {
    case 1:
        response->produce = produce;
        response->produce_context = world;
        world->pieces = (unsigned)size;
        world->is_streamed = true;
        break;
    case 2:
        response->file = (struct sx__file_part){true, -1, 7, size * 100};
        world->expected = is_sent(exchange) ? size * 100 : 0;
        break;
    case 3:
        memset(lines, 'x', sizeof lines);
        memcpy(lines, "X: ", 3);
        memcpy(lines + 4000, "\r\n", 2);
        response->header_lines = (struct sx_str){lines, sizeof lines};
        break;
    default:
        break;
    }
}

static void on_refuse(void *app, struct sx__exchange *exchange, int status, const char *message)
{
    respond(app, exchange, status, (struct sx_str){message, strlen(message)});
}

static void on_end(void *app, struct sx__exchange *exchange, enum sx_outcome outcome)
{
    struct world *world = app;
    const struct sx_record *record = &exchange->record;
    demand(world->open-- == 1, "an end without a begin");
    demand(record->ended_ns >= record->started_ns, "it ended before it began");
    demand((outcome == SX_OUTCOME_REQUEST_ABORTED) == (world->answered == 0),
           "an answer and its outcome differ");
    if (!world->is_streamed && world->answered > 0) {
        demand(record->response_body_bytes <= world->expected, "more was sent than there was");
        demand(outcome != SX_OUTCOME_COMPLETE || record->response_body_bytes == world->expected,
               "it is complete, and was not all sent");
    }
}

static void on_rejected(void *app, enum sx_reason reason)
{
    struct world *world = app;
    demand(reason < SX_REASONS && world->open == 0, "a rejection within an exchange");
    demand(++world->rejected == 1, "two rejections on one connection");
}

static void on_log(void *app, enum sx_log_level level, const char *message)
{
    (void)app;
    (void)level;
    (void)message;
}

/* ---- the events ---- */

static void write_some(struct world *world, size_t most)
{
    struct sx_str pieces[2];
    struct sx__file_part part;
    size_t room = 0;
    for (size_t i = sx__connection_get_output(&world->connection, pieces); i > 0; i--) {
        demand(pieces[i - 1].size > 0, "an empty piece");
        room += pieces[i - 1].size;
    }
    if (sx__connection_get_file(&world->connection, &part) && room == 0) {
        room = part.size;
    }
    demand(room > 0, "nothing to send");
    sx__connection_sent(&world->connection, most == 0 || most > room ? room : most, world->now_ns);
}

/* Does the connection's next step. Returns false if it waits for an event. */
static bool step(struct world *world, size_t most)
{
    if (sx__connection_get_next_step(&world->connection) == SX__NEXT_OUTPUT) {
        write_some(world, most);
        return true;
    }
    return sx__connection_do_step(&world->connection, NULL, world->now_ns) &&
           sx__connection_get_next_step(&world->connection) != SX__NEXT_TIME;
}

/* Returns how many bytes were received. */
static size_t receive(struct world *world, const uint8_t *bytes, size_t size)
{
    char *space;
    size_t room;
    if (sx__connection_get_next_step(&world->connection) != SX__NEXT_INPUT || size == 0) {
        return 0;
    }
    if (sx__connection_reserve(&world->connection, &world->pool, &space, &room) < 0) {
        sx__connection_abort(&world->connection, world->now_ns);
        return 0;
    }
    demand(room > 0, "no room");
    size = size < room ? size : room;
    memcpy(space, bytes, size);
    sx__connection_receive(&world->connection, size);
    return size;
}

enum event {
    RECEIVE,
    STEP,
    SERVE,
    END_INPUT,
    END_LATE,
    ABORT,
    HALF_CLOSE,
    WAIT,
    STOP,
    OVERLOAD,
    LASTED,
    FAIL,
    ACKNOWLEDGE,
    DISCARD,
    HEAR,
    EVENTS
};

static void happen(struct world *world, enum event event, unsigned amount)
{
    struct sx__connection *connection = &world->connection;
    const enum sx__next_step next = sx__connection_get_next_step(connection);
    switch (event) {
    case SERVE:
        for (unsigned i = 0; i < 1000 && step(world, 0); i++) {
        }
        break;
    case STEP:
        step(world, amount);
        break;
    case END_INPUT:
        sx__connection_end_input(connection, world->now_ns);
        break;
    case END_LATE:
        sx__connection_end_timed_out(connection, world->now_ns);
        break;
    case ABORT:
        sx__connection_abort(connection, world->now_ns);
        break;
    case HALF_CLOSE:
        sx__connection_half_close(connection, world->now_ns);
        world->has_closed = !world->protocol.options.half_close_streams;
        break;
    case STOP:
        if (!world->protocol.stopping) {
            world->protocol.stopped_ns = world->now_ns;
        }
        world->protocol.stopping = true;
        break;
    case OVERLOAD:
        if (next == SX__NEXT_HANDLER || next == SX__NEXT_PRODUCE) {
            sx__connection_refuse_overload(connection, world->now_ns);
        }
        break;
    case LASTED:
        sx__connection_note_long_handler(connection, world->now_ns);
        break;
    case ACKNOWLEDGE:
        if (next == SX__NEXT_OUTPUT || next == SX__NEXT_LINGER) {
            sx__connection_note_acknowledged(connection, amount, world->now_ns);
        }
        break;
    case DISCARD:
        if (next == SX__NEXT_LINGER) {
            sx__connection_note_discarded(connection, (size_t)amount << 20, world->now_ns);
        }
        break;
    case HEAR:
        sx__connection_note_input(connection, world->now_ns);
        break;
    case FAIL:
        fail_one_allocation((long)amount % 8);
        break;
    default:
        world->now_ns += (uint64_t)amount * 100 * NS_PER_MS;
        break;
    }
}

/* A stop waits for a silent client for at most a second, and lingering takes at most as long as a
 * body may. */
static void check_deadline(const struct world *world)
{
    const struct sx__connection *connection = &world->connection;
    const uint64_t deadline_ns = sx__connection_get_deadline(connection);
    const bool is_idle = sx__connection_is_idle(connection);
    const bool lingers = sx__connection_get_next_step(connection) == SX__NEXT_LINGER;
    const uint64_t second_ns = (uint64_t)1000 * NS_PER_MS;
    if (world->protocol.stopping && (is_idle || lingers)) {
        demand(deadline_ns <= world->now_ns + second_ns, "a stop waits for too long");
    } else if (lingers) {
        demand(deadline_ns <= connection->linger_ns + 30 * second_ns, "it lingers for too long");
        demand(connection->lingered_bytes <= (uint64_t)256 << 20, "it reads too much");
    }
}

/* Runs one connection until it closes or there are no more events. Returns the size of the
 * remaining input. */
static size_t live_through(struct world *world, const uint8_t *data, size_t size)
{
    struct sx__connection *connection = &world->connection;
    sx__connection_init(connection, &world->protocol, world->now_ns);
    world->rejected = 0;
    world->has_closed = false;
    while (size >= 2 && sx__connection_get_next_step(connection) != SX__NEXT_CLOSE) {
        const enum event event = (enum event)(data[0] % EVENTS);
        const unsigned amount = data[1];
        data += 2;
        size -= 2;
        if (event == RECEIVE) {
            const size_t taken = receive(world, data, amount < size ? amount : size);
            data += taken;
            size -= taken;
        } else {
            happen(world, event, amount);
        }
        sx__connection_release_memory(connection, &world->pool);
        check_deadline(world);
    }
    sx__connection_clean_up(connection, &world->pool, world->now_ns);
    demand(world->open == 0, "a begin without an end");
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {
        .now_ns = 1,
        .protocol = {.options = {.request_line_bytes = 60,
                                 .header_bytes = 200,
                                 .header_count = 5,
                                 .body_bytes = 50,
                                 .write_timeout_ms = 3000,
                                 .half_close_streams = size % 2 == 1}},
    };
    world.protocol.service = (struct sx__service){.app = &world,
                                                  .begin = on_begin,
                                                  .handle = on_handle,
                                                  .refuse = on_refuse,
                                                  .end = on_end,
                                                  .rejected = on_rejected,
                                                  .log = on_log};
    demand(sx__run_options_resolve(&world.protocol.options, &world.protocol.options) == 0,
           "bad options");
    const long before = allocations_live();
    for (size_t left = size; left >= 2;) {
        left = live_through(&world, data + size - left, left);
        end_failing_allocations();
    }
    sx__request_pool_clean_up(&world.pool);
    demand(allocations_live() == before, "memory is left");
    return 0;
}
