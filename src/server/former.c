/* former.c: what a program does that an upgrade has started. See upgrade.h. */
#include "server.h"
#include "server_types.h"
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS 100

/* Of the process, like the variables. */
static struct {
    bool has_begun;
    int fd; /* a socket to the former program; -1: there is none */
    bool waits;
    char *sockets; /* lines; the first character of one that was taken is blank; NULL: none */
} former = {.fd = -1};

/* Takes a variable out of the environment, as it is meant for this process only. malloc. */
static char *take_variable(const char *name)
{
    const char *value = getenv(name);
    char *copy = value == NULL ? NULL : strdup(value);
    (void)unsetenv(name);
    return copy;
}

/* Returns the number at the start of the text, and where it ends; -1: there is none. */
static int read_number(const char *text, const char **end)
{
    char *after;
    const long number = strtol(text, &after, 10);
    *end = after;
    return text[0] < '0' || text[0] > '9' || number > INT32_MAX ? -1 : (int)number;
}

static bool is_socket(int fd, int type)
{
    int found = 0;
    socklen_t size = sizeof found;
    return fd > STDERR_FILENO && getsockopt(fd, SOL_SOCKET, type, &found, &size) == 0 && found != 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end == NULL ? line + strlen(line) : end + 1;
}

static void close_on_exec(int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The process id tells this process from one that it has started, and that has the variables. */
void sx__former_begin(void)
{
    if (former.has_begun) {
        return;
    }
    former.has_begun = true;
    char *text = take_variable(SX__UPGRADE_VARIABLE);
    char *sockets = take_variable(SX__SOCKETS_VARIABLE);
    const char *end = "";
    const bool is_meant = text != NULL && read_number(text, &end) == (int)getpid() && *end == ' ';
    const int fd = is_meant ? read_number(end + 1, &end) : -1;
    if (fd >= 0 && is_socket(fd, SO_TYPE)) {
        close_on_exec(fd);
        former.fd = fd;
        former.waits = strcmp(end, " waits") == 0;
        former.sockets = sockets;
        sockets = NULL;
    }
    for (const char *line = former.sockets; line != NULL && *line != '\0'; line = next_line(line)) {
        const int listener = read_number(line, &end);
        if (is_socket(listener, SO_ACCEPTCONN)) {
            close_on_exec(listener);
        }
    }
    free(sockets);
    free(text);
}

int sx__former_take_socket(const char *address)
{
    sx__former_begin();
    for (char *line = former.sockets; line != NULL && *line != '\0';
         line = (char *)(uintptr_t)next_line(line)) {
        const char *end;
        const int fd = read_number(line, &end);
        const size_t size = strlen(address);
        if (fd >= 0 && *end == '=' && strncmp(end + 1, address, size) == 0 &&
            end[1 + size] == '\n' && is_socket(fd, SO_ACCEPTCONN)) {
            line[0] = ' ';
            return fd;
        }
    }
    return -1;
}

void sx__former_close_sockets(void)
{
    for (const char *line = former.sockets; line != NULL && *line != '\0'; line = next_line(line)) {
        const char *end;
        const int fd = read_number(line, &end);
        if (is_socket(fd, SO_ACCEPTCONN)) {
            close(fd);
        }
    }
    free(former.sockets);
    former.sockets = NULL;
}

void sx__former_wait(struct sx__server *server)
{
    const char byte = SX__UPGRADE_IS_WAITING;
    if (former.fd < 0 || !former.waits) {
        return;
    }
    (void)!send(former.fd, &byte, 1, MSG_NOSIGNAL);
    struct pollfd poll_fd = {.fd = former.fd, .events = POLLIN};
    while (!atomic_load(&server->is_stop_requested) && poll(&poll_fd, 1, POLL_MS) <= 0) {
        /* A signal may have come before poll(), so it is looked at now and then. */
    }
}

void sx__former_end(const struct sx__server *server)
{
    const char byte = SX__UPGRADE_IS_SERVING;
    if (former.fd < 0) {
        sx__server_tell(server, SX__EVENT_SERVES, 0);
        return;
    }
    (void)!send(former.fd, &byte, 1, MSG_NOSIGNAL);
    sx__former_forget();
}

bool sx__former_is_there(void)
{
    return former.fd >= 0;
}

void sx__former_forget(void)
{
    if (former.fd >= 0) {
        close(former.fd);
        former.fd = -1;
    }
}
