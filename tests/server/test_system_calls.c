/* System calls fail: each call of the server fails in each way that it can, is interrupted, or
 * writes less than requested. The test's own calls, on the main thread, do not fail. */
#define _GNU_SOURCE /* accept4 */
#include "fixture.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CLOSE(target) "GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define CHUNKED                                                                             \
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" \
    "\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\nX: y\r\n\r\n"

/* ---- the calls ---- */

enum call { ACCEPT, WATCH, WAIT, RECEIVE, SEND, SEND_TWO, SEND_FILE, POLL, CALLS };

static struct {
    _Atomic int left; /* how many further calls fail */
    _Atomic int error;
    _Atomic unsigned made;
} calls[CALLS];
static atomic_bool interrupted; /* every second call of each kind is interrupted */
static atomic_uint received;    /* calls that have returned */
static atomic_bool lies;        /* every event reports that the connection is gone */
static _Atomic size_t most;     /* bytes that a call writes; 0: all */
static pthread_t main_thread;

static bool fails(enum call call)
{
    if (pthread_equal(pthread_self(), main_thread)) {
        return false;
    }
    const unsigned made = atomic_fetch_add(&calls[call].made, 1);
    if (atomic_load(&interrupted) && made % 2 == 0) {
        errno = EINTR;
        return true;
    }
    if (atomic_load(&calls[call].left) > 0 && atomic_fetch_sub(&calls[call].left, 1) > 0) {
        errno = atomic_load(&calls[call].error);
        return true;
    }
    return false;
}

static void have_fail(enum call call, int error, int count)
{
    atomic_store(&calls[call].error, error);
    atomic_store(&calls[call].left, count);
}

static size_t cut(size_t size)
{
    const size_t limit = atomic_load(&most);
    return limit > 0 && size > limit && !pthread_equal(pthread_self(), main_thread) ? limit : size;
}

int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms);
ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_sendfile(int fd, int file, off_t *offset, size_t size);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendfile(int fd, int file, off_t *offset, size_t size);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return fails(ACCEPT) ? -1 : __real_accept4(fd, address, size, flags);
}
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    /* EPOLL_CTL_MOD allocates nothing and cannot fail. */
    return operation == EPOLL_CTL_ADD && !atomic_load(&interrupted) && fails(WATCH)
               ? -1
               : __real_epoll_ctl(epoll_fd, operation, fd, event);
}
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms)
{
    if (fails(WAIT)) {
        return -1;
    }
    const int found = __real_epoll_wait(epoll_fd, events, count, timeout_ms);
    for (int i = 0; i < found && atomic_load(&lies); i++) {
        events[i].events |= EPOLLHUP | EPOLLERR | EPOLLRDHUP;
    }
    return found;
}
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    const ssize_t count = fails(RECEIVE) ? -1 : __real_recv(fd, bytes, size, flags);
    atomic_fetch_add(&received, 1);
    return count;
}
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    return fails(SEND) ? -1 : __real_send(fd, bytes, cut(size), flags);
}
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (fails(SEND_TWO)) {
        return -1;
    }
    const size_t size = message->msg_iov[0].iov_len + message->msg_iov[1].iov_len;
    /* The end of the write may be in either piece. */
    return cut(size) < message->msg_iov[0].iov_len
               ? __real_send(fd, message->msg_iov[0].iov_base, cut(size), flags)
               : __real_sendmsg(fd, message, flags);
}
ssize_t __wrap_sendfile(int fd, int file, off_t *offset, size_t size)
{
    return fails(SEND_FILE) ? -1 : __real_sendfile(fd, file, offset, cut(size));
}
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return fails(POLL) ? -1 : __real_poll(fds, count, timeout_ms);
}

static int set_up_calls(void **state)
{
    for (size_t i = 0; i < CALLS; i++) {
        have_fail((enum call)i, 0, 0);
        atomic_store(&calls[i].made, 0);
    }
    atomic_store(&interrupted, false);
    atomic_store(&lies, false);
    atomic_store(&most, 0);
    const int status = set_up(state);
    /* Idle connections get a quarter of this time, and there are many stops. */
    ((struct fixture *)*state)->options.stop_timeout_ms = 400;
    return status;
}

/* The server has closed the connection when this returns. */
static void get_last(const struct fixture *fixture)
{
    const int fd = connect_to(fixture);
    send_text(fd, CLOSE("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    assert_closed(fd);
}

/* ---- accepting ---- */

static void a_failing_accept_does_not_stop_the_listener(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    /* Linux passes errors of the server on, too: accept(2). */
    static const int errors[] = {EMFILE,    ENFILE, ENOBUFS,      ENOMEM,     ECONNABORTED,
                                 EINTR,     EPERM,  EPROTO,       ENETDOWN,   ENOPROTOOPT,
                                 EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        have_fail(ACCEPT, errors[i], 1);
        get(fixture, GET("/"), 200);
        assert_int_equal(calls[ACCEPT].left, 0);
    }
    /* More than one turn accepts. */
    have_fail(ACCEPT, ECONNABORTED, 40);
    get(fixture, GET("/"), 200);
    /* Only errors that an operator can correct are logged, and each only once. */
    assert_int_equal(fixture->fake.logs, 4);
    have_fail(ACCEPT, ENOMEM, 3);
    get(fixture, GET("/"), 200);
    assert_int_equal(calls[ACCEPT].left, 0);
    assert_int_equal(fixture->fake.logs, 4);
    assert_string_equal(fixture->fake.last_log,
                        "cannot accept connections: Cannot allocate memory");
}

static void a_socket_that_cannot_be_watched_is_closed_and_counted(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connection_count = 1;
    fixture->options.address_connection_count = 1;
    start(fixture);
    get(fixture, GET("/"), 200); /* the listener is watched */
    wait_for_connections(fixture, 0);
    static const int errors[] = {ENOMEM, ENOSPC};
    for (size_t i = 0; i < 2; i++) {
        have_fail(WATCH, errors[i], 3);
        for (int j = 0; j < 3; j++) {
            assert_closed(connect_to(fixture));
        }
    }
    /* The socket counts neither as a connection nor as one of its client. */
    get(fixture, GET("/"), 200);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_OVERLOADED], 6);
}

/* ---- reading ---- */

static void a_failing_read_ends_only_its_connection(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    static const int errors[] = {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
                                 ENOMEM,     ENOBUFS,   EPIPE,        ENOTCONN,    EIO};
    static const struct {
        const char *before;
        const char *after;
    } places[] = {
        {"", "GET / HTTP/1.1\r\n"},
        {"GET / HTTP/1.1\r\n", "Host: a\r\n"},
        {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "def"},
        {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na", "bc"},
        {GET("/"), "GET "},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            const int fd = connect_to(fixture);
            const unsigned before = atomic_load(&received);
            send_text(fd, places[j].before);
            while (places[j].before[0] != '\0' && atomic_load(&received) == before) {
                poll(NULL, 0, 1);
            }
            have_fail(RECEIVE, errors[i], 1);
            send_text(fd, places[j].after);
            free(receive_all(fd));
            close(fd);
            have_fail(RECEIVE, 0, 0);
        }
        get_last(fixture);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
    assert_true(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED] > 0);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 0);
}

/* ---- writing ---- */

static void a_failing_write_is_a_response_aborted(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    static const int errors[] = {EPIPE,  ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
                                 ENOMEM, ENOBUFS,    EIO,       ENETDOWN};
    static const struct {
        enum call call;
        const char *request;
    } places[] = {
        {SEND, GET("/")},     {SEND_TWO, GET("/big")},      {SEND_FILE, GET("/file")},
        {SEND, GET("/file")}, {SEND, GET("/stream/short")}, {SEND, GET("/stream/pausing")},
    };
    unsigned aborted = 0;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            have_fail(places[j].call, errors[i], 1);
            const int fd = connect_to(fixture);
            send_text(fd, places[j].request);
            free(receive_all(fd));
            close(fd);
            assert_int_equal(calls[places[j].call].left, 0);
            aborted++;
        }
        get(fixture, GET("/"), 200);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], aborted);
}

static void the_server_waits_for_room_in_a_socket(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    static const struct {
        enum call call;
        const char *request;
    } places[] = {
        {SEND, GET("/")},     {SEND_TWO, GET("/big")},    {SEND_FILE, GET("/file")},
        {SEND, GET("/file")}, {SEND, GET("/status/404")},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const int fd = connect_to(fixture);
        for (int count = 1; count <= 3; count++) {
            /* There is room in fact, so the event comes at once. If the socket is already watched
             * for room, no event would come. So there is one failure per connection. */
            have_fail(places[i].call, EAGAIN, count == 1 ? 1 : 0);
            send_text(fd, places[i].request);
            assert_true(receive_response(fd, NULL) >= 200);
        }
        close(fd);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], fixture->fake.begins);
}

/* ---- pieces, and interruptions ---- */

static const char *const whole[] = {
    CLOSE("/"),
    CLOSE("/status/204"),
    CLOSE("/headers"),
    CLOSE("/long-headers"),
    GET("/") GET("/status/404") CLOSE("/headers"),
    CLOSE("/stream/short"),
    CLOSE("/stream/pausing"),
    CLOSE("/stream/failing"),
    CHUNKED,
    "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
    "Connection: close\r\n\r\nabc",
    "HEAD /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "nonsense\r\n\r\n",
    CLOSE("/file"),
    CLOSE("/big"),
};
#define WHOLE (sizeof whole / sizeof *whole)

static char *ask(const struct fixture *fixture, const char *request)
{
    const int fd = connect_to(fixture);
    send_text(fd, request);
    char *answer = receive_all(fd);
    close(fd);
    for (char *date = answer; (date = strstr(date, "\r\nDate: ")) != NULL; date += 8) {
        memset(date + 8, 'D', 29);
    }
    return answer;
}

/* Each response is the same as before. */
static void assert_answers(struct fixture *fixture, char *answers[WHOLE], size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        char *answer = ask(fixture, whole[i]);
        if (strcmp(answer, answers[i]) != 0) {
            fail_msg("%s\nwas answered with\n%.500s\nnot\n%.500s", whole[i], answer, answers[i]);
        }
        free(answer);
    }
}

static void start_and_ask(struct fixture *fixture, char *answers[WHOLE])
{
    fake_service_make_file(&fixture->fake);
    start(fixture);
    for (size_t i = 0; i < WHOLE; i++) {
        answers[i] = ask(fixture, whole[i]);
        assert_memory_equal(answers[i], "HTTP/1.1 ", 9);
    }
}

static void free_all(char *answers[WHOLE])
{
    for (size_t i = 0; i < WHOLE; i++) {
        free(answers[i]);
    }
}

static void calls_that_write_less_than_asked_are_repeated(void **state)
{
    struct fixture *fixture = *state;
    char *answers[WHOLE];
    start_and_ask(fixture, answers);
    atomic_store(&most, 1);
    assert_answers(fixture, answers, 0, WHOLE - 2);
    atomic_store(&most, 7001);
    assert_answers(fixture, answers, 0, WHOLE);
    free_all(answers);
}

static void every_call_may_be_interrupted(void **state)
{
    struct fixture *fixture = *state;
    char *answers[WHOLE];
    start_and_ask(fixture, answers);
    atomic_store(&interrupted, true);
    for (int round = 0; round < 3; round++) {
        assert_answers(fixture, answers, 0, WHOLE);
    }
    free_all(answers);
    stop(fixture);
    assert_int_equal(fixture->fake.logs, 0);
}

/* A thread may be delayed between epoll_wait and the connection, which ends meanwhile. Then the
 * thread has the event of one connection and finds the next one. */
static void an_event_of_an_earlier_connection_does_not_end_a_later_one(void **state)
{
    struct fixture *fixture = *state;
    char *answers[WHOLE];
    start_and_ask(fixture, answers);
    atomic_store(&lies, true);
    assert_answers(fixture, answers, 0, WHOLE);
    free_all(answers);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED], 0);
}

int main(void)
{
    main_thread = pthread_self();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_calls, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_failing_accept_does_not_stop_the_listener),
        TEST(a_socket_that_cannot_be_watched_is_closed_and_counted),
        TEST(a_failing_read_ends_only_its_connection),
        TEST(a_failing_write_is_a_response_aborted),
        TEST(the_server_waits_for_room_in_a_socket),
        TEST(calls_that_write_less_than_asked_are_repeated),
        TEST(every_call_may_be_interrupted),
        TEST(an_event_of_an_earlier_connection_does_not_end_a_later_one),
    };
    return cmocka_run_group_tests_name("system calls", tests, NULL, NULL);
}
