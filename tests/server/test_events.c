/* A poller takes several events with one call. No event waits for the handlers of another event,
 * and there are not too many pollers. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "fixture.h"
#include "server_types.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLIENTS = 8, ROUNDS = 30, PROCESSORS = 3, PATIENCE_MS = 1000 };

static atomic_bool gate_closed, is_waiting;
static pthread_t monitor;
static atomic_uint passed_on; /* events that threads other than the monitor made to come again */
static atomic_bool is_small;  /* the machine has PROCESSORS, and pollers wait long */
static atomic_uint polling, most_polling;

int __real_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* A thread that polls without a time-out waits at the gate. */
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms)
{
    while (timeout_ms < 0 && atomic_load(&gate_closed)) {
        atomic_store(&is_waiting, true);
        pause_us(100);
    }
    const unsigned now = atomic_fetch_add(&polling, 1) + 1;
    unsigned most = atomic_load(&most_polling);
    while (now > most && !atomic_compare_exchange_weak(&most_polling, &most, now)) {
    }
    const bool is_patient = timeout_ms >= 0 && atomic_load(&is_small);
    const int found =
        __real_epoll_wait(epoll_fd, events, count, is_patient ? PATIENCE_MS : timeout_ms);
    atomic_fetch_sub(&polling, 1);
    return found;
}

int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    const int status = __real_sched_getaffinity(process, size, set);
    if (atomic_load(&is_small)) {
        CPU_ZERO(set);
        for (size_t i = 0; i < PROCESSORS; i++) {
            CPU_SET(i, set);
        }
    }
    return status;
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_MOD && !pthread_equal(pthread_self(), monitor)) {
        atomic_fetch_add(&passed_on, 1);
    }
    return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

static void ask(int fd, const char *request)
{
    send_text(fd, request);
    assert_int_equal(receive_response(fd, NULL), 200);
}

struct crowd {
    struct fixture *fixture;
    int fds[CLIENTS];
    int spare; /* a client whose requests bring the poller to the gate */
    int sent;  /* the requests that it has sent */
};

static void begin(struct crowd *crowd, void **state)
{
    *crowd = (struct crowd){.fixture = *state};
    crowd->fixture->options.threads = CLIENTS;
    start(crowd->fixture);
    monitor = crowd->fixture->thread;
    atomic_store(&gate_closed, false);
    crowd->spare = connect_to(crowd->fixture);
    for (size_t i = 0; i < CLIENTS; i++) {
        crowd->fds[i] = connect_to(crowd->fixture);
        ask(crowd->fds[i], GET("/"));
    }
}

static void end(struct crowd *crowd)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        close(crowd->fds[i]);
    }
    close(crowd->spare);
}

/* From now on, events wait until the gate is opened, and are then taken together. Another poller
 * may take the request that is to bring the poller to the gate. */
static void close_gate(struct crowd *crowd)
{
    atomic_store(&is_waiting, false);
    atomic_store(&gate_closed, true);
    while (!atomic_load(&is_waiting)) {
        atomic_store(&crowd->fixture->server->turn_ns, 0);
        send_text(crowd->spare, GET("/"));
        crowd->sent++;
        for (int i = 0; i < 100 && !atomic_load(&is_waiting); i++) {
            pause_us(100);
        }
    }
}

static void open_gate(struct crowd *crowd)
{
    atomic_store(&gate_closed, false);
    for (; crowd->sent > 0; crowd->sent--) {
        assert_int_equal(receive_response(crowd->spare, NULL), 200);
    }
}

static void block_again(struct fake_service *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->is_released = false;
    pthread_mutex_unlock(&fake->mutex);
}

/* The handlers of some clients block. All other clients get their responses before those. */
static void send_at_once(void **state, size_t blocks)
{
    struct crowd crowd;
    begin(&crowd, state);
    struct fake_service *fake = &crowd.fixture->fake;
    for (size_t round = 0; round < ROUNDS; round++) {
        close_gate(&crowd);
        block_again(fake);
        for (size_t i = 0; i < CLIENTS; i++) {
            send_text(crowd.fds[i], (i + round) % CLIENTS < blocks ? GET("/block") : GET("/"));
        }
        open_gate(&crowd);
        for (size_t i = 0; i < CLIENTS; i++) {
            if ((i + round) % CLIENTS >= blocks) {
                assert_int_equal(receive_response(crowd.fds[i], NULL), 200);
            }
        }
        fake_service_release(fake);
        for (size_t i = 0; i < CLIENTS; i++) {
            if ((i + round) % CLIENTS < blocks) {
                assert_int_equal(receive_response(crowd.fds[i], NULL), 200);
            }
        }
    }
    end(&crowd);
}

static void no_client_waits_for_a_handler_that_blocks(void **state)
{
    send_at_once(state, 1);
}

/* Its thread gives up its permit before it calls the handler. */
static void no_client_waits_for_a_handler_that_is_expected_to_block(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd;
    begin(&crowd, state);
    for (size_t round = 0; round < ROUNDS; round++) {
        close_gate(&crowd);
        block_again(&fixture->fake);
        for (size_t i = 0; i < CLIENTS; i++) {
            send_text(crowd.fds[i], i < CLIENTS / 2 ? GET("/block") : GET("/"));
        }
        for (size_t i = 0; i < SX__ROUTES_KNOWN; i++) {
            atomic_store(&fixture->server->blocking.places[i].blocked_ns, 1000000);
        }
        open_gate(&crowd);
        for (size_t i = CLIENTS / 2; i < CLIENTS; i++) {
            assert_int_equal(receive_response(crowd.fds[i], NULL), 200);
        }
        fake_service_release(&fixture->fake);
        for (size_t i = 0; i < CLIENTS / 2; i++) {
            assert_int_equal(receive_response(crowd.fds[i], NULL), 200);
        }
        for (size_t i = 0; i < SX__ROUTES_KNOWN; i++) {
            atomic_store(&fixture->server->blocking.places[i].blocked_ns, 0);
        }
    }
    end(&crowd);
}

static void a_long_turn_is_the_last_of_its_batch(void **state)
{
    struct crowd crowd;
    begin(&crowd, state);
    atomic_store(&passed_on, 0);
    for (size_t round = 0; round < ROUNDS && atomic_load(&passed_on) == 0; round++) {
        close_gate(&crowd);
        for (size_t i = 0; i < CLIENTS; i++) {
            send_text(crowd.fds[i], i == 0 ? GET("/nap") : GET("/"));
        }
        atomic_store(&crowd.fixture->server->turn_ns, 45000); /* one more makes turns long */
        open_gate(&crowd);
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(receive_response(crowd.fds[i], NULL), 200);
        }
    }
    assert_true(atomic_load(&passed_on) > 0);
    end(&crowd);
}

/* A long turn makes another thread poll. */
static void have_long_turn(const struct fixture *fixture, int fd)
{
    atomic_store(&fixture->server->turn_ns, 2000000);
    ask(fd, GET("/"));
}

/* The limit holds for any number of threads and requests. */
static void no_more_threads_poll_than_there_are_processors(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.threads = 4 * PROCESSORS;
    atomic_store(&is_small, true);
    atomic_store(&most_polling, 0);
    start(fixture);
    const int fd = connect_to(fixture);
    const uint64_t deadline_ms = now_ms() + 20000;
    while (atomic_load(&most_polling) < PROCESSORS) {
        assert_true(now_ms() < deadline_ms);
        have_long_turn(fixture, fd);
    }
    for (int i = 0; i < 500; i++) {
        have_long_turn(fixture, fd);
    }
    close(fd);
    assert_int_equal(atomic_load(&most_polling), PROCESSORS);
}

/* A test that failed may have left the gate closed. */
static int open_and_tear_down(void **state)
{
    atomic_store(&gate_closed, false);
    atomic_store(&is_small, false);
    return tear_down(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, open_and_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(no_client_waits_for_a_handler_that_blocks),
        TEST(no_client_waits_for_a_handler_that_is_expected_to_block),
        TEST(a_long_turn_is_the_last_of_its_batch),
        TEST(no_more_threads_poll_than_there_are_processors),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
