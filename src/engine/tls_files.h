/* tls_files.h: from PEM files to a context of OpenSSL that has their certificate and key.
 *
 * Files are read here and not by OpenSSL: so a pipe without a writer can be given up, and what is
 * wrong with a file is said in words that fit it.
 */
#ifndef SX_TLS_FILES_H
#define SX_TLS_FILES_H

#include <openssl/ssl.h>
#include <stddef.h>

struct sx__tls_files {
    char *certificate, *key, *client_ca; /* paths; client_ca NULL: none */
};

/* Puts what the files say into the context. It may block for as long as a file system does; a pipe
 * or a terminal is given up when `cancel_fd` becomes readable (-1: never).
 * Errors: SX_ETLS and why; SX_ENOMEM; SX_EAGAIN: given up */
int sx__tls_files_load(SSL_CTX *context, const struct sx__tls_files *files, int cancel_fd,
                       char *message, size_t size);

/* Says why OpenSSL failed at `what`; `otherwise`: what to say if it does not know. */
int sx__tls_files_fail(char *message, size_t size, const char *what, const char *otherwise);

#endif
