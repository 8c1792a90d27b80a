/* Each allocation while a certificate is loaded fails once, in turn, including those of OpenSSL.
 * Then the certificate is not loaded, the error has a reason, and the previous certificate stays in
 * use. If the allocation was not needed, the certificate is loaded with all rules. */
#include "certificate.h"
#include "failing_openssl.h"
#include "tls.h"
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/sextant-test-tls-memory-XXXXXX";
static SSL_CTX *client_context;
/* The certificate is also the authority for the clients' certificates, so all files are configured.
 */
static const struct sx_tls_options options = {.certificate = path, .client_ca = path};

static int make_certificate(void **state)
{
    (void)state;
    const int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0 || !certificate_write(path)) {
        return -1;
    }
    client_context = SSL_CTX_new(TLS_client_method());
    const bool done = SSL_CTX_use_certificate_file(client_context, path, SSL_FILETYPE_PEM) == 1 &&
                      SSL_CTX_use_PrivateKey_file(client_context, path, SSL_FILETYPE_PEM) == 1;
    return done ? 0 : -1;
}

static int remove_certificate(void **state)
{
    (void)state;
    SSL_CTX_free(client_context);
    return unlink(path);
}

static SSL *ssl_of(const struct sx__tls_stream *stream)
{
    return (SSL *)(uintptr_t)stream;
}

/* Asserts that the context has all rules. */
static void assert_has_all(struct sx__tls *tls)
{
    struct sx__tls_stream *stream = sx__tls_accept(tls, 0);
    assert_non_null(stream);
    SSL *ssl = ssl_of(stream);
    assert_int_equal(SSL_get_min_proto_version(ssl), TLS1_2_VERSION);
    assert_int_equal(SSL_get_verify_mode(ssl), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
    assert_true(sk_SSL_CIPHER_num(ciphers) > 0);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        const int exchange = SSL_CIPHER_get_kx_nid(cipher);
        assert_true(SSL_CIPHER_is_aead(cipher));
        assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
    }
    assert_int_equal(X509_check_private_key(SSL_get_certificate(ssl), SSL_get_privatekey(ssl)), 1);
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    STACK_OF(X509) *authorities = X509_STORE_get1_all_certs(store);
    assert_int_equal(sk_X509_num(authorities), 1);
    const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(authorities, 0));
    assert_true(key != NULL && EVP_PKEY_get_security_bits(key) == 128);
    sk_X509_pop_free(authorities, X509_free);
    assert_int_equal(sk_X509_NAME_num(SSL_get_client_CA_list(ssl)), 1);
    sx__tls_stream_destroy(stream);
}

/* Asserts that a handshake succeeds in which the client shows its certificate. */
static void assert_serves(struct sx__tls *tls)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct sx__tls_stream *stream = sx__tls_accept(tls, fds[0]);
    SSL *client = SSL_new(client_context);
    assert_true(stream != NULL && client != NULL);
    SSL_set_fd(client, fds[1]);
    for (int i = 0; i < 4 && !sx__tls_is_established(stream); i++) {
        char byte;
        SSL_connect(client);
        (void)sx__tls_receive(stream, &byte, 1);
    }
    assert_true(sx__tls_is_established(stream));
    assert_non_null(SSL_get0_peer_certificate(ssl_of(stream)));
    sx__tls_stream_destroy(stream);
    SSL_free(client);
    close(fds[0]);
    close(fds[1]);
}

/* In some places OpenSSL does not report that memory was missing, but reports what failed as a
 * result. */
static void assert_told(int status, const char *message)
{
    if (status != SX_ENOMEM) {
        assert_int_equal(status, SX_ETLS);
        assert_int_equal(strncmp(message, "cannot use the ", 15), 0);
        assert_non_null(strstr(message, path));
    }
}

static void a_certificate_that_cannot_be_reloaded_leaves_the_previous_one(void **state)
{
    (void)state;
    char message[512];
    struct sx__tls *tls = NULL;
    assert_int_equal(sx__tls_new(&tls, &options, message, sizeof message), 0);
    long refused = 0;
    bool reached = true;
    /* Thousands of allocations belong to OpenSSL's search for a decoder of a key, which continues
     * if one fails. There every 13th is enough. */
    for (long n = 0, step = 1; reached; n += step) {
        fail_one_allocation(n);
        const int status = sx__tls_reload(tls, -1, message, sizeof message);
        reached = end_failing_allocations();
        step = status < 0 ? 1 : 13;
        if (status < 0) {
            assert_true(reached);
            assert_told(status, message);
            refused++;
        }
        assert_has_all(tls);
        if (n % 16 == 0) {
            assert_serves(tls);
        }
    }
    sx__tls_destroy(tls);
    assert_true(refused > 100);
}

static void a_certificate_that_cannot_be_read_is_reported(void **state)
{
    (void)state;
    char message[512];
    for (long n = 0; n < 50; n++) {
        struct sx__tls *tls = NULL;
        fail_one_allocation(n);
        const int status = sx__tls_new(&tls, &options, message, sizeof message);
        end_failing_allocations();
        if (status < 0) {
            assert_told(status, message);
            assert_null(tls);
        } else {
            assert_serves(tls);
            sx__tls_destroy(tls);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_that_cannot_be_read_is_reported),
        cmocka_unit_test(a_certificate_that_cannot_be_reloaded_leaves_the_previous_one),
    };
    if (!fail_openssl_allocations()) {
        return 1;
    }
    return cmocka_run_group_tests_name("memory of tls", tests, make_certificate,
                                       remove_certificate);
}
