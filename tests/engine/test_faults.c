/* What the machine refuses, and clients that take too much: a clear word, and nothing left behind.
 */
#include "server.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* How many threads may still be started; below 0: all. */
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

static void without_a_thread_it_does_not_run(void **state)
{
    struct fixture *fixture = *state;
    const struct sx__service service = fake_service_get(&fixture->fake);
    struct sx_run_options options;
    assert_int_equal(sx__run_options_resolve(&options, NULL), 0);
    assert_int_equal(sx__network_new(&fixture->network, &service, &options), 0);
    threads_left = 0;
    assert_int_equal(sx__network_run(fixture->network), SX_ESYSTEM);
    threads_left = -1;
    assert_string_equal(fixture->fake.last_log,
                        "only 0 of 66 threads could be started: Resource temporarily unavailable");
}

static void with_few_threads_it_serves_as_well_as_it_can(void **state)
{
    struct fixture *fixture = *state;
    for (int count = 1; count <= 5; count++) {
        threads_left = count + 1; /* and that of the monitor */
        start(fixture);
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.logs, (unsigned)count));
        threads_left = -1;
        for (int i = 0; i < 20; i++) {
            get(fixture, i % 2 == 0 ? GET("/sleep") : GET("/reserved"), 200);
        }
        stop(fixture);
        assert_true(sx__network_destroy(fixture->network));
        fixture->network = NULL;
    }
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
    /* Whoever leaves makes room, once the server knows of it. */
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
                /* The one of the round before is not gone yet. */
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_thread_it_does_not_run),
        TEST(with_few_threads_it_serves_as_well_as_it_can),
        TEST(more_connections_than_allowed_are_closed),
        TEST(one_client_has_no_more_connections_than_allowed),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
