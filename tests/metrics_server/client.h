/* client.h: a client of a server under test, as bare as a socket. */
#ifndef SX_TESTS_SERVE_CLIENT_H
#define SX_TESTS_SERVE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GET_METRICS "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_AND_CLOSE "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/** Connects to 127.0.0.1. What it reads has to come within 20 seconds. */
int client_connect(uint16_t port);

void client_send(int fd, const void *bytes, size_t size);
void client_send_text(int fd, const char *text);

/** Reads up to the end of the connection; `text` is NUL-terminated. False: it was reset. */
bool client_read_all(int fd, char *text, size_t room);

/** Reads one response by its Content-Length, or only the head of one that has no body. */
void client_read_response(int fd, char *text, size_t room, bool has_body);

/** A request on a connection of its own, which is to be closed by it; gives the response. */
void client_ask(uint16_t port, const char *request, char *text, size_t room);

#endif
