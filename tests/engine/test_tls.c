/* What clients can do with TLS that Python's ssl cannot. */
#include "certificate.h"
#include "server.h"
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the server's certificate ---- */

static char certificate_path[] = "/tmp/sextant-test-tls-XXXXXX";

static int make_certificate(void **state)
{
    (void)state;
    const int fd = mkstemp(certificate_path);
    return fd >= 0 && close(fd) == 0 && certificate_write(certificate_path) ? 0 : -1;
}

static int remove_certificate(void **state)
{
    (void)state;
    return unlink(certificate_path);
}

/* ---- a client that says when its bytes are sent ---- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *output; /* what is not sent yet */
};

static void start_tls(struct fixture *fixture, struct client *client)
{
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    start(fixture);
    client->fd = connect_to(fixture);
    client->context = SSL_CTX_new(TLS_client_method());
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    SSL_set_fd(client->ssl, client->fd);
    assert_int_equal(SSL_connect(client->ssl), 1);
    client->output = BIO_new(BIO_s_mem());
    SSL_set0_wbio(client->ssl, client->output);
}

static void update_keys(struct client *client, unsigned count, int type)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(SSL_key_update(client->ssl, type), 1);
        assert_int_equal(SSL_do_handshake(client->ssl), 1);
    }
}

/* False: the connection is gone. */
static bool send_output(struct client *client)
{
    char *bytes;
    const long size = BIO_get_mem_data(client->output, &bytes);
    const bool done = send(client->fd, bytes, (size_t)size, MSG_NOSIGNAL) == size;
    (void)BIO_reset(client->output);
    return done;
}

static void end(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
}

static void new_keys_come_between_requests(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    for (int round = 0; round < 20; round++) {
        update_keys(&client, 5,
                    round % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        /* By themselves, or with the request behind them. */
        assert_true(round % 4 < 2 || send_output(&client));
        assert_true(SSL_write(client.ssl, GET("/"), sizeof GET("/") - 1) > 0);
        assert_true(send_output(&client));
        char answer[1024];
        const int size = SSL_read(client.ssl, answer, sizeof answer - 1);
        assert_true(size > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0);
        (void)BIO_reset(client.output);
    }
    end(&client);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 20);
}

static void who_sends_nothing_but_new_keys_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    unsigned rounds = 0;
    do {
        update_keys(&client, 100, SSL_KEY_UPDATE_NOT_REQUESTED);
    } while (++rounds < 1000 && send_output(&client));
    assert_true(rounds < 1000);
    end(&client);
    stop(fixture);
}

static void a_handshake_that_does_not_end_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    fixture->options.idle_timeout_ms = 3600000;
    fixture->options.header_timeout_ms = 50;
    start(fixture);
    const int silent = connect_to(fixture);
    const int slow = connect_to(fixture);
    send_all(slow, "\x16\x03\x01\x02", 4);
    assert_closed(silent);
    assert_closed(slow);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_TLS_HANDSHAKE], 2);
}

static void a_broken_record_is_no_failed_handshake(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    static const char junk[5 + 32] = "\x17\x03\x03\x00\x20";
    start_tls(fixture, &client);
    assert_int_equal(SSL_write(client.ssl, request, sizeof request - 1), sizeof request - 1);
    assert_true(send_output(&client));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.begins, 1));
    send_all(client.fd, junk, sizeof junk);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    end(&client);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_REQUEST_ABORTED], 1);
    assert_int_equal(fixture->fake.rejections[SX_REASON_TLS_HANDSHAKE], 0);
}

/* It sends all it has, and reads then: what it sends late must not take the answer away. */
static void who_does_not_speak_tls_reads_so_behind_a_long_request(void **state)
{
    struct fixture *fixture = *state;
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    static char body[65536];
    fixture->options.tls = &tls;
    start(fixture);
    const int fd = connect_to(fixture);
    send_text(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    for (int i = 0; i < 16; i++) {
        send_all(fd, body, sizeof body);
        poll(NULL, 0, 1);
    }
    assert_int_equal(receive_response(fd, NULL), 400);
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_TLS_HANDSHAKE], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_that_does_not_end_is_given_up),
        TEST(a_broken_record_is_no_failed_handshake),
        TEST(new_keys_come_between_requests),
        TEST(who_does_not_speak_tls_reads_so_behind_a_long_request),
        TEST(who_sends_nothing_but_new_keys_is_cut_off),
    };
    return cmocka_run_group_tests_name("tls", tests, make_certificate, remove_certificate);
}
