/* Slow collectors and slow clients delay nobody else, and an answer that is cut off is logged.
 *
 * The server's clock can be put forward, so that no test waits for a timeout. The server's sockets
 * have small buffers, so that a page of a megabyte is more than they take. */
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
#include <sextant/testing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define RENDERERS 4
#define MANY 16 /* the default of connections_max */
#define LARGE_SIZE ((size_t)1 << 20)
#define SEND_BUFFER_BYTES 16384

/* ---- the clock of the server, and its sockets ---- */

static atomic_llong clock_ahead_s;
static atomic_llong clock_stopped_s; /* 0: it goes on */
static atomic_ullong sent_bytes;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const long long stopped_s = atomic_load(&clock_stopped_s);
    int status = __real_clock_gettime(clock, now);
    if (stopped_s != 0) {
        *now = (struct timespec){.tv_sec = (time_t)stopped_s};
    }
    now->tv_sec += (time_t)atomic_load(&clock_ahead_s);
    return status;
}

static void put_clock_forward(int seconds)
{
    atomic_fetch_add(&clock_ahead_s, seconds);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t size = __real_sendmsg(fd, message, flags);
    atomic_fetch_add(&sent_bytes, size > 0 ? (unsigned long long)size : 0);
    return size;
}

int __real_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    const int bytes = SEND_BUFFER_BYTES;
    int client = __real_accept(fd, address, size);
    if (client >= 0 && setsockopt(client, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0) {
        abort();
    }
    return client;
}

/* ---- waiting for a condition ---- */

static void wait_until(bool (*holds)(int argument), int argument)
{
    for (int waited_ms = 0; !holds(argument); waited_ms += 2) {
        assert_true(waited_ms < PATIENCE_MS);
        (void)poll(NULL, 0, 2);
    }
}

/* ---- the log ---- */

#define LINES_MAX 64

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static char lines[LINES_MAX][256];
static int line_count;

static void note(void *context, const char *message)
{
    (void)context;
    pthread_mutex_lock(&log_mutex);
    if (line_count < LINES_MAX) {
        snprintf(lines[line_count++], sizeof lines[0], "%s", message);
    }
    pthread_mutex_unlock(&log_mutex);
}

static bool has_lines(int count)
{
    pthread_mutex_lock(&log_mutex);
    bool has = line_count >= count;
    pthread_mutex_unlock(&log_mutex);
    return has;
}

/* ---- collectors ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opens = PTHREAD_COND_INITIALIZER;
static int to_hold, held, held_most, openings;

/* Holds up as many scrapes as hold_next has asked for. */
static int collect_behind_gate(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    pthread_mutex_lock(&gate);
    if (to_hold > 0) {
        to_hold--;
        held++;
        held_most = held > held_most ? held : held_most;
        for (const int before = openings; openings == before;) {
            pthread_cond_wait(&gate_opens, &gate);
        }
    }
    pthread_mutex_unlock(&gate);
    return 0;
}

static void hold_next(int count)
{
    pthread_mutex_lock(&gate);
    to_hold = count;
    pthread_mutex_unlock(&gate);
}

static bool are_held(int count)
{
    pthread_mutex_lock(&gate);
    bool are = held >= count;
    pthread_mutex_unlock(&gate);
    return are;
}

/* Lets all go that are held, and holds up so many others. */
static void open_gate_and_hold(int count)
{
    pthread_mutex_lock(&gate);
    to_hold = count;
    held = 0;
    openings++;
    pthread_cond_broadcast(&gate_opens);
    pthread_mutex_unlock(&gate);
}

static void open_gate(void)
{
    open_gate_and_hold(0);
}

static char large_value[LARGE_SIZE];

static int collect_large_page(void *context, struct sx_collection *collection)
{
    (void)context;
    const struct sx_metric_options options = {
        .name = "large", .help = "H.", .labels = SX_LABELS("value")};
    (void)sx_collection_add_family(collection, SX_GAUGE, &options);
    return sx_collection_add_sample(collection, &(struct sx_str){large_value, sizeof large_value},
                                    1, 1);
}

static int collect_for_eleven_seconds(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    put_clock_forward(11);
    return 0;
}

/* ---- fixture ---- */

static struct sx_registry *registry;
static struct sx_metrics_server *server;
static uint16_t port;
static char text[1 << 16];

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 1 << 20, .directory_bytes = 16 << 20};
    server = NULL;
    line_count = 0;
    held_most = 0;
    memset(large_value, 'x', sizeof large_value);
    return sx_registry_new(&registry, &small);
}

static int tear_down(void **state)
{
    (void)state;
    open_gate();
    atomic_store(&clock_stopped_s, 0);
    sx_metrics_server_destroy(server);
    sx_registry_destroy(registry);
    return 0;
}

static void use(sx_collect_fn *collect)
{
    assert_int_equal(sx_collector_register(registry, collect, NULL), SX_OK);
}

static void start(struct sx_metrics_server_options options)
{
    options.log = note;
    assert_int_equal(sx_metrics_server_new(&server, registry, "127.0.0.1:0", &options), SX_OK);
    port = sx_metrics_server_get_port(server);
}

static bool has_input(int fd)
{
    int size = 0;
    assert_int_equal(ioctl(fd, FIONREAD, &size), 0);
    return size > 0;
}

/* Asks for the large page. Returns when the first bytes have come, so the page is rendered. */
static int ask_and_do_not_read(void)
{
    int fd = client_connect(port);
    client_send_text(fd, GET_AND_CLOSE);
    wait_until(has_input, fd);
    return fd;
}

/* Reads the answer to its end. Sets what its size should be. */
static size_t read_answer(int fd, size_t *expected)
{
    static char answer[LARGE_SIZE + 4096];
    size_t size = 0;
    ssize_t got;
    while ((got = recv(fd, answer + size, sizeof answer - 1 - size, 0)) > 0) {
        size += (size_t)got;
    }
    answer[size] = '\0';
    const char *length = strstr(answer, "Content-Length: ");
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(length);
    assert_non_null(end);
    *expected = (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10);
    close(fd);
    return size;
}

static void reads_whole_page(int fd)
{
    size_t expected;
    size_t size = read_answer(fd, &expected);
    assert_int_equal(size, expected);
    assert_true(size > LARGE_SIZE);
}

static void ask_whole_page(void)
{
    int fd = client_connect(port);
    client_send_text(fd, GET_AND_CLOSE);
    reads_whole_page(fd);
}

static void is_healthy(void)
{
    client_ask(port, "GET /-/healthy HTTP/1.0\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
}

/* ---- slow collectors ---- */

static void test_the_time_to_read_an_answer_begins_when_it_is_ready(void **state)
{
    (void)state;
    use(collect_large_page);
    use(collect_for_eleven_seconds);
    start((struct sx_metrics_server_options){.timeout_ms = 10000});
    ask_whole_page();
    assert_int_equal(line_count, 0);
}

static void test_a_finished_page_does_not_wait_for_another_scrape(void **state)
{
    (void)state;
    use(collect_large_page);
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.path = NULL});
    const int finished = ask_and_do_not_read();
    hold_next(1);
    const int held_up = client_connect(port);
    client_send_text(held_up, GET_AND_CLOSE);
    wait_until(are_held, 1);
    reads_whole_page(finished);
    ask_whole_page();
    is_healthy();
    assert_true(are_held(1));
    open_gate();
    reads_whole_page(held_up);
}

static int ask_while_held(void)
{
    const int fd = client_connect(port);
    client_send_text(fd, GET_METRICS);
    return fd;
}

static void is_refused(int fd)
{
    assert_true(client_read_all(fd, text, sizeof text));
    assert_memory_equal(text, "HTTP/1.1 503 Service Unavailable\r\n", 34);
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nService Unavailable"));
    close(fd);
}

/* ---- what is measured ---- */

#define IN_PROGRESS 0

static int looks;

/* Whether the page shows so many scrapes with this code, or in progress. */
static bool shows(int code, int count)
{
    char series[64] = "sextant_scrapes_in_progress";
    if (code != IN_PROGRESS) {
        snprintf(series, sizeof series, "sextant_scrapes_total{code=\"%d\"}", code);
    }
    looks++;
    return sx_testing_value(registry, series) == count;
}

static bool are_in_progress(int count)
{
    return shows(IN_PROGRESS, count);
}

static void test_a_scrape_beyond_the_limit_is_answered_with_503(void **state)
{
    (void)state;
    use(collect_large_page);
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.scrapes_max = 2, .measure_scrapes = true});
    hold_next(2);
    const int held_up[] = {client_connect(port), client_connect(port)};
    client_send_text(held_up[0], GET_AND_CLOSE);
    client_send_text(held_up[1], GET_AND_CLOSE);
    wait_until(are_held, 2);
    is_refused(ask_while_held());
    is_healthy();
    open_gate();
    reads_whole_page(held_up[0]);
    reads_whole_page(held_up[1]);
    ask_whole_page();
    assert_int_equal(line_count, 0);
    /* They were counted before they were answered. */
    assert_true(shows(503, 1));
    assert_true(shows(200, 3));
    assert_true(shows(IN_PROGRESS, 0));
}

/* The fifth page is queued, as four threads render. */
static void test_a_page_that_takes_too_long_is_answered_with_503(void **state)
{
    (void)state;
    int fds[RENDERERS + 1];
    use(collect_large_page);
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.render_timeout_ms = 30000, .measure_scrapes = true});
    hold_next(RENDERERS);
    for (int i = 0; i < RENDERERS; i++) {
        fds[i] = ask_while_held();
    }
    wait_until(are_held, RENDERERS);
    fds[RENDERERS] = ask_while_held();
    is_healthy();
    put_clock_forward(31);
    is_healthy(); /* the server looks at the time */
    for (int i = 0; i <= RENDERERS; i++) {
        is_refused(fds[i]);
    }
    assert_true(are_held(RENDERERS));
    is_healthy();
    assert_true(shows(IN_PROGRESS, RENDERERS)); /* their collectors run on */
    open_gate();
    ask_whole_page();
    assert_int_equal(line_count, 0);
    wait_until(are_in_progress, 0);
    assert_true(shows(503, RENDERERS + 1));
    assert_true(shows(200, 1));
}

/* Starts a server, and returns while the collector of a late page is held. */
static void start_with_late_page(void)
{
    start((struct sx_metrics_server_options){.render_timeout_ms = 30000, .measure_scrapes = true});
    hold_next(1);
    const int fd = ask_while_held();
    wait_until(are_held, 1);
    put_clock_forward(31);
    is_healthy();
    is_refused(fd);
}

static atomic_int counted;

static int collect_and_count(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    atomic_fetch_add(&counted, 1);
    return 0;
}

static void test_a_late_page_is_given_up_before_the_next_collector(void **state)
{
    (void)state;
    use(collect_behind_gate);
    use(collect_and_count);
    start_with_late_page();
    assert_int_equal(counted, 0);
    open_gate();
    /* Each look at the gauge is a page, too, and calls the collector once. */
    looks = 0;
    wait_until(are_in_progress, 0);
    assert_int_equal(counted, looks);
}

/* The last page is queued for 20 of its 30 seconds, and has 10 to be rendered. */
static void test_the_time_in_the_queue_counts(void **state)
{
    (void)state;
    int fds[RENDERERS + 1];
    atomic_store(&counted, 0);
    use(collect_behind_gate);
    use(collect_and_count);
    start((struct sx_metrics_server_options){.render_timeout_ms = 30000, .measure_scrapes = true});
    hold_next(RENDERERS);
    for (int i = 0; i <= RENDERERS; i++) {
        fds[i] = ask_while_held();
        wait_until(are_held, i < RENDERERS ? i + 1 : RENDERERS);
    }
    is_healthy(); /* so the last request was read */
    put_clock_forward(20);
    open_gate_and_hold(1);
    for (int i = 0; i < RENDERERS; i++) {
        client_read_response(fds[i], text, sizeof text, true);
        assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
        close(fds[i]);
    }
    wait_until(are_held, 1);
    put_clock_forward(11);
    is_healthy(); /* the server looks at the time */
    is_refused(fds[RENDERERS]);
    open_gate();
    looks = 0;
    wait_until(are_in_progress, 0);
    assert_int_equal(counted, RENDERERS + looks);
    assert_true(shows(200, RENDERERS));
    assert_true(shows(503, 1));
    assert_true(sx_testing_value(registry, "sextant_scrape_duration_seconds_count") == RENDERERS);
}

static void test_what_is_measured_ends_with_the_server(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.measure_scrapes = true});
    client_ask(port, "POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", text,
               sizeof text);
    assert_memory_equal(text, "HTTP/1.1 405 ", 13);
    assert_true(shows(405, 1));
    assert_true(shows(IN_PROGRESS, 0));
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_int_equal(sx_testing_count(registry, NULL), 0);
    start((struct sx_metrics_server_options){.path = "/metrics"});
    assert_int_equal(sx_testing_count(registry, NULL), 0);
}

static void test_a_server_stops_while_a_late_page_is_rendered(void **state)
{
    (void)state;
    use(collect_behind_gate);
    start_with_late_page();
    open_gate();
    sx_metrics_server_destroy(server);
    server = NULL;
    assert_int_equal(line_count, 0);
}

static int count_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static bool threads_are_at_most(int count)
{
    return count_threads() <= count;
}

static void test_the_number_of_threads_is_bounded(void **state)
{
    (void)state;
    int clients[12];
    use(collect_behind_gate);
    const int before = count_threads();
    start((struct sx_metrics_server_options){.path = NULL});
    hold_next(MANY);
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        clients[i] = client_connect(port);
        client_send_text(clients[i], GET_AND_CLOSE);
    }
    wait_until(are_held, RENDERERS);
    is_healthy(); /* so all requests that came before were read */
    wait_until(threads_are_at_most, before + 1 + RENDERERS); /* a joined thread may still be seen */
    open_gate();
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        assert_true(client_read_all(clients[i], text, sizeof text));
        assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
        close(clients[i]);
    }
    assert_int_equal(held_most, RENDERERS);
}

/* The first page may start a thread, because the one that the server starts may not be ready. */
static void test_one_scrape_after_the_other_needs_no_more_threads(void **state)
{
    (void)state;
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.path = NULL});
    client_ask(port, GET_AND_CLOSE, text, sizeof text);
    const int first = count_threads();
    for (int i = 0; i < 8; i++) {
        client_ask(port, GET_AND_CLOSE, text, sizeof text);
        assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    }
    assert_int_equal(count_threads(), first);
}

static void test_pages_that_wait_too_long_hold_nobody_up(void **state)
{
    (void)state;
    int clients[MANY];
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.timeout_ms = 30000});
    hold_next(MANY);
    for (size_t i = 0; i < MANY; i++) {
        if (i == MANY - 1) {
            wait_until(are_held, RENDERERS);
            is_healthy(); /* so all requests that came before were read */
            put_clock_forward(31);
        }
        clients[i] = client_connect(port);
        client_send_text(clients[i], GET_AND_CLOSE);
    }
    is_healthy();
    assert_true(client_read_all(clients[RENDERERS], text, sizeof text));
    assert_string_equal(text, ""); /* it has waited longest */
    assert_true(has_lines(1));
    assert_non_null(strstr(lines[0], "an answer was cut off after 0 bytes: "));
    open_gate();
    for (size_t i = 0; i < MANY; i++) {
        if (i != RENDERERS) {
            assert_true(client_read_all(clients[i], text, sizeof text));
            assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
        }
        close(clients[i]);
    }
}

static void *destroy_server(void *context)
{
    (void)context;
    sx_metrics_server_destroy(server);
    return NULL;
}

static void test_it_is_destroyed_while_pages_are_rendered(void **state)
{
    (void)state;
    int clients[RENDERERS + 2];
    pthread_t thread;
    use(collect_behind_gate);
    start((struct sx_metrics_server_options){.path = NULL});
    const int idle = client_connect(port);
    hold_next(MANY);
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        clients[i] = client_connect(port);
        client_send_text(clients[i], GET_AND_CLOSE);
    }
    wait_until(are_held, RENDERERS);
    is_healthy(); /* so all requests that came before were read */
    assert_int_equal(pthread_create(&thread, NULL, destroy_server, NULL), 0);
    assert_true(client_read_all(idle, text, sizeof text)); /* the server is stopping */
    close(idle);
    open_gate();
    assert_int_equal(pthread_join(thread, NULL), 0);
    server = NULL;
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        (void)client_read_all(clients[i], text, sizeof text);
        assert_string_equal(text, "");
        close(clients[i]);
    }
    /* The gate opened after the server had begun to stop, so none of the pages was sent. */
    assert_int_equal(line_count, RENDERERS + 2);
    for (int i = 0; i < line_count; i++) {
        assert_string_equal(lines[i], "an answer was cut off after 0 bytes: the server stops");
    }
}

/* ---- slow clients ---- */

static void test_half_a_request_times_out(void **state)
{
    (void)state;
    static const char *const halves[] = {"GET /metrics HTTP/1.1\r\nHo",
                                         "HEAD /metrics HTTP/1.1\r\nHo"};
    start((struct sx_metrics_server_options){.timeout_ms = 30000});
    for (size_t i = 0; i < 2; i++) {
        const int fd = client_connect(port);
        client_send_text(fd, halves[i]);
        is_healthy(); /* so the half was read */
        put_clock_forward(31);
        is_healthy(); /* wakes the server up */
        assert_true(client_read_all(fd, text, sizeof text));
        assert_memory_equal(text, "HTTP/1.1 408 Request Timeout\r\n", 30);
        const char *end = strstr(text, "\r\n\r\n");
        assert_non_null(end);
        assert_int_equal(end[4] == '\0', halves[i][0] == 'H'); /* HEAD: no body */
        close(fd);
    }
    assert_int_equal(line_count, 0);
}

static void test_a_client_that_says_nothing_is_let_go(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.timeout_ms = 30000});
    const int fd = client_connect(port);
    is_healthy(); /* so the connection was accepted */
    put_clock_forward(31);
    is_healthy(); /* wakes the server up */
    assert_true(client_read_all(fd, text, sizeof text));
    assert_string_equal(text, "");
    assert_int_equal(line_count, 0);
    close(fd);
}

/* Prometheus uses a connection again; its scrapes may be a minute apart. */
static void test_a_connection_is_kept_between_scrapes(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.timeout_ms = 30000});
    const int fd = client_connect(port);
    for (int i = 0; i < 2; i++) {
        client_send_text(fd, GET_METRICS);
        client_read_response(fd, text, sizeof text, true);
        assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
        put_clock_forward(i == 0 ? 61 : 121);
        is_healthy(); /* wakes the server up */
    }
    assert_true(client_read_all(fd, text, sizeof text));
    assert_string_equal(text, "");
    close(fd);
}

static void test_many_clients_that_do_not_read_hold_nobody_up(void **state)
{
    (void)state;
    int silent[MANY];
    use(collect_large_page);
    start((struct sx_metrics_server_options){.timeout_ms = 600000});
    for (size_t i = 0; i < MANY; i++) {
        silent[i] = ask_and_do_not_read();
    }
    ask_whole_page();
    is_healthy();
    assert_true(has_lines(1));
    assert_non_null(strstr(lines[0], "another needed the connection"));
    for (size_t i = 0; i < MANY; i++) {
        close(silent[i]);
    }
}

static void test_many_clients_that_do_not_ask_hold_nobody_up(void **state)
{
    (void)state;
    int silent[2 * MANY];
    use(collect_large_page);
    start((struct sx_metrics_server_options){.timeout_ms = 600000});
    for (size_t i = 0; i < 2 * MANY; i++) {
        silent[i] = client_connect(port);
        client_send_text(silent[i], i % 2 == 0 ? "" : "GET /metr");
    }
    ask_whole_page();
    is_healthy();
    for (size_t i = 0; i < 2 * MANY; i++) {
        close(silent[i]);
    }
}

static void test_an_idle_connection_makes_room_before_one_that_asks(void **state)
{
    (void)state;
    start((struct sx_metrics_server_options){.timeout_ms = 600000, .connections_max = 2});
    const int asking = client_connect(port);
    client_send_text(asking, "GET /metrics HTTP/1.1\r\nHo");
    is_healthy(); /* so the half was read; its own connection may still be there */
    put_clock_forward(60);
    const int idle = client_connect(port);
    client_send_text(idle, GET_METRICS);
    client_read_response(idle, text, sizeof text, true);
    is_healthy();
    assert_true(client_read_all(idle, text, sizeof text));
    assert_string_equal(text, "");
    client_send_text(asking, "st: a\r\nConnection: close\r\n\r\n");
    assert_true(client_read_all(asking, text, sizeof text));
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    close(idle);
    close(asking);
}

static void test_a_client_that_reads_is_not_cut_off_for_another(void **state)
{
    (void)state;
    use(collect_large_page);
    start((struct sx_metrics_server_options){.timeout_ms = 600000, .connections_max = 2});
    const int reader = ask_and_do_not_read(); /* first, so it would go first if it did not read */
    put_clock_forward(1);
    const int silent = ask_and_do_not_read();
    put_clock_forward(5);
    const unsigned long long before = atomic_load(&sent_bytes);
    size_t size = 0;
    while (atomic_load(&sent_bytes) == before) {
        ssize_t got = recv(reader, text, sizeof text, 0);
        assert_true(got > 0);
        size += (size_t)got;
    }
    is_healthy(); /* has taken the place of the silent one */
    for (ssize_t got; (got = recv(reader, text, sizeof text, 0)) > 0;) {
        size += (size_t)got;
    }
    assert_true(size > LARGE_SIZE);
    close(reader);
    size_t expected;
    assert_true(read_answer(silent, &expected) < LARGE_SIZE);
}

/* ---- the log ---- */

static void test_an_answer_that_is_cut_off_is_logged_with_its_size(void **state)
{
    (void)state;
    size_t logged_size, logged_whole, whole;
    char reason[64];
    use(collect_large_page);
    start((struct sx_metrics_server_options){.timeout_ms = 30000});
    const int fd = ask_and_do_not_read();
    put_clock_forward(31);
    is_healthy(); /* wakes the server up */
    wait_until(has_lines, 1);
    const size_t size = read_answer(fd, &whole);
    assert_int_equal(sscanf(lines[0], "an answer was cut off after %zu of %zu bytes: %63[^\n]",
                            &logged_size, &logged_whole, reason),
                     3);
    assert_int_equal(logged_size, size);
    assert_int_equal(logged_whole, whole);
    assert_true(size < whole);
    assert_string_equal(reason, "the client did not read it within 30000 ms");
    assert_int_equal(line_count, 1);
}

static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static void test_clients_cannot_fill_the_log(void **state)
{
    (void)state;
    enum { RESETS = 40 };
    unsigned told = 0;
    unsigned more;
    struct timespec now;
    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&clock_stopped_s, now.tv_sec);
    use(collect_large_page);
    start((struct sx_metrics_server_options){.timeout_ms = 600000});
    for (int i = 0; i < RESETS; i++) {
        reset(ask_and_do_not_read());
    }
    sx_metrics_server_destroy(server);
    server = NULL;
    for (int i = 0; i < line_count; i++) {
        if (sscanf(lines[i], "answers were cut off %u more times", &more) == 1) {
            told += more;
        } else {
            assert_non_null(strstr(lines[i], "an answer was cut off after "));
            assert_non_null(strstr(lines[i], " bytes: "));
            told++;
        }
    }
    assert_int_equal(told, RESETS);
    assert_int_equal(line_count, 11);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_time_to_read_an_answer_begins_when_it_is_ready),
        CASE(test_a_finished_page_does_not_wait_for_another_scrape),
        CASE(test_a_scrape_beyond_the_limit_is_answered_with_503),
        CASE(test_a_page_that_takes_too_long_is_answered_with_503),
        CASE(test_a_late_page_is_given_up_before_the_next_collector),
        CASE(test_the_time_in_the_queue_counts),
        CASE(test_what_is_measured_ends_with_the_server),
        CASE(test_a_server_stops_while_a_late_page_is_rendered),
        CASE(test_the_number_of_threads_is_bounded),
        CASE(test_one_scrape_after_the_other_needs_no_more_threads),
        CASE(test_pages_that_wait_too_long_hold_nobody_up),
        CASE(test_it_is_destroyed_while_pages_are_rendered),
        CASE(test_half_a_request_times_out),
        CASE(test_a_client_that_says_nothing_is_let_go),
        CASE(test_a_connection_is_kept_between_scrapes),
        CASE(test_many_clients_that_do_not_read_hold_nobody_up),
        CASE(test_many_clients_that_do_not_ask_hold_nobody_up),
        CASE(test_an_idle_connection_makes_room_before_one_that_asks),
        CASE(test_a_client_that_reads_is_not_cut_off_for_another),
        CASE(test_an_answer_that_is_cut_off_is_logged_with_its_size),
        CASE(test_clients_cannot_fill_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
