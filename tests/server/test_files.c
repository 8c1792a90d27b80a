/* Files as response bodies, over sockets and in-process. */
#include "fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CLOSE(target) "GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static void a_file_is_sent_whole_and_the_connection_goes_on(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/file"));
    size_t size = 0;
    assert_int_equal(receive_response(fd, &size), 200);
    assert_int_equal(size, fixture->fake.big_size);
    send_text(fd, CLOSE("/file"));
    char *bytes = receive_all(fd);
    const char *body = strstr(bytes, "\r\n\r\n") + 4;
    assert_memory_equal(body, fixture->fake.big, fixture->fake.big_size);
    free(bytes);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.response_body_bytes, fixture->fake.big_size);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 2);
}

static void a_slow_reader_of_a_file_occupies_no_thread(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    fixture->options.threads = 1;
    start(fixture);
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = connect_to(fixture);
        send_text(fds[i], GET("/file"));
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, 8));
    get(fixture, GET("/"), 200);
    for (size_t i = 0; i < 8; i++) {
        size_t size = 0;
        assert_int_equal(receive_response(fds[i], &size), 200);
        assert_int_equal(size, fixture->fake.big_size);
        close(fds[i]);
    }
}

static void a_file_that_has_become_shorter_is_an_aborted_response(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, GET("/file/short"));
    char *bytes = receive_all(fd);
    free(bytes);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    assert_int_equal(fixture->fake.response_body_bytes, fixture->fake.big_size);
}

static void the_head_of_a_file_has_its_length(void **state)
{
    struct fixture *fixture = *state;
    fake_service_make_file(&fixture->fake);
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n" CLOSE("/"));
    char *bytes = receive_all(fd);
    char expected[64];
    snprintf(expected, sizeof expected, "\r\nContent-Length: %zu\r\n\r\nHTTP/1.1 200 OK",
             fixture->fake.big_size);
    assert_non_null(strstr(bytes, expected));
    free(bytes);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_sent_whole_and_the_connection_goes_on),
        TEST(a_slow_reader_of_a_file_occupies_no_thread),
        TEST(a_file_that_has_become_shorter_is_an_aborted_response),
        TEST(the_head_of_a_file_has_its_length),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
