/* tls_files.h: reads PEM files into an SSL_CTX with their certificate and key.
 *
 * The files are read here and not by OpenSSL, so that waiting for a pipe without a writer can be
 * cancelled, and errors describe the file.
 *
 * Threads: any; the caller owns the SSL_CTX.
 */
#ifndef SX_TLS_FILES_H
#define SX_TLS_FILES_H

#include <openssl/ssl.h>
#include <stddef.h>

struct sx__tls_files {
    char *certificate, *key, *client_ca; /* paths; client_ca NULL: none */
};

/* Loads the files into the context. Blocks for as long as the file system does. Waiting for a pipe
 * or a terminal ends when `cancel_fd` becomes readable (-1: never). Errors: SX_ETLS with a message;
 * SX_ENOMEM; SX_EAGAIN: cancelled */
int sx__tls_files_load(SSL_CTX *context, const struct sx__tls_files *files, int cancel_fd,
                       char *message, size_t size);

/* Writes why OpenSSL failed at `what`; `otherwise` is the reason if OpenSSL reports none. Returns
 * SX_ETLS or SX_ENOMEM. */
int sx__tls_files_fail(char *message, size_t size, const char *what, const char *otherwise);

#endif
