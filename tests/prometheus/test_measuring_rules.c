/* The rules of measuring requests that such components often break: each request is counted once,
 * with the status on the wire, a duration of its own, and no label that a client chooses. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "tested_app.h"

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BIG (16 * 1024 * 1024) /* more than any socket buffer takes */

static pthread_barrier_t both_are_in;

static struct sx_result index_page(void)
{
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(index_page);
static struct sx_result boom(void)
{
    return sx_fail(500, "boom");
}
SX_BIND(boom);
static struct sx_result not_json(void)
{
    return sx_json("{s:s}", "bytes", "\xff");
}
SX_BIND(not_json);
static struct sx_result weird(void)
{
    return sx_with_status(sx_text("weird"), 299);
}
SX_BIND(weird);
static struct sx_result slow_and_broken(void)
{
    struct timespec wait = {.tv_nsec = 50000000};
    nanosleep(&wait, NULL);
    return sx_fail(500, "too late");
}
SX_BIND(slow_and_broken);
static struct sx_result meet(void)
{
    pthread_barrier_wait(&both_are_in);
    pthread_barrier_wait(&both_are_in);
    return sx_empty();
}
SX_BIND(meet);
static struct sx_result big(void)
{
    char *bytes = calloc(1, BIG);
    return bytes == NULL ? sx_fail(500, "no memory") : sx_bytes_take(NULL, bytes, BIG);
}
SX_BIND(big);
static struct sx_result refuses(void)
{
    return sx_fail(400, "no");
}
SX_BIND(refuses);

static struct sx_result permit(const struct sx_request *request)
{
    return sx_request_get_query(request, "forbid") == NULL ? sx_continue() : sx_fail(403, "no");
}
SX_BIND(permit, (inject, sx_request, request));
static struct sx_result late_failure(const struct sx_request *request)
{
    return sx_request_get_query(request, "late") == NULL ? sx_continue() : sx_fail(409, "late");
}
SX_BIND(late_failure, (inject, sx_request, request));
static const struct sx_hook hooks[] = {SX_HOOK_ENTER(permit), SX_HOOK_LEAVE(late_failure)};

static const struct sx_route routes[] = {
    SX_GET("/", index_page),
    SX_GET("/boom", boom),
    SX_GET("/not-json", not_json),
    SX_GET("/weird", weird),
    SX_GET("/late", slow_and_broken),
    SX_GET("/meet", meet),
    SX_GET("/big", big),
    SX_GET("/refuses", refuses),
    SX_GET("/quo\"te", refuses),
    SX_GET("/metrics", sx_expose_metrics),
};

static const char *page;

static int start(enum sx_prometheus_handler handler)
{
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    start_app((struct sx_app_options){.routes = SX_LIST(routes), .hooks = SX_LIST(hooks)},
              (struct sx_prometheus_options){.handler = handler});
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return start(SX_HANDLER_DEFAULT);
}

static int send_with(const char *method, const char *target, const char *headers)
{
    assert_int_equal(
        sx_client_send(client, &reply, method, target, headers, (struct sx_str){NULL, 0}), SX_OK);
    page = page_text(registry);
    return reply.status;
}
static int get(const char *target)
{
    return send_with("GET", target, NULL);
}

#define COUNTED(handler, code, count)                                              \
    page_assert_line(page, "http_requests_total{method=\"GET\",handler=\"" handler \
                           "\",code=\"" code "\"} " count)

static void assert_balanced(void)
{
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
    assert_true(page_sum(page, "http_requests_total") ==
                page_sum(page, "http_request_duration_seconds_count"));
}

static void test_the_gauge_does_not_sink_with_unmatched_requests(void **state)
{
    (void)state;
    assert_int_equal(get("/nowhere"), 404);
    assert_int_equal(send_with("POST", "/", NULL), 405);
    assert_int_equal(send_with("OPTIONS", "/", NULL), 204);
    assert_int_equal(get("/boom/"), 308);
    page_assert_line(page, "http_requests_inprogress{method=\"GET\",handler=\"<builtin>\"} 0");
    page_assert_line(page, "http_requests_inprogress{method=\"POST\",handler=\"<builtin>\"} 0");
    COUNTED("<builtin>", "404", "1");
    COUNTED("<builtin>", "308", "1");
    assert_balanced();
}

static void test_a_failing_handler_is_counted_and_leaks_nothing(void **state)
{
    (void)state;
    assert_int_equal(get("/boom"), 500);
    COUNTED("test_measuring_rules.boom", "500", "1");
    assert_balanced();
}

static void test_a_response_that_cannot_be_rendered_is_counted(void **state)
{
    (void)state;
    assert_int_equal(get("/not-json"), 500);
    assert_int_equal(send_with("GET", "/", "Accept: image/png\r\n"), 406);
    COUNTED("test_measuring_rules.not_json", "500", "1");
    COUNTED("test_measuring_rules.index_page", "406", "1");
    assert_balanced();
}

static void test_a_status_of_no_standard_is_a_number_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(get("/weird"), 299);
    COUNTED("test_measuring_rules.weird", "299", "1");
    assert_balanced();
}

static void test_the_order_of_hooks_does_not_matter(void **state)
{
    (void)state;
    assert_int_equal(get("/?forbid"), 403);
    COUNTED("test_measuring_rules.index_page", "403", "1");
    assert_balanced();
}

static void test_the_clock_of_a_failed_request_is_not_that_of_the_next(void **state)
{
    (void)state;
    assert_int_equal(get("/late"), 500);
    assert_int_equal(get("/?forbid"), 403);
    assert_int_equal(get("/"), 200);
    page_assert_line(page, "http_request_duration_seconds_bucket{method=\"GET\",handler=\"test_"
                           "measuring_rules.slow_and_broken\",le=\"0.025\"} 0");
    page_assert_line(page, "http_request_duration_seconds_bucket{method=\"GET\",handler=\"test_"
                           "measuring_rules.index_page\",le=\"+Inf\"} 2");
    assert_balanced();
}

static void *meet_in_thread(void *context)
{
    struct sx_client *own = NULL;
    struct sx_reply own_reply = {0};
    (void)context;
    if (sx_client_new(&own, app) == SX_OK && sx_client_get(own, &own_reply, "/meet") == SX_OK) {
        context = own_reply.status == 204 ? context : NULL;
    }
    sx_reply_clean_up(&own_reply);
    sx_client_destroy(own);
    return context;
}

static void test_two_requests_at_once_have_a_clock_each(void **state)
{
    (void)state;
    pthread_t threads[2];
    pthread_barrier_init(&both_are_in, NULL, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, meet_in_thread, app), 0);
    }
    pthread_barrier_wait(&both_are_in);
    page = page_text(registry);
    page_assert_line(
        page, "http_requests_inprogress{method=\"GET\",handler=\"test_measuring_rules.meet\"} 2");
    pthread_barrier_wait(&both_are_in);
    for (size_t i = 0; i < 2; i++) {
        void *well = NULL;
        assert_int_equal(pthread_join(threads[i], &well), 0);
        assert_non_null(well);
    }
    pthread_barrier_destroy(&both_are_in);
    page = page_text(registry);
    COUNTED("test_measuring_rules.meet", "204", "2");
    assert_balanced();
}

/* A handler that calls the app again: test_a_request_within_a_request_is_counted_like_any_other
 */

static void test_what_no_handler_answers_has_a_duration_too(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get("/nowhere"), 404);
    }
    page_assert_line(page,
                     "http_request_duration_seconds_count{method=\"GET\",handler=\"<builtin>\"} 3");
    assert_balanced();
}

/* ---- over a socket, where a response takes its time ---- */

static void *run_app(void *context)
{
    return sx_app_run(app) == 0 ? context : NULL;
}

static int connect_to(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static size_t read_bytes(int fd, size_t most)
{
    static char buffer[65536];
    size_t total = 0;
    ssize_t got = 1;
    while (total < most && got > 0) {
        got = read(fd, buffer, sizeof buffer);
        total += got > 0 ? (size_t)got : 0;
    }
    return total;
}

/* Reads pages until a line is there; the test's time limit ends it otherwise. */
static void wait_for_line(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    do {
        page = page_text(registry);
    } while (strstr(page, whole) == NULL && poll(NULL, 0, 1) == 0);
}

static void test_the_duration_ends_with_the_last_byte(void **state)
{
    (void)state;
    static const char request[] = "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    pthread_t server;
    assert_int_equal(sx_app_listen(app, NULL), SX_OK);
    const int port = sx_app_get_port(app, 0);
    assert_int_equal(pthread_create(&server, NULL, run_app, app), 0);

    int slow = connect_to(port);
    assert_int_equal(write(slow, request, sizeof request - 1), sizeof request - 1);
    assert_true(read_bytes(slow, 1000) >= 1000);
    wait_for_line(
        "http_requests_total{method=\"GET\",handler=\"test_measuring_rules.big\",code=\"200\"} 1");
    page_assert_line(
        page, "http_requests_inprogress{method=\"GET\",handler=\"test_measuring_rules.big\"} 1");
    poll(NULL, 0, 60); /* the reader's own pace, which is part of the duration */
    assert_true(read_bytes(slow, BIG) > 0);
    close(slow);
    wait_for_line(
        "http_requests_inprogress{method=\"GET\",handler=\"test_measuring_rules.big\"} 0");
    page_assert_line(page, "http_request_duration_seconds_bucket{method=\"GET\",handler=\"test_"
                           "measuring_rules.big\",le=\"0.05\"} 0");

    /* a response that dies half-way keeps its code, and is counted apart */
    int gone = connect_to(port);
    assert_int_equal(write(gone, request, sizeof request - 1), sizeof request - 1);
    assert_true(read_bytes(gone, 1000) >= 1000);
    close(gone);
    wait_for_line(
        "http_requests_aborted_total{method=\"GET\",handler=\"test_measuring_rules.big\",phase="
        "\"response\"} 1");
    wait_for_line(/* which is the last thing that is counted */
                  "http_requests_inprogress{method=\"GET\",handler=\"test_measuring_rules.big\"} 0");
    COUNTED("test_measuring_rules.big", "200", "2");
    assert_balanced();

    /* and so is a request that dies before it is complete */
    static const char half[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
    int silent = connect_to(port);
    assert_int_equal(write(silent, half, sizeof half - 1), sizeof half - 1);
    wait_for_line("http_requests_inprogress{method=\"POST\",handler=\"<builtin>\"} 1");
    close(silent);
    wait_for_line("http_requests_aborted_total{method=\"POST\",handler=\"<builtin>\",phase="
                  "\"request\"} 1");
    wait_for_line("http_requests_inprogress{method=\"POST\",handler=\"<builtin>\"} 0");
    assert_balanced();

    void *well = NULL;
    sx_app_stop(app);
    assert_int_equal(pthread_join(server, &well), 0);
    assert_non_null(well);
}

static void test_a_late_failure_is_counted_once(void **state)
{
    (void)state;
    assert_int_equal(get("/?late"), 409);
    COUNTED("test_measuring_rules.index_page", "409", "1");
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_balanced();
}

static void test_the_code_is_that_of_the_wire(void **state)
{
    (void)state;
    assert_int_equal(send_with("GET", "/", "Accept: text/html\r\n"), 406);
    assert_int_equal(get("/?late"), 409);
    assert_null(strstr(page, "code=\"200\""));
}

static void test_a_method_of_a_client_is_no_label(void **state)
{
    (void)state;
    assert_int_equal(send_with("AAAAAGET", "/", NULL), 405);
    assert_int_equal(send_with("PROPFIND", "/", NULL), 405);
    page_assert_line(page,
                     "http_requests_total{method=\"_OTHER\",handler=\"<builtin>\",code=\"405\"} 2");
    assert_null(strstr(page, "PROPFIND"));
}

static void test_a_path_of_a_client_is_no_label(void **state)
{
    (void)state;
    assert_int_equal(get("/secret-of-a-client"), 404);
    assert_null(strstr(page, "secret"));
}

static void test_a_handlers_400_is_the_handlers(void **state)
{
    (void)state;
    assert_int_equal(get("/refuses"), 400);
    COUNTED("test_measuring_rules.refuses", "400", "1");
    assert_null(strstr(page, "<builtin>"));
    assert_balanced();
}

static void test_errors_in_any_order_are_all_counted(void **state)
{
    (void)state;
    static const char *const orders[][3] = {{"/refuses", "/nowhere", "/boom"},
                                            {"/nowhere", "/refuses", "/boom"},
                                            {"/boom", "/nowhere", "/refuses"}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            assert_true(get(orders[i][k]) >= 400);
        }
    }
    COUNTED("test_measuring_rules.refuses", "400", "3");
    COUNTED("test_measuring_rules.boom", "500", "3");
    COUNTED("<builtin>", "404", "3");
    assert_balanced();
}

static void assert_header(const char *name, const char *expected)
{
    char value[128];
    assert_true(sx_reply_get_header(&reply, name, value, sizeof value));
    assert_string_equal(value, expected);
}

static void test_the_page_has_the_format_that_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(
        send_with("GET", "/metrics?name[]=none", "Accept: application/openmetrics-text\r\n"), 200);
    assert_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_header("Vary", "Accept, Accept-Encoding");
    assert_string_equal(reply.body.data, "# EOF\n");
    assert_int_equal(send_with("GET", "/metrics", "Accept: image/png\r\n"), 200);
    assert_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
}

/* A scrape that counts itself: test_handlers_can_be_left_out */
/* Gauges of dead processes: tests/metrics/test_fork.c */

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    (void)tear_down(state);
    start(SX_HANDLER_ROUTE);
    assert_int_equal(get("/quo%22te"), 400);
    COUNTED("/quo\\\"te", "400", "1");
}

static void test_rejected_requests_are_counted(void **state)
{
    (void)state;
    char target[9000];
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[sizeof target - 1] = '\0';
    assert_int_equal(get(target), 414);
    page_assert_line(page, "http_requests_rejected_total{reason=\"target_too_long\"} 1");
    assert_int_equal(send_with("GET", "/", "Host: again\r\n"), 400);
    page_assert_line(page, "http_requests_rejected_total{reason=\"malformed\"} 1");
    assert_true(page_sum(page, "http_requests_total") == 0);
}

/* Not the wall clock: the record's times are compared with CLOCK_MONOTONIC. */
static void test_durations_are_of_the_monotonic_clock(void **state)
{
    (void)state;
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(get("/late"), 500);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double most =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
    double measured = page_sum(page, "http_request_duration_seconds_sum");
    assert_true(measured >= 0.05 && measured <= most);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_gauge_does_not_sink_with_unmatched_requests),
        CASE(test_a_failing_handler_is_counted_and_leaks_nothing),
        CASE(test_a_response_that_cannot_be_rendered_is_counted),
        CASE(test_a_status_of_no_standard_is_a_number_like_any_other),
        CASE(test_the_order_of_hooks_does_not_matter),
        CASE(test_the_clock_of_a_failed_request_is_not_that_of_the_next),
        CASE(test_two_requests_at_once_have_a_clock_each),
        CASE(test_what_no_handler_answers_has_a_duration_too),
        CASE(test_the_duration_ends_with_the_last_byte),
        CASE(test_a_late_failure_is_counted_once),
        CASE(test_the_code_is_that_of_the_wire),
        CASE(test_a_method_of_a_client_is_no_label),
        CASE(test_a_path_of_a_client_is_no_label),
        CASE(test_a_handlers_400_is_the_handlers),
        CASE(test_errors_in_any_order_are_all_counted),
        CASE(test_the_page_has_the_format_that_is_accepted),
        CASE(test_label_values_are_escaped),
        CASE(test_rejected_requests_are_counted),
        CASE(test_durations_are_of_the_monotonic_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
