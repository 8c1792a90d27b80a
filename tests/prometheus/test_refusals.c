/* Over sockets: each way to be turned away is counted with its reason, or under its handler where
 * it had one; and what happens when descriptors are exhausted. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "served.h"

#include "page.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/sx_refusals_XXXXXX";
static char path[64];

static struct sx_result hello(void)
{
    return sx_text("hello");
}
SX_BIND(hello);
static struct sx_result take(struct sx_str body)
{
    return sx_text("%zu", body.size);
}
SX_BIND(take, (body, bytes, body));
static struct sx_result send_it(void)
{
    return sx_file(path);
}
SX_BIND(send_it);
static struct sx_result send_beneath(void)
{
    return sx_file_beneath(folder, "file.txt");
}
SX_BIND(send_beneath);

static const struct sx_route routes[] = {
    SX_GET("/", hello),
    SX_POST("/", take),
    SX_GET("/file", send_it),
    SX_GET("/beneath", send_beneath),
};
static struct served served;

static int set_up(void **state)
{
    (void)state;
    served_init(&served, (struct sx_app_options){.routes = SX_LIST(routes)});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    served_clean_up(&served);
    return 0;
}

static void assert_rejected(enum sx_reason reason, unsigned count)
{
    char line[128];
    snprintf(line, sizeof line, "http_requests_rejected_total{reason=\"%s\"} %u",
             sx_reason_name(reason), count);
    served_wait_for_line(&served, line);
}

/* ---- the reasons ---- */

#define HOST "Host: a\r\n"

static void test_what_is_no_request_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST " X: y\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400},
    };
    served_start(&served, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(served_ask(&served, cases[i].request), cases[i].status);
    }
    assert_rejected(SX_REASON_MALFORMED, sizeof cases / sizeof *cases);
    served_assert_balanced(&served);
}

static void test_each_limit_has_its_reason(void **state)
{
    (void)state;
    const struct sx_run_options options = {
        .request_line_bytes = 50,
        .header_bytes = 100,
        .header_count = 3,
        .connection_count = 2,
    };
    served_start(&served, &options);
    assert_int_equal(
        served_ask(&served, "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 414);
    assert_rejected(SX_REASON_TARGET_TOO_LONG, 1);

    assert_int_equal(served_ask(&served, "GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE: f\r\n\r\n"),
                     431);
    assert_rejected(SX_REASON_HEADER_TOO_LARGE, 1);
    char request[300] = "GET / HTTP/1.1\r\nHost: ";
    memset(request + strlen(request), 'a', 200);
    assert_int_equal(served_ask(&served, request), 431);
    assert_rejected(SX_REASON_HEADER_TOO_LARGE, 2);

    const int left = served_connect(&served);
    client_say(left, "GET / HTTP/1.1\r\nHo", 18);
    shutdown(left, SHUT_WR);
    assert_int_equal(client_hear(left), 0);
    assert_rejected(SX_REASON_DISCONNECTED, 1);

    const int first = served_connect(&served);
    const int second = served_connect(&served);
    assert_int_equal(client_hear(served_connect(&served)), 0);
    assert_rejected(SX_REASON_OVERLOADED, 1);
    close(first);
    close(second);
    const char *page = page_text(served.registry);
    assert_true(page_sum(page, "http_requests_rejected_total") == 5);
    assert_true(page_sum(page, "http_requests_total") == 0);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
}

/* Alone, because a slow machine may exceed the time in each step of another test. */
static void test_a_late_header_has_its_reason(void **state)
{
    (void)state;
    served_start(&served, &(struct sx_run_options){.header_timeout_ms = 50});
    assert_int_equal(served_ask(&served, "GET / HTTP/1.1\r\nHo"), 408);
    assert_rejected(SX_REASON_HEADER_TIMEOUT, 1);
    const char *page = page_text(served.registry);
    assert_true(page_sum(page, "http_requests_rejected_total") == 1);
    assert_true(page_sum(page, "http_requests_total") == 0);
}

/* From the end of its header on a request has a route, and is counted there. */
static void test_what_is_refused_later_is_its_handlers(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: x\r\n\r\n", 417},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc", 408},
    };
    served_start(&served, &(struct sx_run_options){.body_bytes = 10, .body_timeout_ms = 50});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(served_ask(&served, cases[i].request), cases[i].status);
    }
    static const struct {
        int status;
        unsigned count;
    } counts[] = {{413, 2}, {400, 1}, {417, 1}, {408, 1}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "http_requests_total{method=\"POST\",handler=\"test_refusals.take\",code=\"%d\"} "
                 "%u",
                 counts[i].status, counts[i].count);
        served_wait_for_line(&served, line);
    }
    const char *page = page_text(served.registry);
    assert_true(page_sum(page, "http_requests_rejected_total") == 0);
    served_wait_for_line(&served, "http_requests_inprogress{method=\"POST\",handler=\"test_"
                                  "refusals.take\"} 0");
    served_assert_balanced(&served);
}

/* ---- descriptors ---- */

static int count_descriptors(void)
{
    int count = 0;
    DIR *open_files = opendir("/proc/self/fd");
    assert_non_null(open_files);
    while (readdir(open_files) != NULL) {
        count++;
    }
    closedir(open_files);
    return count;
}

/* Leaves `left` descriptors free, and no more; undone by release_descriptors. */
struct held {
    struct rlimit before;
    int fds[64];
    size_t count;
};

static void hold_descriptors(struct held *held, size_t left)
{
    getrlimit(RLIMIT_NOFILE, &held->before);
    held->count = 0;
    const int highest = fcntl(0, F_DUPFD_CLOEXEC, 0);
    assert_true(highest >= 0);
    close(highest);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)highest + 30, held->before.rlim_max});
    int fd;
    while (held->count < 64 && (fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0) {
        held->fds[held->count++] = fd;
    }
    assert_true(held->count > left && held->count < 64);
    for (; left > 0; left--) {
        close(held->fds[--held->count]);
    }
}

static void release_descriptors(struct held *held)
{
    while (held->count > 0) {
        close(held->fds[--held->count]);
    }
    setrlimit(RLIMIT_NOFILE, &held->before);
}

static void ask_kept_alive(int fd, const char *request, const char *status)
{
    char answer[2048];
    client_say(fd, request, strlen(request));
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 20000), 1);
    const ssize_t size = recv(fd, answer, sizeof answer - 1, 0);
    assert_true(size > 12);
    answer[size] = '\0';
    assert_memory_equal(answer + 9, status, 3);
}

static void test_a_file_without_a_descriptor_is_a_500(void **state)
{
    (void)state;
    served_start(&served, NULL);
    assert_int_equal(served_ask(&served, CLOSE("/file")), 200);
    const int fd = served_connect(&served);
    ask_kept_alive(fd, GET("/"), "200");
    struct held held;
    hold_descriptors(&held, 0);
    ask_kept_alive(fd, GET("/file"), "500");
    ask_kept_alive(fd, GET("/beneath"), "500");
    ask_kept_alive(fd, GET("/"), "200");
    /* A folder takes one more than the file that is in it. */
    close(held.fds[--held.count]);
    ask_kept_alive(fd, GET("/beneath"), "500");
    ask_kept_alive(fd, GET("/file"), "200");
    release_descriptors(&held);
    ask_kept_alive(fd, GET("/beneath"), "200");
    close(fd);
    served_stop(&served);
    assert_true(served_has_logged(&served, "file.txt: Too many open files"));
    served_assert_balanced(&served);
}

/* However many are left: it listens and serves, or says why not and leaves nothing open. */
static void test_without_descriptors_it_says_so_and_does_not_listen(void **state)
{
    (void)state;
    const int before = count_descriptors();
    int status = -1;
    size_t left = 0;
    for (; status < 0; left++) {
        struct held held;
        hold_descriptors(&held, left);
        served.log[0] = '\0';
        status = sx_app_listen(served.app, NULL);
        release_descriptors(&held);
        if (status < 0) {
            assert_int_equal(status, SX_ESYSTEM);
            assert_true(served_has_logged(&served, "Too many open files"));
            assert_int_equal(count_descriptors(), before);
        }
        assert_true(left < 20);
    }
    assert_true(left >= 4);
    sx_app_stop(served.app);
    assert_int_equal(sx_app_run(served.app), SX_OK);
}

static void make_file(void)
{
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file.txt", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("a file", file);
    fclose(file);
}

static int tear_down_all(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    return 0;
}

static int set_up_all(void **state)
{
    (void)state;
    make_file();
    return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_no_request_is_malformed),
        CASE(test_each_limit_has_its_reason),
        CASE(test_a_late_header_has_its_reason),
        CASE(test_what_is_refused_later_is_its_handlers),
        CASE(test_a_file_without_a_descriptor_is_a_500),
        CASE(test_without_descriptors_it_says_so_and_does_not_listen),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
