/* fixture.c: a server with the fake service, and clients of it. See fixture.h. */
#include "fixture.h"
#include "run_options.h"
#include "server.h"
#include "server_types.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void *run(void *argument)
{
    struct fixture *fixture = argument;
    fixture->run_status = sx__server_run(fixture->server);
    return NULL;
}

void start(struct fixture *fixture)
{
    const struct sx__service service = fake_service_get(&fixture->fake);
    start_service(fixture, &service);
}

void start_service(struct fixture *fixture, const struct sx__service *service)
{
    struct sx_run_options options;
    assert_int_equal(sx__run_options_resolve(&options, &fixture->options), 0);
    assert_int_equal(sx__server_new(&fixture->server, service, &options), 0);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
    fixture->runs = true;
}

void stop(struct fixture *fixture)
{
    if (fixture->runs) {
        sx__server_stop(fixture->server);
        pthread_join(fixture->thread, NULL);
        fixture->runs = false;
        assert_int_equal(fixture->run_status, 0);
    }
}

int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fake_service_init(&fixture->fake, false);
    *state = fixture;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fake_service_release(&fixture->fake);
    stop(fixture);
    sx__server_destroy(fixture->server);
    assert_int_equal(fixture->fake.begins, fixture->fake.ends);
    assert_int_equal(fixture->fake.in_handler, 0);
    fake_service_clean_up(&fixture->fake);
    free(fixture);
    return 0;
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void wait_for_connections(const struct fixture *fixture, unsigned count)
{
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    while (atomic_load(&fixture->server->line->connections) != count) {
        assert_true(now_ms() < deadline_ms);
        poll(NULL, 0, 1);
    }
}

/* ---- clients ---- */

int connect_to(const struct fixture *fixture)
{
    return connect_with_room(fixture, 0);
}

static int connect_at(const struct fixture *fixture, size_t index, int receive_bytes)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_bytes > 0) {
        assert_int_equal(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    }
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port =
                                            htons(sx__server_get_port(fixture->server, index)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int connect_with_room(const struct fixture *fixture, int receive_bytes)
{
    return connect_at(fixture, 0, receive_bytes);
}

int connect_to_address(const struct fixture *fixture, size_t index)
{
    return connect_at(fixture, index, 0);
}

void send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        size -= (size_t)sent;
    }
}

void send_text(int fd, const char *text)
{
    send_all(fd, text, strlen(text));
}

size_t receive(int fd, char *bytes, size_t size)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
    const ssize_t count = recv(fd, bytes, size, 0);
    return count > 0 ? (size_t)count : 0;
}

int receive_response(int fd, size_t *body_size)
{
    char head[2048];
    size_t filled = 0;
    char *end = NULL;
    /* Byte by byte, so that no byte of the next response is read. */
    while (end == NULL) {
        assert_true(filled + 1 < sizeof head);
        if (receive(fd, head + filled, 1) == 0) {
            return 0;
        }
        head[++filled] = '\0';
        end = filled >= 4 ? strstr(head + filled - 4, "\r\n\r\n") : NULL;
    }
    const char *length = strstr(head, "Content-Length: ");
    size_t left = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    if (body_size != NULL) {
        *body_size = left;
    }
    while (left > 0) {
        char bytes[65536];
        const size_t count = receive(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
        if (count == 0) {
            return 0;
        }
        left -= count;
    }
    return atoi(head + 9);
}

char *receive_all(int fd)
{
    char *bytes = NULL;
    size_t size = 0;
    size_t count;
    do {
        bytes = realloc(bytes, size + 65536 + 1);
        assert_non_null(bytes);
        count = receive(fd, bytes + size, 65536);
        size += count;
    } while (count > 0);
    bytes[size] = '\0';
    return bytes;
}

void assert_closed(int fd)
{
    char byte;
    assert_int_equal(receive(fd, &byte, 1), 0);
    close(fd);
}

void get(const struct fixture *fixture, const char *request, int status)
{
    const int fd = connect_to(fixture);
    send_text(fd, request);
    assert_int_equal(receive_response(fd, NULL), status);
    close(fd);
}

void reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}
