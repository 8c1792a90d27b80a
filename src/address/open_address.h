/* open_address.h: from an address to a socket that listens. */
#ifndef SX_OPEN_ADDRESS_H
#define SX_OPEN_ADDRESS_H

#include "listen_address.h"

#include <stddef.h>

/* Returns a listening descriptor that does not block, or -errno and writes the reason, which
 * completes a sentence. */
int sx__open_address(const struct sx__listen_address *address, char *reason, size_t size);

#endif
