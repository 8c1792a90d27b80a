/* tls_files.c: reads PEM files and loads them into an SSL_CTX. See tls_files.h. */
#define _POSIX_C_SOURCE 200809L
#include "tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sextant/app.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_FIRST ((size_t)16 << 10)
#define FILE_BYTES_MAX ((size_t)1 << 20) /* thousands of certificates */
#define LABEL_BYTES 64
#define WHAT_BYTES 320

/* A file and its content. The content may be a key, so it is wiped before it is freed. */
struct file {
    const char *what; /* for messages: what kind of file it is */
    const char *path;
    char *bytes;
    size_t size, space;
};

/* How to read a file, and where to write the error message. */
struct reading {
    int cancel_fd;
    char *message;
    size_t size;
};

/* ---- messages ---- */

static int refuse(const struct reading *reading, const struct file *file, const char *why)
{
    snprintf(reading->message, reading->size, "cannot use %s %s: %s", file->what, file->path, why);
    return SX_ETLS;
}

static bool is_want_of_memory(unsigned long error)
{
    return ERR_GET_REASON(error) == (ERR_SYSTEM_ERROR(error) ? ENOMEM : ERR_R_MALLOC_FAILURE);
}

/* The first error in OpenSSL's queue is the cause of the others, but errors for missing memory may
 * precede it. */
int sx__tls_files_fail(char *message, size_t size, const char *what, const char *otherwise)
{
    const unsigned long error = ERR_peek_error();
    unsigned long each;
    while ((each = ERR_get_error()) != 0) {
        if (is_want_of_memory(each)) {
            return SX_ENOMEM;
        }
    }
    const char *reason =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    snprintf(message, size, "cannot use %s: %s", what, reason == NULL ? otherwise : reason);
    return SX_ETLS;
}

static int fail(const struct reading *reading, const struct file *file, const char *otherwise)
{
    char what[WHAT_BYTES];
    snprintf(what, sizeof what, "%s %s", file->what, file->path);
    return sx__tls_files_fail(reading->message, reading->size, what, otherwise);
}

/* For failures of OpenSSL that may come from missing memory; otherwise our own message is more
 * precise. */
static int fail_because(const struct reading *reading, const struct file *file, const char *why)
{
    const int status = fail(reading, file, why);
    return status == SX_ETLS ? refuse(reading, file, why) : status;
}

/* Copies the label of "-----BEGIN LABEL-----" at the start of a line. */
static bool parse_label(const char *line, size_t size, char label[LABEL_BYTES])
{
    static const char begin[] = "-----BEGIN ";
    const size_t start = sizeof begin - 1;
    size_t count = 0;
    if (size < start || memcmp(line, begin, start) != 0) {
        return false;
    }
    for (size_t i = start; i < size && line[i] >= ' ' && line[i] != '-' && count + 1 < LABEL_BYTES;
         i++) {
        label[count++] = line[i];
    }
    label[count] = '\0';
    return count > 0;
}

/* Finds the first label that ends with `suffix` ("": any label); the label is "" if there is none.
 */
static void find_label(const struct file *file, const char *suffix, char label[LABEL_BYTES])
{
    const size_t suffix_size = strlen(suffix);
    for (size_t i = 0; i < file->size; i++) {
        if ((i == 0 || file->bytes[i - 1] == '\n') &&
            parse_label(file->bytes + i, file->size - i, label)) {
            const size_t size = strlen(label);
            if (size >= suffix_size && strcmp(label + size - suffix_size, suffix) == 0) {
                return;
            }
        }
    }
    label[0] = '\0';
}

/* DER begins with an ASN.1 sequence. It is recognised if the sequence is longer than 127 bytes, or
 * takes up the rest of the file. */
static bool looks_like_der(const struct file *file)
{
    const unsigned char *bytes = (const unsigned char *)file->bytes;
    return file->size > 2 && bytes[0] == 0x30 && (bytes[1] >= 0x80 || bytes[1] + 2U == file->size);
}

/* OpenSSL reports that values or types differ, but not which ones, so the message is our own. */
static int refuse_key(const struct reading *reading, const struct file *file)
{
    static const char why[] = "it does not belong to the certificate";
    return fail(reading, file, why) == SX_ENOMEM ? SX_ENOMEM : fail_because(reading, file, why);
}

/* Writes the error for a file without a PEM block of the expected kind. */
static int refuse_content(const struct reading *reading, const struct file *file,
                          const char *wanted)
{
    char label[LABEL_BYTES];
    char why[2 * LABEL_BYTES];
    find_label(file, "", label);
    if (file->size == 0) {
        snprintf(why, sizeof why, "it is empty");
    } else if (label[0] != '\0') {
        snprintf(why, sizeof why, "it contains %s, not a %s", label, wanted);
    } else if (looks_like_der(file)) {
        snprintf(why, sizeof why, "it is not PEM, but looks like DER");
    } else {
        snprintf(why, sizeof why, "it is not PEM");
    }
    return fail_because(reading, file, why);
}

/* Returns whether OpenSSL found no "-----BEGIN" line of the kind that it was to read. */
static bool found_none(void)
{
    const unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int refuse_damaged(const struct reading *reading, const struct file *file)
{
    char why[160];
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    snprintf(why, sizeof why, "a certificate in it is damaged (%s)",
             reason == NULL ? "unknown" : reason);
    return fail_because(reading, file, why);
}

/* ---- reading ---- */

/* Waits until the file is readable. Returns false if the wait was cancelled. A regular file is
 * always readable. */
static bool is_ready(int fd, int cancel_fd)
{
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    while (poll(polled, 2, -1) < 0 && errno == EINTR) {
    }
    return polled[1].revents == 0;
}

static bool grow(struct file *file)
{
    const size_t space = file->space == 0 ? FILE_BYTES_FIRST : 2 * file->space;
    char *grown = OPENSSL_clear_realloc(file->bytes, file->space, space);
    if (grown != NULL) {
        file->bytes = grown;
        file->space = space;
    }
    return grown != NULL;
}

static int read_all(const struct reading *reading, struct file *file, int fd)
{
    for (;;) {
        if (file->size == file->space && !grow(file)) {
            return SX_ENOMEM;
        }
        if (!is_ready(fd, reading->cancel_fd)) {
            return SX_EAGAIN;
        }
        const ssize_t count = read(fd, file->bytes + file->size, file->space - file->size);
        if (count == 0) {
            return 0;
        }
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return refuse(reading, file, strerror(errno));
        }
        file->size += count > 0 ? (size_t)count : 0;
        if (file->size >= FILE_BYTES_MAX) {
            return refuse(reading, file, "it is 1 MiB or larger");
        }
    }
}

static int read_file(const struct reading *reading, struct file *file)
{
    /* O_NONBLOCK: open does not block for a FIFO without a writer; poll waits for the writer
     * instead. */
    const int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return refuse(reading, file, strerror(errno));
    }
    const int status = read_all(reading, file, fd);
    close(fd);
    return status;
}

/* Reads a file. If an earlier file has the same path, uses its bytes instead, because a pipe can be
 * read only once. */
static int read_once(const struct reading *reading, struct file *files, size_t index)
{
    struct file *file = &files[index];
    for (size_t i = 0; i < index; i++) {
        if (strcmp(files[i].path, file->path) == 0) {
            file->bytes = files[i].bytes;
            file->size = files[i].size;
            return 0; /* `space` stays 0, because the bytes belong to the earlier file */
        }
    }
    return read_file(reading, file);
}

static void file_clean_up(struct file *file)
{
    if (file->space > 0) {
        OPENSSL_clear_free(file->bytes, file->space);
    }
}

/* ---- loading the content ---- */

/* OpenSSL calls this instead of asking for a passphrase at the terminal. */
static int no_passphrase(char *space, int size, int writes, void *asked)
{
    (void)space;
    (void)size;
    (void)writes;
    *(bool *)asked = true;
    return -1;
}

/* Returns whether the certificate's key can be used. If it cannot be read, or not completely,
 * OpenSSL reports no error until the key is needed; then every handshake would fail. */
static bool has_key(const X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    return key != NULL && EVP_PKEY_get_security_bits(key) > 0;
}

/* Returns the next certificate, or NULL if there is none (`*status` is 0) or it cannot be used. */
static X509 *next_certificate(const struct reading *reading, const struct file *file, BIO *bio,
                              int *status)
{
    bool asked = false;
    *status = 0;
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, &asked);
    if (certificate == NULL && !found_none()) {
        *status = refuse_damaged(reading, file);
    } else if (certificate != NULL && !has_key(certificate)) {
        X509_free(certificate);
        certificate = NULL;
        *status = fail_because(reading, file, "the key of a certificate in it cannot be used");
    }
    return certificate;
}

/* Loads the server's certificate, the first one in the file, and the chain that follows it. */
static int use_chain(SSL_CTX *context, const struct reading *reading, const struct file *file,
                     BIO *bio)
{
    int status;
    X509 *certificate = next_certificate(reading, file, bio, &status);
    if (certificate == NULL) {
        return status < 0 ? status : refuse_content(reading, file, "certificate");
    }
    const bool is_used = SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    if (!is_used) {
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_EE_KEY_TOO_SMALL
                   ? fail_because(reading, file, "its key is too short to be secure")
                   : fail(reading, file, "OpenSSL refuses it");
    }
    while ((certificate = next_certificate(reading, file, bio, &status)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            return fail(reading, file, "OpenSSL refuses a certificate of its chain");
        }
    }
    return status;
}

static int use_key(SSL_CTX *context, const struct reading *reading, const struct file *file,
                   BIO *bio)
{
    bool asked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    if (key == NULL) {
        char label[LABEL_BYTES];
        find_label(file, "PRIVATE KEY", label);
        if (asked) {
            return fail_because(reading, file,
                                "it has a passphrase, which the server cannot ask for");
        }
        return label[0] != '\0'
                   ? fail_because(reading, file, "the key in it is damaged, or of an unknown kind")
                   : refuse_content(reading, file, "key");
    }
    const bool is_used = X509_check_private_key(SSL_CTX_get0_certificate(context), key) == 1 &&
                         SSL_CTX_use_PrivateKey(context, key) == 1 &&
                         SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    return is_used ? 0 : refuse_key(reading, file);
}

/* Loads the certificate authorities. A client's certificate must be signed by one of them. */
static int use_authorities(SSL_CTX *context, const struct reading *reading, const struct file *file,
                           BIO *bio)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    X509 *certificate;
    int status = names == NULL ? SX_ENOMEM : 0;
    while (status == 0 && (certificate = next_certificate(reading, file, bio, &status)) != NULL) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));
        if (name == NULL || sk_X509_NAME_push(names, name) <= 0) {
            X509_NAME_free(name);
            status = SX_ENOMEM;
        } else if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) != 1) {
            status = fail(reading, file, "OpenSSL refuses a certificate in it");
        }
        X509_free(certificate);
    }
    if (status == 0 && sk_X509_NAME_num(names) == 0) {
        status = refuse_content(reading, file, "certificate");
    }
    if (status < 0) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return status;
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

typedef int use_fn(SSL_CTX *context, const struct reading *reading, const struct file *file,
                   BIO *bio);

static int use_file(SSL_CTX *context, const struct reading *reading, const struct file *file,
                    use_fn *use)
{
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->size);
    const int status = bio == NULL ? SX_ENOMEM : use(context, reading, file, bio);
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

int sx__tls_files_load(SSL_CTX *context, const struct sx__tls_files *files, int cancel_fd,
                       char *message, size_t size)
{
    const struct reading reading = {cancel_fd, message, size};
    struct file read[] = {
        {.what = "the certificate", .path = files->certificate},
        {.what = "the key", .path = files->key},
        {.what = "the clients' certificate authority", .path = files->client_ca},
    };
    use_fn *const uses[] = {use_chain, use_key, use_authorities};
    const size_t count = files->client_ca == NULL ? 2 : 3;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        status = read_once(&reading, read, i);
        if (status == 0) {
            status = use_file(context, &reading, &read[i], uses[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        file_clean_up(&read[i]);
    }
    return status;
}
