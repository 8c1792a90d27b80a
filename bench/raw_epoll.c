/* raw_epoll.c: the least that a server can do, to compare with. It reads until an empty line and
 * writes one constant response, of the size of that of examples/hello; it does not look at the
 * request.
 *
 *     raw_epoll [--port PORT] [--threads N]
 *
 * Prints `listening on http://127.0.0.1:PORT`. Each thread has a level-triggered epoll set of its
 * own and a listener of its own on the same port (SO_REUSEPORT). Ends with SIGTERM.
 */
#define _GNU_SOURCE /* accept4, SO_REUSEPORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define INPUT_BYTES 4096
#define DESCRIPTORS 65536
#define THREADS_MAX 64

static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 17\r\n"
                               "\r\n"
                               "{\"hello\":\"world\"}";

/* How many bytes of an unfinished line have come, up to 2. */
static unsigned char begun[DESCRIPTORS];

static int open_listener(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        perror("raw_epoll: cannot listen");
        exit(1);
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(int epoll_fd, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= DESCRIPTORS) {
            close(fd);
            continue;
        }
        begun[fd] = 0;
        watch(epoll_fd, fd);
    }
}

/* How many requests end in these bytes. A line of one byte is taken to be a CR. */
static unsigned count_ends(int fd, const char *bytes, size_t size)
{
    const char *end = bytes + size;
    const char *lf;
    unsigned count = 0;
    while ((lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        count += (size_t)(lf - bytes) + begun[fd] <= 1 ? 1 : 0;
        begun[fd] = 0;
        bytes = lf + 1;
    }
    const size_t rest = (size_t)(end - bytes) + begun[fd];
    begun[fd] = (unsigned char)(rest < 2 ? rest : 2);
    return count;
}

static void serve(int fd)
{
    char bytes[INPUT_BYTES];
    const ssize_t size = read(fd, bytes, sizeof bytes);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) {
            close(fd);
        }
        return;
    }
    for (unsigned count = count_ends(fd, bytes, (size_t)size); count > 0; count--) {
        if (send(fd, response, sizeof response - 1, MSG_NOSIGNAL) < 0) {
            close(fd);
            return;
        }
    }
}

static void *run(void *argument)
{
    const int listener = (int)(intptr_t)argument;
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll_fd, listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        const int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(epoll_fd, listener);
            } else {
                serve(events[i].data.fd);
            }
        }
    }
    return NULL;
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtol(argv[i + 1], NULL, 10);
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    const long threads = option(argc, argv, "--threads", 1);
    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "raw_epoll: --threads is from 1 to %d\n", THREADS_MAX);
        return 2;
    }
    uint16_t port = (uint16_t)option(argc, argv, "--port", 0);
    int listeners[THREADS_MAX];
    for (long i = 0; i < threads; i++) {
        listeners[i] = open_listener(port);
        port = port_of(listeners[i]);
    }
    printf("listening on http://127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);
    for (long i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, (void *)(intptr_t)listeners[i]) != 0) {
            return 1;
        }
    }
    run((void *)(intptr_t)listeners[0]);
}
