/* open_loop.c: requests that begin when they are due, whether or not earlier ones were answered.
 *
 *     open_loop PORT PATH RATE SECONDS CONNECTIONS
 *
 * Sends RATE requests a second over CONNECTIONS connections that are kept alive; a request that is
 * due while all are in use waits for one. Latency is counted from when the request was due, so a
 * server that falls behind shows it. Prints `p50_us p99_us answered`; the first fifth of the time
 * is not counted. (wrk is a closed loop: it waits for the server, and so hides its pauses.)
 */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define EVENTS 64
#define GRACE_NS 2000000000u /* for the last answers */

struct client {
    int fd;
    bool busy;
    uint64_t due_ns;
    size_t filled;
    char reply[1024];
};

static struct client clients[CONNECTIONS_MAX];
static unsigned client_count;
static char request[512];
static size_t request_size;
static uint64_t *latencies_ns;
static size_t latency_count;
static uint64_t counted_from_ns;

static void die(const char *what)
{
    fprintf(stderr, "open_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void open_clients(int epoll_fd, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned i = 0; i < client_count; i++) {
        const int on = 1;
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
            die("cannot connect");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        clients[i].fd = fd;
    }
}

/* Returns whether a client was free. */
static bool send_request(uint64_t due_ns)
{
    static unsigned next;
    for (unsigned i = 0; i < client_count; i++) {
        struct client *client = &clients[next++ % client_count];
        if (!client->busy) {
            client->busy = true;
            client->due_ns = due_ns;
            if (send(client->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) {
                die("cannot send");
            }
            return true;
        }
    }
    return false;
}

/* An answer is complete with the last byte of its body; all answers are short. */
static bool is_whole(const struct client *client)
{
    const char *end = memmem(client->reply, client->filled, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    const char *length = memmem(client->reply, client->filled, "Content-Length: ", 16);
    const size_t body = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    return client->filled >= (size_t)(end - client->reply) + 4 + body;
}

static void receive(struct client *client)
{
    const ssize_t count = recv(client->fd, client->reply + client->filled,
                               sizeof client->reply - 1 - client->filled, 0);
    if (count <= 0 || strncmp(client->reply, "HTTP/1.1 2", 10) != 0) {
        die("the server did not answer with 2xx");
    }
    client->filled += (size_t)count;
    client->reply[client->filled] = '\0';
    if (!is_whole(client)) {
        return;
    }
    if (client->due_ns >= counted_from_ns) {
        latencies_ns[latency_count++] = now_ns() - client->due_ns;
    }
    client->busy = false;
    client->filled = 0;
}

static unsigned busy_clients(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < client_count; i++) {
        count += clients[i].busy ? 1 : 0;
    }
    return count;
}

static void wait_until(int epoll_fd, int timer_fd, uint64_t until_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(until_ns / 1000000000u),
                     .tv_nsec = (long)(until_ns % 1000000000u)},
    };
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr != NULL) {
            receive(events[i].data.ptr);
        }
    }
}

static void run(int epoll_fd, int timer_fd, double rate, double seconds)
{
    const uint64_t step_ns = (uint64_t)(1e9 / rate);
    const uint64_t begin_ns = now_ns();
    const uint64_t end_ns = begin_ns + (uint64_t)(seconds * 1e9);
    uint64_t due_ns = begin_ns;
    counted_from_ns = begin_ns + (uint64_t)(seconds * 0.2e9);
    while (due_ns < end_ns && now_ns() < end_ns + GRACE_NS) {
        const uint64_t now = now_ns();
        while (due_ns <= now && due_ns < end_ns && send_request(due_ns)) {
            due_ns += step_ns;
        }
        /* If all clients are in use, wait for an answer. */
        wait_until(epoll_fd, timer_fd, due_ns > now ? due_ns : now + 100000000u);
    }
    while (busy_clients() > 0 && now_ns() < end_ns + GRACE_NS) {
        wait_until(epoll_fd, timer_fd, end_ns + GRACE_NS);
    }
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: open_loop PORT PATH RATE SECONDS CONNECTIONS\n");
        return 2;
    }
    const double rate = strtod(argv[3], NULL);
    const double seconds = strtod(argv[4], NULL);
    client_count = (unsigned)strtoul(argv[5], NULL, 10);
    if (rate <= 0 || seconds <= 0 || client_count == 0 || client_count > CONNECTIONS_MAX) {
        fprintf(stderr,
                "open_loop: RATE, SECONDS and CONNECTIONS are positive, and CONNECTIONS is "
                "at most %d\n",
                CONNECTIONS_MAX);
        return 2;
    }
    latencies_ns = calloc((size_t)(rate * seconds) + CONNECTIONS_MAX, sizeof *latencies_ns);
    request_size = (size_t)snprintf(request, sizeof request,
                                    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[2]);
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (latencies_ns == NULL || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event) < 0) {
        die("cannot start");
    }
    open_clients(epoll_fd, (uint16_t)strtoul(argv[1], NULL, 10));
    run(epoll_fd, timer_fd, rate, seconds);
    if (latency_count == 0) {
        die("no request was answered");
    }
    qsort(latencies_ns, latency_count, sizeof *latencies_ns, compare);
    printf("%.1f %.1f %zu\n", (double)latencies_ns[latency_count / 2] / 1e3,
           (double)latencies_ns[latency_count * 99 / 100] / 1e3, latency_count);
    return 0;
}
