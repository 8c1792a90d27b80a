/* Reads LISTEN_FDS and WATCHDOG_USEC, and writes to NOTIFY_SOCKET; see sd_daemon.h. */
#include "sd_daemon.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES 96
#define FIRST_FD 3
#define SOCKETS_MAX 1024
/* The manager's patience is so many times as long as the time between two answers. */
#define ANSWERS_PER_WATCHDOG 4

/* Whether the variable is the id of the process. */
static bool is_of(const char *name, pid_t process)
{
    const char *value = getenv(name);
    return value != NULL && strtol(value, NULL, 10) == (long)process;
}

size_t sx__sd_socket_count(void)
{
    const char *count = getenv("LISTEN_FDS");
    if (count == NULL || !is_of("LISTEN_PID", getpid())) {
        return 0;
    }
    const long number = strtol(count, NULL, 10);
    return number < 1 || number > SOCKETS_MAX ? 0 : (size_t)number;
}

int sx__sd_socket(size_t index)
{
    return FIRST_FD + (int)index;
}

/* A manager that does not read must not keep the service from serving. */
static void notify(const char *state, int flags)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t size = path == NULL ? 0 : strlen(path);
    if (size == 0 || size >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') { /* a name of the abstract kind, which begins with NUL */
        address.sun_path[0] = '\0';
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    const struct timeval patience = {.tv_sec = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    const ssize_t sent = sendto(fd, state, strlen(state), flags | MSG_NOSIGNAL,
                                (const struct sockaddr *)&address, address_size);
    (void)sent; /* a manager that does not read loses it */
    close(fd);
}

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void tell(void *context, enum sx__server_event event, pid_t process)
{
    static const char *const states[] = {
        [SX__EVENT_SERVES] = "READY=1",
        [SX__EVENT_RELOADED] = "READY=1",
        [SX__EVENT_STOPS] = "STOPPING=1",
        [SX__EVENT_ANSWERS] = "WATCHDOG=1",
    };
    char text[TEXT_BYTES];
    (void)context;
    if (event == SX__EVENT_RELOADS) {
        snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_us());
    } else if (event == SX__EVENT_UPGRADED) {
        snprintf(text, sizeof text, "MAINPID=%ld", (long)process);
    } else {
        snprintf(text, sizeof text, "%s", states[event]);
    }
    notify(text, event == SX__EVENT_ANSWERS ? MSG_DONTWAIT : 0); /* another one follows soon */
}

struct sx__watcher sx__sd_watcher(void)
{
    struct sx__watcher watcher = {.tell = tell};
    const char *period_us = getenv("WATCHDOG_USEC");
    if (period_us != NULL && (getenv("WATCHDOG_PID") == NULL || is_of("WATCHDOG_PID", getpid()))) {
        watcher.answer_ns = strtoull(period_us, NULL, 10) * 1000 / ANSWERS_PER_WATCHDOG;
    }
    return watcher;
}

void sx__sd_pass_on(void)
{
    static const char *const names[] = {"LISTEN_PID", "WATCHDOG_PID"};
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%ld", (long)getpid());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_of(names[i], getppid())) {
            (void)setenv(names[i], text, 1);
        }
    }
}
