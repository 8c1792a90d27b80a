/* Handlers that block run concurrently, and the server distinguishes them from handlers that
 * compute. */
#define _GNU_SOURCE
#include "blocking.h"
#include "fixture.h"
#include "server_types.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUTE = 3, CALLS = 800, CLIENTS = 32, AT_ONCE = 10, PATIENCE_MS = 30000 };

/* ---- the clocks of one thread, as the kernel would report them ---- */

static bool is_scripted;
static uint64_t wall_ns, cpu_ns;
static unsigned measured; /* calls */
static long switches;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_getrusage(int who, struct rusage *usage);
int __wrap_getrusage(int who, struct rusage *usage);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!is_scripted) {
        return __real_clock_gettime(clock, now);
    }
    const uint64_t ns = clock == CLOCK_THREAD_CPUTIME_ID ? cpu_ns : wall_ns;
    *now = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    return 0;
}

int __wrap_getrusage(int who, struct rusage *usage)
{
    const int status = __real_getrusage(who, usage);
    usage->ru_nvcsw = is_scripted ? switches : usage->ru_nvcsw;
    return status;
}

/* Makes a call that takes `wall_us`, during which the thread has a processor for `cpu_us`. */
static void call(struct sx__blocking *blocking, unsigned *calls, unsigned wall_us, unsigned cpu_us,
                 bool waits)
{
    struct sx__call one;
    const bool is_measured =
        sx__blocking_is_watched(blocking, ROUTE) && sx__blocking_begin(&one, calls);
    wall_ns += wall_us * UINT64_C(1000);
    cpu_ns += cpu_us * UINT64_C(1000);
    switches += waits ? 1 : 0;
    if (is_measured) {
        sx__blocking_end(blocking, ROUTE, &one);
        measured++;
    }
    if (wall_us > 50) {
        sx__blocking_note_long(blocking, ROUTE, wall_us > 2000);
    }
}

static int set_up_script(void **state)
{
    static struct sx__blocking blocking;
    blocking = (struct sx__blocking){0};
    is_scripted = true;
    measured = 0;
    *state = &blocking;
    return 0;
}

static int tear_down_script(void **state)
{
    (void)state;
    is_scripted = false;
    return 0;
}

static void a_handler_that_waits_is_expected_to_block(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    assert_false(sx__blocking_is_expected(blocking, ROUTE));
    for (unsigned i = 0; i < 16; i++) {
        call(blocking, &calls, 100, 10, true);
    }
    assert_true(sx__blocking_is_expected(blocking, ROUTE));
    assert_false(sx__blocking_is_expected(blocking, ROUTE + 1));
}

/* Other threads had its processor for most of the time, but it did not wait for anything. */
static void a_handler_that_loses_its_processor_does_not_block(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 3000, 100, false);
        assert_false(sx__blocking_is_expected(blocking, ROUTE));
    }
}

/* A handler that waits briefly for a lock does not count as one that blocks. */
static void a_handler_that_computes_and_waits_a_little_does_not_block(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 510, 500, true);
        assert_false(sx__blocking_is_expected(blocking, ROUTE));
    }
}

/* One call of ten takes 20 ms; the others find their result in a cache. */
static void a_handler_that_seldom_blocks_but_then_for_long_is_expected_to(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    unsigned expected = 0;
    for (unsigned i = 0; i < 10 * CALLS; i++) {
        const bool blocks = i % 10 == 9;
        call(blocking, &calls, blocks ? 20000 : 2, blocks ? 10 : 2, blocks);
        expected += sx__blocking_is_expected(blocking, ROUTE) ? 1 : 0;
    }
    assert_true(expected > 9 * CALLS);
}

static void a_handler_that_does_not_block_any_more_is_not_expected_to(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 1000, 10, true);
    }
    assert_true(sx__blocking_is_expected(blocking, ROUTE));
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 3, 3, false);
    }
    assert_false(sx__blocking_is_expected(blocking, ROUTE));
}

/* Four system calls are a large part of a handler that takes a microsecond. */
static void short_handlers_are_not_measured(void **state)
{
    struct sx__blocking *blocking = *state;
    unsigned calls = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 1, 1, false);
    }
    assert_int_equal(measured, 0);
    sx__blocking_note_long(blocking, ROUTE, false); /* once, by chance */
    for (unsigned i = 0; i < CALLS; i++) {
        call(blocking, &calls, 1, 1, false);
    }
    assert_int_equal(measured, 1);
}

/* ---- with a server ---- */

static atomic_bool enough;

struct asker {
    const struct fixture *fixture;
    const char *request;
    pthread_t thread;
};

static void *ask_over_and_over(void *argument)
{
    const struct asker *asker = argument;
    const int fd = connect_to(asker->fixture);
    while (!atomic_load(&enough)) {
        send_text(fd, asker->request);
        assert_int_equal(receive_response(fd, NULL), 200);
    }
    close(fd);
    return NULL;
}

/* The handler or observer of the request waits for half a millisecond, which is shorter than a tick
 * of the monitor. `most` of the fake service counts how many wait at the same time. */
static void assert_at_once(struct fixture *fixture, const char *request, const unsigned *most)
{
    start(fixture);
    static struct asker clients[CLIENTS];
    atomic_store(&enough, false);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct asker){.fixture = fixture, .request = request};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, ask_over_and_over, &clients[i]),
                         0);
    }
    const uint64_t deadline_ms = now_ms() + PATIENCE_MS;
    unsigned now = 0;
    while (now < AT_ONCE && now_ms() < deadline_ms) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_mutex_lock(&fixture->fake.mutex);
        now = *most;
        pthread_mutex_unlock(&fixture->fake.mutex);
    }
    atomic_store(&enough, true);
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    assert_true(now >= AT_ONCE);
}

static void handlers_that_block_run_at_the_same_time(void **state)
{
    struct fixture *fixture = *state;
    assert_at_once(fixture, GET("/doze"), &fixture->fake.most_in_handler);
}

static void observers_of_begin_run_at_the_same_time(void **state)
{
    struct fixture *fixture = *state;
    assert_at_once(fixture, GET("/doze-begin"), &fixture->fake.most_in_observer);
}

static void observers_of_end_run_at_the_same_time(void **state)
{
    struct fixture *fixture = *state;
    assert_at_once(fixture, GET("/doze-end"), &fixture->fake.most_in_observer);
}

/* Returns how many lines of the story begin like this while GET /echo is served. */
static unsigned count_lines(struct fake_service *fake, const char *line)
{
    unsigned count = 0;
    pthread_mutex_lock(&fake->mutex);
    const char *at = fake->story;
    while ((at = strstr(at, "begin [GET] [/echo]")) != NULL) {
        const char *end = strstr(at, " out 0\n");
        end = end != NULL ? end : at + strlen(at); /* the client was faster than the observer */
        while ((at = strstr(at, line)) != NULL && at < end) {
            at++;
            count++;
        }
        at = end;
    }
    pthread_mutex_unlock(&fake->mutex);
    return count;
}

enum { LEARNED = 60, ASKED = 20 };

/* At most two calls run before a request: the current one, and one by chance. */
static void ask_beside(struct fixture *fixture, const unsigned *counter, const char *line)
{
    assert_true(fake_service_wait(&fixture->fake, counter, LEARNED));
    const int fd = connect_to(fixture);
    for (int i = 0; i < ASKED; i++) {
        send_text(fd, GET("/echo"));
        assert_int_equal(receive_response(fd, NULL), 200);
    }
    assert_in_range(count_lines(&fixture->fake, line), 0, 2 * ASKED);
    close(fd);
}

/* There is one thread for handlers and one that polls; a third is blocked in an observer. So the
 * thread that has blocked gets a permit again, and its turn can continue. */
static int connect_to_one_thread(struct fixture *fixture, int *observed)
{
    fixture->fake.records = true;
    fixture->options.threads = 1;
    start(fixture);
    *observed = connect_to(fixture);
    send_text(*observed, GET("/block-begin"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.in_observer, 1));
    return connect_to(fixture);
}

static void release_both(struct fixture *fixture, int greedy, int observed)
{
    fake_service_release(&fixture->fake);
    close(greedy);
    close(observed);
}

/* A client has pipelined many requests whose handlers block. Its turn ends after each of them, so
 * it does not occupy the only thread for a whole turn. */
static void a_client_whose_handlers_block_lets_others_go_first(void **state)
{
    struct fixture *fixture = *state;
    int observed;
    const int greedy = connect_to_one_thread(fixture, &observed);
    for (int i = 0; i < 600; i++) {
        send_text(greedy, GET("/sleep"));
    }
    ask_beside(fixture, &fixture->fake.handles, "\nhandle ");
    release_both(fixture, greedy, observed);
}

static void a_stream_whose_producer_blocks_lets_others_go_first(void **state)
{
    struct fixture *fixture = *state;
    int observed;
    const int greedy = connect_to_one_thread(fixture, &observed);
    send_text(greedy, GET("/stream/slow"));
    ask_beside(fixture, &fixture->fake.produced, "\nproduce");
    release_both(fixture, greedy, observed);
}

int main(void)
{
#define SCRIPTED(name) cmocka_unit_test_setup_teardown(name, set_up_script, tear_down_script)
    const struct CMUnitTest tests[] = {
        SCRIPTED(a_handler_that_waits_is_expected_to_block),
        SCRIPTED(a_handler_that_loses_its_processor_does_not_block),
        SCRIPTED(a_handler_that_computes_and_waits_a_little_does_not_block),
        SCRIPTED(a_handler_that_seldom_blocks_but_then_for_long_is_expected_to),
        SCRIPTED(a_handler_that_does_not_block_any_more_is_not_expected_to),
        SCRIPTED(short_handlers_are_not_measured),
        cmocka_unit_test_setup_teardown(handlers_that_block_run_at_the_same_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(observers_of_begin_run_at_the_same_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(observers_of_end_run_at_the_same_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_whose_handlers_block_lets_others_go_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stream_whose_producer_blocks_lets_others_go_first, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("blocking", tests, NULL, NULL);
}
