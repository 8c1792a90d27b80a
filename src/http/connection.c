/* connection.c: the state machine of an HTTP/1.1 connection. See connection.h. */
#include "connection.h"
#include "connection_internal.h"
#include "response_head.h"
#include "token.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at
 * least one empty line (CRLF) received prior to the request-line." */
#define EMPTY_LINES_MAX 8
#define LINGER_BYTES ((uint64_t)256 << 20)

static const struct sx__http_error empty_lines = {400, SX_REASON_MALFORMED,
                                                  "there are too many empty lines"};
static const struct sx__http_error header_late = {408, SX_REASON_HEADER_TIMEOUT,
                                                  "the header did not arrive in time"};
static const struct sx__http_error body_late = {408, SX_REASON_MALFORMED,
                                                "the body did not arrive in time"};

void sx__connection_init(struct sx__connection *connection, struct sx__protocol *protocol,
                         uint64_t now_ns)
{
    *connection = (struct sx__connection){.protocol = protocol, .progress_ns = now_ns};
}

/* What a connection does next in each phase, and the phases that may follow. docs/architecture.md
 * has the same table with the reasons; a test compares the two. */
#define TO(phase) (1u << SX__PHASE_##phase)
static const struct {
    enum sx__next_step next_step;
    unsigned following;
} phases[] = {
    [SX__PHASE_HEAD] = {SX__NEXT_INPUT, TO(CONTINUE) | TO(BODY) | TO(READY) | TO(RESPONSE) |
                                            TO(REJECTION) | TO(LINGER) | TO(CLOSED)},
    [SX__PHASE_CONTINUE] = {SX__NEXT_OUTPUT, TO(BODY) | TO(CLOSED)},
    [SX__PHASE_BODY] = {SX__NEXT_INPUT, TO(READY) | TO(RESPONSE) | TO(CLOSED)},
    [SX__PHASE_READY] = {SX__NEXT_HANDLER, TO(RESPONSE) | TO(CLOSED)},
    [SX__PHASE_RESPONSE] = {SX__NEXT_OUTPUT, TO(HEAD) | TO(PRODUCE) | TO(LINGER) | TO(CLOSED)},
    [SX__PHASE_PRODUCE] = {SX__NEXT_PRODUCE, TO(RESPONSE) | TO(PAUSE) | TO(CLOSED)},
    [SX__PHASE_PAUSE] = {SX__NEXT_TIME, TO(PRODUCE) | TO(CLOSED)},
    [SX__PHASE_REJECTION] = {SX__NEXT_OUTPUT, TO(LINGER) | TO(CLOSED)},
    [SX__PHASE_LINGER] = {SX__NEXT_LINGER, TO(CLOSED)},
    [SX__PHASE_CLOSED] = {SX__NEXT_CLOSE, TO(CLOSED)},
};
#undef TO

void sx__connection_set_phase(struct sx__connection *connection, enum sx__phase phase)
{
    assert((phases[connection->phase].following & 1u << phase) != 0);
    connection->phase = phase;
}

enum sx__next_step sx__connection_get_next_step(const struct sx__connection *connection)
{
    const enum sx__next_step next = phases[connection->phase].next_step;
    return next == SX__NEXT_INPUT && connection->has_unparsed_input ? SX__NEXT_ADVANCE : next;
}

/* A lone CR may be the start of an empty line, which belongs to no request. */
bool sx__connection_is_idle(const struct sx__connection *connection)
{
    const struct sx__request *request = connection->request;
    return connection->phase == SX__PHASE_HEAD && !connection->has_unparsed_input &&
           (request == NULL || request->scan_offset == 0);
}

/* ---- endings ---- */

void sx__connection_enter(struct sx__connection *connection, enum sx__phase phase, uint64_t now_ns)
{
    sx__connection_set_phase(connection, phase);
    connection->progress_ns = now_ns;
}

static void begin_to_linger(struct sx__connection *connection, uint64_t now_ns)
{
    connection->linger_ns = now_ns;
    connection->lingered_bytes = 0;
    sx__connection_enter(connection, SX__PHASE_LINGER, now_ns);
}

static void free_head(struct sx__connection *connection)
{
    if (connection->request != NULL && connection->head != connection->request->response_head &&
        !connection->streamed.in_piece) {
        free(connection->head);
    }
    connection->head = NULL;
    connection->head_size = 0;
    connection->body = (struct sx_str){NULL, 0};
    connection->file.present = false;
    connection->sent = 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void end_exchange(struct sx__connection *connection, enum sx_outcome outcome,
                         uint64_t now_ns)
{
    struct sx__exchange *exchange = &connection->request->exchange;
    const struct sx__streamed *streamed = &connection->streamed;
    const size_t head_size = connection->head_size;
    const size_t sent = connection->sent > head_size ? connection->sent - head_size : 0;
    exchange->record.response_body_bytes =
        !streamed->is_present ? sent : streamed->sent_bytes + smaller(sent, streamed->piece_size);
    exchange->record.ended_ns = now_ns;
    const struct sx__service *service = &connection->protocol->service;
    service->end(service->app, exchange, outcome);
}

static void free_streamed(struct sx__connection *connection)
{
    sx__buffer_pool_give(connection->protocol->buffers, &connection->streamed.buffer);
    connection->streamed = (struct sx__streamed){.is_present = false};
}

void sx__connection_abort(struct sx__connection *connection, uint64_t now_ns)
{
    const struct sx__service *service = &connection->protocol->service;
    switch (connection->phase) {
    case SX__PHASE_HEAD:
        if (!sx__connection_is_idle(connection)) {
            service->rejected(service->app, SX_REASON_DISCONNECTED);
        }
        break;
    case SX__PHASE_CONTINUE:
        /* The 100 Continue that is partly sent is not the response. */
        free_head(connection);
        end_exchange(connection, SX_OUTCOME_REQUEST_ABORTED, now_ns);
        break;
    case SX__PHASE_BODY:
    case SX__PHASE_READY:
        end_exchange(connection, SX_OUTCOME_REQUEST_ABORTED, now_ns);
        break;
    case SX__PHASE_RESPONSE:
    case SX__PHASE_PRODUCE:
    case SX__PHASE_PAUSE:
        connection->is_truncated = true;
        connection->is_close_delimited =
            connection->streamed.is_present && !connection->streamed.chunked;
        end_exchange(connection, SX_OUTCOME_RESPONSE_ABORTED, now_ns);
        break;
    case SX__PHASE_REJECTION:
    case SX__PHASE_LINGER:
    case SX__PHASE_CLOSED:
        break;
    }
    free_head(connection);
    free_streamed(connection);
    sx__connection_enter(connection, SX__PHASE_CLOSED, now_ns);
}

void sx__connection_clean_up(struct sx__connection *connection, struct sx__request_pool *pool,
                             uint64_t now_ns)
{
    sx__connection_abort(connection, now_ns);
    sx__request_destroy(pool, connection->request);
    connection->request = NULL;
}

/* ---- output ---- */

/* Moves a body that fits behind its head to that place: one piece is sent faster than two. */
static void join_small_body(struct sx__connection *connection)
{
    struct sx_str *body = &connection->body;
    char *space = connection->head + connection->head_size;
    if (connection->head == connection->request->response_head && body->size > 0 &&
        body->size <= SX__RESPONSE_HEAD_BYTES - connection->head_size) {
        memmove(space, body->data, body->size);
        body->data = space;
    }
}

/* Starts to send `response`, which is that of the exchange or a rejection. Errors: SX_ENOMEM;
 * SX_EPROTO: the client of a stream is gone */
static int respond(struct sx__connection *connection, const struct sx__response *response)
{
    struct sx__request *request = connection->request;
    assert(response->status >= 200 && response->status <= 599);
    connection->is_last_response |=
        atomic_load_explicit(&connection->protocol->stopping, memory_order_relaxed);
    const bool has_body = sx__status_has_body(response->status);
    const bool streamed = has_body && response->produce != NULL;
    connection->is_last_response |= streamed && request->is_http_1_0;
    const struct sx__response_head head = {
        .status = response->status,
        .date = connection->protocol->get_date == NULL ? NULL : connection->protocol->get_date(),
        .content_type = has_body ? response->content_type : (struct sx_str){NULL, 0},
        .header_lines = response->header_lines,
        .content_length = !has_body                ? 0
                          : response->file.present ? response->file.size
                                                   : response->body.size,
        .streamed = streamed,
        .chunked = streamed && !request->is_http_1_0,
        .close = connection->is_last_response,
        .keep_alive = request->is_http_1_0,
    };
    const size_t bound = sx__response_head_bound(&head);
    connection->head =
        bound <= sizeof request->response_head ? request->response_head : malloc(bound);
    connection->sent = 0;
    if (connection->head == NULL) {
        return SX_ENOMEM;
    }
    connection->head_size = sx__response_head_write(connection->head, &head);
    connection->body = has_body && !request->is_head ? response->body : (struct sx_str){NULL, 0};
    if (streamed && !request->is_head) {
        connection->body = (struct sx_str){NULL, 0};
        return sx__connection_begin_stream(connection, head.chunked);
    }
    if (has_body && !request->is_head && response->file.present && response->file.size > 0) {
        connection->file = response->file;
        connection->body = (struct sx_str){NULL, 0};
    }
    join_small_body(connection);
    return 0;
}

static void respond_to_exchange(struct sx__connection *connection)
{
    sx__connection_set_phase(connection, SX__PHASE_RESPONSE);
    if (respond(connection, &connection->request->exchange.response) < 0) {
        sx__connection_abort(connection, connection->progress_ns);
    }
}

static void reject(struct sx__connection *connection, const struct sx__http_error *error,
                   uint64_t now_ns)
{
    const struct sx__service *service = &connection->protocol->service;
    struct sx__request *request = connection->request;
    service->rejected(service->app, error->reason);
    connection->is_last_response = true;
    /* RFC 9110 9.3.2: "the server MUST NOT send content in the response" to HEAD. This holds for
     * every error that is found after the method. */
    request->is_head = sx__begins_with_token(
        (struct sx_str){request->input + request->start, request->filled - request->start}, "HEAD");
    sx__connection_enter(connection, SX__PHASE_REJECTION, now_ns);

    /* The messages are constants of this library, so they need no escaping. The head of a rejection
     * is short, so the body is written to the second half of response_head. */
    char *text = request->response_head + SX__RESPONSE_HEAD_BYTES / 2;
    const int size =
        snprintf(text, SX__RESPONSE_HEAD_BYTES / 2, "{\"message\": \"%s\"}", error->message);
    static const char type[] = "application/json";
    const struct sx__response response = {
        .status = error->status,
        .content_type = {type, sizeof type - 1},
        .body = {text, (size_t)size},
    };
    if (respond(connection, &response) < 0) {
        sx__connection_abort(connection, now_ns);
    }
}

static void refuse(struct sx__connection *connection, const struct sx__http_error *error,
                   uint64_t now_ns)
{
    const struct sx__service *service = &connection->protocol->service;
    connection->is_last_response = true;
    connection->progress_ns = now_ns;
    service->refuse(service->app, &connection->request->exchange, error->status, error->message);
    respond_to_exchange(connection);
}

static void send_continue(struct sx__connection *connection, uint64_t now_ns)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    connection->head = connection->request->response_head;
    connection->head_size = sizeof text - 1;
    connection->sent = 0;
    memcpy(connection->head, text, sizeof text - 1);
    sx__connection_enter(connection, SX__PHASE_CONTINUE, now_ns);
}

size_t sx__connection_get_output(const struct sx__connection *connection, struct sx_str pieces[2])
{
    size_t count = 0;
    size_t skip = connection->sent;
    if (connection->body.size > 0 &&
        connection->body.data == connection->head + connection->head_size) {
        pieces[0] = (struct sx_str){connection->head + skip,
                                    connection->head_size + connection->body.size - skip};
        return 1;
    }
    if (skip < connection->head_size) {
        pieces[count++] = (struct sx_str){connection->head + skip, connection->head_size - skip};
        skip = 0;
    } else {
        skip -= connection->head_size;
    }
    if (skip < connection->body.size) {
        pieces[count++] =
            (struct sx_str){connection->body.data + skip, connection->body.size - skip};
    }
    return count;
}

bool sx__connection_get_file(const struct sx__connection *connection, struct sx__file_part *part)
{
    *part = connection->file;
    if (part->present && connection->sent > connection->head_size) {
        part->offset += connection->sent - connection->head_size;
        part->size -= connection->sent - connection->head_size;
    }
    return part->present;
}

size_t sx__connection_get_buffered_bytes(const struct sx__connection *connection)
{
    const struct sx__request *request = connection->request;
    const struct sx__buffer *piece = &connection->streamed.buffer;
    if (request == NULL) {
        return 0;
    }
    const bool is_sending = connection->phase == SX__PHASE_RESPONSE;
    const size_t body_size = is_sending && piece->data == NULL ? connection->body.size : 0;
    return sx__request_get_buffered_bytes(request) + piece->touched + body_size;
}

/* After the last response the connection lingers, even if its request was read to the end. The
 * client may have sent more bytes since, or may send them while it reads. Unread bytes make the
 * server's kernel send a connection reset, and the client's kernel would then discard the response.
 */
void sx__connection_finish_output(struct sx__connection *connection, uint64_t now_ns)
{
    struct sx__request *request = connection->request;
    const enum sx__phase phase = connection->phase;
    if (phase == SX__PHASE_CONTINUE) {
        free_head(connection);
        connection->has_unparsed_input = request->parsed < request->filled;
        sx__connection_enter(connection, SX__PHASE_BODY, now_ns);
        return;
    }
    struct sx__streamed *streamed = &connection->streamed;
    if (phase == SX__PHASE_RESPONSE && streamed->is_present && !streamed->is_last) {
        free_head(connection);
        streamed->sent_bytes += streamed->piece_size;
        streamed->piece_size = 0;
        streamed->progress_ns = now_ns;
        sx__connection_enter(connection, SX__PHASE_PRODUCE, now_ns);
        return;
    }
    if (phase == SX__PHASE_RESPONSE) {
        end_exchange(connection, SX_OUTCOME_COMPLETE, now_ns);
    }
    free_head(connection);
    free_streamed(connection);
    if (connection->is_last_response) {
        begin_to_linger(connection, now_ns);
        return;
    }
    sx__request_next(request);
    connection->has_unparsed_input = request->filled > request->start;
    connection->empty_lines = 0;
    sx__connection_enter(connection, SX__PHASE_HEAD, now_ns);
}

/* RFC 9112 9.6: "A client that sends a "close" connection option MUST NOT send further requests on
 * that connection". An HTTP/1.0 client that did not ask for keep-alive sends no further request
 * either. */
bool sx__connection_is_done(const struct sx__connection *connection)
{
    const struct sx__request *request = connection->request;
    return connection->phase == SX__PHASE_LINGER && request != NULL && request->message_complete &&
           request->parsed == request->filled &&
           (request->wants_close || (request->is_http_1_0 && !request->wants_keep_alive));
}

void sx__connection_sent(struct sx__connection *connection, size_t size, uint64_t now_ns)
{
    connection->sent += size;
    connection->progress_ns = now_ns;
    const size_t file_size = connection->file.present ? connection->file.size : 0;
    if (connection->sent == connection->head_size + connection->body.size + file_size) {
        sx__connection_finish_output(connection, now_ns);
    }
}

/* ---- input ---- */

int sx__connection_reserve(struct sx__connection *connection, struct sx__request_pool *pool,
                           char **space, size_t *size)
{
    if (connection->request == NULL) {
        connection->request = sx__request_new(pool, &connection->protocol->options);
        if (connection->request == NULL) {
            return SX_ENOMEM;
        }
    }
    return sx__request_reserve(connection->request, space, size);
}

void sx__connection_receive(struct sx__connection *connection, size_t size)
{
    sx__request_receive(connection->request, size);
    connection->has_unparsed_input = true;
}

void sx__connection_release_memory(struct sx__connection *connection, struct sx__request_pool *pool)
{
    struct sx__request *request = connection->request;
    const bool is_idle =
        connection->phase == SX__PHASE_HEAD && request != NULL && request->filled == request->start;
    if (is_idle || (connection->phase == SX__PHASE_LINGER && request != NULL)) {
        sx__request_destroy(pool, request);
        connection->request = NULL;
    }
}

static enum sx__parse skip_empty_lines(struct sx__connection *connection)
{
    struct sx__request *request = connection->request;
    while (request->filled > request->start && request->input[request->start] == '\r') {
        if (request->filled - request->start < 2) {
            return SX__PARSE_MORE;
        }
        if (request->input[request->start + 1] != '\n') {
            break;
        }
        if (++connection->empty_lines > EMPTY_LINES_MAX) {
            request->error = &empty_lines;
            return SX__PARSE_BAD;
        }
        request->start += 2;
    }
    request->parsed = request->start;
    return request->filled > request->start ? SX__PARSE_DONE : SX__PARSE_MORE;
}

static void tell_peer(struct sx__exchange *exchange, const struct sx__peer *peer)
{
    static const struct sx__peer within = {.address = ""};
    peer = peer == NULL ? &within : peer;
    exchange->record.client = (struct sx_str){peer->address, strlen(peer->address)};
    exchange->record.scheme = peer->has_tls ? "https" : "http";
    exchange->admin = peer->admin;
}

/* Returns whether the server answers without reading the body. RFC 9110 10.1.1: "an immediate
 * response with a final status code, if that status can be determined by examining just the method,
 * target URI, and header fields". The decision depends on the header alone, not on how much of the
 * body has arrived. A small body that the client sends in any case is read, so that the connection
 * can stay open. */
static bool skips_body(const struct sx__request *request)
{
    const bool is_small = !request->is_chunked && !request->expects_continue &&
                          request->content_length <= SX__INPUT_BYTES;
    const bool has_body = request->is_chunked || request->content_length > 0;
    return request->exchange.skips_body && has_body && !is_small &&
           !sx__is_connect(request->exchange.record.method);
}

static void skip_body(struct sx__connection *connection, uint64_t now_ns)
{
    struct sx__request *request = connection->request;
    const char *head_end = request->input + request->start + request->head_size;
    request->exchange.body = (struct sx_str){head_end, 0};
    /* RFC 9112 9.3: "a server MUST read the entire request message body or close the connection
     * after sending its response; otherwise, the remaining data on a persistent connection would be
     * misinterpreted as the next request." */
    connection->is_last_response = true;
    sx__connection_enter(connection, SX__PHASE_READY, now_ns);
}

static void begin(struct sx__connection *connection, uint64_t now_ns)
{
    struct sx__request *request = connection->request;
    struct sx__exchange *exchange = &request->exchange;
    const struct sx__service *service = &connection->protocol->service;
    tell_peer(exchange, connection->peer);
    exchange->buffered_bytes = connection->protocol->options.buffered_bytes;
    exchange->record.protocol = request->is_http_1_0 ? "HTTP/1.0" : "HTTP/1.1";
    exchange->record.started_ns = connection->progress_ns;
    /* RFC 9112 9.3: HTTP/1.1 connections are persistent unless the request has `close`, HTTP/1.0
     * connections only if it has `keep-alive`. */
    connection->is_last_response =
        request->wants_close || (request->is_http_1_0 && !request->wants_keep_alive);
    service->begin(service->app, exchange);
    if (skips_body(request)) {
        skip_body(connection, now_ns);
    } else if (sx__request_begin_body(request) == SX__PARSE_BAD) {
        refuse(connection, request->error, now_ns);
    } else if (request->expects_continue && !request->message_complete) {
        send_continue(connection, now_ns);
    } else {
        connection->has_unparsed_input = true;
        sx__connection_enter(connection, SX__PHASE_BODY, now_ns);
    }
}

static void advance_head(struct sx__connection *connection, uint64_t now_ns)
{
    struct sx__request *request = connection->request;
    enum sx__parse parse = SX__PARSE_DONE;
    if (request->scan_offset == 0) {
        parse = skip_empty_lines(connection);
        if (parse == SX__PARSE_DONE) {
            connection->progress_ns = now_ns;
        }
    }
    if (parse == SX__PARSE_DONE) {
        parse = sx__request_scan_head(request);
    }
    if (parse == SX__PARSE_DONE) {
        parse = sx__request_parse_head(request);
    }
    if (parse == SX__PARSE_DONE) {
        begin(connection, now_ns);
    } else if (parse == SX__PARSE_BAD) {
        reject(connection, request->error, now_ns);
    }
}

void sx__connection_advance(struct sx__connection *connection, uint64_t now_ns)
{
    assert(sx__connection_get_next_step(connection) == SX__NEXT_ADVANCE);
    connection->has_unparsed_input = false;
    connection->last_input_ns = now_ns;
    connection->extra_read_ns = 0;
    if (connection->phase == SX__PHASE_HEAD) {
        advance_head(connection, now_ns);
    }
    if (connection->phase != SX__PHASE_BODY) {
        return;
    }
    connection->has_unparsed_input = false;
    const enum sx__parse parse = sx__request_parse_body(connection->request);
    if (parse == SX__PARSE_DONE) {
        sx__connection_enter(connection, SX__PHASE_READY, now_ns);
    } else if (parse == SX__PARSE_BAD) {
        refuse(connection, connection->request->error, now_ns);
    }
}

void sx__connection_end_input(struct sx__connection *connection, uint64_t now_ns)
{
    /* A client that has only half-closed the connection still gets the responses to its requests.
     */
    const enum sx__next_step next = sx__connection_get_next_step(connection);
    if (next == SX__NEXT_INPUT || next == SX__NEXT_LINGER) {
        sx__connection_abort(connection, now_ns);
    }
}

void sx__connection_linger(struct sx__connection *connection, uint64_t now_ns)
{
    assert(sx__connection_is_idle(connection));
    begin_to_linger(connection, now_ns);
}

/* Some clients read the response only after they have sent everything. So a refused upload may take
 * as long as an accepted one. */
void sx__connection_note_discarded(struct sx__connection *connection, size_t size, uint64_t now_ns)
{
    connection->lingered_bytes += size;
    connection->progress_ns = now_ns;
    if (connection->lingered_bytes > LINGER_BYTES) {
        sx__connection_abort(connection, now_ns);
    }
}

void sx__connection_note_input(struct sx__connection *connection, uint64_t now_ns)
{
    connection->last_input_ns = now_ns;
}

void sx__connection_end_timed_out(struct sx__connection *connection, uint64_t now_ns)
{
    if (sx__connection_is_idle(connection)) {
        begin_to_linger(connection, now_ns);
    } else if (connection->phase == SX__PHASE_HEAD) {
        reject(connection, &header_late, now_ns);
    } else if (connection->phase == SX__PHASE_BODY) {
        refuse(connection, &body_late, now_ns);
    } else {
        sx__connection_abort(connection, now_ns);
    }
}

/* ---- the handler ---- */

/* The request is complete, so the connection stays open: a new connection would cost the server
 * more than this response. */
void sx__connection_refuse_overload(struct sx__connection *connection, uint64_t now_ns)
{
    if (connection->phase == SX__PHASE_PRODUCE) {
        sx__connection_pause_stream(connection, SX__CONNECTION_PAUSE_MS, now_ns);
        return;
    }
    assert(connection->phase == SX__PHASE_READY);
    const struct sx__service *service = &connection->protocol->service;
    connection->progress_ns = now_ns;
    service->refuse(service->app, &connection->request->exchange, 503, "the server is overloaded");
    respond_to_exchange(connection);
}

void *sx__frame_new(const struct sx__service *service)
{
    const size_t least = _Alignof(max_align_t);
    const size_t align = service->frame_align < least ? least : service->frame_align;
    void *frame = NULL;
    return posix_memalign(&frame, align, service->frame_bytes + 1) == 0 ? frame : NULL;
}

void sx__connection_handle(struct sx__connection *connection, void *frame)
{
    assert(connection->phase == SX__PHASE_READY);
    const struct sx__service *service = &connection->protocol->service;
    service->handle(service->app, &connection->request->exchange, frame);
    respond_to_exchange(connection);
}

void sx__connection_note_long_handler(struct sx__connection *connection, uint64_t now_ns)
{
    if (connection->phase == SX__PHASE_RESPONSE) {
        connection->progress_ns = now_ns;
    }
}

bool sx__connection_do_step(struct sx__connection *connection, void *frame, uint64_t now_ns)
{
    switch (sx__connection_get_next_step(connection)) {
    case SX__NEXT_ADVANCE:
        sx__connection_advance(connection, now_ns);
        return true;
    case SX__NEXT_HANDLER:
        sx__connection_handle(connection, frame);
        return true;
    case SX__NEXT_PRODUCE:
        sx__connection_produce(connection, now_ns);
        return true;
    case SX__NEXT_TIME:
        sx__connection_resume(connection, now_ns);
        return true;
    case SX__NEXT_INPUT:
    case SX__NEXT_OUTPUT:
    case SX__NEXT_LINGER:
    case SX__NEXT_CLOSE:
        break;
    }
    return false;
}
