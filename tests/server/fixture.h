/* fixture.h: a server with the fake service, and clients of it. */
#ifndef SX_TEST_SERVER_H
#define SX_TEST_SERVER_H

#include "fake_service.h"
#include <pthread.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

struct fixture {
    struct fake_service fake;
    struct sx_run_options options;
    struct sx__server *server;
    pthread_t thread;
    bool runs;
    int run_status;
};

/* Set-up and tear-down for cmocka. The server is not started yet. tear_down asserts that each
 * exchange that began has ended. */
int set_up(void **state);
int tear_down(void **state);

void start(struct fixture *fixture);
/* Starts it with another service, which may call the fake one. */
void start_service(struct fixture *fixture, const struct sx__service *service);
/* Stops the server and asserts that it returned without an error. */
void stop(struct fixture *fixture);

/* Waits until the server has this number of connections. */
void wait_for_connections(const struct fixture *fixture, unsigned count);

#define DEADLINE_MS 20000 /* what takes longer is taken to hang */
uint64_t now_ms(void);

/* ---- clients; a time-out fails the test ---- */

int connect_to(const struct fixture *fixture);
/* Connects to one of the further addresses. */
int connect_to_address(const struct fixture *fixture, size_t index);
/* Connects with a receive buffer of about `receive_bytes`, instead of one that the kernel adjusts.
 */
int connect_with_room(const struct fixture *fixture, int receive_bytes);
void send_all(int fd, const char *bytes, size_t size);
void send_text(int fd, const char *text);
/* Reads the bytes that have arrived, at most `size`. 0: the end, or a reset. */
size_t receive(int fd, char *bytes, size_t size);
/* Reads one complete response. Returns its status, or 0 if the connection ended. */
int receive_response(int fd, size_t *body_size);
/* Reads everything until the end, NUL-terminated; the caller frees it. */
char *receive_all(int fd);
void assert_closed(int fd);
void get(const struct fixture *fixture, const char *request, int status);
/* Closes the client's socket with a reset. */
void reset(int fd);

#endif
