/* host_port.h: parses an address of the form "127.0.0.1:9100", "[::1]:9100", "localhost:9100" or
 * ":9100".
 *
 * Threads: any.
 */
#ifndef SX_HOST_PORT_H
#define SX_HOST_PORT_H

#define SX__HOST_SIZE 256
#define SX__PORT_SIZE 6

struct sx__host_port {
    char host[SX__HOST_SIZE]; /* without brackets; empty: all addresses */
    char port[SX__PORT_SIZE]; /* from "0" to "65535" */
};

/* Splits the text into host and port. Returns NULL, or the error, for the end of a sentence. */
const char *sx__host_port_parse(struct sx__host_port *parts, const char *text);

#endif
