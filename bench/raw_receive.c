/* raw_receive.c: measures the cost of only receiving bodies of several sizes. A large body leaves
 * the processor's caches on its way to memory, in every server.
 *
 *     raw_receive MIB...
 *
 * For each size, prints a line with the CPU microseconds of the receiver for a MiB, over a
 * connection on 127.0.0.1 into memory that is there already.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define MIB_PER_RUN 100
#define BYTES_AT_ONCE ((size_t)256 << 10) /* as the engine receives a body */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static char *make_body(size_t size)
{
    char *body = malloc(size);
    if (body == NULL) {
        die("malloc");
    }
    memset(body, 'x', size);
    return body;
}

static void send_bodies(const struct sockaddr_in *address, size_t size, size_t count)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        die("connect");
    }
    char *body = make_body(size);
    for (size_t i = 0; i < count; i++) {
        char answer;
        for (size_t sent = 0; sent < size;) {
            const ssize_t now = send(fd, body + sent, size - sent, MSG_NOSIGNAL);
            if (now <= 0) {
                _exit(1);
            }
            sent += (size_t)now;
        }
        if (recv(fd, &answer, 1, 0) != 1) {
            _exit(1);
        }
    }
    _exit(0);
}

static void receive_body(int fd, char *body, size_t size)
{
    for (size_t filled = 0; filled < size;) {
        const size_t left = size - filled;
        const ssize_t now = recv(fd, body + filled, left < BYTES_AT_ONCE ? left : BYTES_AT_ONCE, 0);
        if (now <= 0) {
            die("recv");
        }
        filled += (size_t)now;
    }
    if (send(fd, "k", 1, MSG_NOSIGNAL) != 1) {
        die("send");
    }
}

static double measure(int listener, const struct sockaddr_in *address, size_t mib)
{
    const size_t size = mib * MIB;
    const size_t count = MIB_PER_RUN / mib;
    const pid_t sender = fork();
    if (sender == 0) {
        send_bodies(address, size, count + 1);
    }
    const int fd = accept(listener, NULL, NULL);
    if (sender < 0 || fd < 0) {
        die("accept");
    }
    char *body = make_body(size);
    receive_body(fd, body, size);
    const double before = cpu_us();
    for (size_t i = 0; i < count; i++) {
        receive_body(fd, body, size);
    }
    const double us = cpu_us() - before;
    free(body);
    close(fd);
    waitpid(sender, NULL, 0);
    return us / (double)(count * mib);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        die("listen");
    }
    for (int i = 1; i < argc; i++) {
        const size_t mib = strtoul(argv[i], NULL, 10);
        if (mib == 0 || mib > MIB_PER_RUN) {
            fprintf(stderr, "raw_receive: MIB is from 1 to %d\n", MIB_PER_RUN);
            return 2;
        }
        printf("%.1f\n", measure(listener, &address, mib));
    }
    return 0;
}
