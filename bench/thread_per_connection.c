/* thread_per_connection.c: the simplest server whose handlers may block, to compare with. Each
 * connection has a thread, which reads until an empty line, does what the path says and writes a
 * constant response.
 *
 *     thread_per_connection [--port PORT] [--certificate FILE --key FILE]
 *
 *     /sleep?us=N   sleeps for N microseconds
 *     /spin?us=N    keeps a processor busy for N microseconds
 *     /varied       sleeps 200 us nine times of ten, and 20 ms the tenth
 *
 * Prints `listening on http://127.0.0.1:PORT` (https with a certificate). Ends with SIGTERM.
 */
#define _GNU_SOURCE /* accept4, memmem */
#include "waiting.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_BYTES 8192
#define STACK_BYTES ((size_t)256 << 10)

static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 17\r\n"
                               "\r\n"
                               "{\"hello\":\"world\"}";

static SSL_CTX *tls_context; /* NULL: plain HTTP */

static ssize_t receive(SSL *tls, int fd, char *space, size_t size)
{
    return tls == NULL ? recv(fd, space, size, 0) : SSL_read(tls, space, (int)size);
}

static bool respond(SSL *tls, int fd)
{
    const size_t size = sizeof response - 1;
    const ssize_t sent =
        tls == NULL ? send(fd, response, size, MSG_NOSIGNAL) : SSL_write(tls, response, (int)size);
    return sent == (ssize_t)size;
}

static void work(const char *request)
{
    if (strncmp(request, "GET /sleep?us=", 14) == 0) {
        wait_asleep_us(strtol(request + 14, NULL, 10));
    } else if (strncmp(request, "GET /spin?us=", 13) == 0) {
        wait_busy_us(strtol(request + 13, NULL, 10));
    } else if (strncmp(request, "GET /varied", 11) == 0) {
        wait_asleep_us(varied_us());
    }
}

/* One request at a time: wrk does not pipeline. */
static void *serve(void *argument)
{
    const int fd = (int)(intptr_t)argument;
    SSL *tls = NULL;
    if (tls_context != NULL) {
        tls = SSL_new(tls_context);
        SSL_set_fd(tls, fd);
    }
    char request[INPUT_BYTES + 1];
    size_t filled = 0;
    ssize_t count;
    while ((tls == NULL || SSL_is_init_finished(tls) || SSL_accept(tls) == 1) &&
           (count = receive(tls, fd, request + filled, INPUT_BYTES - filled)) > 0) {
        filled += (size_t)count;
        if (memmem(request, filled, "\r\n\r\n", 4) == NULL) {
            continue;
        }
        request[filled] = '\0';
        filled = 0;
        work(request);
        if (!respond(tls, fd)) {
            break;
        }
    }
    SSL_free(tls);
    close(fd);
    return NULL;
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return NULL;
}

static void set_up_tls(const char *certificate, const char *key)
{
    tls_context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "thread_per_connection: the certificate or its key cannot be used\n");
        exit(1);
    }
}

static int listen_at(const char *port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)(port == NULL ? 0 : strtol(port, NULL, 10))),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        perror("thread_per_connection: cannot listen");
        exit(1);
    }
    printf("listening on http%s://127.0.0.1:%u\n", tls_context == NULL ? "" : "s",
           (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    const char *certificate = option(argc, argv, "--certificate");
    const char *key = option(argc, argv, "--key");
    if (certificate != NULL) {
        set_up_tls(certificate, key == NULL ? certificate : key);
    }
    signal(SIGPIPE, SIG_IGN);
    const int listener = listen_at(option(argc, argv, "--port"));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (fd >= 0 && pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd) != 0) {
            close(fd);
        }
    }
}
