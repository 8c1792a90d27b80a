/* Addresses to listen on, as users write them, are split into their parts, or the error is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "listen_address.h"

#include <cmocka.h>
#include <string.h>

static void test_a_host_and_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
        bool says_http, says_https;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", "8080", false, false},
        {"[::1]:0", "::1", "0", false, false},
        {":65535", "", "65535", false, false},
        {"http://localhost:80", "localhost", "80", true, false},
        {"https://[::1]:8443", "::1", "8443", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sx__listen_address address;
        assert_null(sx__listen_address_parse(&address, cases[i].text));
        assert_null(address.path);
        assert_string_equal(address.tcp.host, cases[i].host);
        assert_string_equal(address.tcp.port, cases[i].port);
        assert_int_equal(address.says_http, cases[i].says_http);
        assert_int_equal(address.says_https, cases[i].says_https);
    }
}

static void test_a_unix_socket(void **state)
{
    (void)state;
    struct sx__listen_address address;
    assert_null(sx__listen_address_parse(&address, "https://unix:/run/a,mode=660,group=www-data"));
    assert_true(address.says_https);
    assert_string_equal(address.path, "/run/a");
    assert_int_equal(address.unix_options.mode, 0660);
    assert_string_equal(address.unix_options.group, "www-data");
    assert_null(address.unix_options.owner);
}

static void test_an_error_is_named(void **state)
{
    (void)state;
    char too_long[SX__LISTEN_ADDRESS_BYTES + 10];
    memset(too_long, 'a', sizeof too_long);
    memcpy(too_long, "unix:", 5);
    too_long[sizeof too_long - 1] = '\0';
    const char *const cases[][2] = {
        {"", "the port is missing, as in 127.0.0.1:9100"},
        {"https://", "the port is missing, as in 127.0.0.1:9100"},
        {"http://https://a:1", "an IPv6 address needs brackets, as in [::1]:9100"},
        {"unix:", "the path is empty"},
        {"unix:/a,mode=999", "the mode is not an octal number from 1 to 777"},
        {too_long, "the address is too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sx__listen_address address;
        assert_string_equal(sx__listen_address_parse(&address, cases[i][0]), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_and_a_port),
        cmocka_unit_test(test_a_unix_socket),
        cmocka_unit_test(test_an_error_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
