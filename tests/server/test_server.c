/* The server over sockets of 127.0.0.1. The tests wait for events, not for a time to pass; only a
 * failing test meets a deadline. */
#include "fixture.h"
#include "run_options.h"
#include "server.h"
#include "server_types.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- tests ---- */

static void a_connection_serves_many_requests(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    for (int i = 0; i < 100; i++) {
        send_text(fd, i % 2 == 0 ? GET("/") : GET("/status/404"));
        assert_int_equal(receive_response(fd, NULL), i % 2 == 0 ? 200 : 404);
    }
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 100);
    assert_int_equal(fake_service_rejected(&fixture->fake), 0);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    const char *request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for (const char *c = request; *c != '\0'; c++) {
        send_all(fd, c, 1);
    }
    assert_int_equal(receive_response(fd, NULL), 200);
    close(fd);
}

static void forty_blocked_handlers_do_not_stall_a_fast_route(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    int blocked[40];
    for (size_t i = 0; i < 40; i++) {
        blocked[i] = connect_to(fixture);
        send_text(blocked[i], GET("/block"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 40));
    const int fd = connect_to(fixture);
    for (int i = 0; i < 200; i++) {
        send_text(fd, GET("/"));
        assert_int_equal(receive_response(fd, NULL), 200);
    }
    close(fd);
    fake_service_release(&fixture->fake);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(receive_response(blocked[i], NULL), 200);
        close(blocked[i]);
    }
}

static void more_requests_than_threads_are_all_answered(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 3;
    start(fixture);
    int fds[60];
    for (size_t i = 0; i < 60; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], i % 2 == 0 ? GET("/sleep") : GET("/block"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 3));
    fake_service_release(&fixture->fake);
    for (size_t i = 0; i < 60; i++) {
        assert_int_equal(receive_response(fds[i], NULL), 200);
        close(fds[i]);
    }
}

static void one_thread_is_enough(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 1;
    start(fixture);
    for (int i = 0; i < 20; i++) {
        get(fixture, GET("/sleep"), 200);
    }
}

static void a_slow_reader_gets_the_whole_response(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 2;
    start(fixture);
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/big"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, 8));
    /* Eight responses are stuck although there are two threads, and other clients are served. */
    get(fixture, GET("/"), 200);
    for (size_t i = 0; i < 8; i++) {
        size_t size = 0;
        assert_int_equal(receive_response(fds[i], &size), 200);
        assert_int_equal(size, fixture->fake.big_size);
        /* The connection continues. */
        send_text(fds[i], GET("/status/201"));
        assert_int_equal(receive_response(fds[i], NULL), 201);
        close(fds[i]);
    }
}

static void a_large_body_is_taken(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const size_t size = 1000000;
    char *body = malloc(size);
    memset(body, 'x', size);
    const int fd = connect_to(fixture);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    send_all(fd, body, size);
    size_t echoed = 0;
    assert_int_equal(receive_response(fd, &echoed), 200);
    assert_int_equal(echoed, size);
    close(fd);
    free(body);
}

/* The client continues to send after its request was refused, and still gets the response. */
static void a_too_large_body_is_refused_and_the_client_learns_it(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    char bytes[65536] = {0};
    for (int i = 0; i < 40; i++) {
        if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    assert_int_equal(receive_response(fd, NULL), 413);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.refused_status, 413);
}

static void a_flood_of_pipelined_requests_is_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    const int count = 3000;
    const int child_count = 3;
    /* The requests fit into the kernel's buffers, but are more than one turn reads. */
    char *requests = malloc((size_t)count * 64);
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += (size_t)snprintf(requests + size, 64, "GET /status/%d HTTP/1.1\r\nHost: a\r\n\r\n",
                                 200 + i % child_count);
    }
    send_all(fd, requests, size);
    for (int i = 0; i < count; i++) {
        assert_int_equal(receive_response(fd, NULL), 200 + i % child_count);
    }
    close(fd);
    free(requests);
}

/* RFC 9112 9.6 describes half-closed connections. A client that has half-closed still gets its
 * responses. */
static void a_half_closed_client_gets_its_answers(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    for (int i = 0; i < 20; i++) {
        const int fd = connect_to(fixture);
        send_text(fd, GET("/sleep") GET("/status/201"));
        shutdown(fd, SHUT_WR);
        assert_int_equal(receive_response(fd, NULL), 200);
        assert_int_equal(receive_response(fd, NULL), 201);
        assert_closed(fd);
    }
}

/* RFC 9112 9.6: "If the server receives additional data from the client on a fully closed
 * connection, such as another request sent by the client before receiving the server's response,
 * the server's TCP stack will send a reset packet to the client". */
static void bytes_after_the_last_request_do_not_reset_its_response(void **state)
{
    struct fixture *fixture = *state;
    static char body[20000];
    start(fixture);
    const int fd = connect_with_room(fixture, 4096);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  "Content-Length: 20000\r\n\r\n");
    send_all(fd, body, sizeof body);
    /* The kernel has all of it by then, and the client has read nothing. */
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    send_text(fd, GET("/"));
    poll(NULL, 0, 20);
    size_t size = 0;
    assert_int_equal(receive_response(fd, &size), 200);
    assert_int_equal(size, sizeof body);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.handles, 1);
}

/* Returns the number of clients whose connection lingers, or lingered before it ended. */
static unsigned count_lingering(const struct fixture *fixture)
{
    unsigned count = 0;
    for (size_t i = 0; i < SX__CLIENT_LEAVES; i++) {
        const struct sx__client *first = atomic_load(&fixture->server->clients.leaves[i]);
        for (size_t j = 0; first != NULL && j < SX__CLIENTS_PER_LEAF; j++) {
            count += first[j].owned.lingers ? 1 : 0;
        }
    }
    return count;
}

/* RFC 9112 9.6: "A client that sends a "close" connection option MUST NOT send further requests on
 * that connection". So the server need not wait until the client closes, too. */
static void the_server_does_not_linger_for_a_client_that_sent_close(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
    };
    struct fixture *fixture = *state;
    start(fixture);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const int fd = connect_to(fixture);
        send_text(fd, requests[i]);
        assert_int_equal(receive_response(fd, NULL), 200);
        wait_for_connections(fixture, 0);
        assert_int_equal(count_lingering(fixture), 0);
        close(fd);
    }
}

/* The next request arrived together with this one, so an immediate close would certainly cause a
 * reset. */
static void the_server_lingers_for_a_client_that_sent_more_after_close(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    assert_closed(fd);
    wait_for_connections(fixture, 0);
    assert_int_equal(count_lingering(fixture), 1);
}

/* RFC 9112 8: a response that is delimited by the close is complete "unless an error was indicated
 * by the underlying connection". */
static void a_failed_stream_of_http_1_0_ends_with_a_reset(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    static const struct {
        const char *request;
        bool is_whole;
    } cases[] = {{"GET /stream HTTP/1.0\r\n\r\n", true},
                 {"GET /stream/failing HTTP/1.0\r\n\r\n", false}};
    for (size_t i = 0; i < 2; i++) {
        const int fd = connect_to(fixture);
        send_text(fd, cases[i].request);
        char bytes[4096];
        ssize_t count;
        do {
            count = recv(fd, bytes, sizeof bytes, 0);
        } while (count > 0);
        assert_int_equal(count == 0, cases[i].is_whole);
        assert_true(count == 0 || errno == ECONNRESET);
        close(fd);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

static void an_idle_connection_is_closed_in_time(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.idle_timeout_ms = 100;
    start(fixture);
    const int fresh = connect_to(fixture);
    const int used = connect_to(fixture);
    send_text(used, GET("/"));
    assert_int_equal(receive_response(used, NULL), 200);
    const uint64_t before_ms = now_ms();
    assert_closed(fresh);
    assert_closed(used);
    assert_true(now_ms() - before_ms < 10000);
    stop(fixture);
    assert_int_equal(fake_service_rejected(&fixture->fake), 0);
}

static void a_header_that_does_not_come_is_answered_408(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.header_timeout_ms = 100;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n");
    assert_int_equal(receive_response(fd, NULL), 408);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TIMEOUT], 1);
    assert_int_equal(fake_service_rejected(&fixture->fake), 1);
}

static void a_body_that_does_not_come_is_answered_408(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.body_timeout_ms = 100;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    assert_int_equal(receive_response(fd, NULL), 408);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.refused_status, 408);
    assert_int_equal(fixture->fake.ends, 1);
}

static void a_response_that_the_client_does_not_read_is_aborted(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.write_timeout_ms = 100;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/big"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    assert_true(fixture->fake.response_body_bytes < fixture->fake.big_size);
    close(fd);
}

static void each_begin_has_an_end_whenever_the_client_resets(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    unsigned connections = 0;
    for (size_t size = 0; size < sizeof request; size++) {
        for (int polite = 0; polite < 2; polite++) {
            const int fd = connect_to(fixture);
            send_all(fd, request, size);
            if (polite == 0) {
                reset(fd);
            } else {
                close(fd);
            }
            connections++;
        }
    }
    get(fixture, GET("/"), 200);
    assert_true(connections > 100);
    stop(fixture);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
}

static void a_client_gone_during_its_handler_is_a_response_aborted(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/block"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    reset(fd);
    fake_service_release(&fixture->fake);
    /* The default action of SIGPIPE would have ended this process. */
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

static void requests_in_flight_are_answered_when_the_server_stops(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int busy = connect_to(fixture);
    send_text(busy, GET("/block"));
    const int idle = connect_to(fixture);
    send_text(idle, GET("/"));
    assert_int_equal(receive_response(idle, NULL), 200);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    sx__server_stop(fixture->server);
    assert_closed(idle);
    fake_service_release(&fixture->fake);
    char bytes[1024];
    size_t size = 0;
    size_t count;
    while ((count = receive(busy, bytes + size, sizeof bytes - 1 - size)) > 0) {
        size += count;
    }
    bytes[size] = '\0';
    assert_non_null(strstr(bytes, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(bytes, "\r\nConnection: close\r\n"));
    close(busy);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 2);
}

static void a_stop_aborts_clients_at_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.stop_timeout_ms = 100;
    start(fixture);
    const int stuck = connect_to(fixture);
    send_text(stuck, GET("/big"));
    const int half = connect_to(fixture);
    send_text(half, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, 2));
    stop(fixture);
    assert_int_equal(fixture->fake.ends, 2);
    close(stuck);
    close(half);
}

static void stopping_before_running_is_fine(void **state)
{
    struct fixture *fixture = *state;
    const struct sx__service service = fake_service_get(&fixture->fake);
    struct sx_run_options options;
    assert_int_equal(sx__run_options_resolve(&options, NULL), 0);
    assert_int_equal(sx__server_new(&fixture->server, &service, &options), 0);
    sx__server_stop(fixture->server);
    assert_int_equal(sx__server_run(fixture->server), 0);
}

#define IDLE 2000

/* Raises the limit on descriptors for IDLE connections, each of which has two. Returns false if it
 * may not be raised so far. */
static bool has_descriptors(void)
{
    struct rlimit limit;
    const rlim_t needed = 2 * IDLE + 200;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < needed && limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    return limit.rlim_cur >= needed;
}

/* The only thread for handlers answers other clients while the connections are idle, and then each
 * of these. */
static void two_thousand_idle_connections_do_not_delay_other_clients(void **state)
{
    struct fixture *fixture = *state;
    if (!has_descriptors()) {
        print_message("skipped: the limit on descriptors (ulimit -Hn) is below %d\n",
                      2 * IDLE + 200);
        skip();
    }
    fixture->options.threads = 1;
    fixture->options.idle_timeout_ms = 3600000;
    start(fixture);
    static int fds[IDLE];
    for (size_t i = 0; i < IDLE; i++) {
        fds[i] = connect_to(fixture);
        if (i % 2 == 0) { /* half of them have had a response before */
            send_text(fds[i], GET("/"));
            assert_int_equal(receive_response(fds[i], NULL), 200);
        }
    }
    wait_for_connections(fixture, IDLE);
    for (int i = 0; i < 50; i++) {
        get(fixture, GET("/"), 200);
    }
    wait_for_connections(fixture, IDLE);
    for (size_t i = 0; i < IDLE; i++) {
        send_text(fds[i], GET("/"));
        assert_int_equal(receive_response(fds[i], NULL), 200);
        close(fds[i]);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], IDLE + IDLE / 2 + 50);
}

static void a_stopped_server_leaves_its_port_free(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    get(fixture, GET("/"), 200);
    const uint16_t port = sx__server_get_port(fixture->server, 0);
    stop(fixture);
    sx__server_destroy(fixture->server);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    fixture->options.address = address;
    start(fixture);
    assert_int_equal(sx__server_get_port(fixture->server, 0), port);
    get(fixture, GET("/"), 200);
}

/* Clients of all kinds at once, each in its own thread. */
struct mixed_client {
    const struct fixture *fixture;
    unsigned seed;
    pthread_t thread;
};

static void *run_mixed_client(void *argument)
{
    const struct mixed_client *client = argument;
    static const char *const requests[] = {
        GET("/"),
        GET("/sleep"),
        GET("/") GET("/status/404") GET("/big"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHo",
    };
    unsigned seed = client->seed;
    for (int i = 0; i < 150; i++) {
        const int fd = connect_to(client->fixture);
        for (int j = 0; j < 4; j++) {
            seed = seed * 1103515245 + 12345;
            const char *request = requests[(seed >> 16) % (sizeof requests / sizeof *requests)];
            const bool is_whole = strstr(request, "\r\n\r\n") != NULL;
            if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 || !is_whole ||
                ((seed >> 8) % 4 != 0 && receive_response(fd, NULL) == 0)) {
                break;
            }
        }
        if (seed % 3 == 0) {
            reset(fd);
        } else {
            close(fd);
        }
    }
    return NULL;
}

static void a_mixed_crowd_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 8;
    fixture->options.header_timeout_ms = 100;
    start(fixture);
    struct mixed_client clients[6];
    for (unsigned i = 0; i < 6; i++) {
        clients[i] = (struct mixed_client){.fixture = fixture, .seed = i * 7919 + 1};
        pthread_create(&clients[i].thread, NULL, run_mixed_client, &clients[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    get(fixture, GET("/"), 200);
    stop(fixture);
    assert_true(fixture->fake.begins > 100);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_serves_many_requests),
        TEST(a_request_may_come_byte_by_byte),
        TEST(forty_blocked_handlers_do_not_stall_a_fast_route),
        TEST(more_requests_than_threads_are_all_answered),
        TEST(one_thread_is_enough),
        TEST(a_slow_reader_gets_the_whole_response),
        TEST(a_large_body_is_taken),
        TEST(a_too_large_body_is_refused_and_the_client_learns_it),
        TEST(a_flood_of_pipelined_requests_is_answered_in_order),
        TEST(a_half_closed_client_gets_its_answers),
        TEST(bytes_after_the_last_request_do_not_reset_its_response),
        TEST(the_server_does_not_linger_for_a_client_that_sent_close),
        TEST(the_server_lingers_for_a_client_that_sent_more_after_close),
        TEST(a_failed_stream_of_http_1_0_ends_with_a_reset),
        TEST(an_idle_connection_is_closed_in_time),
        TEST(a_header_that_does_not_come_is_answered_408),
        TEST(a_body_that_does_not_come_is_answered_408),
        TEST(a_response_that_the_client_does_not_read_is_aborted),
        TEST(each_begin_has_an_end_whenever_the_client_resets),
        TEST(a_client_gone_during_its_handler_is_a_response_aborted),
        TEST(requests_in_flight_are_answered_when_the_server_stops),
        TEST(a_stop_aborts_clients_at_its_deadline),
        TEST(stopping_before_running_is_fine),
        TEST(two_thousand_idle_connections_do_not_delay_other_clients),
        TEST(a_stopped_server_leaves_its_port_free),
        TEST(a_mixed_crowd_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
