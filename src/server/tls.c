/* tls.c: TLS contexts and streams, by OpenSSL. See tls.h. */
#include "tls.h"
#include "http_date.h"
#include "tls_files.h"
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* For TLS 1.2, the ciphers that RFC 7540 does not forbid: those with forward secrecy and
 * authenticated encryption. For TLS 1.3, all ciphers. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* The records without data that a client may send in a row: key updates, attempts to renegotiate,
 * empty records, a handshake in small pieces. Each of them costs work without progress for a
 * request. A handshake has fewer than ten. */
#define IDLE_RECORDS_MAX 64

/* Each read of data reduces the count only by this number. If it reset the count, a client could
 * send 64 such records between any two bytes of data, without end. */
#define IDLE_RECORDS_FORGOTTEN 16

/* OpenSSL's, for a name, a key of HMAC and one of AES. */
#define TICKET_KEYS_BYTES 80

struct sx__tls {
    _Atomic unsigned holders;
    pthread_mutex_t mutex; /* guards the context; the members below do not change */
    SSL_CTX *context;
    struct sx__tls_files files;
    enum sx_tls_version minimum;
    bool has_ticket_keys; /* chosen by the supervisor, which has one thread */
    unsigned char ticket_keys[TICKET_KEYS_BYTES];
};

/* Only this file knows that a stream is an SSL. */
static SSL *ssl_of(const struct sx__tls_stream *stream)
{
    return (SSL *)(uintptr_t)stream;
}

/* ---- contexts ---- */

static const unsigned char http_1_1[] = "\010http/1.1";

/* RFC 7301 3.2: "In the event that the server supports no protocols that the client advertises,
 * then the server SHALL respond with a fatal "no_application_protocol" alert." */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *context)
{
    (void)ssl;
    (void)context;
    const int found = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_size, http_1_1,
                                            sizeof http_1_1 - 1, in, in_size);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What the client sent during one call of OpenSSL. */
struct incoming {
    unsigned records;
    bool is_head; /* the client sent a plain HTTP request with the method HEAD instead of TLS */
};

static void note_record(int is_ours, int version, int type, const void *data, size_t size, SSL *ssl,
                        void *context)
{
    (void)version;
    (void)ssl;
    struct incoming *incoming = context;
    if (!is_ours && type == SSL3_RT_HEADER && incoming != NULL) {
        incoming->records++;
        incoming->is_head = size == 5 && memcmp(data, "HEAD ", 5) == 0;
    }
}

/* Sets the rules of this server. Returns false if that fails; the listener must then not use the
 * context, because OpenSSL's own rules are weaker. */
static bool set_rules(SSL_CTX *context, enum sx_tls_version minimum)
{
    static const unsigned char id[] = "sextant";
    const int version = minimum == SX_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    /* A close without close_notify is accepted, because each request states its own length. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* A response may move in memory between two writes, and an idle connection keeps no buffers. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    /* SSL_read skips records without data only within the bytes that were read ahead, and then
     * returns. */
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_msg_callback(context, note_record);
    /* Sessions are resumed by tickets, which cost no memory on the server. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
           SSL_CTX_set_session_id_context(context, id, sizeof id - 1) == 1;
}

static bool set_ticket_keys(SSL_CTX *context, const struct sx__tls *tls)
{
    return !tls->has_ticket_keys ||
           SSL_CTX_set_tlsext_ticket_keys(context, (void *)(uintptr_t)tls->ticket_keys,
                                          TICKET_KEYS_BYTES) == 1;
}

/* OpenSSL 3.5 reports no reason when it runs out of memory for the ciphers, so an error without a
 * reason becomes SX_ENOMEM. */
static int make_context(SSL_CTX **context, const struct sx__tls *tls, int cancel_fd, char *message,
                        size_t size)
{
    int status = SX_ENOMEM;
    ERR_clear_error();
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made != NULL && set_rules(made, tls->minimum)) {
        status = sx__tls_files_load(made, &tls->files, cancel_fd, message, size);
        if (status == 0 && !set_ticket_keys(made, tls)) {
            status = SX_ENOMEM;
        }
    } else if (made != NULL && ERR_peek_error() != 0) {
        status = sx__tls_files_fail(message, size, "the ciphers " CIPHERS_1_2, "unknown");
    }
    ERR_clear_error();
    if (status < 0) {
        SSL_CTX_free(made);
        return status;
    }
    *context = made;
    return 0;
}

int sx__tls_reload(struct sx__tls *tls, int cancel_fd, char *message, size_t size)
{
    SSL_CTX *context;
    const int status = make_context(&context, tls, cancel_fd, message, size);
    if (status < 0) {
        return status;
    }
    pthread_mutex_lock(&tls->mutex);
    SSL_CTX *former = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->mutex);
    SSL_CTX_free(former); /* its streams keep their own references */
    return 0;
}

bool sx__tls_choose_ticket_keys(struct sx__tls *tls)
{
    tls->has_ticket_keys = RAND_priv_bytes(tls->ticket_keys, TICKET_KEYS_BYTES) == 1;
    ERR_clear_error();
    return tls->has_ticket_keys;
}

static bool copy(char **to, const char *from)
{
    *to = from == NULL ? NULL : strdup(from);
    return from == NULL || *to != NULL;
}

int sx__tls_new(struct sx__tls **tls, const struct sx_tls_options *options, char *message,
                size_t size)
{
    /* Threads may still use OpenSSL when the process ends, so its clean-up at exit is disabled. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1) {
        return SX_ENOMEM;
    }
    struct sx__tls *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    const char *key = options->key == NULL ? options->certificate : options->key;
    made->minimum = options->minimum;
    atomic_init(&made->holders, 1);
    pthread_mutex_init(&made->mutex, NULL);
    int status = SX_ENOMEM;
    if (copy(&made->files.certificate, options->certificate) && copy(&made->files.key, key) &&
        copy(&made->files.client_ca, options->client_ca)) {
        status = sx__tls_reload(made, -1, message, size);
    }
    if (status < 0) {
        sx__tls_destroy(made);
        return status;
    }
    *tls = made;
    return 0;
}

struct sx__tls *sx__tls_hold(struct sx__tls *tls)
{
    atomic_fetch_add_explicit(&tls->holders, 1, memory_order_relaxed);
    return tls;
}

const char *sx__tls_get_certificate(const struct sx__tls *tls)
{
    return tls->files.certificate;
}

void sx__tls_destroy(struct sx__tls *tls)
{
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->holders, 1, memory_order_acq_rel) > 1) {
        return;
    }
    SSL_CTX_free(tls->context);
    free(tls->files.certificate);
    free(tls->files.key);
    free(tls->files.client_ca);
    OPENSSL_cleanse(tls->ticket_keys, TICKET_KEYS_BYTES);
    pthread_mutex_destroy(&tls->mutex);
    free(tls);
}

/* ---- streams ---- */

struct sx__tls_stream *sx__tls_accept(struct sx__tls *tls, int fd)
{
    pthread_mutex_lock(&tls->mutex);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->mutex);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context); /* the SSL has its own reference */
    /* OpenSSL allocates memory when the app data is set for the first time. Do it here, so that
     * count_idle_records cannot fail. */
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, NULL) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return (struct sx__tls_stream *)ssl;
}

void sx__tls_stream_destroy(struct sx__tls_stream *stream)
{
    SSL_free(ssl_of(stream));
}

bool sx__tls_is_established(const struct sx__tls_stream *stream)
{
    /* After a fatal error OpenSSL is back in its initial state, but it still has the client's
     * Finished. */
    unsigned char finished;
    const SSL *ssl = ssl_of(stream);
    return SSL_is_init_finished(ssl) == 1 ||
           SSL_get_peer_finished(ssl, &finished, sizeof finished) > 0;
}

/* Answers a plain HTTP request to a TLS address with 400 over plain HTTP. */
static void answer_without_tls(int fd, bool is_head)
{
    static const char body[] = "{\"message\": \"this address accepts https only, not http\"}";
    char date[SX__DATE_BYTES];
    char answer[300];
    sx__date_write(date, time(NULL));
    const int size = snprintf(answer, sizeof answer,
                              "HTTP/1.1 400 Bad Request\r\n"
                              "Date: %.*s\r\n"
                              "Content-Type: application/json\r\n"
                              "Content-Length: %zu\r\n"
                              "Connection: close\r\n\r\n%s",
                              SX__DATE_BYTES, date, sizeof body - 1, is_head ? "" : body);
    const ssize_t sent = send(fd, answer, (size_t)size, MSG_NOSIGNAL);
    (void)sent;
}

/* Returns the errno for the result of SSL_get_error. 0: the client has ended its side. */
static int errno_of(SSL *ssl, int result, int other_direction)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        if (SSL_get_error(ssl, result) == other_direction) {
            return EBUSY;
        }
        return errno == 0 ? EINTR : errno; /* 0: only records without data were read */
    case SSL_ERROR_SYSCALL:
        return errno == 0 || errno == EAGAIN ? ECONNRESET : errno;
    default:
        return EPROTO;
    }
}

/* Counts `records` records that were read. Returns whether the client may continue. The app data of
 * the SSL is the number of records without data, less those that reads of data have taken off.
 * OpenSSL 3.0 reads all records that have arrived in one call; 3.5 returns after each. */
static bool count_idle_records(SSL *ssl, unsigned records, bool has_data)
{
    const uintptr_t before = (uintptr_t)SSL_get_app_data(ssl);
    uintptr_t idle = before + records - (has_data && records > 0 ? 1 : 0);
    const bool may_go_on = idle <= IDLE_RECORDS_MAX;
    if (has_data) {
        idle -= idle < IDLE_RECORDS_FORGOTTEN ? idle : IDLE_RECORDS_FORGOTTEN;
    }
    if (idle != before) {
        SSL_set_app_data(ssl, (void *)idle);
    }
    return may_go_on;
}

static int to_int(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int)size;
}

static ssize_t receive(SSL *ssl, int (*read)(SSL *, void *, int), void *space, size_t size)
{
    ERR_clear_error();
    errno = 0;
    struct incoming incoming = {0};
    SSL_set_msg_callback_arg(ssl, &incoming);
    const int count = read(ssl, space, to_int(size));
    SSL_set_msg_callback_arg(ssl, NULL);
    const bool may_go_on = count_idle_records(ssl, incoming.records, count > 0);
    if (count > 0 && may_go_on) {
        return count;
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
        answer_without_tls(SSL_get_fd(ssl), incoming.is_head);
    }
    const int error = may_go_on ? errno_of(ssl, count, SSL_ERROR_WANT_WRITE) : EPROTO;
    ERR_clear_error();
    errno = error;
    return error == 0 ? 0 : -1;
}

ssize_t sx__tls_receive(struct sx__tls_stream *stream, void *space, size_t size)
{
    return receive(ssl_of(stream), SSL_read, space, size);
}

/* A failed read counts as an end, and so do bytes that are not TLS. */
bool sx__tls_has_ended(struct sx__tls_stream *stream)
{
    char byte;
    const ssize_t count = receive(ssl_of(stream), SSL_peek, &byte, 1);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EBUSY && errno != EINTR);
}

ssize_t sx__tls_send(struct sx__tls_stream *stream, const void *data, size_t size)
{
    SSL *ssl = ssl_of(stream);
    ERR_clear_error();
    errno = 0;
    const int count = SSL_write(ssl, data, to_int(size));
    if (count > 0) {
        return count;
    }
    const int error = errno_of(ssl, count, SSL_ERROR_WANT_READ);
    ERR_clear_error();
    errno = error == 0 ? EPIPE : error;
    return -1;
}

/* RFC 8446 6.1: "Each party MUST send a "close_notify" alert before closing its write side of the
 * connection, unless it has already sent some error alert." */
void sx__tls_end(struct sx__tls_stream *stream)
{
    SSL *ssl = ssl_of(stream);
    if (SSL_is_init_finished(ssl) && (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) == 0) {
        ERR_clear_error();
        const int result = SSL_shutdown(ssl); /* does nothing after an error */
        (void)result;
        ERR_clear_error();
    }
}
