/* Tests the connection by itself: limits, deadlines, and how it ends, with a clock that the test
 * sets. */
#include "connection.h"
#include "fake_service.h"
#include "run_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS ((uint64_t)1000000)
#define HEAD "POST /echo HTTP/1.1\r\nHost: a\r\n"

struct fixture {
    struct fake_service fake;
    struct sx__protocol protocol;
    struct sx__connection connection;
    struct sx__request_pool pool;
    uint64_t now_ns;
    char out[200000]; /* what was sent; NUL-terminated */
    size_t out_size;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fake_service_init(&fixture->fake, true);
    fixture->protocol.service = fake_service_get(&fixture->fake);
    assert_int_equal(sx__run_options_resolve(&fixture->protocol.options, NULL), 0);
    fixture->now_ns = 1000 * MS;
    sx__connection_init(&fixture->connection, &fixture->protocol, fixture->now_ns);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
    sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
    sx__request_pool_clean_up(&fixture->pool);
    fake_service_clean_up(&fixture->fake);
    free(fixture);
    return 0;
}

static void send_output(struct fixture *fixture)
{
    struct sx_str pieces[2];
    const size_t count = sx__connection_get_output(&fixture->connection, pieces);
    assert_true(count > 0);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(fixture->out_size + pieces[i].size < sizeof fixture->out);
        memcpy(fixture->out + fixture->out_size, pieces[i].data, pieces[i].size);
        fixture->out_size += pieces[i].size;
        size += pieces[i].size;
    }
    fixture->out[fixture->out_size] = '\0';
    sx__connection_sent(&fixture->connection, size, fixture->now_ns);
}

/* Does the connection's steps until `next` is the next one. */
static void serve_until(struct fixture *fixture, enum sx__next_step next)
{
    char frame[64];
    while (sx__connection_get_next_step(&fixture->connection) != next) {
        if (sx__connection_get_next_step(&fixture->connection) == SX__NEXT_OUTPUT) {
            send_output(fixture);
        } else if (sx__connection_get_next_step(&fixture->connection) == SX__NEXT_TIME ||
                   !sx__connection_do_step(&fixture->connection, frame, fixture->now_ns)) {
            fail_msg("the next step is %d, not %d",
                     (int)sx__connection_get_next_step(&fixture->connection), (int)next);
        }
    }
}

static void receive(struct fixture *fixture, const char *bytes, size_t size)
{
    while (size > 0 && sx__connection_get_next_step(&fixture->connection) <= SX__NEXT_ADVANCE) {
        char *space;
        size_t room;
        assert_int_equal(
            sx__connection_reserve(&fixture->connection, &fixture->pool, &space, &room), 0);
        assert_true(room > 0);
        const size_t taken = size < room ? size : room;
        memcpy(space, bytes, taken);
        sx__connection_receive(&fixture->connection, taken);
        bytes += taken;
        size -= taken;
        if (size > 0) {
            sx__connection_advance(&fixture->connection, fixture->now_ns);
        }
    }
}

/* Sends the text, and does the connection's steps until `next` is the next one. */
static void say(struct fixture *fixture, const char *text, enum sx__next_step next)
{
    receive(fixture, text, strlen(text));
    serve_until(fixture, next);
}

static void assert_out(const struct fixture *fixture, const char *beginning)
{
    if (strncmp(fixture->out, beginning, strlen(beginning)) != 0) {
        fail_msg("not %s, but:\n%s", beginning, fixture->out);
    }
}

/* ---- the rate of a body ---- */

static void each_byte_of_a_body_extends_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.body_timeout_ms = 5000;
    fixture->protocol.options.body_rate_bytes = 100;
    say(fixture, HEAD "Content-Length: 1000\r\n\r\n", SX__NEXT_INPUT);
    const uint64_t began_ns = fixture->now_ns;
    char bytes[250];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection), began_ns + 5000 * MS);
    for (uint64_t i = 1; i <= 3; i++) {
        fixture->now_ns += 1000 * MS;
        receive(fixture, bytes, sizeof bytes);
        serve_until(fixture, SX__NEXT_INPUT);
        /* Each hundred bytes extend the deadline by a second, whenever they arrived. */
        assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                         began_ns + (5000 + i * 250 / 100 * 1000) * MS);
    }
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_LINGER);
    assert_int_equal(fixture->fake.refused_status, 408);
}

/* A body or a handler may take longer than the time-out of a response. */
static void the_time_to_write_starts_after_the_body_and_the_handler(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t timeout_ns = fixture->protocol.options.write_timeout_ms * MS;
    char frame[64];
    say(fixture, HEAD "Content-Length: 3\r\n\r\nab", SX__NEXT_INPUT);
    fixture->now_ns += 2 * timeout_ns;
    say(fixture, "c", SX__NEXT_HANDLER);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     fixture->now_ns + timeout_ns);
    fixture->now_ns += 2 * timeout_ns;
    sx__connection_handle(&fixture->connection, frame);
    sx__connection_note_long_handler(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     fixture->now_ns + timeout_ns);
}

/* ---- streams ---- */

/* Lets time pass until the producer is called again. Returns whether the stream has not ended. */
static bool ask_again(struct fixture *fixture, uint64_t after_ns)
{
    fixture->now_ns += after_ns;
    sx__connection_resume(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_PRODUCE);
    sx__connection_produce(&fixture->connection, fixture->now_ns);
    return sx__connection_get_next_step(&fixture->connection) == SX__NEXT_TIME;
}

static void a_stream_pauses_for_the_time_that_its_producer_sets(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET /stream/waiting HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_TIME);
    for (int i = 0; i < 10; i++) {
        const uint64_t deadline_ns = sx__connection_get_deadline(&fixture->connection);
        assert_true(deadline_ns > fixture->now_ns + 60000 * MS);
        sx__connection_resume(&fixture->connection, fixture->now_ns + 59999 * MS);
        assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_TIME);
        assert_true(ask_again(fixture, 60000 * MS));
    }
}

/* In every phase of a stream, the stream ends exactly once when its client closes. */
static void a_stream_ends_when_its_client_closes(void **state)
{
    struct fixture *fixture = *state;
    static const enum sx__next_step steps[] = {SX__NEXT_HANDLER, SX__NEXT_OUTPUT, SX__NEXT_PRODUCE,
                                               SX__NEXT_TIME};
    for (unsigned i = 0; i < 4; i++) {
        sx__connection_init(&fixture->connection, &fixture->protocol, fixture->now_ns);
        say(fixture, "GET /stream/waiting HTTP/1.1\r\nHost: a\r\n\r\n", steps[i]);
        sx__connection_half_close(&fixture->connection, fixture->now_ns);
        serve_until(fixture, SX__NEXT_CLOSE);
        assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], i + 1);
        assert_int_equal(fixture->fake.ends, i + 1);
        sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
    }
}

/* The producer has finished, so the close does not affect it. */
static void a_stream_whose_producer_has_ended_is_sent(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET /stream/short HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    while (!fixture->connection.streamed.is_last) {
        serve_until(fixture, SX__NEXT_PRODUCE);
        sx__connection_produce(&fixture->connection, fixture->now_ns);
    }
    sx__connection_half_close(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_INPUT);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 1);
}

static void a_paused_stream_of_a_half_closed_client_ends_after_a_time(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.write_timeout_ms = 90000;
    fixture->protocol.options.half_close_streams = true;
    /* The close is noticed before the stream begins, or afterwards. */
    for (unsigned early = 0; early < 2; early++) {
        sx__connection_init(&fixture->connection, &fixture->protocol, fixture->now_ns);
        say(fixture, "GET /stream/waiting HTTP/1.1\r\nHost: a\r\n\r\n",
            early == 1 ? SX__NEXT_HANDLER : SX__NEXT_TIME);
        sx__connection_half_close(&fixture->connection, fixture->now_ns);
        serve_until(fixture, SX__NEXT_TIME);
        assert_true(ask_again(fixture, 60000 * MS));
        assert_false(ask_again(fixture, 60000 * MS));
        assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
        assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], early + 1);
        sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
    }
}

static void a_stream_pauses_if_no_thread_is_free(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET /stream/short HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_PRODUCE);
    sx__connection_refuse_overload(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_TIME);
    fixture->now_ns += 100 * MS;
    sx__connection_resume(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_INPUT);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 1);
}

/* ---- memory ---- */

static void an_idle_connection_owns_no_memory(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", SX__NEXT_INPUT);
    sx__connection_release_memory(&fixture->connection, &fixture->pool);
    assert_null(fixture->connection.request);
    assert_true(sx__connection_is_idle(&fixture->connection));
    assert_int_equal(fixture->pool.count, 1);
    receive(fixture, "G", 1);
    assert_int_equal(fixture->pool.count, 0);
    assert_false(sx__connection_is_idle(&fixture->connection));
}

static void a_lingering_connection_owns_no_memory(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HEAD "Content-Length: 1000\r\n\r\nabc", SX__NEXT_INPUT);
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_LINGER);
    sx__connection_release_memory(&fixture->connection, &fixture->pool);
    assert_null(fixture->connection.request);
    assert_int_equal(sx__connection_get_buffered_bytes(&fixture->connection), 0);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_LINGER);
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
}

/* ---- limits ---- */

/* Sends "GET /xxx HTTP/1.1" of that many bytes, without the line end. */
static void say_line_of(struct fixture *fixture, size_t size, const char *after,
                        enum sx__next_step next)
{
    char line[20000];
    memset(line, 'x', size);
    memcpy(line, "GET /", 5);
    memcpy(line + size - 9, " HTTP/1.1", 9);
    line[size] = '\0';
    strcat(line, after);
    say(fixture, line, next);
}

static void a_request_line_may_have_its_limit_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    say_line_of(fixture, 8192, "\r\nHost: a\r\n\r\n", SX__NEXT_INPUT);
    assert_out(fixture, "HTTP/1.1 200 OK\r\n");
    fixture->out_size = 0;
    /* The line is rejected before its end has arrived. */
    say_line_of(fixture, 8193, "", SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 414 URI Too Long\r\n");
    assert_int_equal(fixture->fake.rejections[SX_REASON_TARGET_TOO_LONG], 1);
    assert_int_equal(fake_service_rejected(&fixture->fake), 1);
}

/* Returns a header whose lines have `size` bytes in total. */
static char *header_of(size_t size)
{
    char *text = malloc(size + 100);
    int at = snprintf(text, 100, "GET / HTTP/1.1\r\n");
    const size_t start = (size_t)at;
    at += snprintf(text + at, 50, "Host: a\r\nX: ");
    memset(text + at, 'x', size);
    memcpy(text + start + size - 2, "\r\n\r\n", 5);
    return text;
}

static void a_header_may_have_its_limit_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    for (size_t more = 0; more < 2; more++) {
        fixture->out_size = 0;
        char *text = header_of(32768 + more);
        say(fixture, text, more == 0 ? SX__NEXT_INPUT : SX__NEXT_LINGER);
        assert_out(fixture, more == 0 ? "HTTP/1.1 200 OK\r\n"
                                      : "HTTP/1.1 431 Request Header Fields Too Large\r\n");
        free(text);
    }
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TOO_LARGE], 1);
    assert_int_equal(fake_service_rejected(&fixture->fake), 1);
}

static void header_lines_are_counted(void **state)
{
    struct fixture *fixture = *state;
    for (int lines = 100; lines <= 101; lines++) {
        fixture->out_size = 0;
        char text[2000] = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (int i = 1; i < lines; i++) {
            strcat(text, "X: y\r\n");
        }
        strcat(text, "\r\n");
        say(fixture, text, lines == 100 ? SX__NEXT_INPUT : SX__NEXT_LINGER);
        assert_out(fixture, lines == 100 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 431 ");
    }
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TOO_LARGE], 1);
}

static void a_body_too_large_is_refused_before_it_comes(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HEAD "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n", SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 413 Content Too Large\r\n");
    assert_int_equal(fixture->fake.refused_status, 413);
    assert_int_equal(fixture->fake.handles, 0);
    assert_int_equal(fixture->fake.ends, 1);
}

/* The request does not wait for its body, but waits for a thread like any other request. */
static void a_request_answered_before_its_body_may_get_503(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
        SX__NEXT_HANDLER);
    assert_int_equal(sx__request_get_large_bytes(fixture->connection.request), 0);
    sx__connection_refuse_overload(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 503 ");
    assert_non_null(strstr(fixture->out, "\r\nConnection: close\r\n"));
    assert_int_equal(fixture->fake.ends, 1);
}

static void chunks_are_summed_up_against_the_limit(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.body_bytes = 10;
    say(fixture, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n",
        SX__NEXT_INPUT);
    assert_out(fixture, "HTTP/1.1 200 OK\r\n");
    fixture->out_size = 0;
    say(fixture, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n6\r\n", SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 413 ");
    assert_int_equal(fixture->fake.request_body_bytes, 5);
}

/* Some clients flush each character. The limit is that of the body. */
static void a_body_may_come_in_chunks_of_one_byte(void **state)
{
    struct fixture *fixture = *state;
    fixture->fake.records = false;
    say(fixture, "POST /status/201 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        SX__NEXT_INPUT);
    static const char chunks[] = "1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n";
    const size_t most = fixture->protocol.options.body_bytes;
    for (size_t sent = 0; sent < most; sent += 4) {
        receive(fixture, chunks, sizeof chunks - 1);
        serve_until(fixture, SX__NEXT_INPUT);
    }
    say(fixture, "0\r\n\r\n", SX__NEXT_INPUT);
    assert_out(fixture, "HTTP/1.1 201 Created\r\n");
    assert_int_equal(fixture->fake.request_body_bytes, most);
}

/* RFC 9112 7.1.1: "A server ought to limit the total length of chunk extensions received in a
 * request to an amount reasonable for the services provided, in the same way that it applies length
 * limitations and timeouts for other parts of a message, and generate an appropriate 4xx (Client
 * Error) response if that amount is exceeded." */
static void the_framing_of_chunks_has_a_limit_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    char chunk[1100];
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "1;", 2);
    memcpy(chunk + sizeof chunk - 6, "\r\na\r\n", 6);
    say(fixture, HEAD "Transfer-Encoding: chunked\r\n\r\n", SX__NEXT_INPUT);
    unsigned count = 0;
    while (sx__connection_get_next_step(&fixture->connection) == SX__NEXT_INPUT) {
        receive(fixture, chunk, strlen(chunk));
        sx__connection_advance(&fixture->connection, fixture->now_ns);
        assert_true(++count <= 16);
    }
    serve_until(fixture, SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 413 ");
    assert_non_null(strstr(fixture->out, "the chunk framing is too large for the data"));
}

/* Framing does not extend the deadline either; only bytes of the body do. */
static void the_framing_of_chunks_does_not_extend_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.body_rate_bytes = 10;
    say(fixture, HEAD "Transfer-Encoding: chunked\r\n\r\n", SX__NEXT_INPUT);
    const uint64_t deadline_ns = sx__connection_get_deadline(&fixture->connection);
    say(fixture, "00000000000000000000000001;extension=value\r\na\r\n", SX__NEXT_INPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection), deadline_ns);
    say(fixture, "14\r\n01234567890123456789\r\n", SX__NEXT_INPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection), deadline_ns + 2000 * MS);
}

static void every_size_of_body_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[150000];
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        const int head = snprintf(bytes, 200, HEAD "Content-Length: %zu\r\n\r\n", size);
        memset(bytes + head, 'b', size);
        fixture->out_size = 0;
        receive(fixture, bytes, (size_t)head + size);
        serve_until(fixture, SX__NEXT_INPUT);
        assert_memory_equal(fixture->out + fixture->out_size - size, bytes + head, size);
        assert_int_equal(fixture->fake.request_body_bytes, size);
    }
}

/* ---- time ---- */

static void the_time_of_a_request_starts_at_its_first_byte(void **state)
{
    struct fixture *fixture = *state;
    fixture->now_ns = 5000 * MS;
    say(fixture, "\r\n", SX__NEXT_INPUT);
    fixture->now_ns = 6000 * MS;
    say(fixture, "G", SX__NEXT_INPUT);
    fixture->now_ns = 6100 * MS;
    say(fixture, "ET / HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    fixture->now_ns = 6200 * MS;
    serve_until(fixture, SX__NEXT_INPUT);
    assert_int_equal(fixture->fake.started_ns, 6000 * MS);
    assert_int_equal(fixture->fake.ended_ns, 6200 * MS);
}

static void deadlines_follow_the_phase(void **state)
{
    struct fixture *fixture = *state;
    const struct sx_run_options *options = &fixture->protocol.options;
    const uint64_t start_ns = fixture->now_ns;
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     start_ns + options->idle_timeout_ms * MS);
    /* Empty lines do not keep an idle connection open. */
    fixture->now_ns += 10 * MS;
    say(fixture, "\r\n", SX__NEXT_INPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     start_ns + options->idle_timeout_ms * MS);
    say(fixture, HEAD, SX__NEXT_INPUT);
    const uint64_t head_ns = fixture->now_ns;
    fixture->now_ns += 10 * MS;
    say(fixture, "Content-Length: 5\r\n", SX__NEXT_INPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     head_ns + options->header_timeout_ms * MS);
    say(fixture, "\r\nab", SX__NEXT_INPUT);
    const uint64_t body_ns = fixture->now_ns;
    fixture->now_ns += 10 * MS;
    say(fixture, "c", SX__NEXT_INPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     body_ns + options->body_timeout_ms * MS);
    say(fixture, "de", SX__NEXT_OUTPUT);
    fixture->now_ns += 10 * MS;
    sx__connection_sent(&fixture->connection, 1, fixture->now_ns);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     fixture->now_ns + options->write_timeout_ms * MS);
}

static void a_late_header_is_rejected_with_408(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HEAD, SX__NEXT_INPUT);
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 408 Request Timeout\r\n");
    assert_string_equal(fixture->fake.story, "rejected 3\n");
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void a_late_head_gets_no_content(void **state)
{
    struct fixture *fixture = *state;
    static const char *const beginnings[] = {"HEAD /x", "HEAD / HTTP/1.1\r\nHo"};
    for (size_t i = 0; i < 2; i++) {
        sx__connection_init(&fixture->connection, &fixture->protocol, fixture->now_ns);
        fixture->out_size = 0;
        say(fixture, beginnings[i], SX__NEXT_INPUT);
        sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
        serve_until(fixture, SX__NEXT_LINGER);
        assert_out(fixture, "HTTP/1.1 408 Request Timeout\r\n");
        assert_string_equal(strstr(fixture->out, "\r\n\r\n"), "\r\n\r\n");
        sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
    }
}

static void a_late_body_is_refused_with_408(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HEAD "Content-Length: 5\r\n\r\nabc", SX__NEXT_INPUT);
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 408 ");
    assert_int_equal(fixture->fake.refused_status, 408);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 1);
}

static void a_late_idle_connection_lingers_without_a_response(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_INPUT);
    fixture->out_size = 0;
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    /* A request may be on its way, so the connection is not closed at once. */
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_LINGER);
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
    assert_int_equal(fixture->out_size, 0);
    assert_int_equal(fake_service_rejected(&fixture->fake), 0);
}

/* Each KiB extends the deadline by a second, within bounds. The next response starts without that
 * extension. */
static void bytes_acknowledged_at_once_extend_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint64_t size, more_ms;
    } cases[] = {{1, 0}, {512, 500}, {65536, 64000}, {1 << 30, 120000}};
    say(fixture, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sx__connection_note_acknowledged(&fixture->connection, cases[i].size, fixture->now_ns);
        assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                         fixture->now_ns + (30000 + cases[i].more_ms) * MS);
    }
    serve_until(fixture, SX__NEXT_INPUT);
    say(fixture, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     fixture->now_ns + 30000 * MS);
}

/* ---- lingering ---- */

static void begin_to_linger(struct fixture *fixture)
{
    say(fixture, HEAD "Content-Length: 99999999\r\n\r\n", SX__NEXT_LINGER);
    assert_out(fixture, "HTTP/1.1 413 ");
}

/* A connection lingers for at most body_timeout_ms, and at most two seconds without a byte. */
static void a_connection_lingers_while_bytes_arrive_up_to_a_limit(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.body_timeout_ms = 7000;
    begin_to_linger(fixture);
    const uint64_t began_ns = fixture->now_ns;
    for (uint64_t i = 1; i <= 6; i++) {
        fixture->now_ns += 1000 * MS;
        sx__connection_note_discarded(&fixture->connection, 1, fixture->now_ns);
        assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                         began_ns + (i <= 5 ? i + 2 : 7) * 1000 * MS);
    }
    sx__connection_end_timed_out(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
}

static void a_lingering_connection_takes_256_mib_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    begin_to_linger(fixture);
    sx__connection_note_discarded(&fixture->connection, (size_t)256 << 20, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_LINGER);
    sx__connection_note_discarded(&fixture->connection, 1, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
}

/* ---- stops ---- */

static void begin_to_stop(struct fixture *fixture)
{
    fixture->protocol.stopped_ns = fixture->now_ns;
    fixture->protocol.stopping = true;
}

static void assert_left_ms(const struct fixture *fixture, uint64_t left_ms)
{
    assert_int_equal(sx__connection_get_deadline(&fixture->connection),
                     fixture->now_ns + left_ms * MS);
}

static void a_stop_waits_a_second_for_a_client_that_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_left_ms(fixture, 15000);
    fixture->now_ns += 5000 * MS;
    begin_to_stop(fixture);
    assert_left_ms(fixture, 1000);
    fixture->now_ns += 900 * MS;
    say(fixture, "GET / HT", SX__NEXT_INPUT);
    assert_left_ms(fixture, 1000);
    fixture->now_ns += 900 * MS;
    say(fixture, "TP/1.1\r\n", SX__NEXT_INPUT);
    assert_left_ms(fixture, 1000);
    say(fixture, "Host: a\r\n\r\n", SX__NEXT_LINGER);
    assert_left_ms(fixture, 1000);
    for (uint64_t i = 1; i <= 4; i++) {
        fixture->now_ns += 400 * MS;
        sx__connection_note_discarded(&fixture->connection, 1, fixture->now_ns);
        assert_left_ms(fixture, i <= 2 ? 1000 : 2000 - i * 400);
    }
}

static void a_short_stop_waits_for_less(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.options.stop_timeout_ms = 100;
    begin_to_stop(fixture);
    assert_left_ms(fixture, 25);
}

/* The deadlines of requests in flight do not change. */
static void a_stop_keeps_the_deadlines_of_bodies_and_responses(void **state)
{
    struct fixture *fixture = *state;
    begin_to_stop(fixture);
    say(fixture, HEAD "Content-Length: 5\r\n\r\nabc", SX__NEXT_INPUT);
    assert_left_ms(fixture, 30000);
    say(fixture, "de", SX__NEXT_OUTPUT);
    assert_left_ms(fixture, 30000);
}

/* ---- endings ---- */

static void an_abort_ends_the_exchange_in_every_phase(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        enum sx__next_step until;
        size_t sent;
        enum sx_outcome outcome;
        uint64_t body_sent;
    } cases[] = {
        {HEAD "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", SX__NEXT_OUTPUT, 5,
         SX_OUTCOME_REQUEST_ABORTED, 0},
        {HEAD "Content-Length: 3\r\n\r\na", SX__NEXT_INPUT, 0, SX_OUTCOME_REQUEST_ABORTED, 0},
        {HEAD "Content-Length: 3\r\n\r\nabc", SX__NEXT_HANDLER, 0, SX_OUTCOME_REQUEST_ABORTED, 0},
        {HEAD "Content-Length: 3\r\n\r\nabc", SX__NEXT_OUTPUT, 0, SX_OUTCOME_RESPONSE_ABORTED, 0},
        {"GET /long-headers HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT, 9,
         SX_OUTCOME_RESPONSE_ABORTED, 0},
        {HEAD "Content-Length: 2000000\r\n\r\n", SX__NEXT_OUTPUT, 0, SX_OUTCOME_RESPONSE_ABORTED,
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        say(fixture, cases[i].bytes, cases[i].until);
        if (cases[i].sent > 0) {
            sx__connection_sent(&fixture->connection, cases[i].sent, fixture->now_ns);
        }
        const unsigned before = fixture->fake.outcomes[cases[i].outcome];
        sx__connection_clean_up(&fixture->connection, &fixture->pool, fixture->now_ns);
        assert_int_equal(fixture->fake.outcomes[cases[i].outcome], before + 1);
        assert_int_equal(fixture->fake.response_body_bytes, cases[i].body_sent);
        assert_int_equal(fixture->fake.ends, i + 1);
        sx__connection_init(&fixture->connection, &fixture->protocol, fixture->now_ns);
    }
}

static void a_partly_sent_body_is_counted(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    struct sx_str pieces[2];
    /* A small body is sent in one piece with its head. */
    assert_int_equal(sx__connection_get_output(&fixture->connection, pieces), 1);
    sx__connection_sent(&fixture->connection, pieces[0].size - 3, fixture->now_ns);
    assert_int_equal(sx__connection_get_output(&fixture->connection, pieces), 1);
    assert_int_equal(pieces[0].size, 3);
    assert_memory_equal(pieces[0].data, "llo", 3);
    sx__connection_abort(&fixture->connection, fixture->now_ns);
    assert_int_equal(fixture->fake.response_body_bytes, 2);
}

static void a_large_body_is_sent_from_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_OUTPUT);
    struct sx_str pieces[2];
    assert_int_equal(sx__connection_get_output(&fixture->connection, pieces), 2);
    assert_ptr_equal(pieces[1].data, fixture->fake.big);
    const size_t head_size = pieces[0].size;
    sx__connection_sent(&fixture->connection, head_size - 1, fixture->now_ns);
    assert_int_equal(sx__connection_get_output(&fixture->connection, pieces), 2);
    assert_int_equal(pieces[0].size, 1);
    sx__connection_sent(&fixture->connection, 3, fixture->now_ns);
    assert_int_equal(sx__connection_get_output(&fixture->connection, pieces), 1);
    assert_ptr_equal(pieces[0].data, fixture->fake.big + 2);
    sx__connection_abort(&fixture->connection, fixture->now_ns);
    assert_int_equal(fixture->fake.response_body_bytes, 2);
}

static void the_end_of_input_does_not_end_pending_responses(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_HANDLER);
    sx__connection_end_input(&fixture->connection, fixture->now_ns);
    serve_until(fixture, SX__NEXT_INPUT);
    assert_out(fixture, "HTTP/1.1 200 OK\r\n");
    sx__connection_end_input(&fixture->connection, fixture->now_ns);
    assert_int_equal(sx__connection_get_next_step(&fixture->connection), SX__NEXT_CLOSE);
}

static void a_stopping_server_sends_connection_close(void **state)
{
    struct fixture *fixture = *state;
    fixture->protocol.stopping = true;
    say(fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", SX__NEXT_LINGER);
    assert_non_null(strstr(fixture->out, "\r\nConnection: close\r\n"));
}

static void options_have_defaults_and_bounds(void **state)
{
    (void)state;
    struct sx_run_options options = {.threads = 3, .body_bytes = 5};
    assert_int_equal(sx__run_options_resolve(&options, &options), 0);
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.body_bytes, 5);
    assert_int_equal(options.header_count, 100);
    assert_string_equal(options.address, "127.0.0.1:0");
    options.header_count = 101;
    assert_int_equal(sx__run_options_resolve(&options, &options), SX_EINVAL);
    options = (struct sx_run_options){.request_line_bytes = SIZE_MAX};
    assert_int_equal(sx__run_options_resolve(&options, &options), SX_EINVAL);
    /* buffered_bytes must have room for a body of the largest size. */
    options = (struct sx_run_options){.body_bytes = 1000, .buffered_bytes = 999};
    assert_int_equal(sx__run_options_resolve(&options, &options), SX_EINVAL);
    options = (struct sx_run_options){.body_bytes = (size_t)1 << 30};
    assert_int_equal(sx__run_options_resolve(&options, &options), 0);
    assert_int_equal(options.buffered_bytes, (size_t)4 << 30);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_byte_of_a_body_extends_its_deadline),
        TEST(the_time_to_write_starts_after_the_body_and_the_handler),
        TEST(a_stream_pauses_for_the_time_that_its_producer_sets),
        TEST(a_stream_ends_when_its_client_closes),
        TEST(a_stream_whose_producer_has_ended_is_sent),
        TEST(a_paused_stream_of_a_half_closed_client_ends_after_a_time),
        TEST(a_stream_pauses_if_no_thread_is_free),
        TEST(an_idle_connection_owns_no_memory),
        TEST(a_lingering_connection_owns_no_memory),
        TEST(a_request_line_may_have_its_limit_and_no_more),
        TEST(a_header_may_have_its_limit_and_no_more),
        TEST(header_lines_are_counted),
        TEST(a_body_too_large_is_refused_before_it_comes),
        TEST(a_request_answered_before_its_body_may_get_503),
        TEST(chunks_are_summed_up_against_the_limit),
        TEST(a_body_may_come_in_chunks_of_one_byte),
        TEST(the_framing_of_chunks_has_a_limit_of_its_own),
        TEST(the_framing_of_chunks_does_not_extend_the_deadline),
        TEST(every_size_of_body_arrives_whole),
        TEST(the_time_of_a_request_starts_at_its_first_byte),
        TEST(deadlines_follow_the_phase),
        TEST(a_late_header_is_rejected_with_408),
        TEST(a_late_head_gets_no_content),
        TEST(a_late_body_is_refused_with_408),
        TEST(a_late_idle_connection_lingers_without_a_response),
        TEST(bytes_acknowledged_at_once_extend_the_deadline),
        TEST(a_connection_lingers_while_bytes_arrive_up_to_a_limit),
        TEST(a_lingering_connection_takes_256_mib_and_no_more),
        TEST(a_stop_waits_a_second_for_a_client_that_says_nothing),
        TEST(a_short_stop_waits_for_less),
        TEST(a_stop_keeps_the_deadlines_of_bodies_and_responses),
        TEST(an_abort_ends_the_exchange_in_every_phase),
        TEST(a_partly_sent_body_is_counted),
        TEST(a_large_body_is_sent_from_where_it_is),
        TEST(the_end_of_input_does_not_end_pending_responses),
        TEST(a_stopping_server_sends_connection_close),
        cmocka_unit_test(options_have_defaults_and_bounds),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
