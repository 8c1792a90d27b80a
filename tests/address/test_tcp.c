/* Sockets that listen, also where the kernel has no IPv6. */
#define _GNU_SOURCE /* TCP_NOTSENT_LOWAT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tcp.h"

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel says of IPv6; 0: what it says here. */
static int socket_error;
static int bind_error;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    if (family == AF_INET6 && socket_error != 0) {
        errno = socket_error;
        return -1;
    }
    return __real_socket(family, type, protocol);
}

int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    if (address->sa_family == AF_INET6 && bind_error != 0) {
        errno = bind_error;
        return -1;
    }
    return __real_bind(fd, address, size);
}

static int forget_errors(void **state)
{
    (void)state;
    socket_error = bind_error = 0;
    return 0;
}

static int family_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return address.ss_family;
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void test_without_ipv6_all_addresses_are_those_of_ipv4(void **state)
{
    (void)state;
    int *const errors[] = {&socket_error, &bind_error};
    const int values[] = {EAFNOSUPPORT, EADDRNOTAVAIL};
    for (size_t i = 0; i < 2; i++) {
        const char *reason = NULL;
        *errors[i] = values[i];
        const int fd = sx__tcp_listen("", "0", &reason);
        assert_true(fd >= 0);
        assert_int_equal(family_of(fd), AF_INET);
        assert_true(sx__tcp_port(fd) > 0);
        close(fd);
        *errors[i] = 0;
    }
}

static void test_a_taken_port_of_ipv6_is_not_given_up(void **state)
{
    (void)state;
    const char *reason = NULL;
    bind_error = EADDRINUSE;
    assert_true(sx__tcp_listen("", "0", &reason) < 0);
    assert_string_equal(reason, strerror(EADDRINUSE));
}

static void test_sockets_have_the_options_that_accepted_ones_inherit(void **state)
{
    (void)state;
    const char *reason = NULL;
    const int fd = sx__tcp_listen("127.0.0.1", "0", &reason);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 << 10);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    close(fd);
}

static void test_what_has_no_port_has_port_0(void **state)
{
    (void)state;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(sx__tcp_port(fd), 0);
    close(fd);
    assert_int_equal(sx__tcp_port(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_without_ipv6_all_addresses_are_those_of_ipv4, forget_errors),
        cmocka_unit_test_teardown(test_a_taken_port_of_ipv6_is_not_given_up, forget_errors),
        cmocka_unit_test(test_sockets_have_the_options_that_accepted_ones_inherit),
        cmocka_unit_test(test_what_has_no_port_has_port_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
