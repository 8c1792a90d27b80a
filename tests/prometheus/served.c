/* An app that is served over a socket, for the tests of sx_prometheus; see served.h. */
#include "served.h"

#include "page.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static void log_line(void *context, enum sx_log_level level, const char *message)
{
    (void)level;
    struct served *served = context;
    pthread_mutex_lock(&served->log_mutex);
    size_t used = strlen(served->log);
    if (used + strlen(message) + 2 > sizeof served->log) {
        used = 0;
    }
    snprintf(served->log + used, sizeof served->log - used, "%s\n", message);
    pthread_mutex_unlock(&served->log_mutex);
}

bool served_has_logged(struct served *served, const char *part)
{
    pthread_mutex_lock(&served->log_mutex);
    const bool has = strstr(served->log, part) != NULL;
    pthread_mutex_unlock(&served->log_mutex);
    return has;
}

void served_prepare(struct served *served)
{
    *served = (struct served){.port = -1};
    pthread_mutex_init(&served->log_mutex, NULL);
    assert_int_equal(sx_registry_new(&served->registry, NULL), SX_OK);
}

int served_try(struct served *served, struct sx_app_options options)
{
    const struct sx_prometheus_options prometheus = {.registry = served->registry};
    const struct sx_component_list first = SX_COMPONENTS((sx_prometheus, &prometheus));
    struct sx_component_use uses[8] = {first.items[0]};
    assert_true(options.components.count < sizeof uses / sizeof *uses);
    for (size_t i = 0; i < options.components.count; i++) {
        uses[1 + i] = options.components.items[i];
    }
    options.components = (struct sx_component_list){uses, 1 + options.components.count};
    options.log = log_line;
    options.log_context = served;
    return sx_app_new(&served->app, &options);
}

void served_init(struct served *served, struct sx_app_options options)
{
    served_prepare(served);
    assert_int_equal(served_try(served, options), SX_OK);
}

static void *run(void *context)
{
    return sx_app_run(context) == SX_OK ? context : NULL;
}

void served_start(struct served *served, const struct sx_run_options *options)
{
    assert_int_equal(sx_app_listen(served->app, options), SX_OK);
    served->port = sx_app_get_port(served->app, 0);
    assert_int_equal(pthread_create(&served->thread, NULL, run, served->app), 0);
    served->runs = true;
}

void served_stop(struct served *served)
{
    void *well = served;
    if (served->runs) {
        served->runs = false;
        sx_app_stop(served->app);
        assert_int_equal(pthread_join(served->thread, &well), 0);
    }
    assert_non_null(well);
}

void served_clean_up(struct served *served)
{
    served_stop(served);
    sx_app_destroy(served->app);
    sx_registry_destroy(served->registry);
    pthread_mutex_destroy(&served->log_mutex);
}

void served_wait_for_line(const struct served *served, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    bool found = false;
    while (!found) {
        found = strstr(page_text(served->registry), whole) != NULL;
        poll(NULL, 0, found ? 0 : 1);
    }
}

void served_assert_balanced(const struct served *served)
{
    const char *page = page_text(served->registry);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
    assert_true(page_sum(page, "http_request_duration_seconds_count") ==
                page_sum(page, "http_requests_total"));
}

int client_connect(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int served_connect(const struct served *served)
{
    return client_connect(served->port);
}

void client_say(int fd, const char *bytes, size_t size)
{
    ssize_t sent = 1;
    while (size > 0 && sent > 0) {
        sent = send(fd, bytes, size, MSG_NOSIGNAL);
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
}

int client_hear(int fd)
{
    char head[16] = {0};
    size_t filled = 0;
    ssize_t count = 1;
    while (count > 0) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
        char bytes[65536];
        count = recv(fd, bytes, sizeof bytes, 0);
        for (ssize_t i = 0; i < count && filled < sizeof head - 1; i++) {
            head[filled++] = bytes[i];
        }
    }
    close(fd);
    return filled < 12 ? 0 : atoi(head + 9);
}

int served_ask(const struct served *served, const char *request)
{
    const int fd = served_connect(served);
    client_say(fd, request, strlen(request));
    return client_hear(fd);
}
