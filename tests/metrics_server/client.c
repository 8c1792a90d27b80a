/* A client of the metrics server. See client.h. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int client_connect(uint16_t port)
{
    const struct timeval patience = {.tv_sec = 20};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void client_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* the server has closed, and the test sees that when it reads */
        }
        at += sent;
        size -= (size_t)sent;
    }
}

void client_send_text(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

bool client_read_all(int fd, char *text, size_t room)
{
    size_t size = 0;
    ssize_t got;
    while ((got = recv(fd, text + size, room - 1 - size, 0)) > 0) {
        size += (size_t)got;
        assert_true(size < room - 1);
    }
    text[size] = '\0';
    return got == 0;
}

void client_read_response(int fd, char *text, size_t room, bool has_body)
{
    size_t size = 0, wanted = 0;
    while (wanted == 0 || size < wanted) {
        /* Up to the end of the head byte by byte, so that nothing of the next response is taken. */
        size_t most = wanted == 0 ? 1 : wanted - size;
        assert_true(size + most < room);
        ssize_t got = recv(fd, text + size, most, 0);
        assert_true(got > 0);
        size += (size_t)got;
        text[size] = '\0';
        if (wanted == 0 && size >= 4 && memcmp(text + size - 4, "\r\n\r\n", 4) == 0) {
            const char *length = strstr(text, "Content-Length: ");
            assert_non_null(length);
            wanted = size + (has_body ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
}

void client_ask(uint16_t port, const char *request, char *text, size_t room)
{
    int fd = client_connect(port);
    client_send_text(fd, request);
    assert_true(client_read_all(fd, text, room));
    close(fd);
}
