/* server.h: the server engine with the fake service behind it, and clients of it. */
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

/* Of cmocka: the fixture, which is not started yet; and its end, after which all that began has
 * ended. */
int set_up(void **state);
int tear_down(void **state);

void start(struct fixture *fixture);
/* Stops the engine and asserts that it ended well. */
void stop(struct fixture *fixture);

/* Waits until the engine has so many connections. */
void wait_for_connections(const struct fixture *fixture, unsigned count);

uint64_t now_ms(void);

/* ---- clients; what does not happen in time fails the test ---- */

int connect_to(const struct fixture *fixture);
/* At one of the further addresses. */
int connect_to_address(const struct fixture *fixture, size_t index);
/* The kernel keeps about `receive_bytes` for the client, instead of as much as it sees fit. */
int connect_with_room(const struct fixture *fixture, int receive_bytes);
void send_all(int fd, const char *bytes, size_t size);
void send_text(int fd, const char *text);
/* Reads what has come, at most `size`; 0: the end, or a reset. */
size_t receive(int fd, char *bytes, size_t size);
/* Reads one response to its end; gives its status, 0 where the connection ended. */
int receive_response(int fd, size_t *body_size);
/* Reads all until the end, NUL-terminated; malloc. */
char *receive_all(int fd);
void assert_closed(int fd);
void get(const struct fixture *fixture, const char *request, int status);
/* Has the client go away with a reset. */
void reset(int fd);

#endif
