/* Clocks leap while the server runs. The wall clock is set by years, which changes only Date. The
 * monotonic clock leaps when a virtual machine was suspended; then late clients get their response,
 * once. */
#define _GNU_SOURCE /* strptime, timegm */
#include "clock.h"
#include "fixture.h"
#include "server.h"
#include "server_types.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define YEAR_S (365 * (int64_t)86400)
#define HALF_HEADER "GET / HTTP/1.1\r\nHo"
#define NO_BODY "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
#define HALF_BODY "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"

/* Seconds that are added to each clock. */
static _Atomic int64_t wall_s, monotonic_s;
static _Atomic int64_t standing_s; /* the time of the monotonic clock while it stands still, or 0 */
static _Atomic int full;           /* how many further writes find no room */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
time_t __real_time(time_t *now);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
time_t __wrap_time(time_t *now);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int status = __real_clock_gettime(clock, now);
    now->tv_sec += (time_t)atomic_load(clock == CLOCK_MONOTONIC ? &monotonic_s : &wall_s);
    if (clock == CLOCK_MONOTONIC && atomic_load(&standing_s) > 0) {
        *now = (struct timespec){.tv_sec = (time_t)atomic_load(&standing_s)};
    }
    return status;
}
time_t __wrap_time(time_t *now)
{
    const time_t leaped = __real_time(NULL) + (time_t)atomic_load(&wall_s);
    if (now != NULL) {
        *now = leaped;
    }
    return leaped;
}
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    if (atomic_load(&full) > 0 && atomic_fetch_sub(&full, 1) > 0) {
        errno = EAGAIN;
        return -1;
    }
    return __real_send(fd, bytes, size, flags);
}

static int set_up_clocks(void **state)
{
    atomic_store(&wall_s, 0);
    atomic_store(&monotonic_s, 0);
    atomic_store(&standing_s, 0);
    atomic_store(&full, 0);
    set_up(state);
    struct fixture *fixture = *state;
    fixture->options.threads = 4;
    return 0;
}

static int connect_and_send(const struct fixture *fixture, const char *text)
{
    const int fd = connect_to(fixture);
    send_text(fd, text);
    return fd;
}

/* Moves the wall clock, and waits until the monitor has checked all connections since: the
 * monotonic clock advances by six seconds, which is too late for a body of which no byte arrives.
 */
static void leap(struct fixture *fixture, int64_t leap_s)
{
    const unsigned begins = fixture->fake.begins; /* no other request is sent now */
    const int canary = connect_and_send(fixture, NO_BODY);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, begins + 1));
    atomic_store(&wall_s, leap_s);
    atomic_fetch_add(&monotonic_s, 6);
    assert_int_equal(receive_response(canary, NULL), 408);
    close(canary);
}

/* The Date of a response, read by libc. */
static time_t date_of(const struct fixture *fixture)
{
    const int fd =
        connect_and_send(fixture, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char *answer = receive_all(fd);
    close(fd);
    const char *date = strstr(answer, "\r\nDate: ");
    assert_non_null(date);
    struct tm tm = {0};
    const char *end = strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_non_null(end);
    assert_memory_equal(end, "\r\n", 2);
    free(answer);
    return timegm(&tm);
}

static void date_follows_the_wall_clock(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int64_t now_s = (int64_t)time(NULL);
    /* To 1969, the end of 32-bit time, a leap day, and back again. */
    const int64_t leaps[] = {0,
                             10 * YEAR_S,
                             -20 * YEAR_S,
                             -now_s - 5,
                             -now_s,
                             INT32_MAX - now_s,
                             (int64_t)4107542400 - now_s,
                             200 * YEAR_S,
                             0};
    for (size_t i = 0; i < sizeof leaps / sizeof *leaps; i++) {
        atomic_store(&wall_s, leaps[i]);
        const time_t before = time(NULL);
        const time_t date = date_of(fixture);
        assert_true(date >= before && date <= time(NULL));
    }
}

static void the_wall_clock_ends_no_connection(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.body_timeout_ms = 5000;
    fixture->options.body_rate_bytes =
        1; /* so that a client that has sent 600 bytes has ten more minutes */
    fixture->options.idle_timeout_ms = 3600000;
    start(fixture);
    const int idle = connect_and_send(fixture, GET("/"));
    assert_int_equal(receive_response(idle, NULL), 200);
    char bytes[700] = {0};
    const int head =
        snprintf(bytes, 100, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n");
    const int body = connect_to(fixture);
    send_all(body, bytes,
             (size_t)head +
                 599); /* in one piece, so that all of it has been read when begin is called */
    const int slow = connect_and_send(fixture, GET("/block"));
    const int stream = connect_and_send(fixture, GET("/stream/waiting"));
    const int big = connect_and_send(fixture, GET("/big"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, 5));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 1));
    leap(fixture, 10 * YEAR_S);
    leap(fixture, -20 * YEAR_S);
    leap(fixture, 0);
    send_text(idle, GET("/status/201"));
    assert_int_equal(receive_response(idle, NULL), 201);
    send_text(body, "x");
    assert_int_equal(receive_response(body, NULL), 200);
    fake_service_release(&fixture->fake);
    assert_int_equal(receive_response(slow, NULL), 200);
    assert_int_equal(receive_response(big, NULL), 200);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 8));
    reset(stream);
    close(idle);
    close(body);
    close(slow);
    close(big);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 8);
    assert_true(fixture->fake.ended_ns >= fixture->fake.started_ns);
    assert_true(fixture->fake.ended_ns - fixture->fake.started_ns < UINT64_C(100000000000));
}

static void late_clients_get_408_after_the_machine_was_suspended(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 1;
    start(fixture);
    const int idle = connect_and_send(fixture, GET("/"));
    assert_int_equal(receive_response(idle, NULL), 200);
    const int fresh = connect_to(fixture);
    const int header = connect_and_send(fixture, HALF_HEADER);
    const int body = connect_and_send(fixture, HALF_BODY);
    const int stuck = connect_and_send(fixture, GET("/big"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, 2));
    const int stream = connect_and_send(fixture, GET("/stream/waiting"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 1));
    const int slow = connect_and_send(fixture, GET("/block"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    const int queued = connect_and_send(fixture, GET("/"));
    while (atomic_load(&fixture->server->admission.queued) == 0) {
        poll(NULL, 0, 1);
    }
    atomic_store(&monotonic_s, 30 * 86400);
    assert_closed(idle);
    assert_closed(fresh);
    assert_int_equal(receive_response(header, NULL), 408);
    close(header);
    assert_int_equal(receive_response(body, NULL), 408);
    close(body);
    assert_int_equal(receive_response(queued, NULL), 503);
    /* A client is not late because its handler took long. */
    fake_service_release(&fixture->fake);
    assert_int_equal(receive_response(slow, NULL), 200);
    send_text(slow, GET("/"));
    assert_int_equal(receive_response(slow, NULL), 200);
    free(receive_all(stuck));
    get(fixture, GET("/"), 200);
    reset(stream);
    close(slow);
    close(stuck);
    close(queued);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_HEADER_TIMEOUT], 1);
    assert_true(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED] >= 1);
    assert_true(fixture->fake.ended_ns >= fixture->fake.started_ns);
}

/* Returns the only client whose record is not free. */
static const struct sx__client *client_of(const struct fixture *fixture)
{
    const struct sx__client *found = NULL;
    for (size_t i = 0; i < SX__CLIENT_LEAVES; i++) {
        const struct sx__client *first = atomic_load(&fixture->server->clients.leaves[i]);
        for (size_t j = 0; first != NULL && j < SX__CLIENTS_PER_LEAF; j++) {
            if (atomic_load(&first[j].shared.state) != SX__CLIENT_FREE) {
                assert_null(found);
                found = &first[j];
            }
        }
    }
    return found;
}

/* The client's next request arrived just before the monitor's sweep, and was answered. */
static void a_client_that_was_late_once_can_continue(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_send(fixture, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    struct sx__client *client = (struct sx__client *)(uintptr_t)client_of(fixture);
    assert_non_null(client);
    while (!sx__client_take(client)) {
        poll(NULL, 0, 1);
    }
    client->owned.is_late = true;
    while (!sx__client_release(client)) {
    }
    send_text(fd, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    send_text(fd, "GET / HTTP/1.1\r\nHo");
    poll(NULL, 0, 20);
    close(fd);
    while (fake_service_rejected(&fixture->fake) == 0) {
        poll(NULL, 0, 1);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_DISCONNECTED], 1);
}

/* Waits until the monitor has taken the permit of the handler's thread. */
static void wait_until_it_lasts(const struct fixture *fixture)
{
    unsigned robbed = 0;
    while (robbed == 0) {
        poll(NULL, 0, 1);
        for (unsigned i = 0; i < fixture->server->worker_space; i++) {
            const uint64_t user = atomic_load(&fixture->server->workers[i].shared.user);
            robbed += (user & 3) == SX__USER_PREEMPTED ? 1 : 0;
        }
    }
}

/* The handler took longer than a client has for reading the response. */
static void a_long_handler_does_not_use_up_the_clients_time(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_and_send(fixture, GET("/block"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    struct sx__client *client = (struct sx__client *)(uintptr_t)client_of(fixture);
    assert_non_null(client);
    wait_until_it_lasts(fixture);
    atomic_store(&monotonic_s, 3600);
    atomic_store(&full, 2); /* the second time, nothing is done until there is room */
    fake_service_release(&fixture->fake);
    unsigned client_state = SX__CLIENT_OWNED;
    while (atomic_load(&full) > 0 ||
           (client_state != SX__CLIENT_IDLE && client_state != SX__CLIENT_FREE)) {
        poll(NULL, 0, 1);
        client_state = atomic_load(&client->shared.state);
    }
    assert_int_equal(client_state, SX__CLIENT_IDLE);
    while (!sx__client_take(client)) { /* the owner may write once more */
        poll(NULL, 0, 1);
    }
    const uint64_t left_ns = sx__client_get_deadline(client) - sx__clock_now_ns();
    sx__client_rearm(client, fixture->server->epoll_fd);
    assert_true(left_ns > UINT64_C(10000000000) && left_ns <= UINT64_C(30000000000));
    close(fd);
}

static void a_stop_ends_in_time_after_the_machine_was_suspended(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.stop_timeout_ms = 3600000;
    start(fixture);
    const int stuck = connect_and_send(fixture, GET("/big"));
    const int body = connect_and_send(fixture, HALF_BODY);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, 2));
    sx__server_stop(fixture->server);
    while (!atomic_load(&fixture->server->protocol.stopping)) {
        poll(NULL, 0, 1);
    }
    atomic_store(&monotonic_s, 86400);
    stop(fixture);
    assert_int_equal(fixture->fake.ends, 2);
    close(stuck);
    close(body);
}

/* ---- a clock that stands still: no client is late, however slow this machine is ---- */

static void stop_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&standing_s, now.tv_sec + 1);
}

/* RFC 9112 9.6: "If a server performs an immediate close of a TCP connection, there is a
 * significant risk that the client will not be able to read the last HTTP response." Linux keeps
 * bytes that have arrived, so here a part of the response must still be on its way: the client has
 * room for a few KiB, and sends more than the buffers of both sockets have room for before it
 * reads. */
static void assert_answered_while_it_sends(struct fixture *fixture, const char *bad, int status)
{
    static const char body[1 << 16];
    const unsigned handles = fixture->fake.handles;
    const int fd = connect_with_room(fixture, 1);
    send_text(fd, GET("/big"));
    send_text(fd, bad);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, handles + 1));
    for (size_t sent = 0; sent < (size_t)8 << 20; sent += sizeof body) {
        send_all(fd, body, sizeof body);
    }
    size_t size = 0;
    assert_int_equal(receive_response(fd, &size), 200);
    assert_int_equal(size, fixture->fake.big_size);
    assert_int_equal(receive_response(fd, NULL), status);
    assert_closed(fd);
}

static void a_client_that_sends_after_a_refusal_gets_all_responses(void **state)
{
    struct fixture *fixture = *state;
    fixture->fake.big_size = 60000; /* the server's kernel takes all of it */
    start(fixture);
    stop_clock();
    assert_answered_while_it_sends(fixture, "GET / HTTP/1.1\r\n\r\n", 400);
    assert_answered_while_it_sends(
        fixture, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413);
    stop(fixture);
    assert_int_equal(fixture->fake.refused_status, 413);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_clocks, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(date_follows_the_wall_clock),
        TEST(the_wall_clock_ends_no_connection),
        TEST(late_clients_get_408_after_the_machine_was_suspended),
        TEST(a_client_that_was_late_once_can_continue),
        TEST(a_long_handler_does_not_use_up_the_clients_time),
        TEST(a_stop_ends_in_time_after_the_machine_was_suspended),
        TEST(a_client_that_sends_after_a_refusal_gets_all_responses),
    };
    return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
