/* address.h: from "127.0.0.1:9100" to a socket that listens. */
#ifndef SX_SERVE_ADDRESS_H
#define SX_SERVE_ADDRESS_H

#include <stddef.h>

#define SX__REASON_SIZE 256

/** Listens on an address; the descriptor does not block and is closed by exec.
 *
 * @param reason  why it failed, SX__REASON_SIZE bytes
 * Errors:   SX_EADDRESS
 */
int sx__address_listen(int *fd, const char *address, char *reason);

/** The port of a socket; 0 where that is not to be had. */
unsigned sx__address_port(int fd);

#endif
