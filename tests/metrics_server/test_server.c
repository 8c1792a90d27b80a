/* The metrics server answers scrapers, and outlives bad clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/metrics_server.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE "# HELP c_total H.\n# TYPE c_total counter\nc_total 7\n"

/* Programs have it by value, so its size stays. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct sx_metrics_server_options) == 64,
               "the options have another size");

static struct sx_registry *registry;
static struct sx_metrics_server *server;
static uint16_t port;
static char text[1 << 16];
static char said[512];
static size_t descriptors;

static atomic_uint failed_polls;

int __real_poll(struct pollfd *polls, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *polls, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *polls, nfds_t count, int timeout_ms)
{
    int ready = __real_poll(polls, count, timeout_ms);
    atomic_fetch_add(&failed_polls, ready < 0 ? 1 : 0);
    return ready;
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void note(void *context, const char *message)
{
    (void)context;
    snprintf(said, sizeof said, "%s", message);
}

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 1 << 20, .directory_bytes = 16 << 20};
    struct sx_counter *counter = NULL;
    said[0] = '\0';
    server = NULL;
    if (sx_registry_new(&registry, &small) != SX_OK ||
        sx_counter_register(&counter, registry,
                            &(struct sx_metric_options){.name = "c_total", .help = "H."}) !=
            SX_OK) {
        return -1;
    }
    sx_counter_add(counter, 7);
    descriptors = count_descriptors();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_int_equal(count_descriptors(), descriptors);
    sx_registry_destroy(registry);
    return 0;
}

static void start(struct sx_metrics_server_options options)
{
    options.log = note;
    assert_int_equal(sx_metrics_server_new(&server, registry, "127.0.0.1:0", &options), SX_OK);
    port = sx_metrics_server_get_port(server);
    assert_int_not_equal(port, 0);
}

static void start_with_defaults(void)
{
    start((struct sx_metrics_server_options){.path = NULL});
}

static void starts_with(const char *expected)
{
    if (strncmp(text, expected, strlen(expected)) != 0) {
        print_error("%s\n", text);
        fail();
    }
}

static const char *body(void)
{
    const char *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void test_a_scrape_gets_the_page(void **state)
{
    (void)state;
    start_with_defaults();
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    starts_with("HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "\r\nVary: Accept, Accept-Encoding\r\n"));
    assert_non_null(strstr(text, "\r\nDate: "));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_string_equal(body(), PAGE);
}

static void test_the_accept_header_and_the_query_are_honoured(void **state)
{
    (void)state;
    start_with_defaults();
    client_ask(port,
               "GET /metrics?name[]=none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
               "Accept: application/openmetrics-text;escaping=dots\r\n\r\n",
               text, sizeof text);
    starts_with("HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
                                 "charset=utf-8; escaping=dots\r\n"));
    assert_string_equal(body(), "# EOF\n");
}

/* RFC 9110 9.3.2: the same header fields as for GET */
static void test_head_has_the_headers_of_get_in_each_format(void **state)
{
    (void)state;
    static const char *const formats[] = {
        "text/plain", "text/plain;version=1.0.0", "application/openmetrics-text",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"};
    char request[512];
    char got[4096];
    start_with_defaults();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        for (int head = 0; head < 2; head++) {
            snprintf(request, sizeof request,
                     "%s /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: %s\r\n\r\n",
                     head ? "HEAD" : "GET", formats[i]);
            client_ask(port, request, head ? text : got, head ? sizeof text : sizeof got);
        }
        /* All but the date, and the body. */
        char *end = strstr(got, "\r\n\r\n") + 4;
        *end = '\0';
        memset(strstr(got, "Date: "), 'x', 35);
        memset(strstr(text, "Date: "), 'x', 35);
        assert_string_equal(text, got);
    }
}

static void test_the_page_may_have_several_registries(void **state)
{
    (void)state;
    struct sx_registry *second = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_registry_new(&second, &(struct sx_registry_options){.thread_rows = 4}),
                     SX_OK);
    assert_int_equal(sx_gauge_register(&gauge, second, &(struct sx_metric_options){.name = "g"}),
                     SX_OK);
    struct sx_registry *list[] = {second, registry};
    struct sx_metrics_server_options options = {.log = note};
    options.registry_count = 2;
    assert_int_equal(sx_metrics_server_new(&server, NULL, "127.0.0.1:0", &options), SX_EINVAL);
    options.registries = list;
    assert_int_equal(sx_metrics_server_new(&server, registry, "127.0.0.1:0", &options), SX_EINVAL);
    assert_int_equal(sx_metrics_server_new(&server, NULL, "127.0.0.1:0", &options), SX_OK);
    memset(list, 0, sizeof list); /* it was copied */
    client_ask(sx_metrics_server_get_port(server), GET_AND_CLOSE, text, sizeof text);
    assert_string_equal(body(), "# TYPE g gauge\ng 0\n" PAGE);
    sx_metrics_server_destroy(server);
    server = NULL;
    sx_registry_destroy(second);
}

static void test_a_connection_is_used_again(void **state)
{
    (void)state;
    start_with_defaults();
    int fd = client_connect(port);
    for (int i = 0; i < 5; i++) {
        client_send_text(fd, GET_METRICS);
        client_read_response(fd, text, sizeof text, true);
        starts_with("HTTP/1.1 200 OK\r\n");
        assert_null(strstr(text, "Connection: close"));
        assert_string_equal(body(), PAGE);
    }
    close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    start_with_defaults();
    int fd = client_connect(port);
    client_send_text(fd, GET_METRICS "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
                                     "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n" GET_AND_CLOSE);
    client_read_response(fd, text, sizeof text, true);
    starts_with("HTTP/1.1 200 ");
    client_read_response(fd, text, sizeof text, true);
    starts_with("HTTP/1.1 404 ");
    client_read_response(fd, text, sizeof text, false);
    starts_with("HTTP/1.1 200 ");
    assert_true(client_read_all(fd, text, sizeof text));
    starts_with("HTTP/1.1 200 ");
    assert_string_equal(body(), PAGE);
    close(fd);
}

/* ---- who asks for many pages at once ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint rendered;
static double count_renderings(void *context)
{
    (void)context;
    const unsigned count = atomic_fetch_add(&rendered, 1) + 1;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return count;
}

static void test_who_asks_for_many_pages_leaves_time_for_others(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static const char head[] = "HEAD /metrics HTTP/1.1\r\nHost:\r\n\r\n";
    assert_int_equal(sx_gauge_register_callback(
                         registry, &(struct sx_metric_options){.name = "renderings", .help = "H."},
                         count_renderings, NULL),
                     SX_OK);
    start_with_defaults();
    const int greedy = client_connect(port);
    const int other = client_connect(port);
    client_send_text(other, GET_METRICS);
    client_read_response(other, text, sizeof text, true);
    /* Both have asked before the first of the pages is made. */
    atomic_store(&rendered, 0);
    pthread_mutex_lock(&gate);
    client_send_text(greedy, head);
    while (atomic_load(&rendered) == 0) {
        poll(NULL, 0, 1);
    }
    for (int i = 0; i < MANY; i++) {
        client_send_text(greedy, head);
    }
    client_send_text(other, GET_METRICS);
    pthread_mutex_unlock(&gate);
    client_read_response(other, text, sizeof text, true);
    const char *value = strstr(text, "\nrenderings ");
    assert_non_null(value);
    assert_true(strtoul(value + 12, NULL, 10) < MANY / 4);
    for (int i = 0; i < MANY + 1; i++) {
        client_read_response(greedy, text, sizeof text, false);
        starts_with("HTTP/1.1 200 ");
    }
    close(greedy);
    close(other);
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    start_with_defaults();
    int fd = client_connect(port);
    for (const char *at = GET_AND_CLOSE; *at != '\0'; at++) {
        client_send(fd, at, 1);
    }
    assert_true(client_read_all(fd, text, sizeof text));
    assert_string_equal(body(), PAGE);
    close(fd);
}

static void test_other_requests_get_other_answers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /?x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET // HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /-/healthy HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /-/healthy/ HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /-/ HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"POST / HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
        {"DELETE /-/healthy HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
        {"GET /metrics/ HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /metric HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"POST /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
        {"POST /x HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET http://a/metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /metrics?x=y HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET /metrics HTTP/3.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
        {"\x16\x03\x01\x02", "HTTP/1.1 400 Bad Request\r\n"},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
    };
    start_with_defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_ask(port, cases[i][0], text, sizeof text);
        starts_with(cases[i][1]);
    }
    client_ask(port, "OPTIONS /metrics HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_non_null(strstr(text, "\r\nAllow: GET, HEAD\r\n"));
    client_ask(port, "HEAD /metrics HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_string_equal(body(), "");
    client_ask(port, "HEAD /x HTTP/1.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 404 ");
    assert_string_equal(body(), "");
    /* RFC 9110 9.3.2: "the server MUST NOT send content in the response" to HEAD, nor when it is
     * refused. */
    client_ask(port, "HEAD /metrics HTTP/3.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 505 ");
    assert_string_equal(body(), "");
    client_ask(port, "HEAD /metrics HTTP/1.1\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 400 ");
    assert_string_equal(body(), "");
}

/* RFC 9110 9.3.2: HEAD has the header fields that GET would have. */
static void has_the_same_head(const char *path)
{
    char request[64], got[1024], *date;
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    client_ask(port, request, text, sizeof text);
    assert_true((size_t)(body() - text) < sizeof got);
    snprintf(got, sizeof got, "%.*s", (int)(body() - text), text);
    snprintf(request, sizeof request, "HEAD %s HTTP/1.0\r\n\r\n", path);
    client_ask(port, request, text, sizeof text);
    assert_string_equal(body(), "");
    /* A second may have passed. */
    date = strstr(text, "\r\nDate: ");
    memcpy(date, strstr(got, "\r\nDate: "), strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_string_equal(text, got);
}

static void test_the_front_page_links_to_the_metrics(void **state)
{
    (void)state;
    start_with_defaults();
    client_ask(port, "GET / HTTP/1.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(text, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Security-Policy: default-src 'none'; "));
    assert_non_null(strstr(body(), "<a href=\"/metrics\">/metrics</a>"));
    const char *length = strstr(text, "\r\nContent-Length: ");
    assert_non_null(length);
    assert_int_equal(strtoul(length + 18, NULL, 10), strlen(body()));
    has_the_same_head("/");
    client_ask(port, "OPTIONS / HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_non_null(strstr(text, "\r\nAllow: GET, HEAD\r\n"));
}

static void test_its_health_can_be_asked_for(void **state)
{
    (void)state;
    start_with_defaults();
    client_ask(port, "GET /-/healthy HTTP/1.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_string_equal(body(), "healthy\n");
    has_the_same_head("/-/healthy");
}

static void test_any_path_is_escaped_on_the_front_page(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.path = "/a&b<\"c\">"});
    client_ask(port, "GET / HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_non_null(strstr(body(), "<a href=\"/a&amp;b&lt;&quot;c&quot;&gt;\">"
                                   "/a&amp;b&lt;&quot;c&quot;&gt;</a>"));
}

static void test_metrics_may_take_the_place_of_the_front_page(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.path = "/"});
    client_ask(port, "GET / HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_string_equal(body(), PAGE);
}

static void test_the_path_is_an_option(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.path = "/internal/stats"});
    client_ask(port, "GET /internal/stats HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_string_equal(body(), PAGE);
    client_ask(port, "GET /metrics HTTP/1.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 404 ");
}

/* The answer arrives although nobody read the body, and nothing in it is taken for a request. */
static void test_a_body_is_not_read_and_does_not_spoil_the_answer(void **state)
{
    (void)state;
    start_with_defaults();
    char *request = calloc(1, 1 << 17);
    assert_non_null(request);
    int head = snprintf(request, 256,
                        "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    memset(request + head, 'x', 100000);
    memcpy(request + head, GET_METRICS, strlen(GET_METRICS));
    int fd = client_connect(port);
    client_send(fd, request, (size_t)head + 100000);
    assert_true(client_read_all(fd, text, sizeof text));
    starts_with("HTTP/1.1 405 ");
    assert_null(strstr(text + 1, "HTTP/1.1"));
    close(fd);
    free(request);
}

static void test_a_head_that_is_too_large_is_refused(void **state)
{
    (void)state;
    start_with_defaults();
    int fd = client_connect(port);
    client_send_text(fd, "GET /metrics HTTP/1.1\r\nA: ");
    memset(text, 'x', 20000);
    client_send(fd, text, 20000);
    assert_true(client_read_all(fd, text, sizeof text));
    starts_with("HTTP/1.1 431 ");
    close(fd);
}

static void make_page_large(void)
{
    struct sx_gauge_family *family = NULL;
    char name[16];
    assert_int_equal(
        sx_gauge_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "gauge_with_a_long_name_so_that_the_page_is_large",
                                        .help = "H.",
                                        .labels = SX_LABELS("label_with_a_long_name_too")}),
        SX_OK);
    for (int i = 0; i < 9000; i++) {
        snprintf(name, sizeof name, "%d", i);
        sx_gauge_set(sx_gauge_with(family, name), i);
    }
}

static int connect_slow_reader(void)
{
    int fd = client_connect(port);
    /* Many pages are more than socket buffers take. */
    for (int i = 0; i < 40; i++) {
        client_send_text(fd, GET_METRICS);
    }
    return fd;
}

static size_t read_to_the_end(int fd)
{
    size_t size = 0;
    ssize_t got;
    while ((got = recv(fd, text, sizeof text, 0)) > 0) {
        size += (size_t)got;
    }
    return size;
}

static void test_who_only_connects_makes_room_for_who_asks(void **state)
{
    (void)state;
    int idle[40];
    start((struct sx_metrics_server_options){.connections_max = 3});
    for (size_t i = 0; i < 40; i++) {
        idle[i] = client_connect(port);
        if (i % 2 == 0) {
            client_send_text(idle[i], "GET /metr");
        }
        client_ask(port, GET_AND_CLOSE, text, sizeof text);
        assert_string_equal(body(), PAGE);
    }
    for (size_t i = 0; i < 40; i++) {
        close(idle[i]);
    }
}

static void test_clients_that_reset_do_no_harm(void **state)
{
    (void)state;
    static const char two[] = GET_METRICS GET_METRICS;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    make_page_large();
    start((struct sx_metrics_server_options){.connections_max = 4});
    for (int i = 0; i < 100; i++) {
        int fd = client_connect(port);
        client_send(fd, two, (size_t)i % sizeof two);
        if (i % 3 == 0) {
            (void)recv(fd, text, 1, MSG_DONTWAIT);
        }
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        close(fd);
    }
    client_ask(port, "HEAD /metrics HTTP/1.0\r\n\r\n", text, sizeof text);
    starts_with("HTTP/1.1 200 ");
}

static void test_it_is_destroyed_while_clients_wait(void **state)
{
    (void)state;
    make_page_large();
    start_with_defaults();
    int slow = connect_slow_reader();
    int idle = client_connect(port);
    int half = client_connect(port);
    client_send_text(half, "GET /");
    client_ask(port, "HEAD /metrics HTTP/1.0\r\n\r\n", text, sizeof text);
    sx_metrics_server_destroy(server);
    server = NULL;
    (void)read_to_the_end(slow);
    assert_int_equal(read_to_the_end(idle), 0);
    assert_int_equal(read_to_the_end(half), 0);
    close(slow);
    close(idle);
    close(half);
}

/* Gives the limit that there was. Valgrind does not let it change; what follows holds there, too.
 */
static struct rlimit limit_descriptors(rlim_t count)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit limit = {.rlim_cur = count, .rlim_max = before.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return before;
}

/* poll(2): "EINVAL The nfds value exceeds the RLIMIT_NOFILE value." */
static void test_more_connections_than_descriptors_may_be_allowed(void **state)
{
    (void)state;
    const struct rlimit before = limit_descriptors((rlim_t)descriptors + 16);
    atomic_store(&failed_polls, 0);
    start((struct sx_metrics_server_options){.connections_max = 1024});
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    assert_string_equal(body(), PAGE);
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_int_equal(atomic_load(&failed_polls), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_it_goes_on_where_the_limit_on_descriptors_becomes_less(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.timeout_ms = 3000});
    int half = client_connect(port);
    int fd = client_connect(port);
    client_send_text(half, "GET /metr");
    client_send_text(fd, GET_METRICS);
    client_read_response(fd, text, sizeof text, true);
    const struct rlimit before = limit_descriptors(1);
    atomic_store(&failed_polls, 0);
    for (int i = 0; i < 3; i++) {
        client_send_text(fd, GET_METRICS);
        client_read_response(fd, text, sizeof text, true);
        assert_string_equal(body(), PAGE);
    }
    assert_true(client_read_all(half, text, sizeof text));
    starts_with("HTTP/1.1 408 ");
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_true(atomic_load(&failed_polls) < 100); /* it waits in between */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(half);
    close(fd);
}

static void on_signal(int number)
{
    (void)number;
    snprintf(said, sizeof said, "the handler ran");
}

static void test_signals_are_left_to_the_program(void **state)
{
    (void)state;
    struct sigaction before, action = {.sa_handler = on_signal};
    sigset_t one, pending;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    start_with_defaults();
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &one, NULL), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    assert_int_equal(sigpending(&pending), 0);
    assert_true(sigismember(&pending, SIGUSR1));
    assert_string_equal(said, "");
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &one, NULL), 0);
    assert_string_equal(said, "the handler ran");
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void test_a_child_of_fork_may_destroy_its_copy(void **state)
{
    (void)state;
    int status = -1;
    start_with_defaults();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sx_metrics_server_destroy(server);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    assert_string_equal(body(), PAGE);
}

/* Starts a child that has a copy of each descriptor. It ends when the returned one is closed. */
static int fork_copy_of_descriptors(pid_t *child)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child == 0) {
        close(ends[1]);
        _exit((int)read(ends[0], &byte, 1));
    }
    close(ends[0]);
    return ends[1];
}

static void test_copies_of_a_child_keep_neither_connections_nor_the_port(void **state)
{
    (void)state;
    char address[32];
    pid_t child;
    int status = -1;
    start_with_defaults();
    const int idle = client_connect(port);
    client_send_text(idle, GET_METRICS);
    client_read_response(idle, text, sizeof text, true);
    const int end = fork_copy_of_descriptors(&child);
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_true(client_read_all(idle, text, sizeof text));
    assert_string_equal(text, "");
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    assert_int_equal(sx_metrics_server_new(&server, registry, address, NULL), SX_OK);
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    assert_string_equal(body(), PAGE);
    close(idle);
    close(end);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_scrape_gets_the_page),
        CASE(test_the_accept_header_and_the_query_are_honoured),
        CASE(test_head_has_the_headers_of_get_in_each_format),
        CASE(test_the_page_may_have_several_registries),
        CASE(test_a_connection_is_used_again),
        CASE(test_pipelined_requests_are_answered_in_order),
        CASE(test_who_asks_for_many_pages_leaves_time_for_others),
        CASE(test_a_request_may_come_byte_by_byte),
        CASE(test_other_requests_get_other_answers),
        CASE(test_the_front_page_links_to_the_metrics),
        CASE(test_its_health_can_be_asked_for),
        CASE(test_any_path_is_escaped_on_the_front_page),
        CASE(test_metrics_may_take_the_place_of_the_front_page),
        CASE(test_the_path_is_an_option),
        CASE(test_a_body_is_not_read_and_does_not_spoil_the_answer),
        CASE(test_a_head_that_is_too_large_is_refused),
        CASE(test_who_only_connects_makes_room_for_who_asks),
        CASE(test_clients_that_reset_do_no_harm),
        CASE(test_it_is_destroyed_while_clients_wait),
        CASE(test_more_connections_than_descriptors_may_be_allowed),
        CASE(test_it_goes_on_where_the_limit_on_descriptors_becomes_less),
        CASE(test_signals_are_left_to_the_program),
        CASE(test_a_child_of_fork_may_destroy_its_copy),
        CASE(test_copies_of_a_child_keep_neither_connections_nor_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
