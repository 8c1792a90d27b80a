/* tls_records.h: TLS records that OpenSSL's client does not send, sealed with its keys. */
#ifndef TEST_TLS_RECORDS_H
#define TEST_TLS_RECORDS_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TLS_RECORDS_OVERHEAD = 64 };

/* The keys of a client after its handshake, before it has written anything. */
struct tls_records {
    unsigned char key[16];
    unsigned char iv[12];
    uint64_t sequence;
    int version;
};

enum { HASH_BYTES = 32, TAG_BYTES = 16, HEADER_BYTES = 5 };

/* CLIENT_TRAFFIC_SECRET_0 of the last client of TLS 1.3. */
static unsigned char traffic_secret[HASH_BYTES];

static inline void keep_secret(const SSL *client, const char *line)
{
    (void)client;
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    if (strncmp(line, label, sizeof label - 1) != 0) {
        return;
    }
    const char *hex = strrchr(line, ' ') + 1;
    for (size_t i = 0; i < sizeof traffic_secret; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        traffic_secret[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
}

/* Restricts the clients of a context to ciphers that can be sealed here, and keeps their secrets.
 */
static inline void tls_records_prepare(SSL_CTX *context)
{
    SSL_CTX_set_keylog_callback(context, keep_secret);
    assert_int_equal(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256"), 1);
}

static inline void hmac(const unsigned char *key, size_t key_size, const unsigned char *data,
                        size_t size, unsigned char out[HASH_BYTES])
{
    unsigned count = 0;
    assert_non_null(HMAC(EVP_sha256(), key, (int)key_size, data, size, out, &count));
    assert_int_equal(count, HASH_BYTES);
}

/* HKDF-Expand-Label of RFC 8446 7.1, without a context, of at most one hash. */
static inline void expand_label(const char *label, unsigned char *out, size_t size)
{
    unsigned char info[64] = {0, (unsigned char)size, (unsigned char)(6 + strlen(label))};
    unsigned char hash[HASH_BYTES];
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    const size_t filled = 9 + strlen(label) + 1;
    info[filled] = 1; /* the number of HKDF-Expand's block, RFC 5869 2.3 */
    hmac(traffic_secret, sizeof traffic_secret, info, filled + 1, hash);
    memcpy(out, hash, size);
}

/* The key block of RFC 5246 6.3: the client's key, the server's, the client's salt. */
static inline void expand_master_key(struct tls_records *records, const SSL *client)
{
    static const char label[] = "key expansion";
    enum { LABEL_BYTES = sizeof label - 1, SEED_BYTES = LABEL_BYTES + 64 };
    unsigned char master[48];
    unsigned char text[HASH_BYTES + SEED_BYTES]; /* A(i) and the seed */
    unsigned char block[2 * HASH_BYTES];
    unsigned char *seed = text + HASH_BYTES;
    assert_int_equal(SSL_SESSION_get_master_key(SSL_get_session(client), master, sizeof master),
                     sizeof master);
    memcpy(seed, label, LABEL_BYTES);
    SSL_get_server_random(client, seed + LABEL_BYTES, 32);
    SSL_get_client_random(client, seed + LABEL_BYTES + 32, 32);
    hmac(master, sizeof master, seed, SEED_BYTES, text);
    hmac(master, sizeof master, text, sizeof text, block);
    unsigned char next[HASH_BYTES];
    hmac(master, sizeof master, text, HASH_BYTES, next);
    memcpy(text, next, HASH_BYTES);
    hmac(master, sizeof master, text, sizeof text, block + HASH_BYTES);
    memcpy(records->key, block, sizeof records->key);
    memcpy(records->iv, block + 32, 4);
}

static inline void tls_records_init(struct tls_records *records, const SSL *client)
{
    *records = (struct tls_records){.version = SSL_version(client)};
    if (records->version == TLS1_3_VERSION) {
        expand_label("key", records->key, sizeof records->key);
        expand_label("iv", records->iv, sizeof records->iv);
    } else {
        expand_master_key(records, client);
        records->sequence = 1; /* Finished had the same keys */
    }
}

static inline void write_number(unsigned char *out, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8) {
        out[i] = (unsigned char)number;
    }
}

/* Gives the size of the sealed text and its tag. */
static inline size_t seal(const struct tls_records *records, const unsigned char nonce[12],
                          const unsigned char *extra, size_t extra_size, const unsigned char *text,
                          size_t size, unsigned char *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int count = 0;
    assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, records->key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &count, extra, (int)extra_size), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, out, &count, text, (int)size), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, out + size, &count), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + size), 1);
    EVP_CIPHER_CTX_free(cipher);
    return size + TAG_BYTES;
}

static inline void write_header(unsigned char *out, unsigned char type, size_t size)
{
    memcpy(out, (unsigned char[]){type, 3, 3, (unsigned char)(size >> 8), (unsigned char)size}, 5);
}

/* RFC 5246 6.2.3.3 and RFC 5288 3. */
static inline size_t seal_1_2(const struct tls_records *records, unsigned char type,
                              const void *data, size_t size, unsigned char *out)
{
    unsigned char nonce[12];
    unsigned char extra[8 + HEADER_BYTES];
    memcpy(nonce, records->iv, 4);
    write_number(nonce + 4, records->sequence);
    write_number(extra, records->sequence);
    write_header(extra + 8, type, size);
    const size_t sealed =
        seal(records, nonce, extra, sizeof extra, data, size, out + HEADER_BYTES + 8);
    memcpy(out + HEADER_BYTES, nonce + 4, 8);
    write_header(out, type, 8 + sealed);
    return HEADER_BYTES + 8 + sealed;
}

/* RFC 8446 5.2: the type is behind the data, and is sealed as well. */
static inline size_t seal_1_3(const struct tls_records *records, unsigned char type,
                              const void *data, size_t size, unsigned char *out)
{
    unsigned char nonce[12] = {0};
    unsigned char text[16384 + 1];
    write_number(nonce + 4, records->sequence);
    for (size_t i = 0; i < sizeof nonce; i++) {
        nonce[i] ^= records->iv[i];
    }
    memcpy(text, data, size);
    text[size] = type;
    write_header(out, 23, size + 1 + TAG_BYTES);
    return HEADER_BYTES +
           seal(records, nonce, out, HEADER_BYTES, text, size + 1, out + HEADER_BYTES);
}

/* Seals the next record of this content type; gives the size of `out`, which has room for the
 * overhead and for the data. */
static inline size_t tls_records_seal(struct tls_records *records, unsigned char type,
                                      const void *data, size_t size, unsigned char *out)
{
    const size_t sealed = records->version == TLS1_3_VERSION
                              ? seal_1_3(records, type, data, size, out)
                              : seal_1_2(records, type, data, size, out);
    records->sequence++;
    return sealed;
}

#endif
