/* crowd.c: many clients that do little, for what they cost a server and its other clients.
 *
 *     crowd idle COUNT PORT    each has one request answered and keeps its connection
 *     crowd slow COUNT PORT    a third each send a header, send a body to /upload, and read /large,
 * a few bytes a second; who is turned away connects again
 *
 * Prints `ready` when all are connected, the slow ones two seconds later, by when the kernel has
 * taken of /large what it can. Ends when its standard input does.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 100000
#define TURNS 10 /* of a second, in each of which a tenth of the clients do something */
#define SETTLING_TURNS (2 * TURNS)
#define RECEIVE_BUFFER_BYTES 4096
#define READ_BYTES 512 /* a second */

static uint16_t port;
static int clients[CLIENTS_MAX];

static void die(const char *what)
{
    fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_client(bool reads_slowly)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int size = RECEIVE_BUFFER_BYTES;
    /* Reset at the end, so that thousands of ports are not kept from the next crowd. */
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (fd < 0) {
        die("no socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (reads_slowly) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        die("cannot connect");
    }
    return fd;
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        die("cannot send");
    }
}

/* ---- idle ---- */

static void open_idle(int *client)
{
    char answer[4096];
    *client = open_client(false);
    say(*client, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    if (recv(*client, answer, sizeof answer, 0) <= 0) {
        die("no answer");
    }
}

/* ---- slow ---- */

static void open_slow(int number)
{
    static const char *const beginnings[] = {
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
        "GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    };
    clients[number] = open_client(number % 3 == 2);
    say(clients[number], beginnings[number % 3]);
    fcntl(clients[number], F_SETFL, O_NONBLOCK);
}

/* Sends a byte, or reads a few, and comes back as a new client if the server has had enough. */
static void act(int number)
{
    char bytes[READ_BYTES];
    const int fd = clients[number];
    const bool reads = number % 3 == 2;
    const ssize_t got = recv(fd, bytes, reads ? sizeof bytes : 1, 0);
    const bool is_over = got == 0 || (got > 0 && !reads) || (got < 0 && errno != EAGAIN);
    if (is_over || (!reads && send(fd, "x", 1, MSG_NOSIGNAL) < 0)) {
        close(fd);
        open_slow(number);
    }
}

static bool wait_or_end(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, timeout_ms) == 0;
}

int main(int argc, char **argv)
{
    const bool slow = argc == 4 && strcmp(argv[1], "slow") == 0;
    const long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > CLIENTS_MAX || (!slow && strcmp(argv[1], "idle") != 0)) {
        fprintf(stderr, "usage: crowd idle|slow COUNT PORT\n");
        return 2;
    }
    port = (uint16_t)strtol(argv[3], NULL, 10);
    for (int i = 0; i < count; i++) {
        if (slow) {
            open_slow(i);
        } else {
            open_idle(&clients[i]);
        }
    }
    for (int turn = slow ? -SETTLING_TURNS : 0;; turn++) {
        if (turn == 0) {
            puts("ready");
            fflush(stdout);
        }
        if (!wait_or_end(slow ? 1000 / TURNS : -1)) {
            return 0;
        }
        for (int i = (turn + SETTLING_TURNS) % TURNS; i < count; i += TURNS) {
            act(i);
        }
    }
}
