/* What clients notice of a stop: no client that sends at normal speed loses a request, and no
 * silent client delays the stop. */
#include "certificate.h"
#include "fixture.h"
#include "run_options.h"
#include "server.h"
#include "server_types.h"
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HALF_HEADER "GET / HTTP/1.1\r\nHo"
#define SHORT_MS 5000 /* half of the time that a stop has */

static char certificate_path[] = "/tmp/sextant-test-stop-XXXXXX";

static int make_certificate(void **state)
{
    (void)state;
    const int fd = mkstemp(certificate_path);
    return fd >= 0 && close(fd) == 0 && certificate_write(certificate_path) ? 0 : -1;
}

static int remove_certificate(void **state)
{
    (void)state;
    return unlink(certificate_path);
}

/* ---- a clock that stands still: nothing is late, however slow this machine is ---- */

static _Atomic uint64_t standing_ns; /* 0: the clock runs */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const uint64_t ns = clock == CLOCK_MONOTONIC ? atomic_load(&standing_ns) : 0;
    if (ns == 0) {
        return __real_clock_gettime(clock, now);
    }
    *now = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    return 0;
}

static void stop_clock(void)
{
    struct timespec now;
    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&standing_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

static void move_clock_ms(unsigned ms)
{
    atomic_fetch_add(&standing_ns, ms * UINT64_C(1000000));
}

static int tear_down_clock(void **state)
{
    atomic_store(&standing_ns, 0);
    return tear_down(state);
}

static void begin_to_stop(const struct fixture *fixture)
{
    sx__server_stop(fixture->server);
    while (!atomic_load(&fixture->server->protocol.stopping)) {
        poll(NULL, 0, 1);
    }
}

static int connect_and_send(const struct fixture *fixture, const char *text)
{
    const int fd = connect_to(fixture);
    send_text(fd, text);
    return fd;
}

static int connect_and_idle(const struct fixture *fixture)
{
    const int fd = connect_and_send(fixture, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    return fd;
}

/* RFC 9112 9.6: "A server that sends a "close" connection option MUST initiate closure of the
 * connection after it sends the final response containing the "close" connection option." */
static void assert_last_answer(int fd)
{
    char *answer = receive_all(fd);
    assert_int_equal(strncmp(answer, "HTTP/1.1 200", 12), 0);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    free(answer);
    close(fd);
}

static void a_request_that_comes_during_a_stop_is_answered(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int idle = connect_and_idle(fixture);
    const int fresh = connect_to(fixture);
    wait_for_connections(fixture, 2);
    stop_clock();
    begin_to_stop(fixture);
    move_clock_ms(300);
    send_text(idle, GET("/"));
    send_text(fresh, GET("/"));
    assert_last_answer(idle);
    assert_last_answer(fresh);
    stop(fixture);
    assert_int_equal(fixture->fake.handles, 3);
}

static struct sx__client *find_client(const struct fixture *fixture)
{
    for (size_t i = 0; i < SX__CLIENT_LEAVES; i++) {
        struct sx__client *first = atomic_load(&fixture->server->clients.leaves[i]);
        for (size_t j = 0; first != NULL && j < SX__CLIENTS_PER_LEAF; j++) {
            if (atomic_load(&first[j].shared.state) != SX__CLIENT_FREE) {
                return &first[j];
            }
        }
    }
    return NULL;
}

/* Waits until the server has received this number of bytes of the request on its only connection.
 */
static void wait_until_received(const struct fixture *fixture, size_t size)
{
    struct sx__client *client;
    while ((client = find_client(fixture)) == NULL) {
        poll(NULL, 0, 1);
    }
    size_t filled = 0;
    while (filled < size) {
        poll(NULL, 0, 1);
        if (sx__client_take(client)) {
            const struct sx__request *request = client->owned.connection.request;
            filled = request != NULL ? request->filled : 0;
            sx__client_rearm(client, fixture->server->epoll_fd);
        }
    }
}

/* Its bytes arrive with less than a second between them. */
static void a_header_that_comes_slowly_during_a_stop_is_answered(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_send(fixture, "GET /");
    size_t size = strlen("GET /");
    wait_for_connections(fixture, 1);
    wait_until_received(fixture, size);
    stop_clock();
    begin_to_stop(fixture);
    static const char *const pieces[] = {" HTTP", "/1.1\r\n", "Host: a", "\r\n\r\n"};
    for (size_t i = 0; i < 4; i++) {
        move_clock_ms(500);
        send_text(fd, pieces[i]);
        size += strlen(pieces[i]);
        if (i < 3) {
            wait_until_received(fixture, size);
        }
    }
    assert_last_answer(fd);
    stop(fixture);
}

static void half_a_header_does_not_delay_a_stop(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_send(fixture, HALF_HEADER);
    wait_for_connections(fixture, 1);
    poll(NULL, 0, 50);
    const uint64_t began_ms = now_ms();
    begin_to_stop(fixture);
    assert_int_equal(receive_response(fd, NULL), 408);
    stop(fixture);
    assert_true(now_ms() - began_ms >= 1000 && now_ms() - began_ms < SHORT_MS);
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TIMEOUT], 1);
    close(fd);
}

/* The clients close their side afterwards, or do not. */
static void idle_connections_do_not_delay_a_stop(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int used = connect_and_idle(fixture);
    const int fresh = connect_to(fixture);
    wait_for_connections(fixture, 2);
    const uint64_t began_ms = now_ms();
    stop(fixture);
    assert_true(now_ms() - began_ms < SHORT_MS);
    assert_closed(used);
    assert_closed(fresh);
    assert_int_equal(fake_service_rejected(&fixture->fake), 0);
}

/* The request was on its way when the server stopped waiting. It is not handled, and there is no
 * reset. */
static void assert_closed_without_reset(struct fixture *fixture, int fd)
{
    char byte;
    const unsigned handles = fake_service_read(&fixture->fake, &fixture->fake.handles);
    assert_int_equal(receive(fd, &byte, 1), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send(fd, GET("/"), sizeof GET("/") - 1, MSG_NOSIGNAL),
                         (int)sizeof GET("/") - 1);
        poll(NULL, 0, 20);
    }
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_int_equal(fake_service_read(&fixture->fake, &fixture->fake.handles), handles);
    close(fd);
}

static void a_request_that_is_too_late_is_not_answered_by_a_reset(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_idle(fixture);
    begin_to_stop(fixture);
    assert_closed_without_reset(fixture, fd);
    stop(fixture);
}

/* The idle time-out has the same race as a stop. */
static void a_request_at_the_idle_timeout_is_not_answered_by_a_reset(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.idle_timeout_ms = 100;
    start(fixture);
    assert_closed_without_reset(fixture, connect_and_idle(fixture));
}

static void a_handshake_that_begins_during_a_stop_is_finished(void **state)
{
    struct fixture *fixture = *state;
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    start(fixture);
    const int silent = connect_to(fixture);
    const int fd = connect_to(fixture);
    wait_for_connections(fixture, 2);
    stop_clock();
    begin_to_stop(fixture);
    move_clock_ms(500);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    move_clock_ms(600); /* more than a second since the stop, less since the handshake */
    assert_true(SSL_write(ssl, GET("/"), sizeof GET("/") - 1) > 0);
    char answer[1024];
    assert_true(SSL_read(ssl, answer, sizeof answer) > 12);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    assert_closed(silent);
    stop(fixture);
    assert_int_equal(fake_service_rejected(&fixture->fake), 0);
}

/* ---- clients that send endless requests ---- */

#define CLIENTS 16
#define ROUNDS 5

struct asker {
    int fd;
    unsigned pause_ms; /* between two requests */
    unsigned asked, answered;
    bool was_reset;
    pthread_t thread;
};

static bool send_request(int fd)
{
    static const char request[] = GET("/");
    /* In two pieces, because a request may be split anywhere. */
    const size_t half = (sizeof request - 1) / 2;
    return send(fd, request, half, MSG_NOSIGNAL) == (ssize_t)half &&
           send(fd, request + half, sizeof request - 1 - half, MSG_NOSIGNAL) > 0;
}

/* Returns whether there was a response, or sets was_reset. An incomplete response fails the test.
 */
static bool receive_answer(struct asker *asker, int fd)
{
    char answer[512];
    size_t size = 0;
    ssize_t count = 0;
    /* The body is "hello". */
    while (size < 9 || memcmp(answer + size - 9, "\r\n\r\nhello", 9) != 0) {
        count = recv(fd, answer + size, sizeof answer - size, 0);
        if (count <= 0) {
            asker->was_reset |= count < 0 || size > 0;
            return false;
        }
        size += (size_t)count;
    }
    return true;
}

static void *ask_on(void *argument)
{
    struct asker *asker = argument;
    const int fd = asker->fd;
    bool goes_on = true;
    while (goes_on) {
        asker->asked++;
        if (!send_request(fd)) {
            asker->was_reset = true; /* the close was not a clean FIN */
            break;
        }
        goes_on = receive_answer(asker, fd);
        asker->answered += goes_on ? 1 : 0;
        if (goes_on && asker->pause_ms > 0) {
            poll(NULL, 0, (int)asker->pause_ms);
        }
    }
    close(fd);
    return NULL;
}

static void every_request_of_a_busy_client_is_answered_or_not_handled(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct asker askers[CLIENTS];
        start(fixture);
        const unsigned before = fixture->fake.handles;
        for (unsigned i = 0; i < CLIENTS; i++) {
            askers[i] = (struct asker){.fd = connect_to(fixture), .pause_ms = i % 4 * 3};
            assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_on, &askers[i]), 0);
        }
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, before + 500));
        const uint64_t began_ms = now_ms();
        stop(fixture);
        assert_true(now_ms() - began_ms < SHORT_MS);
        unsigned answered = 0;
        unsigned reset = 0;
        for (unsigned i = 0; i < CLIENTS; i++) {
            pthread_join(askers[i].thread, NULL);
            answered += askers[i].answered;
            reset += askers[i].was_reset ? 1 : 0;
        }
        assert_int_equal(reset, 0);
        assert_int_equal(answered, fixture->fake.handles - before);
        assert_true(sx__server_destroy(fixture->server));
        fixture->server = NULL;
    }
}

/* ---- uploads that were refused ---- */

/* curl and some other clients do not read before they have sent everything. */
static void a_refused_upload_may_take_long(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_send(
        fixture, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
    static char bytes[1 << 16];
    for (const uint64_t end_ms = now_ms() + 4500; now_ms() < end_ms;) {
        send_all(fd, bytes, sizeof bytes);
        poll(NULL, 0, 100);
    }
    assert_int_equal(receive_response(fd, NULL), 413);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.refused_status, 413);
}

/* The client continues to upload, but the stop does not wait for that. */
static void a_refused_upload_does_not_delay_a_stop(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd =
        connect_and_send(fixture, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    const uint64_t began_ms = now_ms();
    begin_to_stop(fixture);
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1) {
        assert_true(now_ms() - began_ms < SHORT_MS);
        poll(NULL, 0, 10);
    }
    stop(fixture);
    assert_true(now_ms() - began_ms < SHORT_MS);
    close(fd);
}

/* The server has no threads yet, so nothing but the stop accepts. */
static unsigned accepted_by_a_stop(struct fixture *fixture, bool is_replaced)
{
    const struct sx__service service = fake_service_get(&fixture->fake);
    struct sx_run_options options;
    assert_int_equal(sx__run_options_resolve(&options, &fixture->options), 0);
    assert_int_equal(sx__server_new(&fixture->server, &service, &options), 0);
    const int fd = connect_to(fixture);
    if (is_replaced) {
        sx__server_leave(fixture->server);
    } else {
        sx__server_stop(fixture->server);
    }
    sx__listeners_close(fixture->server);
    const unsigned count = atomic_load(&fixture->server->line->connections);
    close(fd);
    return count;
}

static void clients_that_wait_are_accepted_by_a_stop(void **state)
{
    assert_int_equal(accepted_by_a_stop(*state, false), 1);
}

static void clients_that_wait_are_left_to_a_successor(void **state)
{
    assert_int_equal(accepted_by_a_stop(*state, true), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_clock)
    const struct CMUnitTest tests[] = {
        TEST(a_request_that_comes_during_a_stop_is_answered),
        TEST(a_header_that_comes_slowly_during_a_stop_is_answered),
        TEST(half_a_header_does_not_delay_a_stop),
        TEST(idle_connections_do_not_delay_a_stop),
        TEST(a_request_that_is_too_late_is_not_answered_by_a_reset),
        TEST(a_request_at_the_idle_timeout_is_not_answered_by_a_reset),
        TEST(a_handshake_that_begins_during_a_stop_is_finished),
        TEST(every_request_of_a_busy_client_is_answered_or_not_handled),
        TEST(a_refused_upload_may_take_long),
        TEST(a_refused_upload_does_not_delay_a_stop),
        TEST(clients_that_wait_are_accepted_by_a_stop),
        TEST(clients_that_wait_are_left_to_a_successor),
    };
    return cmocka_run_group_tests_name("stop", tests, make_certificate, remove_certificate);
}
