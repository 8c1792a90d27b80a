/* open_address.h: opens a listening socket for a parsed address.
 *
 * Threads: any.
 */
#ifndef SX_OPEN_ADDRESS_H
#define SX_OPEN_ADDRESS_H

#include "listen_address.h"

#include <stddef.h>

/* Returns a non-blocking listening descriptor, or -errno after writing the reason, for the end of a
 * sentence. */
int sx__open_address(const struct sx__listen_address *address, char *reason, size_t size);

#endif
