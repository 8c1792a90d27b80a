/* Resources run out: threads, descriptors, connections of one client. The server must log a clear
 * error and leave nothing behind. */
#include "fixture.h"
#include "run_options.h"
#include "server.h"
#include "server_types.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* How many threads may still be started; negative: any number. */
static int threads_left = -1;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument)
{
    if (threads_left == 0) {
        return EAGAIN;
    }
    threads_left -= threads_left > 0 ? 1 : 0;
    return __real_pthread_create(thread, attributes, function, argument);
}

static void a_server_without_a_thread_fails(void **state)
{
    struct fixture *fixture = *state;
    const struct sx__service service = fake_service_get(&fixture->fake);
    struct sx_run_options options;
    assert_int_equal(sx__run_options_resolve(&options, NULL), 0);
    assert_int_equal(sx__server_new(&fixture->server, &service, &options), 0);
    threads_left = 0;
    assert_int_equal(sx__server_run(fixture->server), SX_ESYSTEM);
    threads_left = -1;
    assert_string_equal(fixture->fake.last_log,
                        "only 0 of 66 threads could be started: Resource temporarily unavailable");
}

static void a_server_with_fewer_threads_than_requested_works(void **state)
{
    struct fixture *fixture = *state;
    for (int count = 1; count <= 5; count++) {
        threads_left = count + 1; /* and one for the monitor */
        start(fixture);
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.logs, (unsigned)count));
        threads_left = -1;
        for (int i = 0; i < 20; i++) {
            get(fixture, i % 2 == 0 ? GET("/sleep") : GET("/admin"), 200);
        }
        stop(fixture);
        assert_true(sx__server_destroy(fixture->server));
        fixture->server = NULL;
    }
}

static void a_taken_port_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const struct sx__service service = fake_service_get(&fixture->fake);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u",
             (unsigned)sx__server_get_port(fixture->server, 0));
    struct sx_run_options options = {.address = address};
    assert_int_equal(sx__run_options_resolve(&options, &options), 0);
    struct sx__server *second = NULL;
    assert_int_equal(sx__server_new(&second, &service, &options), SX_EADDRESS);
    assert_null(second);
    options.address = "192.0.2.1:0"; /* RFC 5737: no machine has this address */
    assert_int_equal(sx__server_new(&second, &service, &options), SX_EADDRESS);
}

static void a_unix_socket_without_a_path_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    const struct sx__service service = fake_service_get(&fixture->fake);
    struct sx_run_options options = {.address = "unix:"};
    assert_int_equal(sx__run_options_resolve(&options, &options), 0);
    assert_int_equal(sx__server_new(&fixture->server, &service, &options), SX_EADDRESS);
    assert_null(fixture->server);
    assert_string_equal(fixture->fake.last_log, "cannot listen on unix:: the path is empty");
}

static void the_server_survives_exhausted_descriptors(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int first = connect_to(fixture);
    send_text(first, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(receive_response(first, NULL), 200);
    assert_closed(first);
    wait_for_connections(fixture, 0); /* the record of its descriptor is free, too */
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* All descriptors are used until accept fails. */
    int held[64];
    size_t count = 0;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)client + 20, before.rlim_max});
    while (count < 64 && (held[count] = dup(client)) >= 0) {
        count++;
    }
    assert_true(count < 64);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(sx__server_get_port(fixture->server, 0)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    send_text(client, GET("/"));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.logs, 1));
    for (size_t i = 0; i < count; i++) {
        close(held[i]);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    /* Under valgrind accept succeeds, and valgrind closes descriptors beyond the limit. So there
     * only the next client is served. */
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded == NULL || strstr(preloaded, "vgpreload") == NULL) {
        assert_int_equal(receive_response(client, NULL), 200);
    }
    get(fixture, GET("/"), 200);
    close(client);
    assert_true(fixture->fake.logs < 100);
}

static void more_connections_than_allowed_are_closed(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connection_count = 3;
    start(fixture);
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/"));
        assert_int_equal(receive_response(fds[i], NULL), 200);
    }
    for (int i = 0; i < 5; i++) {
        assert_closed(connect_to(fixture));
    }
    /* A client that closes makes room, once the server has noticed it. */
    send_text(fds[0], "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(receive_response(fds[0], NULL), 200);
    assert_closed(fds[0]);
    int status = 0;
    while (status != 200) {
        const int fd = connect_to(fixture);
        send_text(fd, GET("/"));
        status = receive_response(fd, NULL);
        close(fd);
    }
    close(fds[1]);
    close(fds[2]);
    stop(fixture);
    assert_true(fixture->fake.rejections[SX_REASON_OVERLOADED] >= 5);
}

static void one_client_has_no_more_connections_than_allowed(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.address_connection_count = 2;
    start(fixture);
    for (int round = 0; round < 3; round++) {
        int fds[2];
        for (size_t i = 0; i < 2; i++) {
            fds[i] = connect_to(fixture);
            send_text(fds[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            if (receive_response(fds[i], NULL) == 0) {
                /* The connection of the previous round is not closed yet. */
                close(fds[i--]);
            }
        }
        assert_closed(connect_to(fixture));
        for (size_t i = 0; i < 2; i++) {
            close(fds[i]);
        }
    }
    stop(fixture);
    assert_true(fixture->fake.rejections[SX_REASON_OVERLOADED] >= 3);
}

static void start_with_admin_address(struct fixture *fixture)
{
    static const struct sx_listen_address admin = {.admin = SX_ADMIN_ONLY};
    fixture->options.addresses = (struct sx_listen_address_list){&admin, 1};
    start(fixture);
}

static void assert_admin_answers(const struct fixture *fixture)
{
    const int fd = connect_to_address(fixture, 1);
    send_text(fd, GET("/admin"));
    assert_int_equal(receive_response(fd, NULL), 200);
    close(fd);
}

static void an_address_of_admin_routes_has_connections_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connection_count = 3;
    start_with_admin_address(fixture);
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/"));
        assert_int_equal(receive_response(fds[i], NULL), 200);
    }
    for (int i = 0; i < 5; i++) {
        assert_closed(connect_to(fixture));
        assert_admin_answers(fixture);
    }
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

/* The clients are in the same process and have no descriptors in reserve, so they use the spare
 * ones. */
static void an_address_of_admin_routes_has_descriptors_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    start_with_admin_address(fixture);
    get(fixture, GET("/"), 200);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    enum { CLIENTS = 64, ROOM = 40 };
    int fds[CLIENTS];
    fds[0] = connect_to(fixture);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)fds[0] + ROOM, before.rlim_max});
    size_t count = 0;
    int status = 200;
    while (status == 200) {
        fds[count] = count == 0 ? fds[0] : connect_to(fixture);
        send_text(fds[count], GET("/"));
        status = receive_response(fds[count++], NULL);
        assert_true(count < CLIENTS);
    }
    assert_int_equal(status, 0);
    for (int i = 0; i < 5; i++) {
        assert_admin_answers(fixture);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    assert_string_equal(fixture->fake.last_log, "cannot accept connections: Too many open files");
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    get(fixture, GET("/"), 200);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_OVERLOADED], 1);
}

static void without_reserved_addresses_all_descriptors_can_be_used(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    get(fixture, GET("/"), 200);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    enum { CLIENTS = 15, ROOM = 40 };
    int fds[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = connect_to(fixture);
        if (i == 0) {
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)fds[0] + ROOM, before.rlim_max});
        }
        send_text(fds[i], GET("/"));
        assert_int_equal(receive_response(fds[i], NULL), 200);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    for (size_t i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
}

/* A scraper may run on the same machine as the clients. */
static void an_address_of_admin_routes_has_no_limit_for_one_client(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.address_connection_count = 1;
    start_with_admin_address(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/"));
    assert_int_equal(receive_response(fd, NULL), 200);
    const int kept = connect_to_address(fixture, 1);
    send_text(kept, GET("/admin"));
    assert_int_equal(receive_response(kept, NULL), 200);
    assert_admin_answers(fixture);
    assert_closed(connect_to(fixture));
    close(kept);
    close(fd);
}

/* ---- which addresses count as one client ---- */

/* Returns a connection from `from` to the address of this index, which has sent a request. */
static int connect_from(const struct fixture *fixture, const char *from, size_t index)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, from, &address.sin_addr), 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    address.sin_port = htons(sx__server_get_port(fixture->server, index));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    send(fd, GET("/"), strlen(GET("/")), MSG_NOSIGNAL);
    return fd;
}

static void assert_admitted(int fd, bool is_admitted)
{
    assert_int_equal(receive_response(fd, NULL), is_admitted ? 200 : 0);
}

static bool has_ipv6(void)
{
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                         .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return has;
}

/* Each client may have the full number of connections, over any kind of socket. */
static void clients_of_different_addresses_are_different_clients(void **state)
{
    struct fixture *fixture = *state;
    static const struct sx_listen_address mapped = {.address = "[::ffff:127.0.0.1]:0"};
    fixture->options.address_connection_count = 1;
    if (has_ipv6()) {
        fixture->options.addresses = (struct sx_listen_address_list){&mapped, 1};
    } else {
        print_message("without IPv6: IPv4 addresses over its sockets are left out\n");
    }
    start(fixture);
    static const char *const clients[] = {"127.0.0.1", "127.0.0.2", "127.1.0.1"};
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_from(fixture, clients[i], i % (has_ipv6() ? 2 : 1));
        assert_admitted(fds[i], true);
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t index = 0; index < (has_ipv6() ? 2 : 1); index++) {
            const int fd = connect_from(fixture, clients[i], index);
            assert_admitted(fd, false);
            close(fd);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&storage;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        storage.ss_family = AF_INET6;
    }
    return storage;
}

/* Returns whether a connection of the second address is refused because the first one has the only
 * allowed connection. */
static bool are_one_client(const char *first, const char *second)
{
    const struct sockaddr_storage one = address_of(first);
    const struct sockaddr_storage other = address_of(second);
    struct sx__client_limits addresses;
    sx__client_limits_init(&addresses, 1);
    struct sx__client_limit *counted[3] = {NULL, NULL, NULL};
    assert_true(sx__client_limits_add(&addresses, (const struct sockaddr *)&one, &counted[0]));
    const bool are_one =
        !sx__client_limits_add(&addresses, (const struct sockaddr *)&other, &counted[1]);
    sx__client_limits_remove(&addresses, counted[1], false);
    sx__client_limits_remove(&addresses, counted[0], false);
    /* A client that has closed its connection may connect again. */
    assert_true(sx__client_limits_add(&addresses, (const struct sockaddr *)&one, &counted[2]));
    sx__client_limits_remove(&addresses, counted[2], false);
    sx__client_limits_clean_up(&addresses);
    return are_one;
}

/* A client that has seen the server's close may reconnect before the server has seen the client's
 * close. */
static void a_lingering_connection_does_not_count_against_its_client(void **state)
{
    (void)state;
    const struct sockaddr_storage storage = address_of("192.0.2.1");
    const struct sockaddr *from = (const struct sockaddr *)&storage;
    struct sx__client_limits addresses;
    struct sx__client_limit *address = NULL;
    struct sx__client_limit *none = NULL;
    sx__client_limits_init(&addresses, 2);
    for (int i = 0; i < 3; i++) {
        assert_true(sx__client_limits_add(&addresses, from, &address));
        sx__client_limits_linger(&addresses, address);
    }
    /* There may be four in total, however many of them linger. */
    assert_true(sx__client_limits_add(&addresses, from, &address));
    assert_false(sx__client_limits_add(&addresses, from, &none));
    assert_null(none);
    sx__client_limits_remove(&addresses, address, true);
    assert_true(sx__client_limits_add(&addresses, from, &none));
    assert_false(sx__client_limits_add(&addresses, from, &none));
    sx__client_limits_remove(&addresses, address, true);
    sx__client_limits_remove(&addresses, address, true);
    sx__client_limits_remove(&addresses, address, false);
    sx__client_limits_remove(&addresses, address, false);
    for (size_t i = 0; i < SX__CLIENT_LIMIT_BUCKETS; i++) {
        assert_null(addresses.buckets[i]);
    }
    sx__client_limits_clean_up(&addresses);
}

/* RFC 4291 2.5.4: "All Global Unicast addresses other than those that start with binary 000 have a
 * 64-bit interface ID field", which the client chooses; 2.5.5.2: of IPv4-mapped ones, "This address
 * type is used to represent the addresses of IPv4 nodes as IPv6 addresses." The others are of RFC
 * 5737 and RFC 3849. */
static void a_client_is_an_ipv4_address_or_a_64_bit_network(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool are_one;
    } pairs[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "192.0.3.1", false},
        {"192.0.2.1", "193.0.2.1", false},
        {"2001:db8:1:2::1", "2001:db8:1:2::1", true},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"2001:db8:1:2::1", "2001:db8:2:2::1", false},
        {"2001:db8:1:2::1", "3001:db8:1:2::1", false},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"::ffff:192.0.2.1", "192.0.2.2", false},
        {"::ffff:192.0.2.1", "::1", false},
        {"::1", "127.0.0.1", false},
        {"unix", "unix", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (are_one_client(pairs[i].first, pairs[i].second) != pairs[i].are_one ||
            are_one_client(pairs[i].second, pairs[i].first) != pairs[i].are_one) {
            fail_msg("%s and %s are %s", pairs[i].first, pairs[i].second,
                     pairs[i].are_one ? "not one client" : "one client");
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_server_without_a_thread_fails),
        TEST(a_server_with_fewer_threads_than_requested_works),
        TEST(a_taken_port_is_an_error),
        TEST(a_unix_socket_without_a_path_is_an_error),
        TEST(the_server_survives_exhausted_descriptors),
        TEST(more_connections_than_allowed_are_closed),
        TEST(an_address_of_admin_routes_has_connections_of_its_own),
        TEST(an_address_of_admin_routes_has_descriptors_of_its_own),
        TEST(without_reserved_addresses_all_descriptors_can_be_used),
        TEST(an_address_of_admin_routes_has_no_limit_for_one_client),
        TEST(one_client_has_no_more_connections_than_allowed),
        TEST(clients_of_different_addresses_are_different_clients),
        cmocka_unit_test(a_lingering_connection_does_not_count_against_its_client),
        cmocka_unit_test(a_client_is_an_ipv4_address_or_a_64_bit_network),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
