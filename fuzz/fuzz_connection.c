/* Property: however a client's bytes are split, the service gets the same exchanges, the client
 * gets the same responses (except for Date), and the chunk decoder ends in the same state. Each
 * exchange that begins ends once, and each request without an exchange is rejected once. The header
 * and the body are those that a plain reader finds.
 *
 * The first byte of the input chooses the split, the rest is what the client sends. The limits are
 * small, so that inputs reach them.
 */
#include "connection.h"
#include "plain_chunks.h"
#include "run_options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES 50 /* at most */

/* Everything that was observed of a connection, as bytes. */
struct story {
    char *bytes;
    size_t size;
    unsigned begins, ends, rejected, open;
    const char *input; /* all bytes of the client */
    size_t input_size, taken;
    size_t body_offset; /* where the body of the current exchange begins in `input` */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_connection: %s\n", what);
        abort();
    }
}

static void tell(struct story *story, const void *bytes, size_t size)
{
    story->bytes = realloc(story->bytes, story->size + size + 1);
    demand(story->bytes != NULL, "no memory");
    if (size > 0) {
        memcpy(story->bytes + story->size, bytes, size);
    }
    story->size += size;
}

static void tell_view(struct story *story, struct sx_str view)
{
    tell(story, view.data, view.size);
    tell(story, "|", 1);
}

static void tell_number(struct story *story, const char *name, unsigned long long number)
{
    char text[64];
    tell(story, text, (size_t)snprintf(text, sizeof text, "%s %llu|", name, number));
}

/* Overwrites the byte after a view, as the service may. This must have no effect. */
static void spoil(struct sx_str view)
{
    ((char *)(uintptr_t)view.data)[view.size] = '\0';
}

static const struct sx__request *request_of(const struct sx__exchange *exchange)
{
    return (const struct sx__request *)(const void *)((const char *)exchange -
                                                      offsetof(struct sx__request, exchange));
}

static void on_begin(void *app, struct sx__exchange *exchange)
{
    struct story *story = app;
    story->begins++;
    demand(++story->open == 1, "two exchanges at once");
    const struct sx__request *request = request_of(exchange);
    demand(plain_head_is(request, exchange->headers), "the header is not what it plainly is");
    demand(plain_is_head((struct sx_str){request->input + request->start, request->head_size}),
           "the header is plainly not that of a request");
    story->body_offset = story->taken - (request->filled - request->start - request->head_size);
    tell_view(story, exchange->record.method);
    tell_view(story, exchange->record.target);
    for (size_t i = 0; i < exchange->header_count; i++) {
        tell_view(story, exchange->headers[i].name);
        tell_view(story, exchange->headers[i].value);
    }
    spoil(exchange->record.method);
    spoil(exchange->record.target);
    for (size_t i = 0; i < exchange->header_count; i++) {
        spoil(exchange->headers[i].name);
        spoil(exchange->headers[i].value);
    }
    /* A header contains no NUL, so a NUL belongs to another view that was spoiled. */
    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct sx__header *header = &exchange->headers[i];
        demand(memchr(header->name.data, '\0', header->name.size) == NULL &&
                   memchr(header->value.data, '\0', header->value.size) == NULL,
               "what is behind one view is within another");
    }
    exchange->skips_body = exchange->record.target.size % 11 == 5;
    memset(exchange->path_space, 'p', exchange->record.target.size + 2);
    memset(exchange->app_state.bytes, 's', sizeof exchange->app_state.bytes);
}

/* Returns whether this is the body that a plain reader finds. */
static bool is_plain_body(const struct story *story, const struct sx__exchange *exchange)
{
    const struct sx__request *request = request_of(exchange);
    const bool is_large = request->is_chunked || request->expects_continue ||
                          request->content_length > SX__INPUT_BYTES;
    if (exchange->skips_body && is_large && (request->is_chunked || request->content_length > 0)) {
        return exchange->body.size == 0;
    }
    const char *bytes = story->input + story->body_offset;
    const size_t size = story->input_size - story->body_offset;
    char body[BODY_BYTES];
    if (!request->is_chunked) {
        return exchange->body.size == request->content_length && exchange->body.size <= size &&
               (exchange->body.size == 0 ||
                memcmp(exchange->body.data, bytes, exchange->body.size) == 0);
    }
    const struct plain_chunks plain = plain_read_chunks(bytes, size, body, sizeof body);
    return plain.verdict == PLAIN_GOOD && plain.body_size == exchange->body.size &&
           plain.body_size <= sizeof body &&
           memcmp(body, exchange->body.data, plain.body_size) == 0;
}

/* Streams the body of the request, in pieces of ten bytes with a pause before each. A body that
 * ends in `!` fails at its end. */
struct echo {
    struct sx_str left;
    bool paused;
};

static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct echo *echo = context;
    echo->paused = !echo->paused;
    if (echo->paused) {
        *wait_ms = 0;
        return SX_EAGAIN;
    }
    const size_t piece = echo->left.size < 10 ? echo->left.size : 10;
    demand(piece <= size, "no space for a piece");
    memcpy(space, echo->left.data, piece);
    if (piece > 0 && piece == echo->left.size && space[piece - 1] == '!') {
        return SX_EPROTO;
    }
    echo->left = (struct sx_str){echo->left.data + piece, echo->left.size - piece};
    return (int)piece;
}

static void on_handle(void *app, struct sx__exchange *exchange, void *frame)
{
    (void)frame;
    demand(is_plain_body(app, exchange), "the body is not what it plainly is");
    tell_view(app, exchange->body);
    static const int statuses[] = {200, 204, 304, 404, 500};
    exchange->response = (struct sx__response){
        .status = statuses[exchange->record.target.size % 5],
        .content_type = {"text/plain", 10},
        .body = exchange->body,
    };
    if (exchange->record.target.size % 7 == 3 && exchange->body.size > 0) {
        struct echo *echo = (struct echo *)(void *)exchange->app_state.bytes;
        *echo = (struct echo){.left = exchange->body};
        exchange->response.produce = produce;
        exchange->response.produce_context = echo;
    } else if (exchange->record.target.size % 7 == 4) {
        exchange->response.file = (struct sx__file_part){true, -1, 5, 1000};
    }
}

static void on_refuse(void *app, struct sx__exchange *exchange, int status, const char *message)
{
    const struct story *story = app;
    tell_number(app, "refuse", (unsigned long long)status);
    demand(status != 400 || plain_read_chunks(story->input + story->body_offset,
                                              story->input_size - story->body_offset, NULL, 0)
                                    .verdict != PLAIN_GOOD,
           "a body is refused that is plainly good");
    exchange->response =
        (struct sx__response){.status = status, .body = {message, strlen(message)}};
}

static void on_end(void *app, struct sx__exchange *exchange, enum sx_outcome outcome)
{
    struct story *story = app;
    story->ends++;
    demand(story->open-- == 1, "an end without a begin");
    tell_number(story, "end", (unsigned long long)outcome);
    tell_number(story, "in", exchange->record.request_body_bytes);
    tell_number(story, "out", exchange->record.response_body_bytes);
}

static void on_rejected(void *app, enum sx_reason reason)
{
    struct story *story = app;
    story->rejected++;
    demand(story->open == 0, "a rejection within an exchange");
    demand(story->rejected == 1, "two rejections on one connection");
    tell_number(story, "rejected", (unsigned long long)reason);
}

static void on_log(void *app, enum sx_log_level level, const char *message)
{
    (void)app;
    (void)level;
    (void)message;
}

/* Reads the output in two steps, the first of an odd size. */
static void send_output(struct sx__connection *connection, struct story *story)
{
    struct sx_str pieces[2];
    struct sx__file_part part;
    const size_t count = sx__connection_get_output(connection, pieces);
    if (count == 0 && sx__connection_get_file(connection, &part)) {
        tell_number(story, "file", part.offset);
        sx__connection_sent(connection, part.size > 700 ? 700 : part.size, 2);
        return;
    }
    demand(count > 0 && pieces[0].size > 0, "nothing to send");
    const size_t size = pieces[0].size > 7 ? 7 : pieces[0].size;
    tell(story, pieces[0].data, size);
    sx__connection_sent(connection, size, 2);
}

/* Does the connection's steps until it needs more bytes. Returns false if it needs no more. */
static bool serve(struct sx__connection *connection, struct story *story)
{
    for (;;) {
        switch (sx__connection_get_next_step(connection)) {
        case SX__NEXT_INPUT:
            return true;
        case SX__NEXT_OUTPUT:
            send_output(connection, story);
            break;
        case SX__NEXT_LINGER:
        case SX__NEXT_CLOSE:
            return false;
        default:
            (void)sx__connection_do_step(connection, NULL, 2);
            break;
        }
    }
}

/* Pieces of 1 to `largest` bytes, in an order that depends on `seed`; 0: one piece. */
struct split {
    uint32_t seed;
    size_t largest;
};

static size_t next_piece(struct split *split, size_t left)
{
    if (split->largest == 0) {
        return left;
    }
    split->seed = split->seed * 1664525u + 1013904223u;
    const size_t size = 1 + (split->seed >> 16) % split->largest;
    return size < left ? size : left;
}

/* Records the decoder's state. Within a body the same bytes have been decoded, so the state must be
 * the same. */
static void tell_body(struct story *story, const struct sx__connection *connection)
{
    if (connection->phase != SX__PHASE_BODY) {
        return;
    }
    const struct sx__request *request = connection->request;
    const struct sx__chunked *chunked = &request->chunked;
    tell_number(story, "state", chunked->state);
    tell_number(story, "name size", chunked->name_size);
    tell_number(story, "candidates", chunked->candidates);
    tell_number(story, "chunk left", chunked->chunk_left);
    tell_number(story, "body left", chunked->body_left);
    tell_number(story, "body size", chunked->body_size);
    tell_number(story, "framing size", chunked->framing_size);
    tell_number(story, "size", request->body_size);
}

static void converse(struct story *story, const uint8_t *data, size_t size, struct split split)
{
    struct sx__protocol protocol = {
        .service = {.app = story,
                    .begin = on_begin,
                    .handle = on_handle,
                    .refuse = on_refuse,
                    .end = on_end,
                    .rejected = on_rejected,
                    .log = on_log},
        .options = {.request_line_bytes = 60,
                    .header_bytes = 200,
                    .header_count = 5,
                    .body_bytes = BODY_BYTES},
    };
    demand(sx__run_options_resolve(&protocol.options, &protocol.options) == 0, "bad options");
    struct sx__request_pool pool = {0};
    struct sx__connection connection;
    sx__connection_init(&connection, &protocol, 0);
    bool open = true;
    story->input = (const char *)data;
    story->input_size = size;
    while (open && size > 0) {
        char *space;
        size_t room;
        demand(sx__connection_reserve(&connection, &pool, &space, &room) == 0, "no memory");
        demand(room > 0, "no room");
        size_t taken = next_piece(&split, size);
        taken = taken < room ? taken : room;
        memcpy(space, data, taken);
        data += taken;
        size -= taken;
        story->taken += taken;
        sx__connection_receive(&connection, taken);
        open = serve(&connection, story);
        sx__connection_release_memory(&connection, &pool);
    }
    tell_body(story, &connection);
    tell(story, open ? "open" : "closed", 6 - (open ? 2 : 0));
    sx__connection_end_input(&connection, 3);
    demand(sx__connection_get_next_step(&connection) == SX__NEXT_CLOSE, "not closed");
    sx__connection_clean_up(&connection, &pool, 3);
    sx__request_pool_clean_up(&pool);
    demand(story->begins == story->ends, "begins and ends differ");
}

/* Masks the 29 bytes after each "Date: " of the output. A body may contain "Date: ", too. That does
 * no harm, because both stories are masked in the same way. */
static void mask_dates(struct story *story)
{
    for (size_t i = 0; i + 37 <= story->size; i++) {
        if (memcmp(story->bytes + i, "\r\nDate: ", 8) == 0) {
            memset(story->bytes + i + 8, 'D', 29);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct split splits[] = {
        {0, 0},
        {0, 1},
        {data[0], 1 + data[0] % 64u},
    };
    struct story stories[sizeof splits / sizeof *splits] = {0};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        converse(&stories[i], data + 1, size - 1, splits[i]);
        mask_dates(&stories[i]);
        demand(stories[i].size == stories[0].size &&
                   memcmp(stories[i].bytes, stories[0].bytes, stories[0].size) == 0,
               "the split makes a difference");
    }
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        free(stories[i].bytes);
    }
    return 0;
}
