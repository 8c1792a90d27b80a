/* TLS clients that do what Python's ssl module cannot. */
#include "certificate.h"
#include "fixture.h"
#include "tls_records.h"
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

/* ---- a client that controls when its bytes are sent ---- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *output; /* bytes that are not sent yet */
    struct tls_records records;
};

static void connect_tls_version(struct fixture *fixture, struct client *client, int version)
{
    client->fd = connect_to(fixture);
    client->context = SSL_CTX_new(TLS_client_method());
    tls_records_prepare(client->context);
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    SSL_set_max_proto_version(client->ssl, version);
    SSL_set_fd(client->ssl, client->fd);
    assert_int_equal(SSL_connect(client->ssl), 1);
    client->output = BIO_new(BIO_s_mem());
    SSL_set0_wbio(client->ssl, client->output);
    tls_records_init(&client->records, client->ssl);
}

static void connect_tls(struct fixture *fixture, struct client *client)
{
    connect_tls_version(fixture, client, TLS1_3_VERSION);
}

static void start_tls_version(struct fixture *fixture, struct client *client, int version)
{
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    start(fixture);
    connect_tls_version(fixture, client, version);
}

static void start_tls(struct fixture *fixture, struct client *client)
{
    start_tls_version(fixture, client, TLS1_3_VERSION);
}

static void update_keys(struct client *client, unsigned count, int type)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(SSL_key_update(client->ssl, type), 1);
        assert_int_equal(SSL_do_handshake(client->ssl), 1);
    }
}

/* Returns false if the connection is gone. */
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

static void a_client_may_update_its_keys_between_requests(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    for (int round = 0; round < 20; round++) {
        update_keys(&client, 5,
                    round % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        /* Alone, or followed by the request. */
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

/* Asserts that the server closes the connection of a client that sends these bytes endlessly. */
static void assert_flood_is_cut_off(void **state, int version, void (*flood)(struct client *client))
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls_version(fixture, &client, version);
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    do {
        assert_true(now_ms() < deadline_ms);
        flood(&client);
    } while (send_output(&client));
    end(&client);
    stop(fixture);
}

static void send_new_keys(struct client *client)
{
    update_keys(client, 100, SSL_KEY_UPDATE_NOT_REQUESTED);
}

static void a_client_that_sends_only_key_updates_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, send_new_keys);
}

/* The server answers each with its own key update, for which there may be no room to write. */
static void ask_for_new_keys(struct client *client)
{
    update_keys(client, 100, SSL_KEY_UPDATE_REQUESTED);
}

static void a_client_that_requests_only_key_updates_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, ask_for_new_keys);
}

/* Sends one key update at a time, so that the server reads one at a time. */
static void send_one_key(struct client *client)
{
    update_keys(client, 1, SSL_KEY_UPDATE_NOT_REQUESTED);
    poll(NULL, 0, 1);
}

static void a_client_that_sends_key_updates_slowly_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, send_one_key);
}

/* Sends an endless header, a byte at a time. */
static void send_new_keys_and_a_byte(struct client *client)
{
    update_keys(client, 40, SSL_KEY_UPDATE_NOT_REQUESTED);
    assert_int_equal(SSL_write(client->ssl, "G", 1), 1);
}

static void a_client_that_sends_a_byte_between_key_updates_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, send_new_keys_and_a_byte);
}

/* Sends records that OpenSSL's client would not send. */
static void send_records(struct client *client, unsigned char type, const char *data, size_t size)
{
    for (unsigned i = 0; i < 20; i++) {
        unsigned char record[TLS_RECORDS_OVERHEAD + 64];
        const size_t sealed = tls_records_seal(&client->records, type, data, size, record);
        assert_int_equal(BIO_write(client->output, record, (int)sealed), sealed);
    }
}

/* Checks that the records are valid: the server reads data in them. */
static void assert_records_are_read(struct fixture *fixture, int version)
{
    struct client client;
    start_tls_version(fixture, &client, version);
    send_records(&client, 23, GET("/"), sizeof GET("/") - 1);
    assert_true(send_output(&client));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 20));
    end(&client);
    stop(fixture);
}

static void sealed_records_are_read(void **state)
{
    assert_records_are_read(*state, TLS1_3_VERSION);
}

static void sealed_records_of_tls_1_2_are_read(void **state)
{
    assert_records_are_read(*state, TLS1_2_VERSION);
}

/* RFC 8446 5.4: "Zero-length Application Data records MAY be sent". */
static void send_nothing(struct client *client)
{
    send_records(client, 23, "", 0);
}

static void a_client_that_sends_empty_records_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, send_nothing);
}

static void a_client_that_sends_empty_tls_1_2_records_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_2_VERSION, send_nothing);
}

/* RFC 8446 6.1: user_canceled "SHOULD be followed by a "close_notify"". */
static void cancel(struct client *client)
{
    send_records(client, 21, "\1\x5a", 2);
}

static void a_client_that_sends_user_canceled_without_end_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_3_VERSION, cancel);
}

/* RFC 5246 7.2.2: no_renegotiation, with which the server answers, is a warning: the client may ask
 * again. */
static void ask_to_renegotiate(struct client *client)
{
    static const char hello[] = "\1\0\0\x29\3\3" /* followed by the random bytes */
                                "01234567890123456789012345678901"
                                "\0\0\2\xc0\x2b\1\0";
    send_records(client, 22, hello, sizeof hello - 1);
}

static void a_client_that_asks_to_renegotiate_is_disconnected(void **state)
{
    assert_flood_is_cut_off(state, TLS1_2_VERSION, ask_to_renegotiate);
}

/* A handshake in records of one byte each: RFC 8446 5.1 allows fragmented messages. */
static void a_handshake_in_one_byte_records_is_disconnected(void **state)
{
    struct fixture *fixture = *state;
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    fixture->options.tls = &tls;
    start(fixture);
    const int fd = connect_to(fixture);
    send_all(fd, "\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x03\x00\x01\x00", 14);
    for (unsigned i = 0; i < 200 && send(fd, "\x16\x03\x01\x00\x01\x03", 6, MSG_NOSIGNAL) > 0;
         i++) {
    }
    assert_closed(fd);
    stop(fixture);
    assert_int_equal(fixture->fake.rejections[SX_REASON_TLS_HANDSHAKE], 1);
}

/* Records of one byte are slow, but each of them is progress. */
static void a_request_in_records_of_one_byte_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n";
    for (size_t i = 0; i < sizeof head - 1 + 2000; i++) {
        assert_int_equal(SSL_write(client.ssl, i < sizeof head - 1 ? &head[i] : "x", 1), 1);
    }
    assert_true(send_output(&client));
    char answer[1024];
    const int size = SSL_read(client.ssl, answer, sizeof answer - 1);
    assert_true(size > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0);
    end(&client);
    stop(fixture);
}

static void a_handshake_that_does_not_end_is_aborted(void **state)
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

static void a_broken_record_after_the_handshake_is_not_counted_as_a_failed_one(void **state)
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

/* The client sends everything before it reads. Bytes that arrive late must not destroy the
 * response. */
static void a_plain_http_client_can_read_the_error_after_a_long_request(void **state)
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

/* RFC 8446 6.1: close_notify "notifies the recipient that the sender will not send any more
 * messages on this connection." The socket stays open, so only TLS tells. */
static void close_notify_ends_a_stream(void **state)
{
    struct fixture *fixture = *state;
    static const char *const requests[] = {GET("/stream/waiting"), GET("/stream/late"),
                                           GET("/stream/slow")};
    for (unsigned i = 0; i < 3; i++) {
        struct client client;
        if (i == 0) {
            start_tls(fixture, &client);
        } else {
            connect_tls(fixture, &client);
        }
        const unsigned produced = fake_service_read(&fixture->fake, &fixture->fake.produced);
        assert_true(SSL_write(client.ssl, requests[i], (int)strlen(requests[i])) > 0);
        assert_true(send_output(&client));
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, produced + 1));
        SSL_shutdown(client.ssl);
        assert_true(send_output(&client));
        assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, i + 1));
        wait_for_connections(fixture, 0);
        end(&client);
    }
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 3);
    assert_int_equal(fixture->fake.learned, 1);
}

/* Both arrive in one packet and are read with one call. */
static void close_notify_right_after_the_request_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    assert_true(SSL_write(client.ssl, GET("/stream/waiting"), sizeof GET("/stream/waiting") - 1) >
                0);
    SSL_shutdown(client.ssl);
    assert_true(send_output(&client));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    end(&client);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED], 1);
}

/* A client that has only sent a further request is still there, and gets its response. */
static void a_request_after_a_stream_does_not_end_the_stream(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    assert_true(SSL_write(client.ssl, GET("/stream/pausing"), sizeof GET("/stream/pausing") - 1) >
                0);
    assert_true(SSL_write(client.ssl, GET("/"), sizeof GET("/") - 1) > 0);
    assert_true(send_output(&client));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 2));
    end(&client);
    stop(fixture);
    assert_int_equal(fixture->fake.outcomes[SX_OUTCOME_COMPLETE], 2);
}

static void a_close_without_close_notify_ends_a_stream(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    start_tls(fixture, &client);
    assert_true(SSL_write(client.ssl, GET("/stream/waiting"), sizeof GET("/stream/waiting") - 1) >
                0);
    assert_true(send_output(&client));
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.produced, 1));
    shutdown(client.fd, SHUT_WR);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.ends, 1));
    end(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_that_does_not_end_is_aborted),
        TEST(a_broken_record_after_the_handshake_is_not_counted_as_a_failed_one),
        TEST(a_client_may_update_its_keys_between_requests),
        TEST(a_plain_http_client_can_read_the_error_after_a_long_request),
        TEST(a_client_that_sends_only_key_updates_is_disconnected),
        TEST(a_client_that_requests_only_key_updates_is_disconnected),
        TEST(a_client_that_sends_key_updates_slowly_is_disconnected),
        TEST(a_client_that_sends_a_byte_between_key_updates_is_disconnected),
        TEST(sealed_records_are_read),
        TEST(sealed_records_of_tls_1_2_are_read),
        TEST(a_client_that_sends_empty_records_is_disconnected),
        TEST(a_client_that_sends_empty_tls_1_2_records_is_disconnected),
        TEST(a_client_that_sends_user_canceled_without_end_is_disconnected),
        TEST(a_client_that_asks_to_renegotiate_is_disconnected),
        TEST(a_handshake_in_one_byte_records_is_disconnected),
        TEST(a_request_in_records_of_one_byte_is_answered),
        TEST(close_notify_ends_a_stream),
        TEST(close_notify_right_after_the_request_is_noticed),
        TEST(a_request_after_a_stream_does_not_end_the_stream),
        TEST(a_close_without_close_notify_ends_a_stream),
    };
    return cmocka_run_group_tests_name("tls", tests, make_certificate, remove_certificate);
}
