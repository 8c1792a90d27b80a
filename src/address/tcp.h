/* tcp.h: opens a listening TCP socket for a host and a port.
 *
 * Threads: any.
 */
#ifndef SX_TCP_H
#define SX_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* Returns a non-blocking descriptor that exec closes, or an -errno and the reason, for the end of a
 * sentence. `host`: a numeric address or a name; "": all addresses of the machine, IPv6 and IPv4.
 */
int sx__tcp_listen(const char *host, const char *port, const char **reason);

/* Returns whether this errno means that no descriptors or no memory are left. */
bool sx__tcp_is_exhausted(int error);

/* Sets options on a listening socket, which accepted sockets inherit. sx__tcp_listen does this
 * itself. */
void sx__tcp_set_options(int fd);

/* Returns the port of a socket. 0: it has none. */
uint16_t sx__tcp_port(int fd);

#endif
