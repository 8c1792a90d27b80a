/* Streamed bodies: their framing and, over sockets, their pace and their end. */
#include "conversation.h"
#include "fixture.h"
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECE_BYTES ((size_t)16384)
#define CLIENT_BYTES ((size_t)64 << 10)
#define KERNEL_BYTES ((size_t)512 << 10)

static void converse(struct conversation *conversation, const char *bytes)
{
    conversation_init(conversation, (struct sx_str){bytes, strlen(bytes)}, NULL, 0);
}

/* RFC 9112 7.1: "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF", "last-chunk = 1*("0") [
 * chunk-ext ] CRLF" */
static void a_stream_is_sent_in_chunks(void **state)
{
    (void)state;
    struct conversation conversation;
    converse(&conversation, GET("/stream/short") GET("/"));
    assert_string_equal(conversation_get_statuses(&conversation), "200 200");
    assert_non_null(strstr(conversation.output, "\r\nTransfer-Encoding: chunked\r\n"));
    const char *body = strstr(conversation.output, "\r\n\r\n") + 4;
    assert_memory_equal(body, "5\r\naaaaa\r\n4000\r\nbbbb", 20);
    body += 10 + 6 + PIECE_BYTES + 2;
    assert_memory_equal(body, "5\r\nccccc\r\n4000\r\ndddd", 20);
    body += 10 + 6 + PIECE_BYTES + 2;
    assert_memory_equal(body, "0\r\n\r\nHTTP/1.1 200", 17);
    /* RFC 9112 6.2: "A sender MUST NOT send a Content-Length header field in any message that
     * contains a Transfer-Encoding header field." */
    const char *length = strstr(conversation.output, "Content-Length");
    assert_true(length > body);
    /* The framing is no part of the body. */
    assert_non_null(strstr(conversation.story, "end 0 in 0 out 32778\n"));
    conversation_clean_up(&conversation);
}

static void a_stream_that_pauses_is_the_same_stream(void **state)
{
    (void)state;
    struct conversation conversation;
    struct conversation pausing;
    converse(&conversation, GET("/stream/short"));
    converse(&pausing, GET("/stream/pausing"));
    assert_int_equal(pausing.output_size, conversation.output_size);
    assert_memory_equal(pausing.output, conversation.output, pausing.output_size);
    conversation_clean_up(&conversation);
    conversation_clean_up(&pausing);
}

/* RFC 9112 6.1: "A server MUST NOT send a response containing Transfer-Encoding unless the
 * corresponding request indicates HTTP/1.1 (or later minor revisions)." */
static void a_stream_to_an_http_1_0_client_ends_with_the_connection(void **state)
{
    (void)state;
    struct conversation conversation;
    converse(&conversation, "GET /stream/short HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_null(strstr(conversation.output, "Transfer-Encoding"));
    assert_null(strstr(conversation.output, "Content-Length"));
    assert_non_null(strstr(conversation.output, "\r\nConnection: close\r\n"));
    assert_true(conversation.closed);
    const char *body = strstr(conversation.output, "\r\n\r\n") + 4;
    assert_int_equal(conversation.output + conversation.output_size - body, 2 * PIECE_BYTES + 10);
    assert_memory_equal(body, "aaaaabbbb", 9);
    assert_non_null(strstr(conversation.story, "end 0 in 0 out 32778\n"));
    conversation_clean_up(&conversation);
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void a_head_request_calls_no_producer(void **state)
{
    (void)state;
    struct conversation conversation;
    converse(&conversation, "HEAD /stream/endless HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"));
    assert_string_equal(conversation_get_statuses(&conversation), "200 200");
    assert_non_null(strstr(conversation.output, "chunked\r\n\r\nHTTP/1.1 200"));
    conversation_clean_up(&conversation);
}

static void a_stream_that_fails_has_no_last_chunk(void **state)
{
    (void)state;
    struct conversation conversation;
    converse(&conversation, GET("/stream/failing") GET("/"));
    assert_true(conversation.closed);
    assert_int_equal(conversation.begins, 1);
    assert_memory_equal(conversation.output + conversation.output_size - 5, "ddd\r\n", 5);
    assert_non_null(strstr(conversation.story, "end 2 in 0 out 32778\n"));
    conversation_clean_up(&conversation);
}

static void a_connection_continues_after_a_stream(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/stream/pausing") GET("/stream/short"));
    send_text(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char *bytes = receive_all(fd);
    const char *second = strstr(bytes + 10, "\r\n0\r\n\r\nHTTP/1.1 200");
    assert_non_null(second);
    assert_non_null(strstr(second + 10, "\r\n0\r\n\r\nHTTP/1.1 200"));
    free(bytes);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 3);
}

/* A producer that is not called writes nothing. The kernel has as many bytes as the reader has room
 * for and 128 KiB more, with its own bookkeeping, and no thread waits. Without that bound it would
 * accept megabytes. */
static void a_slow_reader_stops_the_producer(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 1;
    start(fixture);
    const int fd = connect_with_room(fixture, (int)CLIENT_BYTES);
    send_text(fd, GET("/stream/endless"));
    unsigned before = 0;
    unsigned now = 1;
    for (unsigned quiet = 0; quiet < 20; quiet = now == before ? quiet + 1 : 0) {
        before = now;
        get(fixture, GET("/"), 200);
        pthread_mutex_lock(&fixture->fake.mutex);
        now = fixture->fake.produced;
        pthread_mutex_unlock(&fixture->fake.mutex);
    }
    assert_true(now * PIECE_BYTES <= CLIENT_BYTES + KERNEL_BYTES);
    /* The producer continues when there is room. */
    char *bytes = malloc((size_t)1 << 20);
    for (size_t read = 0; read < (size_t)4 << 20;) {
        const size_t count = receive(fd, bytes, (size_t)1 << 20);
        assert_true(count > 0);
        read += count;
    }
    free(bytes);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, now + 1));
    reset(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

/* If a service manager has opened the socket, it has not set that bound. The server sets it. */
static void a_slow_reader_at_an_inherited_socket_stops_the_producer(void **state)
{
    struct fixture *fixture = *state;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, SOMAXCONN), 0);
    fixture->options.listen_fd = fd;
    a_slow_reader_stops_the_producer(state);
}

static void a_client_that_leaves_ends_a_stream_that_waits(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/stream/waiting"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 1));
    reset(fd);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

/* ---- clients that close their sending side during a stream ---- */

static void assert_one_was_aborted(struct fixture *fixture)
{
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    wait_for_connections(fixture, 0);
}

/* Requests a stream, and waits until its producer has been called. */
static int follow(struct fixture *fixture, const char *request)
{
    const unsigned produced =
        fake_service_read(&fixture->fake, &fixture->fake.produced); /* no producer runs now */
    const int fd = connect_to(fixture);
    send_text(fd, request);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, produced + 1));
    return fd;
}

static void a_client_that_closes_ends_a_stream_that_waits(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = follow(fixture, GET("/stream/waiting"));
    char bytes[4096];
    assert_true(receive(fd, bytes, sizeof bytes) > 0); /* otherwise it would end with a reset */
    close(fd);
    assert_one_was_aborted(fixture);
}

/* A pipelined request that has not been read does not hide the end of input after it. */
static void a_client_that_pipelines_and_closes_ends_a_waiting_stream(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = follow(fixture, GET("/stream/waiting"));
    send_text(fd, GET("/"));
    poll(NULL, 0, 20);
    assert_int_equal(fake_service_read(&fixture->fake, &fixture->fake.ends), 0);
    shutdown(fd, SHUT_WR);
    assert_one_was_aborted(fixture);
    assert_int_equal(fixture->fake.handles, 1);
    close(fd);
}

static void a_blocked_producer_can_find_out_that_its_client_is_gone(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int polite = follow(fixture, GET("/stream/late"));
    shutdown(polite, SHUT_WR);
    assert_one_was_aborted(fixture);
    assert_int_equal(fixture->fake.learned, 1);
    close(polite);
    reset(follow(fixture, GET("/stream/late")));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.learned, 2));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 2));
    /* Each producer was called once; a producer without a client is not called again. */
    assert_int_equal(fixture->fake.produced, 2);
}

/* Otherwise a stop would have to abandon the producer's thread. */
static void a_blocked_producer_can_find_out_that_a_stop_times_out(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.stop_timeout_ms = 200;
    start(fixture);
    const int fd = follow(fixture, GET("/stream/late"));
    stop(fixture);
    assert_int_equal(fixture->fake.learned, 1);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    close(fd);
}

/* The client continues to read, so no write fails. The producer never pauses, so the connection
 * never waits. */
static void a_stream_without_a_pause_ends_when_its_client_closes(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = follow(fixture, GET("/stream/slow"));
    shutdown(fd, SHUT_WR);
    char *bytes = receive_all(fd);
    const size_t size = strlen(bytes);
    assert_true(size < 5 || strcmp(bytes + size - 5, "0\r\n\r\n") != 0);
    free(bytes);
    assert_one_was_aborted(fixture);
    close(fd);
}

/* The client has left no room for more of the stream. */
static void a_stream_that_has_no_room_ends_when_its_client_closes(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_with_room(fixture, (int)CLIENT_BYTES);
    send_text(fd, GET("/stream/endless"));
    unsigned before = 0;
    for (unsigned now = 1; now != before;
         now = fake_service_read(&fixture->fake, &fixture->fake.produced)) {
        before = now;
        poll(NULL, 0, 50);
    }
    shutdown(fd, SHUT_WR);
    assert_one_was_aborted(fixture);
    close(fd);
}

/* The result must not depend on whether the close came shortly before the stream or during it. */
static void a_client_that_closed_before_its_stream_gets_none(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/") GET("/sleep") GET("/stream/endless"));
    shutdown(fd, SHUT_WR);
    assert_int_equal(receive_response(fd, NULL), 200);
    assert_int_equal(receive_response(fd, NULL), 200);
    assert_closed(fd);
    wait_for_connections(fixture, 0);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 2);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    assert_int_equal(fixture->fake.produced, 0);
}

static void a_client_that_closes_during_a_file_gets_all_of_it(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    static const char *const requests[] = {GET("/file"), GET("/big")};
    for (size_t i = 0; i < 2; i++) {
        const int fd = connect_with_room(fixture, (int)CLIENT_BYTES);
        send_text(fd, requests[i]);
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, (unsigned)i + 1));
        shutdown(fd, SHUT_WR);
        size_t size = 0;
        assert_int_equal(receive_response(fd, &size), 200);
        assert_int_equal(size, fixture->fake.big_size);
        assert_closed(fd);
    }
}

static void with_half_close_streams_a_half_closed_client_gets_the_stream(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.half_close_streams = true;
    start(fixture);
    static const char *const requests[] = {GET("/stream/pausing"), GET("/stream/short"),
                                           "GET /stream/pausing HTTP/1.0\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        const int fd = connect_to(fixture);
        send_text(fd, requests[i]);
        shutdown(fd, SHUT_WR);
        free(receive_all(fd));
        close(fd);
    }
    /* The producer does not find out either. */
    const int fd = follow(fixture, GET("/stream/late"));
    shutdown(fd, SHUT_WR);
    poll(NULL, 0, 50);
    assert_int_equal(fake_service_read(&fixture->fake, &fixture->fake.learned), 0);
    reset(fd);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.learned, 1));
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 3);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

static void a_half_close_at_a_unix_socket_has_the_same_effects(void **state)
{
    struct fixture *fixture = *state;
    char host[] = "unix:/tmp/sextant-test-streams-XXXXXX";
    assert_non_null(mkdtemp(host + 5));
    char path[sizeof host + 10];
    snprintf(path, sizeof path, "%s/socket", host);
    fixture->options.address = path;
    start(fixture);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path + 5, strlen(path + 5));
    for (unsigned i = 1; i <= 2; i++) {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
        send_text(fd, GET("/stream/waiting"));
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, i));
        shutdown(fd, i == 1 ? SHUT_WR : SHUT_RDWR);
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, i));
        close(fd);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 2);
    rmdir(host + 5);
}

/* Many streams wait at once without a thread each. */
static void waiting_streams_occupy_no_threads(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 2;
    start(fixture);
    int fds[50];
    for (size_t i = 0; i < 50; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], i % 2 == 0 ? GET("/stream/waiting") : GET("/stream/pausing"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 25 + 25 * 4));
    get(fixture, GET("/"), 200);
    const uint64_t began_ms = now_ms();
    stop(fixture);
    /* A stream that has nothing to send does not hold up a stop. */
    assert_true(now_ms() - began_ms < 8000);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 25 + 1);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 25);
    for (size_t i = 0; i < 50; i++) {
        close(fds[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_sent_in_chunks),
        cmocka_unit_test(a_stream_that_pauses_is_the_same_stream),
        cmocka_unit_test(a_stream_to_an_http_1_0_client_ends_with_the_connection),
        cmocka_unit_test(a_head_request_calls_no_producer),
        cmocka_unit_test(a_stream_that_fails_has_no_last_chunk),
        TEST(a_connection_continues_after_a_stream),
        TEST(a_slow_reader_stops_the_producer),
        TEST(a_slow_reader_at_an_inherited_socket_stops_the_producer),
        TEST(a_client_that_leaves_ends_a_stream_that_waits),
        TEST(a_client_that_closes_ends_a_stream_that_waits),
        TEST(a_client_that_pipelines_and_closes_ends_a_waiting_stream),
        TEST(a_blocked_producer_can_find_out_that_its_client_is_gone),
        TEST(a_blocked_producer_can_find_out_that_a_stop_times_out),
        TEST(a_stream_without_a_pause_ends_when_its_client_closes),
        TEST(a_stream_that_has_no_room_ends_when_its_client_closes),
        TEST(a_client_that_closed_before_its_stream_gets_none),
        TEST(a_client_that_closes_during_a_file_gets_all_of_it),
        TEST(with_half_close_streams_a_half_closed_client_gets_the_stream),
        TEST(a_half_close_at_a_unix_socket_has_the_same_effects),
        TEST(waiting_streams_occupy_no_threads),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
