/* Every thread is in a handler, or a handler never returns. */
#include "fixture.h"
#include "server.h"
#include "server_types.h"
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKED 3

/* Blocks every thread that ordinary routes may use in a handler. */
static void block_all_with(struct fixture *fixture, int fds[BLOCKED], const char *request)
{
    fixture->options.threads = BLOCKED;
    start(fixture);
    for (size_t i = 0; i < BLOCKED; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], request);
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, BLOCKED));
}

static void block_all(struct fixture *fixture, int fds[BLOCKED])
{
    block_all_with(fixture, fds, GET("/block"));
}

static void release_all(struct fixture *fixture, const int fds[BLOCKED])
{
    fake_service_release(&fixture->fake);
    for (size_t i = 0; i < BLOCKED; i++) {
        assert_int_equal(receive_response(fds[i], NULL), 200);
        close(fds[i]);
    }
}

static void no_more_handlers_run_than_there_are_threads(void **state)
{
    struct fixture *fixture = *state;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, BLOCKED + 1));
    assert_int_equal(fixture->fake.handles, BLOCKED);
    release_all(fixture, blocked);
    assert_int_equal(receive_response(fd, NULL), 200);
    close(fd);
}

static void a_request_that_waits_too_long_is_answered_503(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.queue_timeout_ms = 50;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const uint64_t began_ms = now_ms();
    const int fd = connect_to(fixture);
    /* The connection continues: the second request waits, too. */
    for (int i = 0; i < 2; i++) {
        send_text(fd, GET("/"));
        assert_int_equal(receive_response(fd, NULL), 503);
    }
    assert_true(now_ms() - began_ms >= 100);
    assert_int_equal(fixture->fake.refused_status, 503);
    release_all(fixture, blocked);
    send_text(fd, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.refusals, 2);
    assert_int_equal(fixture->fake.handles, BLOCKED + 1);
}

static void a_request_beyond_the_queue_is_answered_503_at_once(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.queue_count = 1;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const int queued = connect_to(fixture);
    send_text(queued, GET("/"));
    while (atomic_load(&fixture->server->admission.queued) == 0) {
        poll(NULL, 0, 1);
    }
    const uint64_t began_ms = now_ms();
    get(fixture, GET("/"), 503);
    const bool at_once =
        now_ms() - began_ms < 900; /* less than the second that a client may be queued */
    release_all(fixture, blocked);
    assert_int_equal(receive_response(queued, NULL), at_once ? 200 : 503);
    close(queued);
}

static void an_admin_route_answers_while_all_threads_are_blocked(void **state)
{
    struct fixture *fixture = *state;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const int fd = connect_to(fixture);
    for (int i = 0; i < 20; i++) {
        send_text(fd, GET("/admin"));
        assert_int_equal(receive_response(fd, NULL), 200);
    }
    /* An admin token does not become an ordinary one: the ordinary request that follows still
     * waits. */
    send_text(fd, GET("/admin") GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, BLOCKED + 22));
    assert_int_equal(fixture->fake.handles, BLOCKED + 21);
    release_all(fixture, blocked);
    assert_int_equal(receive_response(fd, NULL), 200);
    close(fd);
}

static void block_observers(struct fixture *fixture, const char *request)
{
    enum { COUNT = 40 };
    start(fixture);
    int fds[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], request);
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_observer, i + 1));
    }
    for (int i = 0; i < 20; i++) {
        get(fixture, GET("/"), 200);
    }
    fake_service_release(&fixture->fake);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(receive_response(fds[i], NULL), 200);
        close(fds[i]);
    }
}

static void observers_of_begin_that_block_delay_no_other_client(void **state)
{
    block_observers(*state, GET("/block-begin"));
}

static void observers_of_end_that_block_delay_no_other_client(void **state)
{
    block_observers(*state, GET("/block-end"));
}

/* Waits until this number of clients is in both queues together. */
static void wait_for_queued(const struct fixture *fixture, unsigned count)
{
    const uint64_t until_ms = now_ms() + 10000;
    while (atomic_load(&fixture->server->admission.queued) < count) {
        assert_true(now_ms() < until_ms);
        poll(NULL, 0, 1);
    }
}

static void a_full_queue_has_room_for_admin_routes(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.queue_count = 1;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const int admin = connect_to(fixture);
    send_text(admin, GET("/admin/block"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, BLOCKED + 1));
    const int ordinary = connect_to(fixture);
    send_text(ordinary, GET("/"));
    wait_for_queued(fixture, 1);
    const uint64_t began_ms = now_ms();
    const int second = connect_to(fixture);
    send_text(second, GET("/admin"));
    wait_for_queued(fixture, 2);
    get(fixture, GET("/admin"), 503);
    const bool at_once =
        now_ms() - began_ms < 900; /* less than the second that a client may be queued */
    release_all(fixture, blocked);
    assert_int_equal(receive_response(admin, NULL), 200);
    assert_int_equal(receive_response(second, NULL), at_once ? 200 : 503);
    close(admin);
    close(ordinary);
    close(second);
}

static void no_handler_runs_for_a_client_that_has_left_the_queue(void **state)
{
    struct fixture *fixture = *state;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/"));
    while (atomic_load(&fixture->server->admission.queued) == 0) {
        poll(NULL, 0, 1);
    }
    reset(fd);
    release_all(fixture, blocked);
    stop(fixture);
    assert_int_equal(fixture->fake.handles, BLOCKED);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED], 1);
}

/* The client has been queued for too long, and its stream has ended already. No client is left that
 * could get a 503. */
static void a_stream_whose_client_closes_in_the_queue_ends_once(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 1;
    fixture->options.queue_timeout_ms = 300;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/stream/slow"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 1));
    const int blocked = connect_to(fixture);
    send_text(blocked, GET("/block"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_handler, 1));
    wait_for_queued(fixture, 1);
    shutdown(fd, SHUT_WR);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    wait_for_connections(fixture, 1);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    assert_int_equal(fixture->fake.refusals, 0);
    assert_int_equal(fixture->fake.ends, 1);
    fake_service_release(&fixture->fake);
    assert_int_equal(receive_response(blocked, NULL), 200);
    close(blocked);
    close(fd);
}

static void a_stop_answers_those_in_the_queue(void **state)
{
    struct fixture *fixture = *state;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    int fds[5];
    for (size_t i = 0; i < 5; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, BLOCKED + 5));
    sx__server_stop(fixture->server);
    release_all(fixture, blocked);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(receive_response(fds[i], NULL), 200);
        assert_closed(fds[i]);
    }
    stop(fixture);
}

static void a_handler_that_does_not_return_is_abandoned(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.stop_timeout_ms = 800;
    int blocked[BLOCKED];
    block_all_with(fixture, blocked, GET("/block/big"));
    const int queued = connect_to(fixture);
    send_text(queued, GET("/"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, BLOCKED + 1));
    sx__server_stop(fixture->server);
    pthread_join(fixture->thread, NULL);
    fixture->runs = false;
    assert_int_equal(fixture->run_status, SX_ETIMEOUT);
    assert_string_equal(fixture->fake.last_log,
                        "3 handlers did not return within 800 ms: abandoned");
    /* All other clients have their responses. The memory that the three may use is not freed until
     * they return. */
    assert_int_equal(receive_response(queued, NULL), 503);
    close(queued);
    assert_false(sx__server_destroy(fixture->server));
    fake_service_release(&fixture->fake);
    while (!sx__server_destroy(fixture->server)) {
        poll(NULL, 0, 1);
    }
    fixture->server = NULL;
    /* The connections are closed, although the handlers returned responses. */
    for (size_t i = 0; i < BLOCKED; i++) {
        free(receive_all(blocked[i]));
        close(blocked[i]);
    }
}

static void each_request_at_the_limit_is_answered_200_or_503(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 2;
    fixture->options.queue_count = 4;
    fixture->options.queue_timeout_ms = 3;
    start(fixture);
    int fds[16];
    unsigned answered[2] = {0, 0};
    for (size_t i = 0; i < 16; i++) {
        fds[i] = connect_to(fixture);
    }
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < 16; i++) {
            send_text(fds[i], GET("/sleep"));
        }
        for (size_t i = 0; i < 16; i++) {
            const int status = receive_response(fds[i], NULL);
            assert_true(status == 200 || status == 503);
            answered[status == 200]++;
        }
    }
    for (size_t i = 0; i < 16; i++) {
        close(fds[i]);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.handles, answered[1]);
    assert_int_equal(fixture->fake.refusals, answered[0]);
    assert_true(answered[0] > 0 && answered[1] > 0);
}

/* Reads from a response until `size` bytes have arrived. Returns how many were read. */
static size_t read_some(int fd, size_t size)
{
    char bytes[65536];
    size_t sum = 0;
    while (sum < size) {
        const size_t count = receive(fd, bytes, sizeof bytes);
        assert_true(count > 0);
        sum += count;
    }
    return sum;
}

/* Waits until the server has at most `size` bytes buffered. Returns how many. */
static size_t wait_for_held(const struct fixture *fixture, size_t size)
{
    const uint64_t until_ms = now_ms() + 10000;
    size_t held;
    while ((held = atomic_load(&fixture->server->buffered_bytes)) > size && now_ms() < until_ms) {
        sched_yield();
    }
    return held;
}

/* The slow client is the oldest one, so that it is the slowest however long the others had to wait
 * for a processor. The server does not count what the kernel has buffered for a reader. */
static void memory_of_slow_readers_is_bounded_by_closing_the_slowest(void **state)
{
    struct fixture *fixture = *state;
    struct fake_service *fake = &fixture->fake;
    enum { READERS = 5, SLOW = 0, ROOM = 256 << 10, REQUEST_MOST = 65536 };
    fixture->options.buffered_bytes = (READERS - 1) * (fake->big_size + REQUEST_MOST);
    start(fixture);
    int fds[READERS];
    size_t got[READERS];
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = connect_with_room(fixture, ROOM);
        send_text(fds[i], GET("/big"));
        got[i] = read_some(fds[i], i == SLOW ? 1 : fake->big_size / 4);
    }
    assert_true(fake_service_wait(fake, &fake->outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1));
    assert_non_null(strstr(fake->last_log, "slow clients had"));
    for (size_t i = 0; i < READERS; i++) {
        if (i != SLOW) {
            read_some(fds[i], fake->big_size - got[i]);
        }
        close(fds[i]);
    }
    assert_int_equal(wait_for_held(fixture, 0), 0);
    get(fixture, GET("/"), 200);
    stop(fixture);
    assert_int_equal(fake->outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    assert_int_equal(fake->outcomes[SX_OUTCOME_COMPLETE], READERS);
}

/* Each new reader makes the server close another one, but does not add a line to the log. */
static void slow_readers_do_not_fill_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct fake_service *fake = &fixture->fake;
    enum { READERS = 40, KEPT = 2, LINES = 10 };
    fixture->options.buffered_bytes = KEPT * fake->big_size;
    start(fixture);
    int fds[READERS];
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = connect_with_room(fixture, 4096);
        send_text(fds[i], GET("/big"));
        read_some(fds[i], 1);
        if (i >= KEPT) {
            const unsigned *aborted = &fake->outcomes[SX_OUTCOME_RESPONSE_ABORTED];
            assert_true(fake_service_wait(fake, aborted, (unsigned)(i - KEPT)));
        }
    }
    for (size_t i = 0; i < READERS; i++) {
        close(fds[i]);
    }
    stop(fixture);
    print_message("%u lines\n", fake->logs);
    /* Another ten lines if the ten seconds ended meanwhile, and the number of suppressed lines then
     * and at the stop. */
    assert_in_range(fake->logs, 2, 2 * LINES + 2);
    assert_non_null(strstr(fake->last_log, "more times, and some were closed"));
}

/* Sends a request with the first `sent` bytes of a body of `size`. */
static int send_body(const struct fixture *fixture, const char *request, size_t size, size_t sent)
{
    const int fd = connect_with_room(fixture, 4096);
    char head[200];
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", request,
             size);
    send_text(fd, head);
    send_all(fd, fixture->fake.big, sent);
    return fd;
}

enum { CLIENTS = 9, BODY = 1000000, BODIES_HELD = 4 };

/* This number of clients gets a 408, including clients that still send. */
static void assert_late(const int fds[CLIENTS], unsigned count)
{
    struct pollfd polls[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    while (count > 0) {
        assert_true(poll(polls, CLIENTS, 15000) > 0);
        for (size_t i = 0; i < CLIENTS; i++) {
            if (polls[i].revents == 0) {
                continue;
            }
            assert_int_equal(receive_response(fds[i], NULL), 408);
            for (int j = 0; j < 3; j++) {
                assert_int_equal(send(fds[i], "x", 1, MSG_NOSIGNAL), 1);
                assert_int_equal(poll(&(struct pollfd){.fd = fds[i], .events = 0}, 1, 10), 0);
            }
            polls[i].fd = -1;
            polls[i].revents = 0;
            count--;
        }
    }
}

/* A closed client may not have sent all of its body yet. */
static void wait_for_ends(struct fixture *fixture, unsigned count)
{
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, count));
    assert_true(wait_for_held(fixture, fixture->options.buffered_bytes) <=
                fixture->options.buffered_bytes);
}

static void the_bodies_of_requests_count_while_their_responses_are_read(void **state)
{
    struct fixture *fixture = *state;
    static const char *const requests[] = {"PUT /stream/endless", "PUT /file"};
    fixture->options.buffered_bytes = BODIES_HELD * BODY + BODY / 2;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    for (unsigned i = 0; i < 2; i++) {
        int fds[CLIENTS];
        for (size_t j = 0; j < CLIENTS; j++) {
            fds[j] = send_body(fixture, requests[i], BODY, BODY);
        }
        wait_for_ends(fixture, i * CLIENTS + CLIENTS - BODIES_HELD);
        for (size_t j = 0; j < CLIENTS; j++) {
            reset(fds[j]);
        }
        wait_for_ends(fixture, (i + 1) * CLIENTS);
    }
    assert_int_equal(wait_for_held(fixture, 0), 0);
}

static void bodies_that_are_still_arriving_count_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.buffered_bytes = BODIES_HELD * BODY + BODY / 2;
    start(fixture);
    int fds[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = send_body(fixture, "PUT /echo", BODY, BODY - 1);
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.refusals, CLIENTS - BODIES_HELD));
    assert_int_equal(fixture->fake.refused_status, 408);
    assert_true(wait_for_held(fixture, fixture->options.buffered_bytes) <=
                fixture->options.buffered_bytes);
    assert_late(fds, CLIENTS - BODIES_HELD);
    for (size_t i = 0; i < CLIENTS; i++) {
        reset(fds[i]);
    }
    assert_int_equal(wait_for_held(fixture, 0), 0);
    stop(fixture);
    assert_int_equal(fixture->fake.refusals, CLIENTS - BODIES_HELD);
}

static void the_queue_has_room_for_some_bodies_only(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.buffered_bytes = BODIES_HELD * BODY * 2;
    fixture->options.body_bytes = BODY;
    int blocked[BLOCKED];
    block_all(fixture, blocked);
    int fds[4];
    for (unsigned i = 0; i < 2; i++) {
        fds[i] = send_body(fixture, "PUT /", BODY, BODY);
        wait_for_queued(fixture, i + 1);
    }
    /* The server waits for no client. */
    assert_int_equal(atomic_load(&fixture->server->buffered_bytes), 0);
    fds[2] = send_body(fixture, "PUT /", BODY, BODY);
    assert_int_equal(receive_response(fds[2], NULL), 503);
    fds[3] = connect_to(fixture);
    send_text(fds[3], GET("/"));
    wait_for_queued(fixture, 3);
    release_all(fixture, blocked);
    for (size_t i = 0; i < 4; i++) {
        assert_true(i == 2 || receive_response(fds[i], NULL) == 200);
        close(fds[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(no_more_handlers_run_than_there_are_threads),
        TEST(a_request_that_waits_too_long_is_answered_503),
        TEST(a_request_beyond_the_queue_is_answered_503_at_once),
        TEST(an_admin_route_answers_while_all_threads_are_blocked),
        TEST(observers_of_begin_that_block_delay_no_other_client),
        TEST(observers_of_end_that_block_delay_no_other_client),
        TEST(a_full_queue_has_room_for_admin_routes),
        TEST(no_handler_runs_for_a_client_that_has_left_the_queue),
        TEST(a_stream_whose_client_closes_in_the_queue_ends_once),
        TEST(a_stop_answers_those_in_the_queue),
        TEST(a_handler_that_does_not_return_is_abandoned),
        TEST(memory_of_slow_readers_is_bounded_by_closing_the_slowest),
        TEST(slow_readers_do_not_fill_the_log),
        TEST(the_bodies_of_requests_count_while_their_responses_are_read),
        TEST(bodies_that_are_still_arriving_count_too),
        TEST(the_queue_has_room_for_some_bodies_only),
        TEST(each_request_at_the_limit_is_answered_200_or_503),
    };
    return cmocka_run_group_tests_name("overload", tests, NULL, NULL);
}
