/* Slow clients: the kernel accepts bytes from the server faster than they read. Acknowledged bytes
 * are progress, over TCP, TLS or a Unix socket. The tests move the monotonic clock forward, so that
 * nothing depends on the speed of the machine. */
#include "certificate.h"
#include "fixture.h"
#include "server.h"
#include "server_types.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SEGMENT_BYTES 1400
#define SMALL_BYTES 16384

static _Atomic int64_t leaped_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int status = __real_clock_gettime(clock, now);
    now->tv_sec += clock == CLOCK_MONOTONIC ? (time_t)atomic_load(&leaped_s) : 0;
    return status;
}

static char folder[] = "/tmp/sextant-test-slow-XXXXXX";
static char certificate_path[sizeof folder + 20];
static char socket_path[sizeof folder + 20];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(certificate_path, sizeof certificate_path, "%s/certificate", folder);
    snprintf(socket_path, sizeof socket_path, "unix:%s/socket", folder);
    return certificate_write(certificate_path) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(certificate_path);
    return rmdir(folder);
}

static int set_up_leaps(void **state)
{
    atomic_store(&leaped_s, 0);
    set_up(state);
    struct fixture *fixture = *state;
    fixture->options.threads = 4;
    return 0;
}

/* ---- clients ---- */

/* Connects with small segments, so that the client can acknowledge a few bytes at a time. */
static int connect_by_tcp(const struct fixture *fixture)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int segment_bytes = SEGMENT_BYTES;
    const int receive_bytes = SMALL_BYTES;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof segment_bytes),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes),
                     0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(sx__server_get_port(fixture->server, 0)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_by_unix(const struct fixture *fixture)
{
    (void)fixture;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, socket_path + 5, strlen(socket_path + 5));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_by_tls(int fd, const char *text)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    assert_true(SSL_write(ssl, text, (int)strlen(text)) > 0);
    SSL_free(ssl); /* from now on, the client only counts bytes */
    SSL_CTX_free(context);
}

/* ---- the state of the server ---- */

/* Returns the client with the lowest descriptor, which the monitor checks first. */
static struct sx__client *first_client(const struct fixture *fixture)
{
    struct sx__client *first = atomic_load(&fixture->server->clients.leaves[0]);
    for (size_t i = 0; first != NULL && i < SX__CLIENTS_PER_LEAF; i++) {
        if (atomic_load(&first[i].shared.state) != SX__CLIENT_FREE) {
            return &first[i];
        }
    }
    return NULL;
}

static int queued_for(const struct sx__client *client)
{
    int size = -1;
    assert_int_equal(ioctl(client->fixed.fd, TIOCOUTQ, &size), 0);
    return size;
}

/* Waits until the kernel accepts no more bytes. */
static struct sx__client *wait_until_it_is_stuck(const struct fixture *fixture)
{
    int before = -1;
    for (const uint64_t deadline_ms = now_ms() + 10000;;) {
        assert_true(now_ms() < deadline_ms);
        struct sx__client *client = first_client(fixture);
        const int now = client == NULL ? 0 : queued_for(client);
        if (now > 0 && now == before && atomic_load(&client->shared.state) == SX__CLIENT_IDLE) {
            return client;
        }
        before = now;
        poll(NULL, 0, 100);
    }
}

/* Waits until the client has acknowledged something. */
static void take_a_little(int fd, const struct sx__client *client)
{
    assert_int_not_equal(atomic_load(&client->shared.state), SX__CLIENT_FREE);
    const int before = queued_for(client);
    char bytes[1024];
    while (queued_for(client) >= before) {
        assert_true(receive(fd, bytes, sizeof bytes) > 0);
    }
}

/* Moves the clock forward, and waits until the monitor has checked all connections since. By then
 * it has answered a connection whose header was late. */
static void leap(int (*connect_by)(const struct fixture *), struct fixture *fixture, int64_t by_s)
{
    const unsigned rejected = fake_service_rejected(&fixture->fake);
    const int canary = connect_by(fixture);
    if (fixture->options.tls == NULL) {
        send_text(canary, "GET / HTTP/1.1\r\nHo");
    }
    poll(NULL, 0, 100);
    atomic_fetch_add(&leaped_s, by_s);
    while (fake_service_rejected(&fixture->fake) == rejected) {
        poll(NULL, 0, 1);
    }
    reset(canary);
}

static void assert_read_slowly(struct fixture *fixture, int (*connect_by)(const struct fixture *))
{
    start(fixture);
    const int fd = connect_by(fixture);
    if (fixture->options.tls == NULL) {
        send_text(fd, GET("/big"));
    } else {
        send_by_tls(fd, GET("/big"));
    }
    struct sx__client *client = wait_until_it_is_stuck(fixture);
    const size_t sent = client->owned.connection.sent;
    for (int round = 0; round < 2; round++) {
        leap(connect_by, fixture, 16);
        take_a_little(fd, client);
    }
    leap(connect_by, fixture, 16);
    /* 48 s have passed without a write, and the time-out is 30 s. */
    assert_int_equal(fake_service_read(&fixture->fake, &fixture->fake.ends), 0);
    assert_int_equal(client->owned.connection.sent, sent);
    /* If the client reads nothing more, it is closed after a time that depends on what it has read.
     */
    leap(connect_by, fixture, 31 + 4 * 30);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
    close(fd);
}

static void acknowledged_bytes_are_progress(void **state)
{
    assert_read_slowly(*state, connect_by_tcp);
}

static void acknowledged_bytes_are_progress_under_tls(void **state)
{
    struct fixture *fixture = *state;
    const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    assert_read_slowly(fixture, connect_by_tcp);
}

static void acknowledged_bytes_are_progress_at_a_unix_socket(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.address = socket_path;
    assert_read_slowly(fixture, connect_by_unix);
}

/* Nothing is acknowledged between two checks, whatever the client sends meanwhile. */
static void bytes_that_a_slow_reader_sends_are_no_progress(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    const int fd = connect_by_tcp(fixture);
    send_text(fd, GET("/big"));
    wait_until_it_is_stuck(fixture);
    for (int round = 0; round < 3; round++) {
        send(fd, "G", 1, MSG_NOSIGNAL);
        leap(connect_by_tcp, fixture, 16);
    }
    assert_int_equal(fake_service_read(&fixture->fake, &fixture->fake.ends), 1);
    close(fd);
}

/* With the real clock: 350 KB at about 40 KB/s. The kernel accepts more bytes after 64 of 128 KiB
 * have been read, which takes 1.6 s; the time-out is half a second. */
static void a_slow_reader_gets_the_whole_body(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.write_timeout_ms = 500;
    fixture->fake.big_size = 350000;
    start(fixture);
    const int fd = connect_by_tcp(fixture);
    send_text(fd, "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char bytes[1024];
    size_t size = 0;
    size_t count;
    while ((count = receive(fd, bytes, sizeof bytes)) > 0) {
        size += count;
        poll(NULL, 0, 25);
    }
    assert_true(size > fixture->fake.big_size);
    close(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_leaps, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(acknowledged_bytes_are_progress),
        TEST(acknowledged_bytes_are_progress_under_tls),
        TEST(acknowledged_bytes_are_progress_at_a_unix_socket),
        TEST(bytes_that_a_slow_reader_sends_are_no_progress),
        TEST(a_slow_reader_gets_the_whole_body),
    };
    return cmocka_run_group_tests_name("slow readers", tests, make_folder, remove_folder);
}
