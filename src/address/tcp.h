/* tcp.h: from a host and a port to a socket that listens. */
#ifndef SX_TCP_H
#define SX_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* Gives a descriptor that does not block and is closed by exec, or an -errno and why, which ends a
 * sentence. `host`: numeric or a name; "": all of the machine's addresses, of IPv6 and IPv4.
 */
int sx__tcp_listen(const char *host, const char *port, const char **reason);

/* Whether that errno, or accept's, says that no descriptors or memory are left. */
bool sx__tcp_is_exhausted(int error);

/* What the sockets that it accepts inherit; sx__tcp_listen has done it. */
void sx__tcp_set_options(int fd);

/* The port of a socket; 0: it has none. */
uint16_t sx__tcp_port(int fd);

#endif
