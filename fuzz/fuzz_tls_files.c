/* Property: for any content of the files of a certificate, a key and an authority, they are loaded,
 * or an error message gives the reason. */
#define _GNU_SOURCE /* memfd_create */
#include "tls_files.h"

#include <sextant/status.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[40];
    char message[512] = "";
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const struct sx__tls_files files = {path, path, path};
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    const int status = sx__tls_files_load(context, &files, -1, message, sizeof message);
    if (status != 0 && (status != SX_ETLS || strstr(message, ": ") == NULL)) {
        abort();
    }
    if (status == 0 && SSL_CTX_check_private_key(context) != 1) {
        abort();
    }
    SSL_CTX_free(context);
    close(fd);
    return 0;
}
