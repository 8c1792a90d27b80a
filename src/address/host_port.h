/* host_port.h: addresses as people write them: "127.0.0.1:9100", "[::1]:9100", "localhost:9100",
 * ":9100". */
#ifndef SX_HOST_PORT_H
#define SX_HOST_PORT_H

#define SX__HOST_SIZE 256
#define SX__PORT_SIZE 6

struct sx__host_port {
    char host[SX__HOST_SIZE]; /* without brackets; empty: all addresses */
    char port[SX__PORT_SIZE]; /* from "0" to "65535" */
};

/* NULL, or what is wrong with the text, which ends a sentence. */
const char *sx__host_port_parse(struct sx__host_port *parts, const char *text);

#endif
