/* Clients that close at any byte, that send or read endlessly, or that use more than their share.
 */
#include "fixture.h"
#include "server_types.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PUT "PUT /echo HTTP/1.1\r\nHost: a\r\n"
#define CLOSE(target) "GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* Requests of every kind, and their number. */
static const struct {
    const char *text;
    int count;
} sayings[] = {
    {PUT "Content-Length: 5\r\n\r\nhello" GET("/status/404"), 2},
    {PUT "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n", 1},
    {PUT "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 1},
    {GET("/") "\r\n" GET("/headers") GET("/long-headers") CLOSE("/status/204"), 4},
    {GET("/stream/pausing") GET("/stream/short"), 2},
    {GET("/file") "HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n", 2},
    {"GET /stream/short HTTP/1.0\r\n\r\n", 1},
};
#define SAYINGS (sizeof sayings / sizeof *sayings)

/* Waits until the server has no connections. */
static void wait_until_all_are_gone(const struct fixture *fixture)
{
    const uint64_t deadline_ms = now_ms() + 20000;
    while (atomic_load(&fixture->server->line->connections) > 0) {
        assert_true(now_ms() < deadline_ms);
        poll(NULL, 0, 1);
    }
}

static void assert_all_ended(struct fixture *fixture)
{
    wait_until_all_are_gone(fixture);
    get(fixture, GET("/"), 200);
    stop(fixture);
    const unsigned *outcomes = fixture->fake.outcomes;
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
    assert_int_equal(outcomes[0] + outcomes[1] + outcomes[2], fixture->fake.ends);
}

static void a_client_may_go_away_at_any_byte_of_its_request(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    fixture->options.threads = 4;
    start(fixture);
    for (size_t i = 0; i < SAYINGS; i++) {
        for (size_t size = 0; size <= strlen(sayings[i].text); size++) {
            const int rude = connect_to(fixture);
            send_all(rude, sayings[i].text, size);
            reset(rude);
            const int polite = connect_to(fixture);
            send_all(polite, sayings[i].text, size);
            close(polite);
        }
    }
    assert_all_ended(fixture);
    assert_true(fixture->fake.rejections[SX_REASON_DISCONNECTED] > 0);
    assert_true(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED] > 0);
    assert_true(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED] > 0);
}

/* Returns the number of final responses. */
static int count_responses(const char *answer)
{
    int count = 0;
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at += 9) {
        count += at[9] == '1' ? 0 : 1;
    }
    return count;
}

/* A client that half-closes after its last request gets all of its responses, and no more. */
static void a_half_close_may_come_at_any_byte(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    fixture->fake.big_size = 100000; /* the size of the file */
    fixture->options.threads = 4;
    fixture->options.half_close_streams = true;
    start(fixture);
    for (size_t i = 0; i < SAYINGS; i++) {
        const size_t whole = strlen(sayings[i].text);
        int before = 0;
        for (size_t size = 0; size <= whole; size++) {
            const int fd = connect_to(fixture);
            send_all(fd, sayings[i].text, size);
            shutdown(fd, SHUT_WR);
            char *answer = receive_all(fd);
            close(fd);
            const int count = count_responses(answer);
            assert_true(count >= before && count <= sayings[i].count);
            before = count;
            free(answer);
        }
        assert_int_equal(before, sayings[i].count);
    }
    assert_all_ended(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 0);
}

static void a_client_may_go_away_at_any_byte_of_the_response(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    fixture->options.threads = 4;
    start(fixture);
    static const char *const requests[] = {
        GET("/big"),          GET("/file"),           GET("/stream/endless"),
        GET("/long-headers"), GET("/stream/waiting"), PUT "Content-Length: 9999999\r\n\r\n",
        "nonsense\r\n"};
    static char bytes[1 << 16];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        for (size_t size = 0; size < 400; size = size < 130 ? size + 1 : size + 30) {
            const int fd = connect_to(fixture);
            send_text(fd, requests[i]);
            for (size_t heard = 0, count = 1; heard < size && count > 0; heard += count) {
                /* A waiting stream sends no more than its header. */
                count = size > 110 && i >= 3 ? 0 : receive(fd, bytes, size - heard);
            }
            reset(fd);
        }
    }
    assert_all_ended(fixture);
    assert_true(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED] > 100);
}

/* ---- endless input and output ---- */

/* Sends one byte after the other until there is a response. Returns its status. */
static int dribble(int fd, const char *beginning, char more)
{
    send_text(fd, beginning);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    const uint64_t deadline_ms = now_ms() + 15000;
    while (poll(&poll_fd, 1, 1) == 0) {
        assert_true(now_ms() < deadline_ms);
        assert_int_equal(send(fd, &more, 1, MSG_NOSIGNAL), 1);
    }
    const int status = receive_response(fd, NULL);
    close(fd);
    return status;
}

static void a_header_without_an_end_is_rejected_at_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.header_timeout_ms = 100;
    start(fixture);
    assert_int_equal(dribble(connect_to(fixture), "GET /", 'a'), 408);
    assert_int_equal(dribble(connect_to(fixture), "GET / HTTP/1.1\r\nX: ", 'a'), 408);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TIMEOUT], 2);
}

/* Closing at once would cause a reset, which would destroy the response of a client that has not
 * read it yet. */
static void a_late_client_may_continue_to_send_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.header_timeout_ms = 50;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "GET / HT");
    assert_int_equal(receive_response(fd, NULL), 408);
    char byte;
    assert_int_equal(receive(fd, &byte, 1), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(send(fd, "TP", 2, MSG_NOSIGNAL), 2);
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = 0}, 1, 10), 0);
    }
    close(fd);
}

/* The next client gets the same descriptor, and therefore the same record. */
static void a_client_with_a_reused_descriptor_is_not_late(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.idle_timeout_ms = 50;
    start(fixture);
    assert_closed(connect_to(fixture));
    const int fd = connect_to(fixture);
    send_text(fd, "GET / HT");
    shutdown(fd, SHUT_WR);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_DISCONNECTED], 1);
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TIMEOUT], 0);
}

static void a_body_without_an_end_is_rejected_at_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.body_timeout_ms = 100;
    fixture->options.body_rate_bytes = 1000000;
    start(fixture);
    assert_int_equal(dribble(connect_to(fixture), PUT "Content-Length: 1000000\r\n\r\n", 'a'), 408);
    assert_int_equal(dribble(connect_to(fixture), PUT "Transfer-Encoding: chunked\r\n\r\n3;", 'a'),
                     408);
    stop(fixture);
    assert_int_equal(fixture->fake.ends, 2);
}

/* Empty lines belong to no request, so they do not keep a connection open. */
static void empty_lines_do_not_keep_a_connection_open(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
    assert_int_equal(receive_response(fd, NULL), 400);
    close(fd);
}

/* RFC 9112 9.6: the server continues to read "until it receives a corresponding close by the
 * client, or until the server is reasonably certain that its own TCP stack has received the
 * client's acknowledgement". It must not do so for ever. */
static void a_client_that_never_stops_sending_is_disconnected(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, PUT "Content-Length: 9999999999\r\n\r\n");
    static char bytes[65536];
    const uint64_t deadline_ms = now_ms() + 15000;
    while (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) {
        assert_true(now_ms() < deadline_ms);
    }
    close(fd);
    wait_until_all_are_gone(fixture);
    stop(fixture);
    assert_int_equal(fixture->fake.refused_status, 413);
    assert_int_equal(fixture->fake.handles, 0);
}

/* A client that reads an endless response as fast as it can. */
static void *read_on(void *argument)
{
    const int *fd = argument;
    char bytes[65536];
    while (recv(*fd, bytes, sizeof bytes, 0) > 0) {
    }
    return NULL;
}

static void a_stop_does_not_wait_for_endless_responses(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.stop_timeout_ms = 50;
    fixture->options.threads = 2;
    start(fixture);
    int fds[3];
    pthread_t readers[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/stream/endless"));
        pthread_create(&readers[i], NULL, read_on, &fds[i]);
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 100));
    const uint64_t began_ms = now_ms();
    stop(fixture);
    assert_true(now_ms() - began_ms < 10000);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 3);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(readers[i], NULL);
        close(fds[i]);
    }
}

/* ---- more than their share ---- */

/* Sends endless requests; read_on reads the responses. */
static void *ask_on(void *argument)
{
    const int *fd = argument;
    static const char request[] = GET("/");
    char many[500 * (sizeof request - 1)];
    for (size_t i = 0; i < 500; i++) {
        memcpy(many + i * (sizeof request - 1), request, sizeof request - 1);
    }
    while (send(*fd, many, sizeof many, MSG_NOSIGNAL) > 0) {
    }
    return NULL;
}

#define FLOODS 6 /* more than there are threads */

static void a_flood_of_requests_does_not_delay_other_clients(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 1; /* so that there are three threads in total */
    start(fixture);
    int fds[FLOODS];
    pthread_t threads[FLOODS][2];
    for (size_t i = 0; i < FLOODS; i++) {
        fds[i] = connect_to(fixture);
        pthread_create(&threads[i][0], NULL, ask_on, &fds[i]);
        pthread_create(&threads[i][1], NULL, read_on, &fds[i]);
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, 1000));
    for (int i = 0; i < 20; i++) {
        get(fixture, GET("/status/201"), 201);
    }
    for (size_t i = 0; i < FLOODS; i++) {
        shutdown(fds[i], SHUT_RDWR);
        pthread_join(threads[i][0], NULL);
        pthread_join(threads[i][1], NULL);
        reset(fds[i]);
    }
    assert_all_ended(fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_client_may_go_away_at_any_byte_of_its_request),
        TEST(a_half_close_may_come_at_any_byte),
        TEST(a_client_may_go_away_at_any_byte_of_the_response),
        TEST(a_header_without_an_end_is_rejected_at_its_deadline),
        TEST(a_late_client_may_continue_to_send_for_a_while),
        TEST(a_body_without_an_end_is_rejected_at_its_deadline),
        TEST(a_client_with_a_reused_descriptor_is_not_late),
        TEST(empty_lines_do_not_keep_a_connection_open),
        TEST(a_client_that_never_stops_sending_is_disconnected),
        TEST(a_stop_does_not_wait_for_endless_responses),
        TEST(a_flood_of_requests_does_not_delay_other_clients),
    };
    return cmocka_run_group_tests_name("bad clients", tests, NULL, NULL);
}
