/* served.h: an app with sx_prometheus over sockets, and clients of it. What the clients do is in
 * public headers only, as everything in this folder. */
#ifndef TEST_PROMETHEUS_SERVED_H
#define TEST_PROMETHEUS_SERVED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sextant/app.h>
#include <sextant/prometheus.h>

struct served {
    struct sx_registry *registry;
    struct sx_app *app;
    pthread_t thread;
    bool runs;
    int port;
    char log[4096]; /* the last lines, each ended by a line feed */
    pthread_mutex_t log_mutex;
};

/* Makes the app, with its own registry and log, and sx_prometheus before the other components; it
 * does not listen yet. */
void served_init(struct served *served, struct sx_app_options options);
/* The same in two steps, of which the second may fail: gives the status of sx_app_new. */
void served_prepare(struct served *served);
int served_try(struct served *served, struct sx_app_options options);
/* Listens and runs. */
void served_start(struct served *served, const struct sx_run_options *options);
/* Stops, and asserts that it ended well; the registry stays. */
void served_stop(struct served *served);
void served_clean_up(struct served *served);
bool served_has_logged(struct served *served, const char *part);

/* Until the page has this line; the time limit of the test ends it otherwise. */
void served_wait_for_line(const struct served *served, const char *line);
/* What has begun has ended: no request is in progress, and each has a duration that was answered.
 */
void served_assert_balanced(const struct served *served);

int served_connect(const struct served *served);
int client_connect(int port);
/* Sends it all, or as much as the server takes. */
void client_say(int fd, const char *bytes, size_t size);
/* The first response's status, once the connection has ended, which it closes; 0: there is none. */
int client_hear(int fd);
/* Connects, says it, hears. */
int served_ask(const struct served *served, const char *request);

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define CLOSE(target) "GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

#endif
