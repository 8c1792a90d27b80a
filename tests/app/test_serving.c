/* An app over sockets: it listens, serves, stops; and what a client does that goes away. */
#define _POSIX_C_SOURCE 200809L
#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 1024

static pthread_barrier_t inside;
static atomic_int inits, finis, leaves;

struct part {
    int value;
};
SX_COMPONENT_DECLARE(part, struct part);
static struct sx_result part_init(struct part *part)
{
    part->value = 1;
    atomic_fetch_add(&inits, 1);
    return sx_continue();
}
static void part_fini(struct part *part)
{
    part->value = 0;
    atomic_fetch_add(&finis, 1);
}
SX_COMPONENT(part, request, part_init, part_fini);

static struct sx_result wait_inside(struct part *part)
{
    pthread_barrier_wait(&inside);
    pthread_barrier_wait(&inside);
    return sx_json("{s:i}", "value", part->value);
}
SX_BIND(wait_inside, (inject, part, part));
#define BUFFERED_BYTES ((size_t)2 << 20)

static struct sx_result large(int64_t more)
{
    const size_t size = BUFFERED_BYTES + (size_t)more;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 'x', size);
    return sx_bytes_take(NULL, bytes, size);
}
SX_BIND(large, (query, i64, more));
static struct sx_result hello(void)
{
    return sx_text("hello");
}
SX_BIND(hello);
static struct sx_result count_leave(void)
{
    atomic_fetch_add(&leaves, 1);
    return sx_continue();
}
SX_BIND(count_leave);

static const struct sx_hook hooks[] = {SX_HOOK_LEAVE(count_leave)};
static const struct sx_route routes[] = {SX_GET("/", hello), SX_GET("/wait", wait_inside),
                                         SX_GET("/large", large)};
static struct fixture fixture;
static pthread_t server;
static int port;

static void *run(void *app)
{
    return sx_app_run(app) == 0 ? app : NULL;
}

static void set_up_with(const struct sx_run_options *options)
{
    atomic_store(&inits, 0);
    atomic_store(&finis, 0);
    atomic_store(&leaves, 0);
    pthread_barrier_init(&inside, NULL, 2);
    assert_int_equal(
        fixture_try(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                      .hooks = SX_LIST(hooks),
                                                      .components = SX_COMPONENTS(part)}),
        SX_OK);
    assert_int_equal(sx_app_get_port(fixture.app, 0), 0);
    assert_int_equal(sx_app_listen(fixture.app, options), SX_OK);
    port = sx_app_get_port(fixture.app, 0);
    assert_true(port > 0);
    assert_int_equal(sx_app_listen(fixture.app, options), SX_ESTATE);
    assert_logged(&fixture, "cannot listen: the app is already listening\n");
    assert_int_equal(pthread_create(&server, NULL, run, fixture.app), 0);
}

static int set_up(void **state)
{
    (void)state;
    set_up_with(&(struct sx_run_options){.buffered_bytes = BUFFERED_BYTES});
    return 0;
}

static int set_up_small(void **state)
{
    (void)state;
    set_up_with(&(struct sx_run_options){.threads = 1, .queue_count = 1, .queue_timeout_ms = 100});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    void *well = NULL;
    sx_app_stop(fixture.app);
    assert_int_equal(pthread_join(server, &well), 0);
    assert_non_null(well);
    fixture_clean_up(&fixture);
    pthread_barrier_destroy(&inside);
    assert_int_equal(atomic_load(&inits), atomic_load(&finis));
    return 0;
}

static int send_request(const char *target)
{
    char request[128];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, (size_t)size), size);
    return fd;
}

static size_t read_answer(int fd, char answer[ANSWER_BYTES])
{
    size_t used = 0;
    ssize_t got;
    while ((got = read(fd, answer + used, ANSWER_BYTES - 1 - used)) > 0) {
        used += (size_t)got;
    }
    answer[used] = '\0';
    close(fd);
    return used;
}

static void assert_answer(int fd, const char *first_line, const char *last)
{
    char answer[ANSWER_BYTES];
    const size_t used = read_answer(fd, answer);
    assert_memory_equal(answer, first_line, strlen(first_line));
    assert_true(used >= strlen(last));
    assert_string_equal(answer + used - strlen(last), last);
}

static void test_a_request_over_a_socket_is_answered(void **state)
{
    (void)state;
    assert_answer(send_request("/"), "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello");
}

static void test_components_end_and_hooks_leave_where_the_client_has_gone(void **state)
{
    (void)state;
    int fd = send_request("/wait");
    pthread_barrier_wait(&inside);
    close(fd);
    pthread_barrier_wait(&inside);
    while (atomic_load(&finis) == 0 || atomic_load(&leaves) == 0) {
        poll(NULL, 0, 1); /* the test's time limit ends this if they never do */
    }
    assert_int_equal(atomic_load(&finis), 1);
    assert_int_equal(atomic_load(&leaves), 1);
    assert_answer(send_request("/"), "HTTP/1.1 200 OK\r\n", "hello");
}

static void test_what_is_in_flight_is_answered_when_it_stops(void **state)
{
    (void)state;
    int fd = send_request("/wait");
    pthread_barrier_wait(&inside);
    sx_app_stop(fixture.app);
    pthread_barrier_wait(&inside);
    assert_answer(fd, "HTTP/1.1 200 OK\r\n", "{\"value\":1}");
}

static void assert_told_to_come_again(int fd)
{
    char answer[ANSWER_BYTES];
    read_answer(fd, answer);
    assert_memory_equal(answer, "HTTP/1.1 503 Service Unavailable\r\n", 34);
    const char *field = strstr(answer, "\r\nRetry-After: 1\r\n");
    assert_true(field != NULL && field < strstr(answer, "\r\n\r\n"));
    assert_int_equal(atomic_load(&inits), 1); /* the one inside */
}

/* The one thread is taken: of the next two requests the queue has room for one, which waits in
 * vain. */
static void test_who_is_turned_away_is_told_when_to_come_again(void **state)
{
    (void)state;
    const int blocked = send_request("/wait");
    pthread_barrier_wait(&inside);
    const int first = send_request("/wait");
    const int second = send_request("/wait");
    assert_told_to_come_again(second);
    assert_told_to_come_again(first);
    pthread_barrier_wait(&inside);
    assert_answer(blocked, "HTTP/1.1 200 OK\r\n", "{\"value\":1}");
}

static void test_a_response_that_never_finds_room_is_a_500(void **state)
{
    (void)state;
    assert_answer(send_request("/large?more=1"), "HTTP/1.1 500 ", "}");
    assert_logged(&fixture, "the response has 2097153 bytes, and buffered_bytes is 2097152: ");
    int fd = send_request("/large?more=0");
    char bytes[4096];
    ssize_t got;
    size_t sum = 0;
    while ((got = read(fd, bytes, sizeof bytes)) > 0) {
        assert_true(sum > 0 || memcmp(bytes, "HTTP/1.1 200 ", 13) == 0);
        sum += (size_t)got;
    }
    close(fd);
    assert_true(sum > BUFFERED_BYTES);
}

static void test_a_port_that_is_taken_is_told(void **state)
{
    (void)state;
    struct fixture second;
    assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    const struct sx_run_options options = {.address = address};
    assert_int_equal(sx_app_listen(second.app, &options), SX_EADDRESS);
    assert_logged(&second, "cannot listen on 127.0.0.1:");
    assert_logged(&second, "Address already in use");
    fixture_clean_up(&second);
}

static void test_an_app_runs_once(void **state)
{
    (void)state;
    struct fixture second;
    assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
    assert_int_equal(sx_app_run(second.app), SX_ESTATE);
    assert_int_equal(sx_app_listen(second.app, NULL), SX_OK);
    sx_app_stop(second.app);
    assert_int_equal(sx_app_run(second.app), SX_OK);
    assert_int_equal(sx_app_run(second.app), SX_ESTATE);
    fixture_clean_up(&second);
}

static int refuse(void *self)
{
    ++*(int *)self;
    return SX_EEXIST;
}

static void test_an_observer_may_refuse_to_serve(void **state)
{
    (void)state;
    static const struct sx_observer observer = {.ready = refuse};
    int calls = 0;
    struct fixture second;
    assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
    assert_int_equal(sx_app_observe(second.app, &observer, &calls), SX_OK);
    assert_int_equal(sx_app_listen(second.app, NULL), SX_OK);
    assert_int_equal(sx_app_run(second.app), SX_EEXIST);
    assert_int_equal(calls, 1);
    fixture_clean_up(&second);
}

static void test_what_is_passed_on_needs_a_name(void **state)
{
    (void)state;
    struct fixture second;
    assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
    assert_int_equal(sx_app_pass_descriptor(NULL, "NAME", 0), SX_EINVAL);
    assert_int_equal(sx_app_pass_descriptor(second.app, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_app_pass_descriptor(second.app, "", 0), SX_EINVAL);
    assert_int_equal(sx_app_pass_descriptor(second.app, "A=B", 0), SX_EINVAL);
    assert_int_equal(sx_app_pass_descriptor(second.app, "NAME", -1), SX_EINVAL);
    assert_int_equal(sx_app_pass_descriptor(second.app, "NAME", 0), SX_OK);
    fixture_clean_up(&second);
}

/* The first address and the further ones are counted together, whatever kind they are of. */
static void test_each_address_has_its_port(void **state)
{
    (void)state;
    char folder[] = "/tmp/sextant-serving-XXXXXX";
    char host[64];
    assert_non_null(mkdtemp(folder));
    snprintf(host, sizeof host, "unix:%s/socket", folder);
    const struct sx_listen_address addresses[] = {{.address = "127.0.0.1:0"}, {.address = NULL}};
    const struct sx_run_options options = {.address = host, .addresses = SX_LIST(addresses)};
    struct fixture second;
    assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
    assert_int_equal(sx_app_listen(second.app, &options), SX_OK);
    assert_int_equal(sx_app_get_port(second.app, 0), 0);
    assert_true(sx_app_get_port(second.app, 1) > 0);
    assert_true(sx_app_get_port(second.app, 2) > 0);
    assert_int_not_equal(sx_app_get_port(second.app, 1), sx_app_get_port(second.app, 2));
    assert_int_equal(sx_app_get_port(second.app, 3), 0);
    assert_int_equal(sx_app_get_port(second.app, SIZE_MAX), 0);
    assert_int_equal(sx_app_get_port(NULL, 0), 0);
    fixture_clean_up(&second);
    assert_int_equal(rmdir(folder), 0);
}

static void test_an_option_that_cannot_work_is_told(void **state)
{
    (void)state;
    static const struct sx_tls_options no_certificate = {0};
    static const struct sx_tls_options no_version = {.certificate = "x", .minimum = 7};
    static const struct sx_listen_address elsewhere = {.tls = &no_certificate};
    static const struct sx_listen_address no_tls = {.address = "https://[::1]:0"};
    static const struct sx_tls_options certificate = {.certificate = "x"};
    static const struct {
        struct sx_run_options options;
        const char *fault;
    } cases[] = {
        {{.threads = 4097}, "threads is more than 4096"},
        {{.queue_timeout_ms = 1001}, "queue_timeout_ms is more than 1000"},
        {{.header_count = 101}, "header_count is more than 100"},
        {{.request_line_bytes = SIZE_MAX}, "request_line_bytes is more than 1 GiB"},
        {{.header_bytes = SIZE_MAX}, "header_bytes is more than 1 GiB"},
        {{.body_bytes = SIZE_MAX}, "body_bytes is more than 1 EiB"},
        {{.buffered_bytes = 1048575}, "buffered_bytes is less than body_bytes"},
        {{.buffered_bytes = 1000, .body_bytes = 1001}, "buffered_bytes is less than body_bytes"},
        {{.admin = (enum sx_admin)3}, "admin is not of enum sx_admin"},
        {{.tls = &no_certificate}, "tls has no certificate"},
        {{.tls = &no_version}, "minimum of tls is not of enum sx_tls_version"},
        {{.addresses = {NULL, 1}}, "addresses has a count, but no items"},
        {{.addresses = {&elsewhere, 1}}, "tls has no certificate"},
        {{.address = "https://127.0.0.1:0"}, "an address begins with https://, but has no tls"},
        {{.addresses = {&no_tls, 1}}, "an address begins with https://, but has no tls"},
        {{.address = "http://127.0.0.1:0", .tls = &certificate},
         "an address begins with http://, but has tls"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture second;
        char expected[100];
        assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
        assert_int_equal(sx_app_listen(second.app, &cases[i].options), SX_EINVAL);
        snprintf(expected, sizeof expected, "cannot listen: %s\n", cases[i].fault);
        assert_string_equal(second.log, expected);
        fixture_clean_up(&second);
    }
}

static void test_an_address_that_is_none_is_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"127.0.0.1", "the port is missing, as in 127.0.0.1:9100"},
        {"127.0.0.1:65536", "the port must be from 0 to 65535"},
        {"::1:8080", "an IPv6 address needs brackets, as in [::1]:9100"},
        {"unix:", "the path is empty"},
        {"unix:/x,mode=8", "the mode is not an octal number from 1 to 777"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture second;
        char expected[120];
        const struct sx_run_options options = {.address = cases[i][0]};
        assert_int_equal(fixture_try(&second, (struct sx_app_options){.routes = {0}}), SX_OK);
        assert_int_equal(sx_app_listen(second.app, &options), SX_EADDRESS);
        snprintf(expected, sizeof expected, "cannot listen on %s: %s\n", cases[i][0], cases[i][1]);
        assert_string_equal(second.log, expected);
        fixture_clean_up(&second);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_request_over_a_socket_is_answered),
        CASE(test_components_end_and_hooks_leave_where_the_client_has_gone),
        CASE(test_what_is_in_flight_is_answered_when_it_stops),
        cmocka_unit_test_setup_teardown(test_who_is_turned_away_is_told_when_to_come_again,
                                        set_up_small, tear_down),
        CASE(test_a_response_that_never_finds_room_is_a_500),
        CASE(test_a_port_that_is_taken_is_told),
        cmocka_unit_test(test_an_app_runs_once),
        cmocka_unit_test(test_an_observer_may_refuse_to_serve),
        cmocka_unit_test(test_what_is_passed_on_needs_a_name),
        cmocka_unit_test(test_each_address_has_its_port),
        cmocka_unit_test(test_an_option_that_cannot_work_is_told),
        cmocka_unit_test(test_an_address_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
