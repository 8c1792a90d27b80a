/* Addresses that the metrics server accepts and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "failing_allocation.h"

#include <errno.h>
#include <netinet/in.h>
#include <sextant/metrics_server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int socket_error; /* 0: there are sockets */

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    errno = socket_error;
    return socket_error != 0 ? -1 : __real_socket(family, type, protocol);
}

static char said[512];

static void note(void *context, const char *message)
{
    (void)context;
    snprintf(said, sizeof said, "%s", message);
}

static const struct sx_metrics_server_options options = {.log = note};

static void test_what_is_no_address_is_refused_with_the_reason(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"", "the port is missing"},
        {"127.0.0.1", "the port is missing"},
        {"[::1]", "brackets"},
        {"::1:9100", "brackets"},
        {"[::1:9100", "brackets"},
        {"[]:9100", "the brackets are empty"},
        {"127.0.0.1:", "the port must be from 0 to 65535"},
        {"127.0.0.1:65536", "the port must be from 0 to 65535"},
        {"127.0.0.1:999999999999999999999", "the port must be from 0 to 65535"},
        {"127.0.0.1:http", "port is not a number"},
        {"127.0.0.1:-1", "port is not a number"},
        {"127.0.0.1: 80", "port is not a number"},
        {"192.0.2.1:0", strerror(EADDRNOTAVAIL)},
        {"https://127.0.0.1:0", "the metrics server has no TLS"},
        {"unix:", "the path is empty"},
        {"unix:/tmp/x,mode=9", "the mode is not an octal number"},
        {"unix:/nonexistent/socket", strerror(ENOENT)},
        {"300.0.0.1:0", ""}, /* what the resolver says of it depends on where it runs */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sx_metrics_server *server = NULL;
        said[0] = '\0';
        assert_int_equal(sx_metrics_server_new(&server, NULL, cases[i][0], &options), SX_EADDRESS);
        assert_null(server);
        assert_non_null(strstr(said, "cannot listen on "));
        assert_non_null(strstr(said, cases[i][0]));
        if (strstr(said, cases[i][1]) == NULL) {
            print_error("%s\n", said);
            fail();
        }
    }
}

static void test_a_port_in_use_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct sx_metrics_server *first = NULL, *second = NULL;
    char address[32];
    assert_int_equal(sx_metrics_server_new(&first, NULL, "127.0.0.1:0", NULL), SX_OK);
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)sx_metrics_server_get_port(first));
    assert_int_equal(sx_metrics_server_new(&second, NULL, address, &options), SX_EADDRESS);
    assert_null(second);
    assert_non_null(strstr(said, address));
    assert_non_null(strstr(said, strerror(EADDRINUSE)));
    sx_metrics_server_destroy(first);
    /* What was destroyed has let go of it. */
    assert_int_equal(sx_metrics_server_new(&second, NULL, address, &options), SX_OK);
    sx_metrics_server_destroy(second);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static void assert_served_over_ipv6(uint16_t port)
{
    char text[1024];
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    address.sin6_port = htons(port);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    client_send_text(fd, GET_AND_CLOSE);
    assert_true(client_read_all(fd, text, sizeof text));
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    close(fd);
}

static void test_ipv6_is_served(void **state)
{
    (void)state;
    struct sx_metrics_server *server = NULL;
    if (!has_ipv6()) {
        skip();
    }
    assert_int_equal(sx_metrics_server_new(&server, NULL, "[::1]:0", &options), SX_OK);
    assert_served_over_ipv6(sx_metrics_server_get_port(server));
    sx_metrics_server_destroy(server);
}

static void test_all_addresses_are_those_of_ipv6_and_ipv4(void **state)
{
    (void)state;
    struct sx_metrics_server *server = NULL;
    char text[1024];
    assert_int_equal(sx_metrics_server_new(&server, NULL, ":0", &options), SX_OK);
    client_ask(sx_metrics_server_get_port(server), GET_AND_CLOSE, text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    if (has_ipv6()) {
        assert_served_over_ipv6(sx_metrics_server_get_port(server));
    }
    sx_metrics_server_destroy(server);
}

static void test_names_and_all_addresses_are_listened_on(void **state)
{
    (void)state;
    static const char *const addresses[] = {"localhost:0", ":0", "0.0.0.0:0"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct sx_metrics_server *server = NULL;
        assert_int_equal(sx_metrics_server_new(&server, NULL, addresses[i], &options), SX_OK);
        assert_int_not_equal(sx_metrics_server_get_port(server), 0);
        sx_metrics_server_destroy(server);
    }
}

static void make_path(char *path, size_t size)
{
    char folder[] = "/tmp/sextant-metrics-server-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, size, "%s/socket", folder);
}

static void assert_served_at(const char *path)
{
    char text[1024];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    client_send_text(fd, GET_AND_CLOSE);
    assert_true(client_read_all(fd, text, sizeof text));
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    close(fd);
}

static void test_a_unix_socket_is_served_and_goes_with_the_server(void **state)
{
    (void)state;
    struct sx_metrics_server *server = NULL;
    struct stat stat;
    char path[64], address[96];
    make_path(path, sizeof path);
    snprintf(address, sizeof address, "unix:%s,mode=600", path);
    assert_int_equal(sx_metrics_server_new(&server, NULL, address, &options), SX_OK);
    assert_int_equal(sx_metrics_server_get_port(server), 0);
    assert_int_equal(lstat(path, &stat), 0);
    assert_int_equal(stat.st_mode & 0777, 0600);
    assert_served_at(path);
    sx_metrics_server_destroy(server);
    assert_int_not_equal(lstat(path, &stat), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
}

static void test_a_unix_socket_of_another_server_is_left_alone(void **state)
{
    (void)state;
    struct sx_metrics_server *first = NULL, *second = NULL;
    char path[64], address[96];
    make_path(path, sizeof path);
    snprintf(address, sizeof address, "unix:%s", path);
    assert_int_equal(sx_metrics_server_new(&first, NULL, address, &options), SX_OK);
    assert_int_equal(sx_metrics_server_new(&second, NULL, address, &options), SX_EADDRESS);
    assert_non_null(strstr(said, strerror(EADDRINUSE)));
    assert_served_at(path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sx_metrics_server_new(&second, NULL, address, &options), SX_OK);
    sx_metrics_server_destroy(first); /* the file is the second one's now */
    assert_served_at(path);
    sx_metrics_server_destroy(second);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    struct sx_metrics_server *server = NULL;
    const struct sx_metrics_server_options no_path = {.path = "metrics"};
    assert_int_equal(sx_metrics_server_new(NULL, NULL, "127.0.0.1:0", NULL), SX_EINVAL);
    assert_int_equal(sx_metrics_server_new(&server, NULL, NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_metrics_server_new(&server, NULL, "127.0.0.1:0", &no_path), SX_EINVAL);
    assert_null(server);
    assert_int_equal(sx_metrics_server_get_port(NULL), 0);
    sx_metrics_server_destroy(NULL);
    assert_int_equal(sx_metrics_serve(NULL, NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_metrics_serve(NULL, "nowhere", NULL), SX_EADDRESS);
}

static void test_without_memory_there_is_no_server(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sx_metrics_server *server = NULL;
        fail_all_allocations(i);
        int status = sx_metrics_server_new(&server, NULL, "127.0.0.1:0", NULL);
        end_failing_allocations();
        assert_int_equal(status, SX_ENOMEM);
        assert_null(server);
    }
}

static void test_without_descriptors_the_address_is_not_at_fault(void **state)
{
    (void)state;
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct sx_metrics_server *server = NULL;
        socket_error = errors[i];
        int status = sx_metrics_server_new(&server, NULL, "127.0.0.1:0", &options);
        socket_error = 0;
        assert_int_equal(status, SX_ESYSTEM);
        assert_null(server);
        assert_non_null(strstr(said, "cannot listen on 127.0.0.1:0: "));
        assert_non_null(strstr(said, strerror(errors[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_address_is_refused_with_the_reason),
        cmocka_unit_test(test_a_port_in_use_is_refused_with_the_reason),
        cmocka_unit_test(test_ipv6_is_served),
        cmocka_unit_test(test_all_addresses_are_those_of_ipv6_and_ipv4),
        cmocka_unit_test(test_names_and_all_addresses_are_listened_on),
        cmocka_unit_test(test_a_unix_socket_is_served_and_goes_with_the_server),
        cmocka_unit_test(test_a_unix_socket_of_another_server_is_left_alone),
        cmocka_unit_test(test_bad_arguments_are_refused),
        cmocka_unit_test(test_without_memory_there_is_no_server),
        cmocka_unit_test(test_without_descriptors_the_address_is_not_at_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
