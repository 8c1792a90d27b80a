/* host_port.c: parses an address into a host and a port. See host_port.h. */
#include "host_port.h"

#include <stddef.h>
#include <string.h>

static const char *parse_port(struct sx__host_port *parts, const char *text)
{
    unsigned port = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i < size && i < SX__PORT_SIZE; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return "the port is not a number";
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (size == 0 || size >= SX__PORT_SIZE || port > 65535) {
        return "the port must be from 0 to 65535";
    }
    memcpy(parts->port, text, size + 1);
    return NULL;
}

const char *sx__host_port_parse(struct sx__host_port *parts, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL) {
        return "the port is missing, as in 127.0.0.1:9100";
    }
    const char *host = text;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
        if (size == 0) {
            return "the brackets are empty";
        }
    } else if (memchr(host, ':', size) != NULL) {
        return "an IPv6 address needs brackets, as in [::1]:9100";
    }
    if (size >= SX__HOST_SIZE) {
        return "the host name is too long";
    }
    memcpy(parts->host, host, size);
    parts->host[size] = '\0';
    return parse_port(parts, colon + 1);
}
