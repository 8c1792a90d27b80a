/* Bodies that are produced piece by piece: their framing, and over sockets their pace and end. */
#include "conversation.h"
#include "server.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
static void to_http_1_0_a_stream_goes_up_to_the_end(void **state)
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
static void for_head_nothing_is_produced(void **state)
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

static void a_connection_goes_on_after_a_stream(void **state)
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

/* A producer that is not asked gives nothing: the kernel has what the reader has room for and 128
 * KiB more, with its own bookkeeping, and no thread waits. It would take megabytes if it could. */
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
    /* And goes on when there is room. */
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

/* Nobody has asked the kernel for that bound, where a service manager has opened the socket. */
static void so_does_one_at_a_socket_that_somebody_else_has_opened(void **state)
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

/* Many streams wait at once without a thread each. */
static void streams_that_wait_hold_no_threads(void **state)
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
        cmocka_unit_test(to_http_1_0_a_stream_goes_up_to_the_end),
        cmocka_unit_test(for_head_nothing_is_produced),
        cmocka_unit_test(a_stream_that_fails_has_no_last_chunk),
        TEST(a_connection_goes_on_after_a_stream),
        TEST(a_slow_reader_stops_the_producer),
        TEST(so_does_one_at_a_socket_that_somebody_else_has_opened),
        TEST(a_client_that_leaves_ends_a_stream_that_waits),
        TEST(streams_that_wait_hold_no_threads),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
